"""Reads what a sink has stored on disk, without changing it."""
import collections
import contextlib
import pathlib
import shutil
import sqlite3

from files_sink import Receiver, files_in, packed


@contextlib.contextmanager
def database_copy(path, folder):
    """Opens a copy of a database whose process was killed; None if it has no
    tables yet. Opening the original would run the recovery that the next
    process must be able to do itself."""
    copy = pathlib.Path(folder) / "copy.db"
    for suffix in ("", "-wal", "-shm"):
        copy.with_name(copy.name + suffix).unlink(missing_ok=True)
    for suffix in ("", "-wal"):
        original = path.with_name(path.name + suffix)
        if original.exists():
            shutil.copyfile(original, copy.with_name(copy.name + suffix))
    with contextlib.closing(sqlite3.connect(copy)) as database:
        yield database if has_tables(database) else None


@contextlib.contextmanager
def database_reader(path):
    with contextlib.closing(
            sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        yield database


def has_tables(database):
    count, = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return count > 0


def unconfirmed_queues(database):
    return {
        f"{server}/{queue}" for server, queue in database.execute(
            "SELECT server, queue FROM queues AS q WHERE EXISTS"
            " (SELECT 1 FROM messages AS m WHERE m.server = q.server"
            " AND m.queue = q.queue AND m.epoch >= q.epoch)")}


class Inbox:
    """The sink `type: sqlite`: each message exactly once."""

    name = "sqlite"
    repeats = collections.Counter()  # explained by a kill: never any

    def __init__(self, folder, state, hash_of):
        self.folder = folder
        self.path = self.target = folder / "inbox.db"
        self.arrival = 0  # newest one seen
        self.row_count = 0  # rows seen
        self.stored = collections.Counter()  # (server, queue, hash)
        self.unconfirmed = set()  # queues, by name

    @staticmethod
    def form(body):
        """Returns a message as this sink stores it."""
        return body

    def look(self, copy, was_killed):
        """Reads what a haplo-poll process has left, through a copy."""
        with database_copy(self.path, copy) as inbox:
            if inbox is not None:
                self.look_at(inbox)
            else:
                assert self.row_count == 0, "the tables are gone"

    def look_at(self, inbox):
        rows = inbox.execute(
            "SELECT arrival, server, queue, lower(hex(substr(key, 1, 16)))"
            " FROM messages WHERE arrival > ? ORDER BY arrival",
            (self.arrival,)).fetchall()
        for arrival, *message in rows:
            self.arrival = arrival
            self.stored[tuple(message)] += 1
        self.row_count += len(rows)
        count, = inbox.execute("SELECT count(*) FROM messages").fetchone()
        assert count == self.row_count, "what was stored is gone"
        self.unconfirmed = unconfirmed_queues(inbox)

    def is_confirmed(self, server, queue):
        """Returns a function that says, for the hash of a message, whether
        the disk knows its mark to be confirmed, if it was marked."""
        if not self.path.exists():
            return lambda hash: False
        with database_reader(self.path) as inbox:
            if not has_tables(inbox):
                return lambda hash: False
            open_ones = {row[0] for row in inbox.execute(
                "SELECT lower(hex(substr(key, 1, 16))) FROM messages"
                " WHERE server = ?1 AND queue = ?2 AND epoch >="
                " (SELECT epoch FROM queues WHERE server = ?1 AND queue = ?2)",
                (server, queue))}
        return lambda hash: hash not in open_ones

    def received(self):
        """The same, without the repeats that a receiver can recognise."""
        return self.bodies()

    def bodies(self):
        """Counts how often (server, queue, bytes) is stored."""
        with database_reader(self.path) as inbox:
            return collections.Counter(
                (server, queue, body if isinstance(body, bytes)
                 else body.encode())
                for server, queue, body in inbox.execute(
                    "SELECT server, queue, body FROM messages"))


class Files:
    """The sink `type: files`: each message at least once. A message is
    repeated only after a kill between the rename of a file and its entry in
    the ledger, and a receiver can recognise it."""

    name = "files"

    def __init__(self, folder, state, hash_of):
        self.target = folder / "files"
        self.taken = folder / "taken"  # files of previous lives
        self.path = state / "sink.ledger"
        self.hash_of = hash_of  # (server, queue), line -> hash
        self.receiver = Receiver(self.target)
        self.life = 0
        self.stored = collections.Counter()  # (server, queue, hash)
        self.lines = collections.Counter()  # (server, queue, line)
        self.repeats = collections.Counter()  # the same, explained by a kill
        self.unconfirmed = set()  # queues, by name

    form = staticmethod(packed)

    def look(self, copy, was_killed):
        self.life += 1
        open_ones = set()
        with database_copy(self.path, copy) as ledger:
            if ledger is not None:
                self.unconfirmed = unconfirmed_queues(ledger)
                open_ones = set(ledger.execute(
                    "SELECT server, queue, place_epoch, place_number,"
                    " lower(hex(substr(key, 1, 16))) FROM messages"
                    " WHERE is_out = 0"))
        for file in files_in(self.target):
            self.take(file, open_ones, was_killed)

    def take(self, file, open_ones, was_killed):
        """Reads a file and removes it, as its receiver would. A file that the
        ledger does not list as written will be repeated."""
        name = (file.server, file.queue)
        for line in file.lines:
            hash = self.hash_of(name, line)
            self.stored[(*name, hash)] += 1
            self.lines[(*name, line)] += 1
            if (*name, file.epoch, file.number, hash) in open_ones:
                assert was_killed, f"ended, and not noted: {file}"
                self.repeats[(*name, line)] += 1
        self.receiver.receive(file)
        taken = self.taken / str(self.life) / file.server / file.queue
        taken.mkdir(parents=True, exist_ok=True)
        file.path.rename(taken / file.path.name)

    is_confirmed = Inbox.is_confirmed

    def bodies(self):
        return self.lines

    def received(self):
        return self.receiver.received


RECORDS = {record.name: record for record in (Inbox, Files)}
