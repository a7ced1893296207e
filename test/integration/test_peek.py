"""haplo-poll peek: shows what is there, and changes nothing."""
import json

import pytest

from sim import Sim


def peek(poll, name="app1/q1", *arguments, **options):
    return poll.run(*arguments, "peek", name, **options)


# An operator looks at a queue that another system reads: it must stay as it
# is, and be shown as it is.
def test_shows_exact_messages_and_marks_none(poll_of):
    with Sim("--apps=1", "--queues=2", "--messages=20", "--tls") as sim:
        poll = poll_of(sim)
        done = peek(poll)
        assert done.code == 0
        messages = sim.messages(exact=True)
        oldest = [message["bytes"] for message in messages[:16]]
        assert done.out == "".join(f"{text}\n" for text in oldest)
        assert done.err == (
            "haplo-poll: 16 messages, as they are on the server; none was "
            "marked\n"
        )
        assert peek(poll).out == done.out
        stats = sim.queue_stats()
        assert stats["marks"] == 0 and stats["unread"] == 20
        assert stats["fetches"] == 2
        assert sim.queue_stats(queue="q2")["requests"] == 0
        assert not poll.inbox_path.exists()
        assert not (poll.folder / "state").exists()


# Odd messages are what one looks for.
def test_shows_every_quirk(poll_of):
    with Sim(
        "--apps=1", "--queues=1", "--edge", "--revision=2019"
    ) as sim:
        done = peek(poll_of(sim))
        assert done.code == 0
        messages = [message["bytes"] for message in sim.messages(exact=True)]
        assert sorted(done.out) == sorted("\n".join(messages) + "\n")
        assert all(f"{message}\n" in done.out for message in messages)


# A running daemon need not be stopped for a look.
def test_works_while_run_holds_the_lock(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=3") as sim:
        poll = poll_of(sim)
        poll.config["defaults"]["interval"] = "50ms"
        run = poll.start()
        sim.wait_until_read()
        assert peek(poll).code == 0
        assert run.stop() == 0


# Nothing there is no failure, and must not look like one.
def test_empty_queue(poll_of):
    with Sim("--apps=1", "--queues=1") as sim:
        done = peek(poll_of(sim))
        assert done == (0, "", "haplo-poll: no unread messages\n")


# A wrong name is a mistake on the command line, and asks no server.
@pytest.mark.parametrize(
    "name", ["app1/q9", "app9/q1", "app1", "q1", "app1/", "/q1", ""]
)
def test_unknown_name(poll_of, name):
    with Sim("--apps=1", "--queues=1") as sim:
        done = peek(poll_of(sim), name)
        assert done.code == 2 and done.out == ""
        assert len(done.err.splitlines()) == 1
        assert f"has no queue {name}:" in done.err
        assert sim.app_stats()["requests"] == 0


# The cause of a failure is what the user wants to know; one attempt shows it.
@pytest.mark.parametrize(
    "line,words",
    [
        ("key app1 q1 status=revoked", "403 INVALID-API-KEY"),
        ("key app1 q1 status=unpermitted", "not permitted"),
        ("queue app1 q1 method=send", 'its method is "poll"'),
        ("fault do=refuse", "connection refused"),
        ("fault do=status code=500 times=0", "responded 500"),
        ("fault do=json-truncated times=0", "not a JSON document"),
    ],
)
def test_failing_queue(poll_of, line, words):
    with Sim("--apps=1", "--queues=1", "--messages=3") as sim:
        sim.script(line)
        done = peek(poll_of(sim))
        assert done.code == 1 and done.out == ""
        assert len(done.err.splitlines()) == 1
        assert done.err.startswith("haplo-poll: fetch app1/q1: ")
        assert words in done.err
        assert sim.app_stats()["requests"] <= 1


# A formatter's batch is one message, shown as it is.
def test_raw_format(poll_of):
    with Sim(
        "--apps=1", "--queues=1", "--messages=3", "--formatter=csv"
    ) as sim:
        poll = poll_of(sim)
        poll.queue().update(format="raw", token_pattern="#token,(.*)\r")
        done = peek(poll)
        assert done.code == 0
        assert done.out.startswith("id,type\r\n1,")
        assert "#token," in done.out
        assert "1 message, as it is" in done.err
        assert sim.unread() == 3


# Secrets stay secret with -v, too (poll_of looks for the key).
def test_verbose(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=1") as sim:
        done = peek(poll_of(sim), "app1/q1", "-v")
        assert done.code == 0
        assert json.loads(done.out)["id"] == 1
        assert "app1/q1: READY -> FETCHING" in done.err
