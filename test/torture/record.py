"""Reads what haplo-poll has stored and forwarded, without changing it."""
import collections
import contextlib
import pathlib
import shutil
import sqlite3

from files_outlet import Receiver, files_in, packed

STATE_HEAD_BYTES = 64  # of a queue's state; then 16 bytes for each message


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


def keys_of(state):
    """Returns the hashes of the messages that a queue's state calls stored and
    not known to be marked."""
    return {state[at:at + 16].hex()
            for at in range(STATE_HEAD_BYTES, len(state), 16)}


def as_bytes(body):
    return body if isinstance(body, bytes) else body.encode()


class Inbox:
    """What is stored: each message exactly once."""

    name = "inbox"
    repeats = collections.Counter()  # explained by a kill: never any

    def __init__(self, folder, hash_of):
        self.path = folder / "inbox.db"
        self.hash_of = hash_of  # (server, queue), body -> hash
        self.arrival = 0  # newest one seen
        self.row_count = 0  # rows seen
        self.stored = collections.Counter()  # (server, queue, hash)
        self.unconfirmed = set()  # queues, by name
        self.cursor = 0  # of the outlet
        self.deferred = set()  # arrivals that it has put off

    @staticmethod
    def form(body):
        """Returns a message as it is stored."""
        return body

    def look(self, copy):
        """Reads what a haplo-poll process has left, through a copy."""
        with database_copy(self.path, copy) as inbox:
            if inbox is not None:
                self.look_at(inbox)
            else:
                assert self.row_count == 0, "the tables are gone"

    def look_at(self, inbox):
        rows = inbox.execute(
            "SELECT arrival, server, queue, body FROM messages"
            " WHERE arrival > ? ORDER BY arrival", (self.arrival,)).fetchall()
        for arrival, server, queue, body in rows:
            self.arrival = arrival
            hash = self.hash_of((server, queue), as_bytes(body))
            self.stored[server, queue, hash] += 1
        self.row_count += len(rows)
        count, = inbox.execute("SELECT count(*) FROM stored").fetchone()
        assert count == self.row_count, "what was stored is gone"
        self.unconfirmed = {
            f"{server}/{queue}" for server, queue, state in inbox.execute(
                "SELECT server, queue, state FROM queues")
            if keys_of(state)}
        for self.cursor, in inbox.execute("SELECT cursor FROM outlets"):
            pass
        self.deferred = {row[0] for row in inbox.execute(
            "SELECT arrival FROM deferred")}

    def is_confirmed(self, server, queue):
        """Returns a function that says, for the hash of a message, whether
        the disk knows its mark to be confirmed, if it was marked."""
        if not self.path.exists():
            return lambda hash: False
        with database_reader(self.path) as inbox:
            if not has_tables(inbox):
                return lambda hash: False
            row = inbox.execute(
                "SELECT state FROM queues WHERE server = ? AND queue = ?",
                (server, queue)).fetchone()
        open_ones = keys_of(row[0]) if row else set()
        return lambda hash: hash not in open_ones

    def received(self):
        return self.bodies()

    def bodies(self):
        """Counts how often (server, queue, bytes) is stored."""
        with database_reader(self.path) as inbox:
            return collections.Counter(
                (server, queue, as_bytes(body))
                for server, queue, body in inbox.execute(
                    "SELECT server, queue, body FROM messages"))


class Files:
    """What an outlet has forwarded: each message at least once. A file is
    repeated only after a kill between its rename and the commit of the
    outlet's progress, and it is then the same file."""

    name = "files"

    def __init__(self, folder, inbox):
        self.target = folder / "files"
        self.taken = folder / "taken"  # files of previous lives
        self.inbox = inbox
        self.receiver = Receiver(self.target)
        self.life = 0
        self.lines = collections.Counter()  # (server, queue, line)
        self.repeats = collections.Counter()  # the same, explained by a kill

    form = staticmethod(packed)

    def look(self, was_killed):
        """Takes the files, as their receiver would."""
        self.life += 1
        for file in files_in(self.target):
            self.take(file, was_killed)

    def take(self, file, was_killed):
        """A file that the stored progress does not cover comes once more."""
        for arrival, line in enumerate(file.lines, file.arrival):
            message = (file.server, file.queue, line)
            self.lines[message] += 1
            if (arrival > self.inbox.cursor
                    or arrival in self.inbox.deferred):
                assert was_killed, f"ended, and not saved: {file}"
                self.repeats[message] += 1
        self.receiver.receive(file)
        taken = self.taken / str(self.life) / file.server / file.queue
        taken.mkdir(parents=True, exist_ok=True)
        file.path.rename(taken / file.path.name)

    def bodies(self):
        return self.lines

    def received(self):
        return self.receiver.received


class Record:
    """Both of one haplo-poll."""

    def __init__(self, folder, hash_of):
        self.inbox = Inbox(folder, hash_of)
        self.files = Files(folder, self.inbox)

    def look(self, copy, was_killed):
        self.inbox.look(copy)
        self.files.look(was_killed)
