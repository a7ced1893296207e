"""Replays: what was forwarded is sent again, next to what is new."""
import itertools

import pytest

from sim import Sim, wait_for


def forward(picky, sim, count):
    """Starts it, and waits until it has forwarded so many messages."""
    run = picky.poll.start()
    sim.wait_until_read()
    picky.wait_for_count(count)
    wait_for(lambda: picky.poll.rows("SELECT cursor FROM outlets") ==
             [(count,)], "the stored cursor")
    return run


# What an operator asks for arrives once more, flagged, and nothing else does.
def test_a_replay_sends_everything_again(picky_of):
    with Sim("--apps=1", "--queues=3", "--messages=40") as sim:
        picky = picky_of(sim)
        run = forward(picky, sim, 120)
        done = picky.replay("--outlet=out", "--since=1h")
        assert done.code == 0 and "replay 1 has started" in done.err
        row = picky.wait_for_replay(1, "done")
        assert (row["delivered"], row["refused"]) == (120, 0)
        assert picky.replayed(1) == list(range(1, 121))
        assert len(picky.delivered()) == 240
        run.wait_for_line("outlet out: replay 1 is done; delivered: 120")
        assert run.stop() == 0


# Only what was received in that time, only that queue, with new identities.
def test_a_replay_selects(picky_of):
    with Sim("--apps=1", "--queues=2") as sim:
        picky = picky_of(sim)
        run = picky.poll.start()
        for count in (10, 20, 30):
            sim.script("message app1 q* count=5")
            sim.wait_until_read()
            picky.wait_for_count(count)
        times = picky.poll.rows("SELECT arrival, queue, received_at"
                                " FROM messages ORDER BY arrival")
        since, until = times[10][2], times[20][2]
        expected = [arrival for arrival, queue, at in times
                    if since <= at < until and queue == "q2"]
        assert expected
        wait_for(lambda: picky.poll.rows("SELECT cursor FROM outlets") ==
                 [(30,)], "the stored cursor")
        words = ["--outlet=out", f"--since={since}", f"--until={until}",
                 "--queue=app1/q2", "--new-identity"]
        done = picky.replay(*words, "--dry-run")
        assert done.code == 0
        assert f"to be sent again: {len(expected)}" in done.err
        assert picky.replay_list() == []
        assert picky.replay(*words).code == 0
        picky.wait_for_replay(1, "done")
        assert picky.replayed(1) == expected
        assert all(line.endswith(" replay 1 new") or "replay" not in line
                   for line in picky.delivered())
        assert run.stop() == 0


# Where nothing runs, the next run does it, and so does `once`.
def test_a_replay_is_asked_for_while_nothing_runs(picky_of):
    with Sim("--apps=1", "--queues=1", "--messages=10") as sim:
        picky = picky_of(sim)
        assert picky.poll.once() == (0, "", "")
        assert picky.replay("--outlet=out", "--since=1h").code == 0
        (row,) = picky.replay_list()
        assert row["state"] == "new" and row["delivered"] == 0
        assert picky.poll.once() == (0, "", "")
        assert picky.replayed(1) == list(range(1, 11))
        assert picky.wait_for_replay(1, "done")["delivered"] == 10


# New messages do not wait for old ones. How many of those are sent meanwhile is
# tested in virtual time (test_forwarder_replay.c).
def test_live_messages_go_first(picky_of):
    with Sim("--apps=1", "--queues=4", "--messages=50", "--limit=1") as sim:
        picky = picky_of(sim)
        run = forward(picky, sim, 200)
        picky.tell("slow")
        assert picky.replay("--outlet=out", "--since=1h").code == 0
        wait_for(lambda: picky.replayed(1), "the replay")
        picky.tell("held")
        sim.script("message app1 q* count=5")
        sim.wait_until_read()
        picky.poll.check_all_stored()
        picky.untell("held")
        wait_for(lambda: len(picky.live()) == 220, "the new messages")
        assert len(picky.replayed(1)) < 200
        picky.untell("slow")
        picky.wait_for_replay(1, "done")
        assert len(picky.replayed(1)) == 200
        assert run.stop() == 0


# It goes on where it was, and repeats no more than it could not know.
def test_a_replay_survives_being_killed(picky_of):
    with Sim("--apps=1", "--queues=4", "--messages=100", "--limit=2") as sim:
        picky = picky_of(sim)
        run = forward(picky, sim, 400)
        picky.tell("slow")
        assert picky.replay("--outlet=out", "--since=1h").code == 0
        for count in (20, 120):
            wait_for(lambda: len(set(picky.replayed(1))) > count, "the replay")
            picky.tell("held")
            wait_for(lambda: picky.replay_list()[0]["cursor"] > 0,
                     "stored progress")
            run.kill()
            (row,) = picky.replay_list()
            assert row["state"] == "running"
            picky.untell("held")
            run = picky.poll.start()
        picky.untell("slow")
        picky.wait_for_replay(1, "done")
        replayed = picky.replayed(1)
        assert sorted(set(replayed)) == list(range(1, 401))
        assert len(replayed) < 400 + 2 * 100
        assert run.stop() == 0


