"""Dead letters: which messages become one, and what operators can do with
them."""
import json

import pytest

from sim import Sim, wait_for

KEYS = {"arrival", "outlet", "server", "queue", "refused_at", "attempts",
        "reason"}


def with_one(picky, sim):
    """Stores 5 messages, a poison and 5 more; the poison is a dead letter."""
    run = picky.poll.start()
    sim.script("message app1 q1 count=5")
    sim.wait_until_read()
    picky.wait_for_count(5)
    picky.poison(then=5)
    sim.wait_until_read()
    picky.wait_for_count(10)
    run.wait_for_line("dead letter", "poison")
    wait_for(picky.letter_list, "a dead letter")
    return run


# One bad message among ten thousand costs one message, not its neighbours.
def test_one_poison_message_among_10000_is_one_dead_letter(picky_of):
    with Sim("--apps=1", "--queues=4", "--messages=2500") as sim:
        picky = picky_of(sim, on_refused="dead_letter")
        picky.poison(queue="q2")
        assert picky.poll.once() == (0, "", "")
        (row,) = picky.letter_list()
        assert row["queue"] == "q2" and row["reason"] == "it is poison"
        assert len(picky.live()) == 10000
        assert row["arrival"] not in picky.live()


def outlet_of(picky):
    """As the running process knows it."""
    done = picky.poll.run("explain", "out", "--json", write=False)
    assert done.code == 0, done
    return json.loads(done.out)["detail"]["outlet"]


# A deployment that refuses everything is not the fault of the messages. (An
# hour of it, in virtual time: test_dead_letters.c.)
def test_an_outlet_that_refuses_everything_makes_no_dead_letters(picky_of):
    with Sim("--apps=1", "--queues=4", "--messages=50") as sim:
        picky = picky_of(sim, on_refused="dead_letter", backoff="10ms",
                         backoff_max="20ms")
        picky.poll.write()
        picky.tell("sick")
        run = picky.poll.start()
        run.wait_for_line("outlet out", "broken")
        wait_for(lambda: outlet_of(picky)["retries_total"] >= 3, "retries")
        picky.untell("sick")
        picky.wait_for_count(200)
        assert run.stop() == 0
        assert picky.letter_list() == []


# What a script and a person read.
def test_list_and_show(picky_of):
    with Sim("--apps=1", "--queues=1") as sim:
        picky = picky_of(sim, on_refused="dead_letter")
        run = with_one(picky, sim)
        (row,) = picky.letter_list()
        assert row.keys() == KEYS
        assert row["attempts"] == 1 and row["outlet"] == "out"
        table = picky.letters("list").out.splitlines()
        assert len(table) == 2 and table[0].startswith("ARRIVAL")
        assert table[1].split()[0] == str(row["arrival"])
        assert "app1/q1" in table[1] and "it is poison" in table[1]
        done = picky.letters("show", row["arrival"])
        head, _, body = done.out.partition("\n\n")
        fields = dict(line.split(": ", 1) for line in head.splitlines())
        assert fields["queue"] == "app1/q1"
        assert fields["reason"] == "it is poison"
        assert f"-{row['arrival']}-" in fields["id"]
        stored = picky.poll.rows(
            f"SELECT body FROM stored WHERE arrival = {row['arrival']}")
        assert body == stored[0][0]
        assert json.loads(body)["x"] == "poison"
        assert run.stop() == 0


@pytest.mark.parametrize("words,is_listed", [
    (["--outlet=out"], True), (["--outlet=other"], False),
    (["--queue=app1/q*"], True), (["--queue=app1/q2"], False),
    (["--since=1h"], True), (["--until=1h"], False),
    (["--since=2038-01-01"], False), (["--until=2038-01-01T00:00:00Z"], True),
])
def test_list_selects(picky_of, words, is_listed):
    with Sim("--apps=1", "--queues=2") as sim:
        picky = picky_of(sim, on_refused="dead_letter")
        with_one(picky, sim)
        assert len(picky.letter_list(*words)) == is_listed


# The receiver was corrected: what it refused is sent again, and is then no dead
# letter any more. Without a running process, the next one does it.
@pytest.mark.parametrize("is_running", [True, False])
def test_replay_delivers_what_was_refused(picky_of, is_running):
    with Sim("--apps=1", "--queues=1") as sim:
        picky = picky_of(sim, on_refused="dead_letter")
        run = with_one(picky, sim)
        (row,) = picky.letter_list()
        picky.tell("cured")
        if not is_running:
            assert run.stop() == 0
        done = picky.letters("replay", "--outlet=out")
        assert done.code == 0
        assert ("replay 1 has started" if is_running else
                "replay 1 is stored; no process is running") in done.err
        if not is_running:
            run = picky.poll.start()
        picky.wait_for_replay(1, "done")
        assert picky.replayed(1) == [row["arrival"]]
        assert picky.letter_list() == []
        assert run.stop() == 0


# It was not: it stays a dead letter, and the attempt is counted. The queue it
# came from does not wait for it.
def test_replay_of_what_is_refused_again(picky_of):
    with Sim("--apps=1", "--queues=1") as sim:
        picky = picky_of(sim, on_refused="dead_letter")
        run = with_one(picky, sim)
        (before,) = picky.letter_list()
        assert picky.letters("replay", "--outlet=out").code == 0
        row = picky.wait_for_replay(1, "done")
        assert (row["delivered"], row["refused"]) == (0, 1)
        (after,) = picky.letter_list()
        assert after["attempts"] == before["attempts"] + 1
        assert after["refused_at"] > before["refused_at"]
        sim.script("message app1 q1 count=5")
        picky.wait_for_count(15)
        assert run.stop() == 0


# Only the record goes: the message stays where it is.
@pytest.mark.parametrize("is_running", [True, False])
def test_purge_forgets_dead_letters(picky_of, is_running):
    with Sim("--apps=1", "--queues=1") as sim:
        picky = picky_of(sim, on_refused="dead_letter")
        run = with_one(picky, sim)
        if not is_running:
            assert run.stop() == 0
        done = picky.letters("purge", "--outlet=out", "--dry-run")
        assert done.code == 0 and "to be removed: 1" in done.err
        done = picky.letters("purge", "--outlet=out", "--queue=app1/q9")
        assert done.code == 0 and "removed: 0" in done.err
        done = picky.letters("purge", "--outlet=out")
        assert done.code == 0 and "dead letters removed: 1" in done.err
        assert picky.letter_list() == []
        assert picky.poll.rows("SELECT count(*) FROM stored") == [(11,)]


@pytest.mark.parametrize("words,code,told", [
    (["list", "show", "it"], 2, "dead-letters list takes [ARRIVAL]"),
    (["show"], 2, "dead-letters show takes ARRIVAL"),
    (["show", "x"], 2, "x is not the arrival"),
    (["show", "999"], 1, "message 999 is not a dead letter"),
    (["purge"], 2, "need --outlet"),
    (["replay", "--outlet=none"], 2, "no outlet named none"),
    (["purge", "--outlet=none"], 1, "outlet none has not forwarded"),
    (["list", "--since=yesterday"], 2, "--since takes a time"),
])
def test_mistakes_are_told(picky_of, words, code, told):
    with Sim("--apps=1", "--queues=1", "--messages=1") as sim:
        picky = picky_of(sim)
        assert picky.poll.once() == (0, "", "")
        done = picky.letters(*words)
        assert done.code == code and told in done.err
        assert len(done.err.splitlines()) == 1 and done.out == ""
