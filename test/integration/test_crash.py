"""Whenever the process dies, the next one goes on: nothing lost or twice. A
short run of `make torture`, and what it does to process and server, each
alone."""
import pathlib
import signal
import sys
import time

from poll import preloaded
from sim import BUILD, Sim, wait_for
from test_one_token import check_each_once

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "torture"))
import plan  # noqa: E402
import torture  # noqa: E402

CLOCK = BUILD.resolve() / "jumping_clock.so"
SEED = 8  # of the plan; the machine has a say, too


# Power fails, machines are restarted, the kernel kills for memory.
def test_killed_again_and_again_it_loses_nothing():
    short = plan.Plan(SEED, kills=20, messages=400, queues=4,
                      probability=0.02)
    report = torture.Torture(short, print).run()
    print(report)
    assert report["kills"] >= 20 and report["messages"] >= 400
    assert report["lost"] == report["repeats"] == 0


def start_busy(poll, sim, timeout="1h"):
    """`run` in the middle of its work."""
    poll.config["defaults"] |= {
        "interval": "20ms", "max_in_flight": 4, "breaker_failures": 100,
        "first_byte_timeout": timeout, "stall_timeout": timeout,
    }
    total = sim.unread()
    run = poll.start()
    wait_for(lambda: sim.unread() < total, "the first mark")
    return run


# A laptop sleeps, a container is frozen: all timeouts are over at once.
def test_stopped_for_longer_than_its_timeouts_it_goes_on(poll_of):
    with Sim("--apps=3", "--queues=4", "--messages=100", "--tls",
             "--latency=5ms") as sim:
        poll = poll_of(sim)
        run = start_busy(poll, sim, timeout="200ms")
        for _ in range(3):
            run.signal(signal.SIGSTOP)
            time.sleep(0.4)
            sim.script("message app1 q1 count=20")
            before = sim.unread()
            run.signal(signal.SIGCONT)
            wait_for(lambda before=before: sim.unread() < before)
        sim.wait_until_read()
        assert run.stop() == 0
        check_each_once(sim, poll)


# A server that hangs keeps its connections, and answers late or never.
def test_a_server_that_hangs_for_longer_than_the_timeouts(poll_of):
    with Sim("--apps=2", "--queues=4", "--messages=100",
             "--latency=5ms") as sim:
        poll = poll_of(sim)
        run = start_busy(poll, sim, timeout="200ms")
        sim.process.send_signal(signal.SIGSTOP)
        try:
            run.wait_for_line("no response within 200 ms")
        finally:
            sim.process.send_signal(signal.SIGCONT)
        sim.wait_until_read()
        assert run.stop() == 0
        check_each_once(sim, poll)


# A server that crashes breaks all connections, and is back some time later.
def test_a_server_that_crashes_and_comes_back(poll_of):
    with Sim("--apps=2", "--queues=4", "--messages=100", "--tls",
             "--latency=5ms") as sim:
        poll = poll_of(sim)
        run = start_busy(poll, sim)
        fault = sim.script("fault do=refuse drop=yes app=app1")["fault"]
        run.wait_for_line("connection refused")
        sim.script(f"clear fault {fault}")
        sim.wait_until_read()
        assert run.stop() == 0
        check_each_once(sim, poll)


# An hour of summer time, a clock set right at last: time is for records only.
def test_a_wall_clock_that_jumps_by_years_changes_nothing(poll_of):
    with Sim("--apps=2", "--queues=4", "--messages=60",
             "--latency=2ms") as sim:
        poll = poll_of(sim)
        poll.environment = preloaded(poll.environment, CLOCK)
        run = start_busy(poll, sim)
        sim.wait_until_read()
        assert run.stop() == 0
        check_each_once(sim, poll)
        years = {at[:4] for (at,) in poll.rows(
            "SELECT received_at FROM messages")}
        assert len(years) > 1  # it did jump


# A process that is stopped and then killed has done half of its work.
def test_killed_while_it_ends_it_loses_nothing(poll_of):
    with Sim("--apps=2", "--queues=4", "--messages=60",
             "--latency=5ms") as sim:
        poll = poll_of(sim)
        run = start_busy(poll, sim)
        sim.script("fault on=mark do=stall times=0")
        wait_for(lambda: any(event.get("fault") for event in sim.events()))
        run.signal(signal.SIGTERM)
        run.wait_for_line("finishing outstanding work")
        run.signal(signal.SIGKILL)
        assert run.wait() == -signal.SIGKILL
        sim.script("clear faults")
        assert poll.once().code == 0
        check_each_once(sim, poll)
