"""Fetching stops before the disk of an inbox is full, so that everything else
has room; the outlets go on, other inboxes do not notice."""
import json

import pytest

from poll import two_inboxes
from sim import Sim, wait_for

STOPS = "no more messages are fetched"
GOES_ON = "messages are fetched again"
OTHERS = {("app1", "q2"), ("app2", "q1"), ("app2", "q2")}


def sim_of_four():
    return Sim("--apps=2", "--queues=2", "--messages=10", "--size=2k")


def limited(poll, disk, limit="2M"):
    """The inbox of app1/q1 is on this disk, of which `limit` stays free."""
    files = two_inboxes(poll, str(disk.folder / "inbox.db"))
    for inbox in poll.config["inboxes"]:
        if inbox["path"] == str(disk.folder / "inbox.db"):
            inbox["free_space_min"] = limit
    poll.config["defaults"]["interval"] = "20ms"
    return files


def fill_up_to(disk, free_kb):
    """Another program writes until only this is free."""
    with open(disk.folder / "other", "wb") as file:
        while disk.free_kb() > free_kb:
            file.write(bytes(16384))
            file.flush()


# A full disk stops everything; one with a reserve only stops new messages.
@pytest.mark.needs("mount")
def test_fetching_stops_while_there_is_still_room(poll_of, disk_of):
    with sim_of_four() as sim:
        disk = disk_of(size="40m")
        poll = poll_of(sim)
        files = limited(poll, disk)
        run = poll.start()
        sim.wait_until_read()
        fill_up_to(disk, 1500)
        sim.script("message app1 q1 count=3")  # its group notices
        run.wait_for_line(STOPS, "free_space_min", str(disk.folder))
        fetches = sim.queue_stats("app1", "q1")["fetches"]
        sim.script(*[f"message {app} {queue} count=5" for app, queue
                     in {*OTHERS, ("app1", "q1")}])
        wait_for(lambda: all(sim.unread(*queue) == 0 for queue in OTHERS))
        assert sim.queue_stats("app1", "q1")["fetches"] <= fetches + 1
        assert sim.unread("app1", "q1") >= 5
        assert not run.lines("the disk is full")
        assert disk.free_kb() > 1000
        (disk.folder / "other").unlink()
        run.wait_for_line(GOES_ON)
        sim.wait_until_read()
        assert len(run.lines(STOPS)) == len(run.lines(GOES_ON)) == 1
        shown = json.loads(poll.run("status", "--json", write=False).out)
        assert [inbox["cause"] for inbox in shown["inboxes"]] == [None, None]
        assert run.stop() == 0
        poll.check_nothing_lost(*files, stored=sim.all_messages())


# From the start nothing is fetched; `once` says why and does not wait.
@pytest.mark.needs("mount")
def test_no_room_at_the_start(poll_of, disk_of):
    with sim_of_four() as sim:
        disk = disk_of(size="40m")
        poll = poll_of(sim)
        files = limited(poll, disk)
        fill_up_to(disk, 1500)
        run = poll.start()
        run.wait_for_line(STOPS)
        wait_for(lambda: all(sim.unread(*queue) == 0 for queue in OTHERS))
        assert sim.queue_stats("app1", "q1")["fetches"] == 0
        assert run.stop() == 0
        done = poll.once()
        assert done.code == 1
        assert "free_space_min" in done.err and "app1/q1" in done.err
        assert sim.unread("app1", "q1") == 10
        (disk.folder / "other").unlink()
        assert poll.once().code == 0
        poll.check_nothing_lost(*files, stored=sim.all_messages())


# What was fetched before has its way out: it may be what makes room.
@pytest.mark.needs("mount")
def test_outlets_go_on_while_fetching_waits(poll_of, disk_of):
    with Sim("--apps=1", "--queues=1", "--messages=10", "--size=2k") as sim:
        disk = disk_of(size="40m")
        poll = poll_of(sim)
        del poll.config["inbox"]
        poll.config["inboxes"] = [{"name": "small", "type": "sqlite",
                                   "path": str(disk.folder / "inbox.db"),
                                   "free_space_min": "2M"}]
        assert poll.once().code == 0
        out = poll.folder / "out"
        poll.config["outlets"] = [{"name": "out", "type": "files",
                                   "path": str(out)}]
        fill_up_to(disk, 1500)
        run = poll.start()
        run.wait_for_line(STOPS)
        wait_for(lambda: poll.rows("SELECT cursor FROM outlets",
                                   disk.folder / "inbox.db") == [(10,)])
        assert sum(1 for path in out.rglob("*") if path.is_file()) >= 1
        assert run.stop() == 0
