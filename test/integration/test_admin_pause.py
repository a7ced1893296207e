"""Operators pause queues, resume them and have them polled at once."""
import json
import stat

import pytest

from admin_client import admin_of
from sim import Sim, wait_for

SIZES = "--apps=1", "--queues=2", "--messages=20"
Q1 = "/api/v1/queues/app1/q1"


def slow(poll):
    """Nothing is polled unless somebody asks for it."""
    poll.config["defaults"]["interval"] = "1h"
    return poll


def test_a_pause_holds_across_restarts_until_it_is_ended(poll_of):
    """Somebody paused it for a reason, which a restart does not remove."""
    with Sim(*SIZES) as sim:
        poll = poll_of(sim)
        poll.config["defaults"]["interval"] = "50ms"
        poll.config["log_format"] = "json"
        running = poll.start()
        running.wait_for_line("polling;")
        admin = admin_of(poll)
        queue = admin.post(Q1 + "/pause", {"reason": "maintenance \"42\"",
                                           "by": "ann"})
        line, = running.wait_for_line("paused by ann")
        assert json.loads(line)["event"] == "paused"
        assert json.loads(line)["queue"] == "q1"
        assert queue["pause"]["by"] == "ann"
        assert queue["pause"]["reason"] == 'maintenance "42"'
        wait_for(lambda: admin.get(Q1)["queue"]["state"] == "PAUSED")
        wait_for(lambda: sim.unread("app1", "q2") == 0)
        path = poll.folder / "state" / "pauses"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        sim.script("message app1 q1 count=5")
        assert running.stop() == 0
        poll.start().wait_for_line("polling;")
        admin = admin_of(poll)
        story = admin.get(Q1)
        assert story["queue"]["state"] == "PAUSED"
        assert story["queue"]["health"] == "paused"
        assert story["queue"]["cause"] == 'paused by ann: maintenance "42"'
        assert story["queue"]["pause"] == queue["pause"]
        assert admin.get("/api/v1/status")["queues"]["paused"] == 1
        unread = sim.unread("app1", "q1")
        assert unread >= 5
        assert admin.post(Q1 + "/resume")["pause"] is None
        wait_for(lambda: sim.unread("app1", "q1") == 0)


def test_poll_now_polls_a_queue_that_waits(poll_of):
    with Sim(*SIZES) as sim:
        poll = slow(poll_of(sim))
        poll.start().wait_for_line("polling;")
        admin = admin_of(poll)
        admin.post(Q1 + "/poll-now")
        wait_for(lambda: sim.unread("app1", "q1") == 0)
        assert sim.unread("app1", "q2") == 20


def test_a_queue_that_is_held_cannot_be_polled(poll_of):
    with Sim(*SIZES) as sim:
        poll = slow(poll_of(sim))
        poll.write()
        (sim.dir / "keys" / "app1-q1").unlink()
        poll.start().wait_for_line("polling;")
        error = admin_of(poll).post(Q1 + "/poll-now", status=409)["error"]
        assert error["code"] == "conflict" and "held" in error["message"]


@pytest.mark.parametrize("body", [
    "{", "[]", '{"reason":1}', '{"why":"x"}', '{"reason":"x"} x',
    '{"reason":"%s"}' % ("x" * 300), '{"reason":"\\ud800"}',
    '{"reason":"a\\u0000b"}', '"x"',
])
def test_a_body_that_is_not_understood_pauses_nothing(poll_of, body):
    with Sim(*SIZES) as sim:
        poll = slow(poll_of(sim))
        poll.start().wait_for_line("polling;")
        admin = admin_of(poll)
        admin.post(Q1 + "/pause", body, status=400)
        assert admin.get(Q1)["queue"]["pause"] is None


def test_once_keeps_no_pauses(poll_of):
    """It would never end."""
    with Sim(*SIZES) as sim:
        poll = poll_of(sim)
        running = poll.start()
        running.wait_for_line("polling;")
        admin = admin_of(poll)
        admin.post(Q1 + "/pause")
        running.stop()
        assert poll.once().code == 0
        assert sim.unread() == 0


def test_a_damaged_file_of_pauses_stops_nothing(poll_of):
    with Sim(*SIZES) as sim:
        poll = slow(poll_of(sim))
        (poll.folder / "state").mkdir(mode=0o700)
        (poll.folder / "state" / "pauses").write_text(
            "haplo-poll pauses 1\n17\tapp1/q1\tann\t\nnonsense\n")
        running = poll.start()
        running.wait_for_line("pauses is damaged")
        running.wait_for_line("polling;")
        assert admin_of(poll).get(Q1)["queue"]["pause"]["by"] == "ann"
