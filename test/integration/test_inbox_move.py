"""`inbox move`: from an SQLite inbox to one in PostgreSQL, with everything that
is in it, and on from there: nothing is lost, stored or forwarded twice."""
import collections
import json
import os
import random
import shutil

import pytest

from moved_inbox import Move
from picky import PICKY
from sim import Sim, wait_for

STEP = int(os.environ.get("HAPLO_CRASH_STEP", "17"))  # 1: each request
POISON = '{"id":1000,"x":"poison"}'


class Outlet:
    """Of the type in picky.py. A Poll may have several."""

    def __init__(self, poll, name, **options):
        self.path = poll.folder / f"{name}.delivered"
        poll.config.setdefault("outlets", []).append(
            {"name": name, "type": "picky", "path": self.path.name,
             "backoff": "10ms", "backoff_max": "20ms", **options})

    def tell(self, word):
        self.path.with_name(f"{self.path.name}.{word}").touch()

    def untell(self, word):
        self.path.with_name(f"{self.path.name}.{word}").unlink()

    def arrivals(self):
        """How often each message was delivered, replays apart."""
        if not self.path.exists():
            return collections.Counter()
        lines = [line.split() for line in self.path.read_text().splitlines()]
        return collections.Counter(
            int(line[1]) for line in lines if "replay" not in line)

    def replay_count(self):
        return self.path.read_text().count(" replay ")


class Scene:
    """One host with SQLite, three outlets that have got differently far, and
    batches that are stored and not marked. It died when all that outlets had
    got was saved."""

    def __init__(self, sim, poll):
        self.sim = sim
        self.poll = poll
        poll.program = PICKY
        poll.config["defaults"]["interval"] = "20ms"
        self.blocked = Outlet(poll, "blocked")
        self.burying = Outlet(poll, "burying", on_refused="dead_letter")
        self.behind = Outlet(poll, "behind")
        self.behind.tell("cured")
        self.outlets = [self.blocked, self.burying, self.behind]
        run = poll.start()
        self.fill()
        self.hold_up()
        self.replay()
        self.lose_marks()
        self.kill(run)

    def stored(self):
        return self.poll.inbox_count()

    def wait_for_count(self, outlet, count):
        wait_for(lambda: len(outlet.arrivals()) >= count, f"{count} messages")

    def fill(self):
        self.sim.wait_until_read()
        self.wait_for_saved("behind", "blocked", "burying")

    def hold_up(self):
        """A message that is refused, 20 behind it, and 20 of another queue."""
        self.behind.tell("held")
        self.sim.script(f"message app1 q1 data={POISON}",
                        "message app1 q1 count=20", "message app2 q1 count=20")
        self.sim.wait_until_read()
        self.wait_for_count(self.blocked, self.stored() - 21)
        self.wait_for_count(self.burying, self.stored() - 1)
        wait_for(lambda: self.count("deferred", "blocked") == 21 and
                 self.count("dead_letters", "burying") == 1, "what is stored")

    def count(self, table, outlet):
        return self.poll.rows(
            f"SELECT count(*) FROM {table} AS t JOIN outlets AS o"
            f" ON o.id = t.outlet WHERE o.name = '{outlet}'")[0][0]

    def replay(self):
        """One is done. Another one has not begun: its outlet is held."""
        self.start_replay("burying")
        wait_for(lambda: self.poll.rows("SELECT state FROM replays") == [(1,)],
                 "the end of the replay")
        self.start_replay("behind")

    def start_replay(self, outlet):
        done = self.poll.run("replay", "--outlet", outlet, "--since",
                             "2020-01-01", "--queue", "app2/q2", write=False)
        assert done.code == 0, done.err

    def lose_marks(self):
        """Of app1/q2, the server has done the mark; of app2/q2, it has not."""
        before = self.stored()
        self.sim.script(
            "fault app=app1 queue=q2 on=mark times=0 do=reset done=yes",
            "fault app=app2 queue=q2 on=mark times=0 do=reset done=no",
            "message app1 q2 count=10", "message app2 q2 count=10")
        wait_for(lambda: self.stored() == before + 20, "stored messages")

    def wait_for_saved(self, *names):
        wait_for(lambda: dict(self.poll.rows(
            "SELECT name, cursor = (SELECT max(arrival) FROM stored)"
            " FROM outlets")).items() >= {
                (name, 1) for name in names},
                 f"the progress of {names}")

    def kill(self, run):
        self.wait_for_saved("blocked", "burying")
        run.kill()
        self.sim.script("clear faults")
        assert self.poll.rows("SELECT count(*) FROM queues"
                              " WHERE unconfirmed > 0") == [(2,)]
        assert 0 < len(self.behind.arrivals()) < self.stored()


def check_each_once(postgres, outlet, refused=0):
    """Each stored message was delivered once, whichever inbox it was in."""
    stored = {int(arrival) for (arrival,) in
              postgres.sql("SELECT arrival FROM haplo.stored")}
    arrivals = outlet.arrivals()
    assert set(arrivals.values()) == {1}
    assert set(arrivals) <= stored
    assert len(stored) - len(arrivals) == refused


