"""What each signal does to haplo-poll: haplo-poll(1) has the table, and here
each of its rows is tried."""
import re
import signal
import time

import pytest

from sim import ROOT, Sim, wait_for

# Those that report a fault in the program itself, or cannot be handled.
FATAL = {"KILL", "SEGV", "BUS", "ILL", "FPE", "ABRT", "SYS", "TRAP"}
# Job control of a shell: they stop the process for a while.
STOPPING = {"STOP", "TSTP", "TTIN", "TTOU", "CONT"}
ENDING = {"TERM", "INT", "XCPU", "QUIT"}
OWN = {"HUP", "USR1", "CHLD"}


def all_names():
    real_time = {"RTMIN", "RTMAX"}
    names = {item.name[3:] for item in signal.valid_signals()
             if isinstance(item, signal.Signals)}
    return names - real_time


def documented():
    """The names in the table of haplo-poll(1)."""
    page = (ROOT / "man" / "haplo-poll.1").read_text()
    part = page[page.index(".Sh SIGNALS"):]
    part = part[:part.index(".Sh ", 5)]
    rows = re.findall(r"^\.It Dv (.*)$", part, re.M)
    return {name.removeprefix("SIG")
            for row in rows for name in row.split(" , ")}


def started(poll, interval="10ms", **top):
    poll.config["defaults"]["interval"] = interval
    poll.config.update(top)
    run = poll.start()
    run.wait_for_line("polling; queues: ")
    return run


# A signal that is not in the table is one whose effect nobody has decided.
def test_manual_page_has_all_signals():
    by_default_harmless = {"CHLD", "URG", "WINCH"}
    assert documented() == all_names() - STOPPING - by_default_harmless


