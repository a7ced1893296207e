"""explain: what a person reads who was told that something does not work. For
each class of the failure policy, a real run leads to what a golden file in
test/explain has; `UPDATE=1` writes them. What differs between runs is replaced:
times, ports, folders, counts of attempts."""
import json
import pathlib
import re
import sqlite3

import pytest

from explain_scene import GOLDEN, Scene
from ports import free_port
from sim import WAIT_S_MAX, Sim, wait_for

ADVICE = ("to fix it", "then run", "held up", "look", "decide")


@pytest.fixture
def scene_of(poll_of):
    return lambda sim: Scene(sim, poll_of(sim))


# -- Queues: what the server or the network does --


FAULTS = {
    "reset": "fault do=reset at=0",
    "status-5xx": "fault do=status code=503",
    "status-429": "fault do=status code=429 retry-after=3600",
    "redirect": "fault do=redirect to=https://elsewhere.example/",
    "page": "fault do=html",
    "document": "fault do=json-truncated",
    "framing": "fault do=garbage",
    "status-418": "fault do=status code=418",
    "key-refused": "key app1 q1 status=revoked",
    "key-unauthorised": "key app1 q1 status=blocked",
    "key-not-permitted": "key app1 q1 status=unpermitted",
}


@pytest.mark.parametrize("case", FAULTS)
def test_a_server_that_fails(scene_of, case):
    with Sim("--apps=1", "--queues=1", "--messages=1") as sim:
        scene = scene_of(sim)
        sim.script(FAULTS[case])
        scene.start()
        scene.check("app1/q1", case)


OPTIONS = {
    "connect": lambda sim: {"url": f"http://localhost:{free_port()}"},
    "resolve": lambda sim: {"url": "https://no-such-name.invalid"},
    "no-such-path": lambda sim: {"url": sim.url().split("/api/")[0] + "/x"},
}


@pytest.mark.parametrize("case", OPTIONS)
def test_a_server_that_cannot_be_reached(scene_of, case):
    with Sim("--apps=1", "--queues=1", "--messages=1") as sim:
        scene = scene_of(sim)
        scene.poll.server().update(OPTIONS[case](sim))
        scene.start()
        scene.check("app1/q1", case)


def test_a_certificate_that_is_not_accepted(scene_of):
    with Sim("--apps=1", "--queues=1", "--tls=yes",
             "--certificate=expired") as sim:
        scene = scene_of(sim)
        scene.start()
        scene.check("app1/q1", "tls")


def test_a_server_that_is_too_slow(scene_of):
    with Sim("--apps=1", "--queues=1", "--messages=1") as sim:
        scene = scene_of(sim)
        sim.script("fault do=stall")
        scene.poll.server()["first_byte_timeout"] = "100ms"
        scene.start()
        scene.check("app1/q1", "timeout")


def test_a_batch_that_is_too_big(scene_of):
    with Sim("--apps=1", "--queues=1", "--messages=16", "--size=1000") as sim:
        scene = scene_of(sim)
        scene.poll.queue()["max_body"] = "4K"
        scene.start()
        scene.check("app1/q1", "too-big")


# The other queue, whose key is good, has to wait as well.
def test_a_server_that_refuses_all_logins(scene_of):
    with Sim("--apps=1", "--queues=2", "--messages=1",
             "--throttle-after=1") as sim:
        scene = scene_of(sim)
        sim.script("key app1 q1 status=revoked")
        scene.start("app1/q1")
        scene.run.wait_for_line("INVALID-API-KEY")
        scene.poll.run("poll-now", "app1/q2", write=False)
        scene.run.wait_for_line("refuses all logins")
        scene.check("app1/q2", "throttled")


# -- Queues: what happens here --


def test_an_inbox_that_cannot_store(scene_of):
    with Sim("--apps=1", "--queues=1", "--messages=1") as sim:
        scene = scene_of(sim)
        assert scene.poll.once().code == 0
        sim.script("message app1 q1 count=1")
        scene.run = scene.poll.start()
        scene.run.wait_for_line("polling;")
        other = sqlite3.connect(scene.poll.inbox_path, isolation_level=None,
                                timeout=WAIT_S_MAX)
        other.execute("BEGIN IMMEDIATE")
        scene.poll.run("-q", "poll-now", "app1", write=False)
        scene.check("app1/q1", "inbox")
        other.close()


def test_a_queue_that_is_paused(scene_of):
    with Sim("--apps=1", "--queues=1") as sim:
        scene = scene_of(sim)
        scene.start()
        wait_for(lambda: "last worked 2" in scene.explain("app1/q1"))
        scene.poll.run("pause", "app1/q1", "--reason=ticket 7", write=False)
        scene.check("app1/q1", "paused")


def test_a_queue_that_is_held(scene_of):
    with Sim("--apps=1", "--queues=2") as sim:
        scene = scene_of(sim)
        (sim.dir / "keys" / "app1-q1").write_text("")
        scene.start()
        scene.check("app1/q1", "held")


