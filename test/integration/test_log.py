"""Log lines: nobody who does not read them holds anything up, and what is
missing is said."""
import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import socket
import subprocess
import time
import tty

import pytest

from poll import PROGRAM, RUN_S_MAX
from sim import WAIT_S_MAX, Sim, wait_for

MISSING = re.compile(r"haplo-poll: (\d+) log lines? (?:is|are) missing here")
STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z haplo-poll: "


# Something that takes lines, and that nobody reads: (its own end, ours).


def small_pipe():
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    return writer, reader


def journal():
    """The journal of systemd is a socket."""
    pair = socket.socketpair()
    pair[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    return tuple(end.detach() for end in pair)


def terminal():
    """As Ctrl-S stops it."""
    master, own = pty.openpty()
    tty.setraw(own)
    return own, master


class Unread:
    """A haplo-poll whose stderr nobody reads, until read_all()."""

    def __init__(self, poll, make, *arguments, **options):
        poll.write()
        own, self.end = make()
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig=KILL", PROGRAM, "-v", "-c", poll.path,
             *(arguments or ["run"])],
            stdin=subprocess.DEVNULL, stderr=own,
            **{"stdout": subprocess.DEVNULL, **options})
        os.close(own)

    def read_some(self, seconds=0):
        """What can be read now; "" if that is nothing."""
        if not select.select([self.end], [], [], seconds)[0]:
            return ""
        with contextlib.suppress(OSError):  # how a terminal ends
            return os.read(self.end, 1 << 16).decode()
        return ""

    def read_until(self, is_reached):
        text = ""
        end = time.monotonic() + WAIT_S_MAX
        while not is_reached(text):
            assert time.monotonic() < end, text[-2000:]
            text += self.read_some(0.1)
        return text

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.end)


@pytest.fixture
def unread_of():
    with contextlib.ExitStack() as stack:
        yield lambda *arguments, **options: stack.enter_context(
            contextlib.closing(Unread(*arguments, **options)))


def chatty_poll(poll_of, sim):
    poll = poll_of(sim)
    poll.config["defaults"]["interval"] = "10ms"
    poll.server()["max_in_flight"] = 8
    return poll


def talk_until_lines_are_dropped(sim):
    """Each fetch is a few lines with -v; far more than fit anywhere."""
    enough = sim.app_stats()["requests"] + 3000
    wait_for(lambda: sim.app_stats()["requests"] > enough, "many lines")


# A terminal that was stopped with Ctrl-S, `journalctl` that hangs, a program
# behind a pipe that sleeps: none of them may stop the collection of messages.
@pytest.mark.parametrize("make", [small_pipe, journal, terminal])
def test_nobody_reads_the_log(poll_of, unread_of, make):
    with Sim("--apps=1", "--queues=8", "--messages=20") as sim:
        poll = chatty_poll(poll_of, sim)
        run = unread_of(poll, make)
        sim.wait_until_read()
        talk_until_lines_are_dropped(sim)
        sim.script("message app1 q* count=20")
        sim.wait_until_read()
        text = run.read_until(MISSING.search)
        assert int(MISSING.search(text).group(1)) > 100
        run.process.send_signal(signal.SIGTERM)
        text += run.read_until(lambda text: "stopped; batches" in text)
        assert run.process.wait(RUN_S_MAX) == 0
        lines = [line for line in text.splitlines() if line]
        assert all(re.match(STAMP, line) for line in lines[:-1])
        poll.check_all_stored()


# It ends as fast, and as orderly, as with a reader.
@pytest.mark.parametrize("make", [small_pipe, journal, terminal])
def test_nobody_reads_the_log_at_the_end(poll_of, unread_of, make):
    with Sim("--apps=1", "--queues=8", "--messages=20") as sim:
        poll = chatty_poll(poll_of, sim)
        run = unread_of(poll, make)
        sim.wait_until_read()
        talk_until_lines_are_dropped(sim)
        run.process.send_signal(signal.SIGTERM)
        assert run.process.wait(RUN_S_MAX) == 0
        poll.check_all_stored()


# A reader that comes late finds all lines, as long as they find room.
def test_a_late_reader_misses_nothing(poll_of, unread_of):
    with Sim("--apps=1", "--queues=2", "--messages=100") as sim:
        poll = chatty_poll(poll_of, sim)
        poll.config["defaults"]["interval"] = "1s"  # few lines after that
        run = unread_of(poll, small_pipe)
        sim.wait_until_read()
        text = run.read_until(lambda text: text.count("-> IDLE") >= 2)
        assert text.count("DELIVERING 16") == 12
        assert not MISSING.search(text)
        run.process.send_signal(signal.SIGTERM)
        assert run.process.wait(RUN_S_MAX) == 0


