"""Lets allocation 1, 2, 3 ... of a whole haplo-poll fail, from its first to its
last: the real program, only its calls go through test/inject/memory.c.

Each run ends with an exit code of its own, and a line where it is not 0; what
is marked on the server is in the inbox; and a clean run after it gathers what
is left, each message once.

    process_sweep.py [--stride N] [--jobs N]

prints how many points were tried, and what came of them.
"""
import argparse
import collections
import concurrent.futures
import os
import pathlib
import signal
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test" / "integration"))

from files_outlet import Receiver  # noqa: E402
from poll import BUILD, Poll, run_program, untimed  # noqa: E402
from sim import Sim  # noqa: E402

PROGRAM = str(BUILD.resolve() / "inject" / "haplo-poll")
POINTS_OF_A_SIM = 200  # then a new one, so that it does not grow without end
# For what must succeed, however busy the machine is.
NO_LIMITS = {"connect_timeout": "10m", "first_byte_timeout": "10m",
             "stall_timeout": "10m", "total_timeout": "10m"}
EXIT_CODES = range(4)  # as `haplo-poll help` lists them

# What libraries of Debian 12 do to their process for want of memory: who asked,
# and how it ended. libuv gives up. libcurl goes on when OpenSSL could not be
# set up, and OpenSSL does without looking. See also is_excused() in
# test/inject/sweep_unit.c.
ENDED_BY_LIBRARIES = [
    ("memory for libuv", -signal.SIGABRT),
    ("memory for OpenSSL in curl_global_init", -signal.SIGSEGV),
    ("memory for libc in curl_global_init", -signal.SIGSEGV),
    ("memory for libc in curl_multi_socket_action", -signal.SIGABRT),
]


class Failure(Exception):
    """What must hold did not."""


class ProcessSweep:
    """Runs of one haplo-poll, `once`, on one simulator with TLS."""

    def __init__(self, sim):
        self.sim = sim
        self.poll = Poll(sim)
        # What goes in circles in OpenSSL is ended by time limits.
        self.poll.config["defaults"].update(
            connect_timeout="500ms", first_byte_timeout="500ms",
            stall_timeout="500ms", total_timeout="2s")
        self.poll.config["outlets"] = [
            {"name": "out", "type": "files", "path": "out",
             "backoff": "10ms", "backoff_max": "20ms"}]
        self.poll.write()
        self.report = sim.dir / "report"
        self.limits = self.poll.config["defaults"]

    def run(self, point):
        """One run; returns what failed in it, and its exit code."""
        self.report.write_text("")
        done = run_program(
            "-c", self.poll.path, "-q", "once", program=PROGRAM,
            # What OpenSSL leaves behind then is its own; test_sweep counts
            # what ours does, and by whom.
            env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0",
                 "HAPLO_INJECT": f"memory:{point}",
                 "HAPLO_INJECT_REPORT": str(self.report)})
        self.poll.printed.append(done.out + done.err)
        return self.report.read_text(), done

    def count(self):
        """How many allocations a run makes in which none fails."""
        self.poll.config["defaults"] = NO_LIMITS
        self.poll.write()
        text, done = self.run(0)
        if done.code != 0:
            raise Failure(done.err)
        return int(text.split()[-1])

    def check(self, point, what, done):
        if any(what.startswith(start) and done.code == code
               for start, code in ENDED_BY_LIBRARIES):
            return "ended by libraries"
        if done.code not in EXIT_CODES:
            raise Failure(f"point {point}: {what}: {done}")
        if done.code != 0 and not untimed(done.err).startswith(
                ("haplo-poll: ", self.poll.path)):
            raise Failure(f"point {point}: {what}: {done}")
        return f"exit code {done.code}"

    def try_point(self, point):
        """What came of it; None if the run did not get that far."""
        self.sim.script("message app1 q1 count=2")
        what, done = self.run(point)
        if what == "":
            return None
        verdict = self.check(point, what, done)
        if self.sim.unread() > 0 or done.code != 0:
            self.poll.config["defaults"] = NO_LIMITS
            again = self.poll.once()
            self.poll.config["defaults"] = self.limits
            self.poll.write()
            if again.code != 0:
                raise Failure(f"after point {point}: {again}")
        return verdict

    def check_messages(self):
        self.poll.check_all_stored()
        receiver = Receiver(self.poll.folder / "out")
        receiver.take()
        receiver.check_each_once(self.sim)
        self.poll.check_no_key_was_printed()


def sweep(points):
    """Tries the points; returns a Counter of what came of them."""
    found = collections.Counter()
    with Sim("--apps=1", "--queues=1", "--messages=2", "--tls") as sim:
        process = ProcessSweep(sim)
        for point in points:
            verdict = process.try_point(point)
            if verdict is not None:
                found[verdict] += 1
        process.check_messages()
    return found


def count():
    with Sim("--apps=1", "--queues=1", "--messages=2", "--tls") as sim:
        return ProcessSweep(sim).count()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--stride", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=4)
    args = parser.parse_args()
    points = list(range(1, count() + 200, args.stride))
    parts = [points[i:i + POINTS_OF_A_SIM]
             for i in range(0, len(points), POINTS_OF_A_SIM)]
    found = collections.Counter()
    with concurrent.futures.ProcessPoolExecutor(args.jobs) as pool:
        for part in pool.map(sweep, parts):
            found += part
    verdicts = ", ".join(f"{text} {n}" for text, n in sorted(found.items()))
    print(f"haplo-poll once: {sum(found.values())} failure points, 0 crashes, "
          f"0 lost: {verdicts}")


if __name__ == "__main__":
    main()
