"""Retention: what is old and was forwarded disappears from the inbox, and
nothing else, however often the process dies meanwhile."""
import random

import pytest

from sim import Sim, wait_for


def keeping(poll, period="1s", **options):
    """One inbox with a retention period, one outlet."""
    del poll.config["inbox"]
    poll.config["inboxes"] = [{"name": "inbox", "type": "sqlite",
                               "path": "inbox.db", "keep": period, **options}]
    poll.config["outlets"] = [{"name": "out", "type": "files", "path": "out"}]
    poll.config["defaults"]["interval"] = "20ms"
    return poll.folder / "out"


def row_count(poll):
    return poll.rows("SELECT count(*) FROM stored")[0][0]


def check_forwarded(poll, out):
    """Each message is in the files once, and none is in the inbox."""
    found = poll.lines(out)
    made = poll.sim.all_messages(exact=True)
    assert sum(found.values()) == sum(map(len, made.values()))
    assert set(found.values()) == {1}


# The whole of it: an inbox that runs for years does not grow.
def test_old_messages_go_once_they_were_forwarded(poll_of):
    with Sim("--apps=2", "--queues=2", "--messages=50") as sim:
        poll = poll_of(sim)
        out = keeping(poll)
        run = poll.start()
        sim.wait_until_read()
        wait_for(lambda: row_count(poll) == 0)
        sim.script("message app1 q1 count=7")
        wait_for(lambda: sum(poll.lines(out).values()) == 207)
        wait_for(lambda: row_count(poll) == 0)
        assert poll.rows("SELECT count(*) FROM batches") == [(0,)]
        assert run.stop() == 0
        assert not run.lines("inbox inbox")
        check_forwarded(poll, out)
        assert poll.once().code == 0  # nothing is fetched again


# An outlet that was removed may come back; until then its messages are kept,
# unless an operator decides.
def test_a_removed_outlet_holds_messages_until_it_is_forgotten(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=20") as sim:
        poll = poll_of(sim)
        out = keeping(poll)
        poll.config["outlets"].append(
            {"name": "gone", "type": "files", "path": "gone", "start": "now"})
        assert poll.once().code == 0
        refused = poll.run("outlet", "forget", "gone")
        assert refused.code == 2 and "outlet gone is in" in refused.err
        poll.config["outlets"].pop()
        run = poll.start()
        run.wait_for_line("outlet gone", "outlet forget")
        sim.script("message app1 q1 count=3")
        wait_for(lambda: sum(poll.lines(out).values()) == 23)
        wait_for(lambda: row_count(poll) == 3)
        done = poll.run("outlet", "forget", "gone")
        assert done.code == 0 and "outlet gone: forgotten" in done.err
        wait_for(lambda: row_count(poll) == 0)
        again = poll.run("outlet", "forget", "gone")
        assert again.code == 1 and "gone" in again.err
        assert run.stop() == 0
        here = poll.run("outlet", "forget", "nobody")  # without a process
        assert here.code == 1 and "nobody" in here.err


# Each process that dies leaves a step half done at most.
@pytest.mark.parametrize("seed", [1])
def test_processes_that_are_killed_while_deleting(poll_of, seed):
    dice = random.Random(seed)
    with Sim("--apps=1", "--queues=3", "--messages=400") as sim:
        poll = poll_of(sim)
        out = keeping(poll, secure_delete=True)
        arrivals = []
        for _ in range(8):
            run = poll.start()
            run.wait_for_line("polling")
            sim.script("message app1 q* count=20")
            wait_for(lambda: sum(poll.lines(out).values()) > 0)
            target = row_count(poll) * dice.random()
            wait_for(lambda: row_count(poll) <= max(target, 60))
            run.kill()
            arrivals.append(poll.rows(
                "SELECT seq FROM sqlite_sequence WHERE name = 'stored'")[0][0])
            assert poll.rows("PRAGMA integrity_check") == [("ok",)]
        run = poll.start()
        sim.wait_until_read()
        wait_for(lambda: row_count(poll) == 0)
        assert run.stop() == 0
        assert arrivals == sorted(arrivals)
        made = sum(map(len, sim.all_messages(exact=True).values()))
        found = poll.lines(out)
        assert len(found) == made  # each at least once
        assert poll.rows("SELECT count(*) FROM deferred") == [(0,)]


# A new outlet of an inbox that is years old may want only what comes.
def test_a_new_outlet_begins_where_it_is_told(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=20") as sim:
        poll = poll_of(sim)
        out = keeping(poll, "30d")
        poll.config["outlets"] = []
        assert poll.once().code == 0
        poll.config["outlets"] = [
            {"name": name, "type": "files", "path": f"out-{name}",
             "start": start}
            for name, start in [("now", "now"), ("all", "beginning"),
                                ("past", "2020-01-01"),
                                ("later", "2120-01-01T00:00:00Z")]]
        assert poll.once().code == 0
        sim.script("message app1 q1 count=3")
        assert poll.once().code == 0
        for name, count in [("now", 3), ("all", 23), ("past", 23),
                            ("later", 3)]:
            found = poll.lines(poll.folder / f"out-{name}")
            assert sum(found.values()) == count, name
        poll.config["outlets"][0]["start"] = "yesterday"
        done = poll.run("check")
        assert done.code == 2 and "write now, beginning" in done.err
        assert not out.exists()
