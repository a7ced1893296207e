"""Damages the files of an inbox in many ways and runs haplo-poll with each.

An intact inbox is created once: some messages confirmed, some whose marks were
lost with the process, and the files as a killed process leaves them. For each
case it is copied, damaged, and given to `haplo-poll once`. The server then has
unread messages: those whose marks were lost, and new ones. Afterwards:

  - haplo-poll ended by itself, with 0, or with errors that name the file, or
    the queue whose state is damaged.
  - If it ended with 0, every unread message is stored byte for byte and marked.
  - Everything it marked is stored and readable.
  - Everything that was readable in the damaged files still is, except rows that
    no server ever sent, which may have been repaired.
"""
import contextlib
import pathlib
import shutil
import signal
import sqlite3
import tempfile

from poll import Poll
from sim import Sim, wait_for

PAGE_BYTES = 8192
HEADER_BYTES = 100  # of a database
# Said by the library, which knows the queue but no file.
STATE = ": the stored state is damaged: "
FRAME_BYTES = PAGE_BYTES + 24
WAL_HEADER_BYTES = 32
SHM_HEADER_BYTES = 136


# Reading what is stored

# SQLite quotes damaged text in its own, which Python cannot decode then.
UNREADABLE = (sqlite3.Error, UnicodeDecodeError)


def read_rows(database):
    """Returns the rows that are still readable, read one by one."""
    rows = set()
    last, = database.execute("SELECT max(arrival) FROM messages").fetchone()
    for arrival in range(1, min(last or 0, 10000) + 1):
        with contextlib.suppress(*UNREADABLE):
            rows.update(database.execute(
                "SELECT server, queue, body FROM messages"
                " WHERE arrival = ?", (arrival,)).fetchall())
    return rows


def stored(folder):
    """Returns what SQLite can read, from a copy: opening changes files."""
    with tempfile.TemporaryDirectory() as copy:
        for name in ("inbox.db", "inbox.db-wal"):
            if (folder / name).is_file():
                shutil.copyfile(folder / name, f"{copy}/{name}")
        with contextlib.closing(sqlite3.connect(f"{copy}/inbox.db")) as inbox:
            inbox.text_factory = bytes
            with contextlib.suppress(*UNREADABLE):
                return read_rows(inbox)
    return set()


class Bench:
    """A simulator and an intact inbox, restored for each case."""

    def __init__(self, seed=1):
        self.sim = Sim("--apps=1", "--queues=2", "--messages=60",
                       "--size=200", f"--seed={seed}")

    def __enter__(self):
        self.sim.start()
        self.folder = self.sim.dir
        self.path = self.folder / "inbox.db"
        self.poll = Poll(self.sim)
        self.poll.config["defaults"] |= {
            "backoff": "1ms", "backoff_max": "1ms", "interval": "10ms",
            "mark_attempts_max": 1, "breaker_failures": 1000}
        self.make_good()
        return self

    def __exit__(self, *_):
        self.poll.kill_all()
        self.poll.check_no_key_was_printed()
        self.sim.stop()

    @property
    def files(self):
        return [self.path.with_name(self.path.name + suffix)
                for suffix in ("", "-wal", "-shm")]

    def make_good(self):
        assert self.poll.once().code == 0
        self.sim.script("message app1 q1 count=30", "message app1 q2 count=9",
                        "fault on=mark do=status code=500 times=0")
        run = self.poll.start()
        wait_for(lambda: {event["queue"] for event in self.sim.events()
                          if event.get("fault")} == {"q1", "q2"})
        run.signal(signal.SIGKILL)
        run.wait()
        self.good = {path: path.read_bytes() for path in self.files}
        self.sim.script("clear faults", "message app1 q1 count=5",
                        "message app1 q2 count=20")
        self.unread = dict(self.messages(False))

    def size(self, suffix=""):
        return len(self.good[self.path.with_name(self.path.name + suffix)])

    def messages(self, is_sent):
        """Yields the messages of the server that are marked, or not, as they
        are stored, with the script words that select them."""
        for (app, queue), messages in self.sim.all_messages(exact=True).items():
            for message in messages:
                if message["sent"] == is_sent:
                    yield ((app.encode(), queue.encode(),
                            message["bytes"].encode()),
                           f"{app} {queue} {message['id']}")

    def marked(self):
        """Returns the previously unread messages that are marked now."""
        return dict(self.messages(True)).keys() & self.unread.keys()

    def made(self):
        return {message for is_sent in (True, False)
                for message, _ in self.messages(is_sent)}

    def reset(self):
        """Restores the files and the unread messages. The inbox is then as old
        as it looks: what was remembered of its arrivals is forgotten."""
        for path in (self.folder / "state").glob("arrivals.*"):
            path.unlink()
        for path, content in self.good.items():
            if path.is_dir():
                path.rmdir()
            path.write_bytes(content)
        for message in self.marked():
            self.sim.script(f"unsend {self.unread[message]}")

    def run(self, case):
        """Runs a case; returns Done(code, out, err) of haplo-poll."""
        self.reset()
        case.damage(self.path)
        before = stored(self.folder)
        done = self.poll.once()
        self.check(f"{case.name}: {done}", done, before,
                   stored(self.folder))
        return done

    def check(self, where, done, before, after):
        marked = self.marked()
        assert done.code in (0, 1, 2), where
        if done.code == 0:
            assert all("rows are missing or damaged" in line
                       for line in done.err.splitlines()), where
            assert marked == self.unread.keys(), f"{where}: marks are missing"
        else:
            lines = done.err.splitlines()
            assert lines, where
            assert all(self.path.name in line or STATE in line
                       for line in lines), where
        assert not marked - after, f"{where}: marked but not readable"
        gone = (before & self.made()) - after
        assert not gone, f"{where}: {len(gone)} messages have disappeared"


