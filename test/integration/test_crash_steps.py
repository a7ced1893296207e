"""haplo-poll is killed at each step that makes something durable, one after
the other, and started again: nothing is lost or stored twice, and what an outlet
forwards twice is explained by where it was killed.

A step is a system call below the folder of inbox, files and state, see
crash_at.c. Each is tried in two ways: the process dies (a write may be half
done), and the power fails (what was not synced is undone).

Each second step is tried; HAPLO_CRASH_STEP=1: all. HAPLO_CRASH_SIZE=10 delivers
ten times as much, HAPLO_CRASH_AGAIN=2 crashes up to two times more before the
end, at random steps (HAPLO_CRASH_SEED).
"""
import collections
import os
import pathlib
import random
import re
import signal
import sys
import tempfile

import pytest

from files_outlet import HIDDEN, Receiver, files_in, made_lines, packed
from poll import BUILD, preloaded
from sim import ROOT, Sim

sys.path.append(str(ROOT / "test" / "torture"))
from record import database_copy  # noqa: E402

SHIM = BUILD.resolve() / "crash_at.so"
STEP = int(os.environ.get("HAPLO_CRASH_STEP", "2"))
SIZE = int(os.environ.get("HAPLO_CRASH_SIZE", "1"))
AGAIN = int(os.environ.get("HAPLO_CRASH_AGAIN", "0"))
MOMENTS = random.Random(int(os.environ.get("HAPLO_CRASH_SEED", "1")))

SIM_TRIES = 25  # then another simulator, as each remembers all messages

STEP_LINE = re.compile(r"(\d+) (\S+) (.*)")

Step = collections.namedtuple("Step", "number call path")


def steps_of(log):
    return [Step(*STEP_LINE.fullmatch(line).groups())
            for line in log.read_text().splitlines()]


class Try:
    """A new inbox, an outlet, and the messages that are to go there."""

    def __init__(self, sim, poll, number):
        self.sim = sim
        self.poll = poll
        self.folder = sim.dir / f"try{number}"
        self.grave = sim.dir / f"grave{number}"
        self.logs = []
        self.folder.mkdir()
        self.grave.mkdir()
        (self.folder / "of-state").mkdir()
        poll.config["state_dir"] = f"{self.folder.name}/of-state/state"
        poll.config["inbox"] = f"{self.folder.name}/inbox.db"
        poll.config["outlets"] = [{"name": "out", "type": "files",
                                   "path": f"{self.folder.name}/out"}]
        poll.inbox_path = self.folder / "inbox.db"
        self.receiver = Receiver(self.folder / "out")
        self.seen = set()
        self.may_repeat = False
        before = made_lines(sim)
        sim.script(f"message app1 q1 count={18 * SIZE}",
                   f"message app1 q2 count={3 * SIZE}")
        self.made = made_lines(sim) - before

    def once(self, at, power):
        """Returns the exit code, -SIGKILL where step `at` was reached."""
        log = self.sim.dir / f"{self.folder.name}-log{len(self.logs)}"
        self.logs.append(log)
        environment = {
            **preloaded(self.poll.environment, SHIM),
            "CRASH_BELOW": str(self.folder),
            "CRASH_AT": str(at),
            "CRASH_LOG": str(log),
        }
        if power:
            environment["CRASH_GRAVE"] = str(self.grave)
        return self.poll.once(env=environment).code

    def finish(self):
        """Another process, which nobody kills."""
        done = self.poll.once()
        assert done == (0, "", ""), done
        assert self.sim.unread() == 0

    # Checks

    def receive(self):
        """What a receiver has who takes each file the moment it is there.
        Leaves them, as their being there changes nothing for the outlet."""
        covered = self.progress()
        for file in files_in(self.receiver.folder):
            status = file.path.stat()
            if (file.path, status.st_ino) not in self.seen:
                self.seen.add((file.path, status.st_ino))
                self.receiver.receive(file)
            self.may_repeat |= not covered(file.arrival)

    def progress(self):
        """A function that says of an arrival whether the inbox knows that it
        was forwarded."""
        with tempfile.TemporaryDirectory() as copy, \
                database_copy(self.poll.inbox_path, copy) as inbox:
            if inbox is None:
                return lambda arrival: False
            cursor, = inbox.execute(
                "SELECT coalesce(max(cursor), 0) FROM outlets").fetchone()
            deferred = {row[0] for row in inbox.execute(
                "SELECT arrival FROM deferred")}
        return lambda arrival: arrival <= cursor and arrival not in deferred

    def check_inbox(self):
        rows = collections.Counter(
            (server, queue, packed(body.encode()))
            for (server, queue, body), count in self.poll.inbox().items()
            for _ in range(count))
        assert not self.made - rows, "lost"
        assert not rows - self.made, "stored twice"

    def check_received(self):
        assert not self.made - self.receiver.received, "lost"
        assert not self.receiver.received - self.made, "received twice"

    def check_left(self):
        """What a receiver has who comes later."""
        lines = collections.Counter(
            (file.server, file.queue, line)
            for file in files_in(self.folder / "out") for line in file.lines)
        assert lines == self.made

    def hidden(self):
        return [path for path in self.folder.glob("out/*/*/*")
                if path.name == HIDDEN]


@pytest.fixture
def folder_of_tries():
    """Where syncing costs nothing, if there is such a place."""
    with tempfile.TemporaryDirectory(
            prefix="haplo-crash-",
            dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    ) as folder:
        yield pathlib.Path(folder)


def some_tries(sim, poll, power, at):
    """Yields what each crash left, SIM_TRIES times or until no step is left to
    crash at; returns the next step, or None."""
    for _ in range(SIM_TRIES):
        one = Try(sim, poll, at)
        code = one.once(at, power)
        if code == 0:
            assert at > 50  # it came to the end, past many steps
            return None
        assert code == -signal.SIGKILL, code
        assert int(steps_of(one.logs[-1])[-1].number) == at
        one.receive()
        for _ in range(AGAIN):
            if one.once(MOMENTS.randrange(1, 100), power) == 0:
                break
            one.receive()
        yield one
        at += STEP
    return at


@pytest.fixture
def tries(folder_of_tries, poll_of):
    def make(power):
        at = 1
        while at is not None:
            folder = folder_of_tries / str(at)
            folder.mkdir()
            with Sim("--queues=2", dir=folder) as sim:
                at = yield from some_tries(sim, poll_of(sim), power, at)

    return make


# A receiver who takes files at once can tell repeats by their names, and there
# are some only if it died between a file and the progress. For one who comes
# later the same file is replaced. Nobody ever sees half a file, see
# files_outlet.read().
@pytest.mark.parametrize("power", [False, True], ids=["killed", "power"])
def test_each_message_is_stored_once_and_files_are_complete(tries, power):
    repeated = 0
    for one in tries(power):
        one.finish()
        one.check_inbox()
        one.receive()
        one.check_received()
        one.check_left()
        assert one.receiver.repeat_count == 0 or one.may_repeat
        assert not one.hidden()
        repeated += one.receiver.repeat_count > 0
    assert repeated > 0 or STEP > 1  # the case was there
