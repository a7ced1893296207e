"""pause, resume and poll-now: what an operator does to queues of a running
process."""
import json

import pytest

from needs import become_a_stranger
from sim import Sim, wait_for


def states(poll):
    """As the API has them."""
    done = poll.run("status", "--json", "--all", write=False)
    return {queue["name"]: queue for queue in json.loads(done.out)["queues"]}


def started(poll):
    poll.config["defaults"]["interval"] = "1d"
    run = poll.start()
    run.wait_for_line("polling;")
    return run


# For a maintenance of the server, which outlasts that of this machine.
def test_a_pause_survives_a_restart(poll_of):
    with Sim("--apps=1", "--queues=2", "--messages=5") as sim:
        poll = poll_of(sim)
        run = started(poll)
        poll.run("poll-now", "app1", write=False)
        sim.wait_until_read()
        wait_for(lambda: states(poll)["app1/q1"]["state"] == "IDLE")
        done = poll.run("pause", "app1/q1", "--reason=ticket 7", write=False)
        assert (done.code, done.err) == (0, "")
        assert done.out == \
            "app1/q1: PAUSED; next: nothing until it is resumed\n"
        assert run.stop() == 0
        sim.script("message app1 q* count=5")
        run = started(poll)
        run.wait_for_line("polling;")
        poll.run("poll-now", "app1/q2", write=False)
        queue = states(poll)["app1/q1"]
        assert queue["health"] == "paused"
        assert queue["pause"]["reason"] == "ticket 7" and queue["pause"]["by"]
        assert sim.unread("app1", "q1") == 5
        assert poll.run("resume", "app1/q1", write=False).code == 0
        sim.wait_until_read()
        assert states(poll)["app1/q1"]["pause"] is None
        assert run.stop() == 0


# Not in a day, when it would be due.
def test_poll_now(poll_of):
    with Sim("--apps=2", "--queues=2") as sim:
        poll = poll_of(sim)
        run = started(poll)
        sim.script("message app* q* count=3")
        done = poll.run("poll-now", "app1", "app2/q?", write=False)
        assert done.code == 0
        assert [line.split(":")[0] for line in done.out.splitlines()] == [
            "app1/q1", "app1/q2", "app2/q1", "app2/q2"]
        sim.wait_until_read()
        assert run.stop() == 0


@pytest.mark.parametrize("words, told", [
    (["app1/q1", "app1/q9"], "there is no queue app1/q9"),
    (["app1/q1", "app9"], "app9 is no server"),
    (["app1/q1", "app9/*"], "app9/* matches no queue"),
])
def test_a_mistake_in_one_name_changes_nothing(poll_of, words, told):
    with Sim("--apps=1", "--queues=2") as sim:
        poll = poll_of(sim)
        run = started(poll)
        done = poll.run("pause", *words, write=False)
        assert (done.code, done.out) == (2, "") and told in done.err
        assert states(poll)["app1/q1"]["pause"] is None
        assert run.stop() == 0


@pytest.mark.parametrize("command", ["pause", "resume", "poll-now"])
def test_without_a_running_process(poll_of, command):
    with Sim("--apps=1", "--queues=1") as sim:
        done = poll_of(sim).run(command, "app1/q1")
        assert (done.code, done.out) == (4, "")
        assert "no process uses state_dir" in done.err


# Without sudo, they must not say that nothing runs, and that it be started.
@pytest.mark.needs("stranger")
@pytest.mark.parametrize("words", [
    ["pause", "app1/q1"], ["status"], ["explain", "app1/q1"], ["reload"],
    ["outlet", "retry", "out", "app1/q1"]], ids=" ".join)
def test_as_another_user(poll_of, words):
    with Sim("--apps=1", "--queues=1") as sim:
        poll = poll_of(sim)
        poll.config["outlets"] = [
            {"name": "out", "type": "files", "path": "out"}]
        run = started(poll)
        poll.folder.chmod(0o755)
        done = poll.run(*words, write=False, preexec_fn=become_a_stranger)
        assert (done.code, done.out) == (1, "")
        assert "admin.sock cannot be opened: permission denied" in done.err
        assert run.stop() == 0
