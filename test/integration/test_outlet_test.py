"""haplo-poll outlet test: one marked message through an outlet."""
import json

import pytest

from files_outlet import files_in
from poll import BUILD, preloaded
from receiver import Receiver
from sim import Sim

HANGING_NAMES = BUILD.resolve() / "hanging_names.so"


@pytest.fixture
def sim():
    with Sim("--apps=1", "--queues=1", "--messages=3") as sim:
        yield sim


def one_line(done, *words):
    """The result, as one line on stderr."""
    (line,) = done.err.splitlines()
    for word in ("outlet out: test message test-", *words):
        assert word in line
    return line


def check_marked(message):
    assert message["action"] == "haplo-poll:test"
    assert "Ignore it" in message["text"]


# A new outlet is tried before it gets real messages.
def test_a_webhook_gets_one_marked_message(sim, poll_of):
    with Receiver() as receiver:
        poll = poll_of(sim)
        poll.config["outlets"] = [receiver.outlet("out")]
        done = poll.run("outlet", "test", "out")
        assert (done.code, done.out) == (0, "")
        (request,) = receiver.requests
        assert request.queue == ("haplo-poll", "test")
        assert request.ids == [request.id]
        assert one_line(done, "delivered", request.id)
        check_marked(*request.messages)
        poll.run("outlet", "test", "out")
        assert request.id != receiver.requests[1].id, "not taken for a repeat"
        assert not (poll.folder / "state").exists()
        assert not poll.inbox_path.exists()


# What the receiver says is the result: nothing is tried again.
@pytest.mark.parametrize("answer,words", [
    (422, ["refused because of its data", "status 422"]),
    (503, ["not delivered this time", "status 503"]),
    (401, ["the destination is broken", "status 401"]),
])
def test_what_fails_is_told_once(sim, poll_of, answer, words):
    with Receiver(lambda request: answer) as receiver:
        poll = poll_of(sim)
        poll.config["outlets"] = [receiver.outlet("out")]
        done = poll.run("outlet", "test", "out")
        assert done.code == 1
        assert one_line(done, *words)
        assert len(receiver.requests) == 1


# The outlet may be in use: its own process must not notice.
def test_beside_a_running_process(sim, poll_of):
    poll = poll_of(sim)
    poll.config["outlets"] = [{"name": "out", "type": "files", "path": "out"}]
    poll.config["defaults"]["interval"] = "20ms"
    run = poll.start()
    sim.wait_until_read()
    done = poll.run("outlet", "test", "out", write=False)
    assert done.code == 0 and one_line(done, "delivered")
    sim.script("message app1 q1 count=3")
    sim.wait_until_read()
    poll.run("outlet", "test", "out", write=False)
    assert run.stop() == 0
    tests = [file for file in files_in(poll.folder / "out")
             if file.server == "haplo-poll"]
    assert [file.queue for file in tests] == ["test", "test"]
    for file in tests:
        check_marked(json.loads(file.lines[0]))
    files = [file for file in files_in(poll.folder / "out")
             if file.server == "app1"]
    assert sum(len(file.lines) for file in files) == 6
    assert "broken" not in run.err


# On a terminal, the message can be read.
def test_standard_output(sim, poll_of):
    poll = poll_of(sim)
    poll.config["outlets"] = [{"name": "out", "type": "stdout"}]
    done = poll.run("outlet", "test", "out")
    assert done.code == 0 and one_line(done, "delivered")
    line = json.loads(done.out)
    assert line["id"].startswith("test-")
    assert (line["server"], line["queue"]) == ("haplo-poll", "test")
    check_marked(line["message"])


# A name server that does not answer is not waited for.
def test_a_name_that_is_not_found_in_time(sim, poll_of):
    poll = poll_of(sim)
    poll.environment = preloaded(poll.environment, HANGING_NAMES)
    poll.config["outlets"] = [{
        "name": "out", "type": "webhook", "connect_timeout": "200ms",
        "url": "https://server.example.ac.uk/hook"}]
    done = poll.run("outlet", "test", "out")
    assert done.code == 1
    assert "resolve server.example.ac.uk: no address within 200 ms" in done.err
    assert "not waiting for the name server" in done.err


# The same when the process that forwards ends.
def test_a_process_whose_outlet_looks_up_a_name_ends(sim, poll_of):
    poll = poll_of(sim)
    poll.environment = preloaded(poll.environment, HANGING_NAMES)
    poll.config["outlets"] = [{
        "name": "out", "type": "webhook", "connect_timeout": "200ms",
        "url": "https://server.example.ac.uk/hook"}]
    poll.config["defaults"]["interval"] = "20ms"
    run = poll.start()
    run.wait_for_line("outlet out: app1/q1: ", "resolve server.example.ac.uk")
    assert run.stop() == 0
    assert run.lines("not waiting for the name server")


@pytest.mark.parametrize("words", [["test"], ["test", "nobody"],
                                   ["test", "out", "app1/q1"]])
def test_what_is_no_outlet(sim, poll_of, words):
    poll = poll_of(sim)
    poll.config["outlets"] = [{"name": "out", "type": "stdout"}]
    assert poll.run("outlet", *words).code == 2
