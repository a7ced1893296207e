"""haplo-poll once ends: on queues that are never empty, and in time."""

import pytest

from poll import check_one_line_each
from sim import Sim

# Queues that are never empty


# In a crontab, a run that follows new messages for ever keeps all later runs
# from starting.
@pytest.mark.parametrize("revision", ["2019", "mid-2020", "2020-07"])
def test_a_queue_that_is_never_empty_ends(poll_of, revision):
    with Sim("--apps=1", "--queues=2", "--messages=40", "--latency=30ms",
             f"--revision={revision}") as sim:
        sim.script("queue app1 q2 rate=400/s")
        poll = poll_of(sim)
        assert poll.once() == (0, "", "")
        poll.check_nothing_lost(stored={("app1", "q1")})
        stored = {body for _, queue, body in poll.inbox() if queue == "q2"}
        first = sim.messages("app1", "q2", exact=True)[:40]
        assert {message["bytes"] for message in first} <= stored
        assert sim.unread("app1", "q2") > 0


# What arrived meanwhile is the next run's.
def test_the_next_run_continues(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=20",
             "--latency=30ms") as sim:
        poll = poll_of(sim)
        sim.script("queue app1 q1 rate=400/s")
        assert poll.once() == (0, "", "")
        sim.script("queue app1 q1 rate=0/s")
        assert poll.once() == (0, "", "")
        poll.check_all_stored()


# The time


# A server that hangs must not hold up the crontab, and it must be clear what
# was not done.
def test_max_time_ends_the_run_and_names_what_is_left(poll_of):
    with Sim("--apps=2", "--queues=1", "--messages=20") as sim:
        poll = poll_of(sim)
        poll.server().update(first_byte_timeout="1h", total_timeout="1h")
        limit, done = 1, None
        while done is None or "app2/q1" in done.err:  # it takes its time
            limit *= 2
            sim.script("clear faults",
                       "fault app=app1 queue=q1 on=fetch do=stall times=1")
            done = poll.once("--max-time", f"{limit}s")
            assert done.code == 1
        check_one_line_each(done, ["app1/q1"],
                            [f"not drained after {limit}s (--max-time)"])
        poll.check_nothing_lost(stored={("app2", "q1")})
        assert poll.once("--max-time=1h") == (0, "", "")
        poll.check_all_stored()


# A thousand lines of the same would hide everything else.
def test_max_time_names_only_some_of_many(poll_of):
    with Sim("--apps=1", "--queues=30", "--messages=1") as sim:
        sim.script("fault app=app1 on=fetch do=stall times=0")
        done = poll_of(sim).once("--max-time=500ms")
        assert done.code == 1
        lines = done.err.splitlines()
        assert len(lines) == 21
        assert all("app1/q" in line for line in lines[:20])
        assert "10 more queues not drained after 500ms" in lines[20]


@pytest.mark.parametrize("words,why", [
    (["--max-time=5", "once"], "takes a duration, such as 250ms, 30s"),
    (["--max-time=0s", "once"], "takes a duration"),
    (["--max-time=10000d", "once"], "takes a duration"),
    (["--max-time=5s", "run"], "is an option of once, not of run"),
])
def test_max_time_is_checked(poll_of, words, why):
    with Sim("--apps=1", "--queues=1", "--messages=1") as sim:
        done = poll_of(sim).run(*words)
        assert done.code == 2 and why in done.err
        assert sim.unread() == 1
