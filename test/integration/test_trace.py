"""trace: a receipt for one message, from what inboxes, outlets and replays
have stored about it."""
import json

import pytest

from sim import Sim, wait_for
from terminal import run_on_terminal


@pytest.fixture(params=["sqlite", "postgres"])
def store(request):
    """Prepares a Poll for one type of inbox."""
    if request.param == "sqlite":
        return lambda poll: None
    return request.getfixturevalue("postgres").prepare


def traced(poll, *words, code=0):
    done = poll.run("trace", *words, "--json", write=False)
    assert done.code == code, done
    (row,) = [json.loads(line) for line in done.out.splitlines()]
    return row


def outcomes(row):
    return {outlet["name"]: outlet["outcome"] for outlet in row["outlets"]}


# When each step happened, and how the message is called everywhere.
def test_a_message_from_fetch_to_outlet(poll_of, store):
    with Sim("--apps=1", "--queues=2", "--messages=20") as sim:
        poll = poll_of(sim)
        store(poll)
        poll.config["outlets"] = [
            {"name": "out", "type": "files", "path": "out"},
            {"name": "other", "type": "files", "path": "other",
             "queues": ["app1/q2"]}]
        assert poll.once() == (0, "", "")
        exported = [json.loads(line) for line in
                    poll.run("inbox", "export").out.splitlines()]
        for message in exported[::13]:
            row = traced(poll, message["arrival"])
            assert (row["id"], row["server"], row["queue"], row["state"]) == \
                (message["id"], message["server"], message["queue"], "stored")
            assert row["fetched_at"] == message["received_at"]
            assert row["fetched_at"] <= row["stored_at"] <= row["marked_at"]
            assert 1 <= row["batch_position"] <= row["batch_count"] <= 16
            assert row["size_bytes"] == len(message["body"].encode())
            assert outcomes(row) == {
                "out": "delivered",
                "other": "delivered" if row["queue"] == "q2" else "filtered"}
            assert traced(poll, message["id"]) == row
        # Of which the receiver has only what the server wrote.
        first = json.loads(exported[0]["body"])["id"]
        done = poll.run("trace", "--id", first, "--json")
        rows = [json.loads(line) for line in done.out.splitlines()]
        assert done.code == 0 and exported[0]["arrival"] in [
            row["arrival"] for row in rows]
        assert all(json.loads(message["body"])["id"] == first
                   for message in exported
                   if message["arrival"] in [row["arrival"] for row in rows])


def test_a_dead_letter_and_its_replay(picky_of, store):
    with Sim("--apps=1", "--queues=1") as sim:
        picky = picky_of(sim, on_refused="dead_letter")
        store(picky.poll)
        run = picky.poll.start()
        sim.script("message app1 q1 count=5")
        picky.wait_for_count(5)
        picky.poison(then=5)
        picky.wait_for_count(10)
        (letter,) = wait_for(picky.letter_list, "a dead letter")
        row = traced(picky.poll, letter["arrival"])
        (outlet,) = row["outlets"]
        assert (outlet["outcome"], outlet["refused_at"], outlet["attempts"],
                outlet["reason"]) == ("dead_letter", letter["refused_at"],
                                      letter["attempts"], letter["reason"])
        assert picky.replay("--outlet=out", "--since=1h").code == 0
        picky.wait_for_replay(1, "done")
        arrival = picky.live()[0]
        (replay,) = traced(picky.poll, arrival)["replays"]
        assert (replay["number"], replay["outlet"], replay["has_passed_it"]) \
            == (1, "out", True)
        text = picky.poll.run("trace", arrival, write=False).out
        assert "\toutlet out: replay 1 began, and sent it again" in text
        assert run.stop() == 0