# The day on which an institution changes from one host to a fleet.
def test_everything_is_moved_and_goes_on(postgres, poll_of):
    with Sim("--apps=2", "--queues=2", "--messages=40") as sim:
        poll = poll_of(sim)
        scene = Scene(sim, poll)
        move = Move(poll, postgres, jsonb=True)
        before = move.source_rows()
        done = move.run("--json")
        assert (done.code, done.err) == (0, ""), done
        counts = json.loads(done.out)
        assert counts["messages"] == len(before["stored"])
        assert counts["queues"] == 4 and counts["dead_letters"] == 1
        assert counts["outlets"] == 3 and counts["replays"] == 2
        assert move.target_rows() == before
        assert postgres.value("SELECT count(*) FROM haplo.stored WHERE"
                              " body_json IS NULL OR id IS NULL") == "0"
        move.use_target()
        scene.blocked.tell("cured")
        scene.behind.untell("held")
        run = poll.start()
        sim.script("message app* q* count=5")
        sim.wait_until_read()
        total = int(postgres.value("SELECT count(*) FROM haplo.stored"))
        scene.wait_for_count(scene.blocked, total)
        scene.wait_for_count(scene.behind, total)
        scene.wait_for_count(scene.burying, total - 1)
        wait_for(lambda: scene.behind.replay_count() == 40, "the replay")
        assert scene.burying.replay_count() == 40
        assert run.stop() == 0
        assert not run.lines("stale"), run.err
        check_each_once(postgres, scene.blocked)
        check_each_once(postgres, scene.behind)
        check_each_once(postgres, scene.burying, refused=1)
        postgres.check_all_stored(sim)


# Numbers that were used are not used again, and a queue that is new then is with
# the others of its server, whichever host has that.
def test_what_comes_later_fits_in(postgres, poll_of):
    with Sim("--apps=1", "--queues=2", "--messages=20") as sim:
        poll = poll_of(sim)
        poll.program = PICKY
        Outlet(poll, "out")
        later = poll.queue_list().pop()
        assert poll.once() == (0, "", "")
        move = Move(poll, postgres)
        assert move.run().code == 0
        move.use_target()
        poll.queue_list().append(later)
        other = Outlet(poll, "other")
        poll.config["outlets"][1]["inbox"] = "new"
        assert poll.once() == (0, "", "")
        assert len(other.arrivals()) == 40
        assert postgres.sql("SELECT count(DISTINCT id), count(DISTINCT slot),"
                            " max(last_arrival) FROM haplo.queues") == [
                                ("2", "1", "40")]


# What was moved stays where it is, for whoever still wants to read it; but a
# host that has the old configuration would deliver and mark everything again.
def test_the_old_inbox_refuses_to_be_used(postgres, poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=20") as sim:
        poll = poll_of(sim)
        assert poll.once() == (0, "", "")
        move = Move(poll, postgres)
        assert move.run().code == 0
        move.use_source()
        done = poll.once()
        assert done.code == 2
        assert "everything in it was moved to another inbox" in done.err
        assert "remove it from the configuration" in done.err
        done = poll.run("inbox", "count", "--json")
        assert json.loads(done.out)["messages"] == 20
        notes = poll.rows("SELECT state FROM queues")
        assert notes == [(b"moved to another inbox",)]


def full_inbox(sim, poll):
    """2200 messages, which take two statements; outlets, some of what they
    have refused, and what was purged."""
    poll.program = PICKY
    Outlet(poll, "out", on_refused="dead_letter")
    sim.script(f"message app1 q2 data={POISON}",
               'message app2 q1 data={"id":7,"object":{"ref":"80q22"}}',
               "message app1 q2 count=20")
    assert poll.once() == (0, "", "")
    assert poll.run("purge", "--object", "80q22").code == 0


class Copies:
    """Moves copies of an inbox, each to an empty schema."""

    def __init__(self, poll, postgres):
        self.poll = poll
        self.original = poll.inbox_path
        self.move = Move(poll, postgres)
        self.rows = self.move.source_rows()
        assert len(self.rows["purged"]) == len(self.rows["dead_letters"]) == 1

    def next(self):
        self.poll.inbox_path = self.poll.folder / "copy.db"
        for path in self.poll.folder.glob("copy.db*"):
            path.unlink()
        shutil.copy(self.original, self.poll.inbox_path)
        self.move.make_target()
        return self.move

    def check(self):
        """It is usable, and has everything once."""
        assert self.move.target_rows() == self.rows
        assert self.move.source_has_moved()
        self.move.use_target()
        assert self.poll.once() == (0, "", "")
        self.move.use_both()


# Whenever it dies, the same command ends what it has begun.
@pytest.mark.parametrize("is_late", [False, True])
def test_killed_at_any_request_it_continues(postgres, poll_of, is_late):
    with Sim("--apps=2", "--queues=2", "--messages=550") as sim:
        poll = poll_of(sim)
        full_inbox(sim, poll)
        copies = Copies(poll, postgres)
        count = copies.next().run_to(-1, is_late)
        copies.check()
        for at in range(1 + is_late, count + 1, STEP):
            move = copies.next()
            assert move.run_to(at, is_late) is None
            done = move.run()
            assert (done.code, done.err) == (0, ""), (at, done)
            copies.check()


# It gets only so far each time: the database restarts again and again.
def test_killed_again_and_again_it_ends(postgres, poll_of):
    with Sim("--apps=2", "--queues=2", "--messages=550") as sim:
        poll = poll_of(sim)
        full_inbox(sim, poll)
        copies = Copies(poll, postgres)
        chance = random.Random(1)
        move = copies.next()
        kills = 0
        while move.run_to(chance.randrange(1, 40), chance.random() < 0.5) is None:
            kills += 1
        assert kills > 0
        assert move.run().code == 0  # there is nothing left to do
        copies.check()
