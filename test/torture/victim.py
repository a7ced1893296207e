"""A haplo-poll process that is observed through its trace and killed."""
import collections
import os
import re
import select
import signal
import subprocess
import time

from poll import PROGRAM

TRACE = re.compile(
    rb"\[ *\d+\] ([\w.-]+/[\w.-]+): (\w+) -> (\w+)", re.ASCII)
TAIL_LINES = 30
EXIT_S_MAX = 120  # a drain may take 30 s


class Died(AssertionError):
    """The process ended without being asked to."""


class Victim:
    """Runs `haplo-poll -v run` in the folder of the configuration."""

    def __init__(self, config, secrets):
        self.secrets = secrets
        self.rest = b""
        self.states = {}  # name of a queue -> state
        self.stored = set()  # queues with a batch that no mark has confirmed
        self.confirmed = set()  # queues whose newest mark was confirmed
        self.empty = set()  # queues that were seen empty
        self.counts = collections.Counter()  # transitions
        self.told = collections.deque(maxlen=TAIL_LINES)  # newest other lines
        # setpriv: the victim dies with this process, however that ends.
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig=KILL", PROGRAM, "-v", "-c", config,
             "run"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        self.pipe = self.process.stderr.fileno()
        os.set_blocking(self.pipe, False)

    # Its output

    def note_change(self, name, old, new):
        self.states[name] = new
        self.counts[f"{old} -> {new}"] += 1
        if (old, new) == ("FETCHING", "IDLE"):
            self.empty.add(name)
        if new == "MARK_READY" and old == "DELIVERING":
            self.stored.add(name)
            self.confirmed.discard(name)
        elif new in ("READY", "IDLE") and old in ("MARKING", "FETCHING"):
            if name in self.stored:
                self.confirmed.add(name)
                self.stored.discard(name)

    def note_line(self, line):
        change = TRACE.search(line)
        if change:
            self.note_change(*(part.decode() for part in change.groups()))
        else:
            self.told.append(line.decode(errors="replace"))

    def read(self):
        """Reads the available output; False at its end."""
        try:
            text = os.read(self.pipe, 1 << 16)
        except BlockingIOError:
            return True
        *lines, self.rest = (self.rest + text).split(b"\n")
        for secret in self.secrets:
            assert secret not in b"\n".join(lines), "an API key was printed"
        for line in lines:
            self.note_line(line)
        return text != b""

    def watch(self, seconds, is_reached=lambda: False):
        """Reads output until is_reached(), for at most this many seconds."""
        end = time.monotonic() + seconds
        while not is_reached():
            left = end - time.monotonic()
            if left <= 0:
                return
            if select.select([self.pipe], [], [], left)[0] and not self.read():
                raise Died(f"exit status {self.process.wait(EXIT_S_MAX)}:\n"
                           + "\n".join(self.told))

    def count(self, changes):
        return sum(self.counts[change] for change in changes)

    # Its end

    def signal(self, number):
        self.process.send_signal(number)

    def read_rest(self):
        end = time.monotonic() + EXIT_S_MAX
        while self.read():
            select.select([self.pipe], [], [], 1)
            assert time.monotonic() < end, (
                "the process does not end:\n" + "\n".join(self.told))

    def wait(self):
        self.read_rest()
        status = self.process.wait(EXIT_S_MAX)
        self.process.stderr.close()
        return status

    def kill(self, is_ending=False):
        """Returns False if it had already ended, after it was asked to."""
        self.signal(signal.SIGKILL)
        status = self.wait()
        if is_ending and status != -signal.SIGKILL:
            self.check_end(status)
            return False
        if status != -signal.SIGKILL:
            raise Died(f"exit status {status}:\n" + "\n".join(self.told))
        return True

    def end(self):
        """Waits for it to end after it was asked to; it must succeed."""
        self.check_end(self.wait())

    def has_told(self, words):
        return any(words in line for line in self.told)

    def check_end(self, status):
        is_early = status == -signal.SIGTERM and not self.has_told("polling;")
        is_good = status == 0 and self.has_told("stopped; batches")
        if not is_early and not is_good:
            raise Died(f"exit status {status}:\n" + "\n".join(self.told))