# Timers of a library, a mistyped kill, a UPS daemon: none of them may end what
# is to run for years.
def test_ignored_signals_change_nothing(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=10") as sim:
        poll = poll_of(sim)
        run = started(poll)
        ignored = all_names() - FATAL - STOPPING - ENDING - OWN
        assert {"PIPE", "USR2", "ALRM", "VTALRM", "PROF", "IO", "PWR",
                "STKFLT", "XFSZ"} <= ignored
        numbers = [signal.Signals[f"SIG{name}"] for name in ignored]
        numbers += range(signal.SIGRTMIN, signal.SIGRTMAX + 1)
        for number in numbers:
            run.signal(number)
        sim.wait_until_read()
        sim.script("message app1 q1 count=10")
        sim.wait_until_read()
        assert run.process.poll() is None
        assert run.stop() == 0
        poll.check_all_stored()


# Who stops and continues it in a shell finds it as it was.
def test_job_control(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=10") as sim:
        poll = poll_of(sim)
        run = started(poll)
        sim.wait_until_read()
        run.signal(signal.SIGTSTP)
        run.signal(signal.SIGCONT)
        sim.script("message app1 q1 count=10")
        sim.wait_until_read()
        assert run.stop() == 0
        poll.check_all_stored()


# All of these leave it time to finish: see drain_timeout.
@pytest.mark.parametrize("name", ["TERM", "INT", "XCPU"])
def test_ending_signals_drain(poll_of, name):
    with Sim("--apps=1", "--queues=1", "--messages=10") as sim:
        poll = poll_of(sim)
        sim.script("fault on=mark do=delay")
        run = started(poll)
        wait_for(lambda: sim.app_stats()["requests"] == 2)
        run.signal(signal.Signals[f"SIG{name}"])
        run.wait_for_line(f"SIG{name}: finishing outstanding work")
        sim.script("clear faults")
        assert run.wait() == 0
        assert "batches left unmarked: 0" in run.err
        poll.check_all_stored()


# A server that hangs holds up a restart for as long as the administrator wants.
def test_drain_timeout(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=10") as sim:
        poll = poll_of(sim)
        sim.script("fault on=mark do=stall done=no times=0")
        run = started(poll, drain_timeout="300ms")
        wait_for(lambda: sim.app_stats()["requests"] == 2)
        begin = time.monotonic()
        run.signal(signal.SIGTERM)
        assert run.wait() == 0
        assert time.monotonic() - begin >= 0.3
        assert "batches left unmarked: 1" in run.err
        sim.script("clear faults")
        assert poll.once().code == 0
        poll.check_all_stored()


# Ctrl-\ is for those who do not want to wait.
def test_quit_exits_immediately(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=10") as sim:
        poll = poll_of(sim)
        sim.script("fault on=mark do=stall done=no times=0")
        poll.config["defaults"]["first_byte_timeout"] = "1h"
        run = started(poll, drain_timeout="10m")
        wait_for(lambda: sim.app_stats()["requests"] == 2)
        run.signal(signal.SIGQUIT)
        run.has_finished_at_once()
        assert "SIGQUIT: exiting immediately" in run.err
        sim.script("clear faults")
        assert poll.once().code == 0
        poll.check_all_stored()


# Closing the terminal of `once` is no reason to leave a batch unmarked.
def test_hangup_ends_once(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=10") as sim:
        poll = poll_of(sim)
        sim.script("fault on=mark do=stall done=no times=0")
        poll.config["drain_timeout"] = "10m"
        poll.config["defaults"]["first_byte_timeout"] = "1h"
        once = poll.start("once")
        wait_for(lambda: sim.app_stats()["requests"] == 2)
        once.signal(signal.SIGUSR1)  # nothing to hurry
        once.signal(signal.SIGHUP)
        once.wait_for_line("SIGHUP: finishing outstanding work")
        once.signal(signal.SIGHUP)
        assert once.wait() == 1
        poll.check_nothing_lost()


# A reload at the wrong moment must not be a stop.
def test_hangup_does_not_end_run(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=10") as sim:
        poll = poll_of(sim)
        for _ in range(5):
            run = poll.start()
            # From the first moment at which a program can have blocked it.
            wait_for(lambda: "haplo-poll" in cmdline(run))
            wait_for(lambda: blocks_or_handles(run, signal.SIGHUP))
            run.signal(signal.SIGHUP)
            run.wait_for_line("polling; queues: ")
            run.wait_for_line("SIGHUP")
            assert run.process.poll() is None
            assert run.stop() == 0


def cmdline(run):
    with open(f"/proc/{run.process.pid}/cmdline", encoding="utf-8") as file:
        return file.read().split("\0")[0]


def blocks_or_handles(run, number):
    with open(f"/proc/{run.process.pid}/status", encoding="utf-8") as file:
        text = file.read()
    bit = 1 << (number - 1)
    return any(int(re.search(rf"{name}:\s*(\w+)", text)[1], 16) & bit
               for name in ("SigBlk", "SigCgt"))


# After maintenance nobody wants to wait for intervals of hours.
def test_usr1_polls_everything_now(poll_of):
    with Sim("--apps=2", "--queues=300", "--messages=0") as sim:
        poll = poll_of(sim)
        run = started(poll, interval="6h")
        sim.script(*[f"message app{n} q300 count=1" for n in (1, 2)])
        run.signal(signal.SIGUSR1)
        line = run.wait_for_line("polling now; queues: ")[0]
        assert int(line.split(": ")[-1]) >= 590  # a few were due anyway
        wait_for(lambda: all(
            sim.queue_stats(f"app{n}", f"q{m}")["fetches"] >= 1
            for n in (1, 2) for m in (1, 150, 300)))
        sim.wait_until_read()
        assert run.stop() == 0
        poll.check_all_stored()


# A refused key that is tried again and again locks out the address; a server
# that asks for silence gets it.
def test_usr1_respects_refusals_and_silence(poll_of):
    with Sim("--apps=2", "--queues=2", "--messages=0") as sim:
        poll = poll_of(sim)
        sim.script("key app1 q1 status=revoked")
        run = started(poll)
        run.wait_for_line("app1/q1: 403 INVALID-API-KEY")
        for count in range(1, 6):
            fetches = sim.queue_stats("app1", "q2")["fetches"]
            run.signal(signal.SIGUSR1)
            run.wait_for_line("polling now; queues: ", count=count)
            wait_for(lambda n=fetches:
                     sim.queue_stats("app1", "q2")["fetches"] > n)
        assert sim.app_stats("app1")["failed_logins"] == 1

        sim.script("set throttle-after=1", "key app2 q1 status=revoked")
        run.wait_for_line("app2: the server refuses all logins")
        requests = sim.app_stats("app2")["requests"]
        for count in range(6, 11):
            run.signal(signal.SIGUSR1)
            run.wait_for_line("polling now; queues: ", count=count)
        assert sim.app_stats("app2")["requests"] == requests
        assert run.stop() == 0


# A server that is down is probed with one request when its time has come.
def test_usr1_respects_breaker(poll_of):
    with Sim("--apps=1", "--queues=20", "--messages=0") as sim:
        poll = poll_of(sim)
        poll.config["defaults"] |= {"breaker_failures": 3, "backoff": "1h",
                                    "backoff_max": "1h"}
        sim.script("fault do=status code=503 times=0")
        run = started(poll)
        run.wait_for_line("app1: server is failing")
        requests = sim.app_stats()["requests"]
        for count in range(1, 6):
            run.signal(signal.SIGUSR1)
            run.wait_for_line("polling now; queues: ", count=count)
        # The breaker's own probes, which are seconds apart; not all queues.
        assert sim.app_stats()["requests"] < requests + 20
        assert run.stop() == 0