# The first message of a queue holds up those after it, and nothing else.
def test_a_queue_that_is_held_up(picky_of, store):
    with Sim("--apps=1", "--queues=2") as sim:
        picky = picky_of(sim)
        store(picky.poll)
        run = picky.poll.start()
        picky.poison()
        sim.script("message app1 q1 count=3", "message app1 q2 count=3")
        sim.wait_until_read()
        picky.wait_for_count(3)
        run.wait_for_line("poison")
        poll = picky.poll
        held = [json.loads(line)["arrival"] for line in
                poll.run("inbox", "export", "--queue=app1/q1",
                         write=False).out.splitlines()]

        def is_known():
            rows = [traced(poll, arrival)["outlets"][0] for arrival in held]
            return rows if [row.get("ahead_messages") for row in rows] == \
                [0, 1, 2, 3] else None

        wait_for(is_known, "the progress is stored")
        for arrival in picky.live():
            assert outcomes(traced(poll, arrival)) == {"out": "delivered"}
        assert run.stop() == 0


def test_what_is_not_there_any_more(poll_of, store):
    with Sim("--apps=1", "--queues=1", "--messages=3") as sim:
        poll = poll_of(sim)
        store(poll)
        poll.config["outlets"] = [
            {"name": "out", "type": "files", "path": "out"}]
        assert poll.once() == (0, "", "")
        arrival = json.loads(
            poll.run("inbox", "export").out.splitlines()[0])["arrival"]
        done = poll.run("purge", f"--arrival={arrival}", "--reason=ticket 7")
        assert done.code == 0, done
        row = traced(poll, arrival, code=1)
        assert (row["state"], row["queue"], row["purge_reason"],
                row["outlets"]) == ("purged", "q1", "ticket 7", [])
        assert traced(poll, 10000, code=1)["state"] == "unknown"
        done = poll.run("trace", arrival)
        assert done.code == 1 and "purged from app1/q1: ticket 7" in done.out
        done = poll.run("inbox", "show", arrival)
        assert done.code == 1 and "was purged" in done.err


# Which would else look like a receipt for another message.
def test_an_identity_of_another_message(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=3") as sim:
        poll = poll_of(sim)
        assert poll.once() == (0, "", "")
        own = traced(poll, 1)["id"]
        done = poll.run("trace", own[:-4] + "0000")
        assert done.code == 0 and "not the identity of message 1" in done.err
        done = poll.run("trace", "0" * 8 + own[8:])
        assert done.code == 1 and "no inbox of the configuration has" in done.err
        done = poll.run("trace", f"{own}-r3")  # as a replay wrote it
        assert (done.code, done.err) == (0, "")


def test_an_outlet_that_begins_late_or_never_began(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=3") as sim:
        poll = poll_of(sim)
        poll.config["outlets"] = [
            {"name": "late", "type": "files", "path": "late", "start": "now"}]
        assert poll.once() == (0, "", "")
        poll.config["outlets"].append(
            {"name": "new", "type": "files", "path": "new"})
        poll.write()
        late, new = traced(poll, 1)["outlets"]
        assert "or older than the outlet" in late["text"]
        assert new["outcome"] == "pending" and "anything yet" in new["text"]
        poll.config["outlets"] = []
        poll.write()
        (late,) = traced(poll, 1)["outlets"]
        assert late["outcome"] == "passed"


@pytest.mark.parametrize("words, code, told", [
    ([], 2, "trace takes the arrival or the identity"),
    (["1", "--id=2"], 2, "trace takes the arrival or the identity"),
    (["one"], 2, "one is neither the arrival"),
    (["--id=none"], 1, "no message has the id none"),
])
def test_mistakes_are_told(poll_of, words, code, told):
    with Sim("--apps=1", "--queues=1", "--messages=1") as sim:
        poll = poll_of(sim)
        assert poll.once() == (0, "", "")
        done = poll.run("trace", *words)
        assert done.code == code and told in done.err


def test_on_a_terminal(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=1") as sim:
        poll = poll_of(sim)
        assert poll.once() == (0, "", "")
        code, text = run_on_terminal(poll, "trace", 1)
        assert code == 0 and "\t" not in text
        assert "Z  marked: the server has confirmed" in text
