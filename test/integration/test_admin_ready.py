"""What makes /readyz fail, and what does not: docs/api.md has the table."""
import json
import sqlite3

import pytest

from admin_client import admin_of
from receiver import Receiver
from sim import WAIT_S_MAX, Sim, wait_for

SIZES = "--apps=1", "--queues=2", "--messages=20"


def checks_of(admin):
    """The checks that fail."""
    reply = admin.ask("GET", "/readyz")
    body = json.loads(reply.body)
    failed = {(check["check"], check["name"]): check["cause"]
              for check in body["checks"] if not check["ok"]}
    assert (reply.status == 200) == body["ready"] == (not failed)
    return failed


def test_it_is_ready_while_everything_works(poll_of):
    with Sim(*SIZES) as sim:
        poll = poll_of(sim)
        poll.config["defaults"]["interval"] = "50ms"
        poll.config["outlets"] = [
            {"name": "copy", "type": "files", "path": "copy"}]
        poll.start().wait_for_line("polling;")
        admin = admin_of(poll)
        wait_for(lambda: sim.unread() == 0)
        assert checks_of(admin) == {}
        status = admin.get("/api/v1/status")
        assert status["ready"] and len(status["configuration"]["digest"]) == 64


def test_one_queue_that_fails_needs_a_person_and_no_restart(poll_of):
    with Sim(*SIZES) as sim:
        poll = poll_of(sim)
        poll.config["defaults"]["interval"] = "50ms"
        sim.script("fault app=app1 queue=q1 on=fetch do=status code=500 "
                   "times=0")
        poll.start().wait_for_line("polling;")
        admin = admin_of(poll)
        wait_for(lambda: admin.get("/api/v1/status")["queues"]["failing"] == 1)
        assert checks_of(admin) == {}
        admin.post("/api/v1/queues/app1/q2/pause")
        assert checks_of(admin) == {}


def test_no_queue_works(poll_of):
    with Sim(*SIZES) as sim:
        poll = poll_of(sim)
        poll.config["defaults"]["interval"] = "50ms"
        sim.script("fault app=app1 on=fetch do=status code=500 times=0")
        poll.start().wait_for_line("polling;")
        admin = admin_of(poll)
        wait_for(lambda: ("polling", None) in checks_of(admin))
        sim.script("clear faults")
        wait_for(lambda: checks_of(admin) == {})


@pytest.mark.parametrize("outlet", [
    {"type": "webhook", "url": "http://127.0.0.1:9/"},
    {"type": "exec", "command": ["/nonexistent/program"]},
])
def test_an_outlet_whose_destination_is_broken(poll_of, outlet):
    """Unreachable, or misconfigured."""
    with Sim(*SIZES) as sim:
        poll = poll_of(sim)
        poll.config["defaults"]["interval"] = "50ms"
        poll.config["outlets"] = [{
            "name": "out", "backoff": "10ms", "backoff_max": "20ms", **outlet}]
        poll.start().wait_for_line("polling;")
        admin = admin_of(poll)
        failed = wait_for(lambda: checks_of(admin))
        assert list(failed) == [("outlet", "out")] and failed["outlet", "out"]


def test_an_outlet_that_is_refused(poll_of):
    """401: the destination is misconfigured, until somebody corrects it."""
    with Sim(*SIZES) as sim, Receiver() as receiver:
        receiver.answer = lambda request: 401
        poll = poll_of(sim)
        poll.config["defaults"]["interval"] = "50ms"
        poll.config["outlets"] = [receiver.outlet(
            name="out", backoff="10ms", backoff_max="20ms")]
        poll.start().wait_for_line("polling;")
        admin = admin_of(poll)
        failed = wait_for(lambda: checks_of(admin))
        assert "401" in failed["outlet", "out"]
        receiver.answer = lambda request: 200
        wait_for(lambda: checks_of(admin) == {})


def test_a_message_that_is_refused_blocks_its_queue_alone(picky_of):
    with Sim("--apps=1", "--queues=2") as sim:
        picky = picky_of(sim)
        picky.poll.start().wait_for_line("polling;")
        picky.poison()
        admin = admin_of(picky.poll)
        outlet = wait_for(lambda: [
            outlet for outlet in admin.get("/api/v1/outlets")["outlets"]
            if outlet["blocked_lanes"] == 1])[0]
        assert outlet["health"] == "blocked"
        lane = admin.get("/api/v1/outlets/out")["lanes"][0]
        assert lane["queue"] == "q1" and lane["state"] == "blocked"
        assert checks_of(admin) == {}
        admin.post("/api/v1/outlets/out/lanes/app1/q1/skip")
        wait_for(lambda: admin.get("/api/v1/outlets/out")["outlet"]["health"]
                 == "ok")
        assert admin.ask(
            "POST", "/api/v1/outlets/out/lanes/app1/q1/skip").status == 409
        assert admin.ask(
            "POST", "/api/v1/outlets/out/lanes/app1/q1/eat").status == 404


def test_an_inbox_that_cannot_store(poll_of):
    """Another program holds its write lock."""
    with Sim(*SIZES) as sim:
        poll = poll_of(sim)
        poll.config["defaults"]["interval"] = "50ms"
        running = poll.start()
        running.wait_for_line("polling;")
        admin = admin_of(poll)
        wait_for(lambda: sim.unread() == 0)
        lock = sqlite3.connect(poll.inbox_path, isolation_level=None,
                               timeout=WAIT_S_MAX)
        lock.execute("BEGIN IMMEDIATE")
        sim.script("message app1 q1 count=3")
        wait_for(lambda: ("inbox", "inbox") in checks_of(admin))
        lock.execute("ROLLBACK")
        lock.close()
        wait_for(lambda: checks_of(admin) == {})