# Damages


class Case:
    """damage(path) damages the database at that path."""

    def __init__(self, name, damage):
        self.name = name
        self.damage = damage


def beside(path, suffix):
    return path.with_name(path.name + suffix)


def rewritten(name, suffix, change):
    def damage(path):
        file = beside(path, suffix)
        file.write_bytes(change(bytearray(file.read_bytes())))

    return Case(f"{name} of the file{suffix}", damage)


def truncated(suffix, size):
    return rewritten(f"first {size} bytes", suffix,
                     lambda content: content[:size])


def flipped(suffix, at, bit):
    def flip(content):
        content[at] ^= 1 << bit
        return content

    return rewritten(f"bit {bit} of byte {at} flipped", suffix, flip)


def overwritten(suffix, at, filling, what):
    def write(content):
        content[at:at + len(filling)] = filling
        return content

    return rewritten(f"{what} at {at}", suffix, write)


def replaced(suffix, content, what):
    return rewritten(what, suffix, lambda _: content)


def removed(*suffixes):
    def damage(path):
        for suffix in suffixes:
            beside(path, suffix).unlink()

    return Case("removed: " + ", ".join(f"file{s}" for s in suffixes), damage)


def close_normally(path):
    """Closes the database as the last process to exit normally does."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for suffix in ("-wal", "-shm"):
        beside(path, suffix).unlink(missing_ok=True)


def closed(case):
    """The same case, but the inbox was closed normally before."""
    def damage(path):
        close_normally(path)
        case.damage(path)

    return Case(f"closed; {case.name}", damage)


def borders(size, unit):
    """Returns sizes at which an incompletely written file may end."""
    sizes = {0, 1, size // 2, size - 1}
    for page in range(unit, size, unit):
        sizes |= {page - 1, page, page + 1}
    return sorted(end for end in sizes if 0 <= end < size)


def closed_size(bench):
    bench.reset()
    close_normally(bench.path)
    return bench.path.stat().st_size


def every_case(bench, random):
    """Yields every kind of damage."""
    size = closed_size(bench)
    wal = bench.size("-wal")
    yield Case("nothing", lambda path: None)
    yield closed(Case("nothing", lambda path: None))
    for end in borders(size, PAGE_BYTES):
        yield closed(truncated("", end))
    for end in borders(bench.size(), PAGE_BYTES):
        yield truncated("", end)
    for end in borders(wal, FRAME_BYTES):
        yield truncated("-wal", end)
    for at in range(HEADER_BYTES):
        yield closed(flipped("", at, random.randrange(8)))
        yield flipped("", at, random.randrange(8))
    for _ in range(150):
        yield closed(flipped("", random.randrange(size), random.randrange(8)))
        yield flipped("-wal", random.randrange(wal), random.randrange(8))
    for at in range(WAL_HEADER_BYTES + 24):
        yield flipped("-wal", at, random.randrange(8))
    for at in range(SHM_HEADER_BYTES):
        yield flipped("-shm", at, random.randrange(8))
    yield from overwritten_pages(size, random)
    yield from replaced_files(random)


def overwritten_pages(size, random):
    for at in range(0, size, PAGE_BYTES):
        other = random.randrange(size // PAGE_BYTES) * PAGE_BYTES
        for filling, what in (
                (bytes(PAGE_BYTES), "zeroes"),
                (random.randbytes(PAGE_BYTES), "garbage"),
                (random.randbytes(512), "a sector of garbage")):
            yield closed(overwritten("", at, filling, what))
        yield closed(rewritten(
            f"page at {other} over that at {at}", "",
            lambda content, at=at, other=other: content[:at]
            + content[other:other + PAGE_BYTES] + content[at + PAGE_BYTES:]))


def replaced_files(random):
    for suffix in ("-wal", "-shm"):
        for content, what in ((b"", "nothing"), (bytes(32768), "zeroes"),
                              (random.randbytes(32768), "garbage"),
                              (b"Dear diary, " * 500, "a text")):
            yield replaced(suffix, content, what)
        yield removed(suffix)
    yield removed("-wal", "-shm")
    for content, what in ((bytes(32768), "zeroes"),
                          (random.randbytes(32768), "garbage"),
                          (b"Dear diary, " * 500, "a text")):
        yield replaced("", content, what)
        yield closed(replaced("", content, what))
    yield closed(removed(""))


def sweep(bench, cases):
    """Runs all cases; returns the count of each exit code, and the failures."""
    codes, faults = {}, []
    for case in cases:
        try:
            code = bench.run(case).code
            codes[code] = codes.get(code, 0) + 1
        except AssertionError as fault:
            faults.append(str(fault))
    return codes, faults