# An operator who has seen enough.
@pytest.mark.parametrize("is_running", [True, False])
def test_a_replay_is_stopped(picky_of, is_running):
    with Sim("--apps=1", "--queues=4", "--messages=100", "--limit=2") as sim:
        picky = picky_of(sim)
        picky.poll.config["drain_timeout"] = "100ms"
        run = forward(picky, sim, 400)
        picky.tell("slow")
        assert picky.replay("--outlet=out", "--since=1h").code == 0
        wait_for(lambda: len(picky.replayed(1)) > 5, "the replay")
        picky.tell("held")
        if not is_running:
            assert run.stop() == 0
        done = picky.replay("stop", "1")
        assert done.code == 0 and "replay 1 is stopped" in done.err
        again = picky.replay("stop", "1")
        assert again.code == 1 and "stopped already" in again.err
        if is_running:
            run.wait_for_line("replay 1 is stopped")
            assert run.stop() == 0
        picky.untell("held")
        picky.untell("slow")
        assert picky.poll.once() == (0, "", "")
        (row,) = picky.replay_list()
        assert row["state"] == "stopped" and row["delivered"] < 400
        assert len(picky.replayed(1)) < 400


# What is refused in a replay blocks no queue, though it would have.
def test_a_message_refused_in_a_replay_blocks_nothing(picky_of):
    with Sim("--apps=1", "--queues=1", "--messages=5") as sim:
        picky = picky_of(sim)
        picky.poll.write()
        picky.tell("cured")
        picky.poison()
        sim.script("message app1 q1 count=5")
        run = forward(picky, sim, 11)
        picky.untell("cured")
        assert picky.replay("--outlet=out", "--since=1h").code == 0
        row = picky.wait_for_replay(1, "done")
        assert (row["delivered"], row["refused"]) == (10, 1)
        (letter,) = picky.letter_list()
        assert letter["reason"] == "it is poison"
        sim.script("message app1 q1 count=5")
        sim.wait_until_read()
        wait_for(lambda: len(picky.live()) == 16, "the live messages")
        assert run.stop() == 0


# A destination that is broken loses nothing of a replay, and the list tells
# what it waits for.
def test_a_replay_waits_for_its_destination(picky_of):
    with Sim("--apps=1", "--queues=1", "--messages=30") as sim:
        picky = picky_of(sim, backoff="10ms", backoff_max="20ms",
                         breaker_refusals=2)
        run = forward(picky, sim, 30)
        picky.tell("sick")
        assert picky.replay("--outlet=out", "--since=1h").code == 0
        row = picky.wait_for_replay(1, "waiting")
        assert row["reason"] == "it is poison" and row["delivered"] == 0
        picky.untell("sick")
        row = picky.wait_for_replay(1, "done")
        assert (row["delivered"], row["refused"]) == (30, 0)
        assert picky.letter_list() == []
        assert run.stop() == 0


@pytest.mark.parametrize("words,code,told", [
    ([], 2, "replay takes --outlet and --since"),
    (["--outlet=out"], 2, "replay takes --outlet and --since"),
    (["--outlet=none", "--since=1h"], 2, "no outlet named none"),
    (["--outlet=out", "--since=soon"], 2, "--since takes a time"),
    (["--outlet=out", "--since=1h", "--until=x"], 2, "--until takes a time"),
    (["stop", "7"], 1, "there is no replay 7"),
    (["stop", "x"], 2, "replay takes"),
    (["--outlet=out", "--since=2038-01-01"], 0, "to be sent again: 0"),
])
def test_mistakes_are_told(picky_of, words, code, told):
    with Sim("--apps=1", "--queues=1", "--messages=1") as sim:
        picky = picky_of(sim)
        assert picky.poll.once() == (0, "", "")
        done = picky.replay(*words)
        assert done.code == code and told in done.err
        assert len(done.err.splitlines()) == 1 and done.out == ""


# Options of one command are not those of another.
def test_options_that_do_not_belong(poll_of):
    with Sim("--apps=1", "--queues=1") as sim:
        done = poll_of(sim).run("--outlet=out", "once")
        assert done.code == 2
        assert "--outlet is an option of dead-letters" in done.err
        assert "not of once" in done.err