def test_a_queue_that_works(scene_of):
    with Sim("--apps=1", "--queues=1", "--messages=3") as sim:
        scene = scene_of(sim)
        scene.start()
        sim.wait_until_read()
        scene.check("app1/q1", "works")


# It works, but somebody has to act soon.
def test_a_certificate_that_expires_soon(scene_of):
    with Sim("--apps=1", "--queues=1", "--messages=3", "--tls",
             "--certificate-lifetime=5d") as sim:
        scene = scene_of(sim)
        scene.start()
        sim.wait_until_read()
        scene.check("app1/q1", "certificate-expires-but-works")


# -- Outlets --


def test_an_outlet_whose_destination_is_broken(scene_of):
    with Sim("--apps=1", "--queues=1", "--messages=3") as sim:
        scene = scene_of(sim)
        scene.poll.config["outlets"] = [{
            "name": "out", "type": "webhook", "backoff": "1h",
            "backoff_max": "1h",
            "url": f"http://127.0.0.1:{free_port()}/"}]
        scene.start()
        scene.run.wait_for_line("outlet out")
        scene.check("out", "outlet-broken")


def test_an_outlet_that_refuses_a_message(picky_of):
    with Sim("--apps=1", "--queues=1") as sim:
        picky = picky_of(sim)
        scene = Scene(sim, picky.poll)
        picky.poison()
        scene.start()
        scene.run.wait_for_line("blocked by message")
        scene.check("out", "outlet-blocked")


def test_a_command_that_cannot_be_run(scene_of):
    with Sim("--apps=1", "--queues=1", "--messages=3") as sim:
        scene = scene_of(sim)
        scene.poll.config["outlets"] = [{
            "name": "out", "type": "exec", "backoff": "1h",
            "backoff_max": "1h",
            "command": ["/bin/sh", "-c", "exit 127"]}]
        scene.start()
        scene.run.wait_for_line("outlet out")
        scene.check("out", "outlet-exec")


def test_an_outlet_that_works(scene_of):
    with Sim("--apps=1", "--queues=1", "--messages=3") as sim:
        scene = scene_of(sim)
        scene.poll.config["outlets"] = [
            {"name": "out", "type": "files", "path": "out"}]
        scene.start()
        sim.wait_until_read()
        scene.check("out", "outlet-works")


# -- The command --


# A class without advice would leave a person alone.
@pytest.mark.parametrize(
    "case", sorted(path.stem for path in GOLDEN.glob("*.txt")))
def test_each_explanation_says_what_to_do(case):
    text = (GOLDEN / f"{case}.txt").read_text()
    if case.endswith("works"):
        assert not any(word in text for word in ADVICE)
    else:
        assert "to fix it" in text and "since" in text
        assert "cause" in text or "paused by" in text or re.search(
            "is about to be removed|is not tried: too many logins", text)
        assert "then run    haplo-poll" in text or "decide" in text


def test_as_json(scene_of):
    with Sim("--apps=1", "--queues=1") as sim:
        scene = scene_of(sim)
        sim.script("key app1 q1 status=revoked")
        scene.start()
        scene.run.wait_for_line("403")
        done = scene.poll.run("explain", "app1/q1", "--json", write=False)
        document = json.loads(done.out)
        assert document["detail"]["queue"]["health"] == "refused"
        assert "API key" in document["advice"] and document["running"]


def test_without_a_running_process(scene_of):
    with Sim("--apps=1", "--queues=1", "--messages=3") as sim:
        poll = scene_of(sim).poll
        poll.config["outlets"] = [
            {"name": "out", "type": "files", "path": "out"}]
        assert poll.once() == (0, "", "")
        done = poll.run("explain", "app1/q1")
        assert done.code == 4 and done.err == ""
        text = re.sub(r"\s+", " ", done.out)
        assert "no process uses state_dir" in text
        assert "the last process ended at" in text
        assert "stored 3 messages in 1 batches, of which 0 are not" in text
        done = poll.run("explain", "out")
        assert done.code == 4 and "pending     0 messages" in done.out
        poll.queue()["interval"] = "never"
        done = poll.run("explain", "app1/q1")
        assert done.code == 4 and "it would be held" in done.out


@pytest.mark.parametrize("is_running", [True, False])
@pytest.mark.parametrize("name, told", [
    ("app1/none", "queue"), ("none", "explain takes")])
def test_what_there_is_not(scene_of, name, told, is_running):
    with Sim("--apps=1", "--queues=1") as sim:
        scene = scene_of(sim)
        scene.poll.write()
        if is_running:
            scene.start()
        done = scene.poll.run("explain", name, write=False)
        assert (done.code, done.out) == (2, "") and told in done.err
        assert name in done.err


def test_golden_files_have_no_path_of_this_machine():
    for path in GOLDEN.glob("*.txt"):
        assert str(pathlib.Path.home()) not in path.read_text()
        assert "/tmp" not in path.read_text()