# The reader has gone: nothing can be said, and everything else goes on.
def test_the_reader_of_the_log_has_gone(poll_of, unread_of):
    with Sim("--apps=1", "--queues=2", "--messages=100") as sim:
        poll = chatty_poll(poll_of, sim)
        reader, writer = os.pipe()
        os.close(reader)
        run = unread_of(poll, lambda: (writer, os.open("/dev/null", 0)))
        sim.wait_until_read()
        run.process.send_signal(signal.SIGTERM)
        assert run.process.wait(RUN_S_MAX) == 0
        poll.check_all_stored()


# A full disk costs lines, and says so when there is room again.
@pytest.mark.needs("mount")
def test_the_disk_of_the_log_is_full(poll_of, disk_of):
    with Sim("--apps=1", "--queues=2", "--messages=20") as sim:
        poll = chatty_poll(poll_of, sim)
        disk = disk_of(size="64k")
        disk.fill()
        log = disk.folder / "log"
        poll.write()
        with open(log, "wb") as file:
            process = subprocess.Popen(
                ["setpriv", "--pdeathsig=KILL", PROGRAM, "-c", poll.path, "-v",
                 "run"], stderr=file)
        try:
            sim.wait_until_read()
            disk.free()
            wait_for(lambda: MISSING.search(log.read_text()))
            process.send_signal(signal.SIGTERM)
            assert process.wait(RUN_S_MAX) == 0
        finally:
            process.kill()
            process.wait()
        assert "stopped; batches" in log.read_text()
        poll.check_all_stored()


# Standard output


# The table of `once` comes last: whoever does not read it delays nothing, and
# the process can be ended.
def test_nobody_reads_the_table_of_once(poll_of, unread_of):
    with Sim("--apps=60", "--queues=1", "--messages=2") as sim:
        poll = poll_of(sim)
        out, reader = small_pipe()
        once = unread_of(poll, small_pipe, "once", stdout=out)
        os.close(out)
        sim.wait_until_read()
        wait_for(lambda: not (poll.folder / "inbox.db-wal").exists(),
                 "the inbox to be closed")
        assert select.select([reader], [], [], WAIT_S_MAX)[0]
        once.process.send_signal(signal.SIGTERM)
        assert once.process.wait(RUN_S_MAX) in (0, -signal.SIGTERM)
        os.close(reader)
        poll.check_all_stored()
        assert poll.once() == (0, "", "")


# Nothing waits for the end of `peek`, which only fetches.
def test_nobody_reads_what_peek_prints(poll_of, unread_of):
    with Sim("--apps=1", "--queues=1", "--messages=16", "--size=10k") as sim:
        poll = poll_of(sim)
        out, reader = small_pipe()
        peek = unread_of(poll, small_pipe, "peek", "app1/q1", stdout=out)
        os.close(out)
        assert select.select([reader], [], [], WAIT_S_MAX)[0]
        peek.process.send_signal(signal.SIGTERM)
        assert peek.process.wait(RUN_S_MAX) == -signal.SIGTERM
        os.close(reader)
        assert sim.unread() == 16


# Whose lines


# Who reads a log file or a mail of cron wants to know when it happened.
def test_lines_of_once_have_a_time(poll_of):
    with Sim("--apps=1", "--queues=1") as sim:
        sim.script("key app1 q1 status=revoked")
        poll = poll_of(sim)
        done = poll.run("-q", "once")
        assert done.code == 1
        assert re.match(STAMP + "fetch app1/q1: 403", done.err)


def name_of(path):
    status = os.stat(path)
    return f"{status.st_dev}:{status.st_ino}"


def log_of(poll, command, log):
    """Runs it until it has told of the refused key."""
    with open(log, "wb") as file:
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig=KILL", PROGRAM, "-q", "-c", poll.path,
             command], stderr=file, env=poll.environment)
    try:
        wait_for(lambda: "INVALID-API-KEY" in log.read_text())
    finally:
        process.terminate()
        process.wait(RUN_S_MAX)
    return log.read_text()


# systemd sets the variable for all processes of a service, wherever their
# stderr goes: a level instead of a time belongs into the journal only.
@pytest.mark.parametrize("command", ["run", "once"])
def test_only_the_journal_gets_levels(poll_of, command):
    with Sim("--apps=1", "--queues=1") as sim:
        sim.script("key app1 q1 status=revoked")
        poll = poll_of(sim)
        poll.config["defaults"]["interval"] = "20ms"
        poll.write()
        log = poll.folder / "log"
        for is_journal in (True, False):
            log.touch()
            named = name_of(log) if is_journal else "8:1"
            poll.environment["JOURNAL_STREAM"] = named
            text = log_of(poll, command, log)
            line = next(line for line in text.splitlines()
                        if "INVALID-API-KEY" in line)
            expected = r"<[34]>fetch " if is_journal else STAMP + "fetch "
            assert re.match(expected, line), line
