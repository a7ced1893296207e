"""Dead letters and replays of outlets that read from PostgreSQL."""
import hashlib

from sim import Sim, wait_for


def forwarded(postgres, count):
    """Waits until the outlet's positions have passed so many messages."""
    wait_for(lambda: postgres.value(
        "SELECT count(*) FROM haplo.stored AS s JOIN haplo.positions AS p"
        " ON p.queue = s.queue AND p.position >= s.arrival") == str(count),
             "positions")


# What was forwarded is sent again, and nothing else; a range by time.
def test_a_replay_sends_what_was_forwarded_again(postgres, picky_of):
    with Sim("--apps=1", "--queues=3", "--messages=20") as sim:
        picky = picky_of(sim)
        postgres.prepare(picky.poll)
        run = picky.poll.start()
        sim.wait_until_read()
        picky.wait_for_count(60)
        forwarded(postgres, 60)
        middle = postgres.value("SELECT max(fetched_at) + 1 FROM haplo.batches")
        sim.script("message app1 q* count=5")
        sim.wait_until_read()
        picky.wait_for_count(75)
        forwarded(postgres, 75)
        at = postgres.value(
            f"SELECT to_char(to_timestamp({middle} / 1000.0) AT TIME ZONE"
            " 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')")
        words = ["--outlet=out", f"--since={at}"]
        done = picky.replay(*words, "--dry-run")
        assert done.code == 0 and "to be sent again: 15" in done.err
        assert picky.replay(*words).code == 0
        picky.wait_for_replay(1, "done")
        new = sorted(picky.live()[60:])
        assert sorted(picky.replayed(1)) == new
        assert picky.replay("--outlet=out", "--since=1h",
                            "--queue=app1/q2").code == 0
        row = picky.wait_for_replay(2, "done")
        assert (row["delivered"], row["refused"]) == (25, 0)
        assert run.stop() == 0


# It goes on where it was, and an operator can stop it.
def test_a_replay_is_killed_and_stopped(postgres, picky_of):
    with Sim("--apps=1", "--queues=2", "--messages=60", "--limit=1") as sim:
        picky = picky_of(sim)
        postgres.prepare(picky.poll)
        run = picky.poll.start()
        sim.wait_until_read()
        picky.wait_for_count(120)
        forwarded(postgres, 120)
        picky.tell("slow")
        assert picky.replay("--outlet=out", "--since=1h").code == 0
        wait_for(lambda: picky.replay_list()[0]["cursor"] > 0, "progress")
        run.kill()
        picky.untell("slow")
        run = picky.poll.start()
        picky.wait_for_replay(1, "done")
        assert set(picky.replayed(1)) == set(picky.live())
        picky.tell("slow")
        assert picky.replay("--outlet=out", "--since=1h").code == 0
        wait_for(lambda: picky.replayed(2), "the replay")
        picky.tell("held")
        done = picky.replay("stop", "2")
        assert done.code == 0 and "replay 2 is stopped" in done.err
        assert "stopped already" in picky.replay("stop", "2").err
        assert "no replay 9" in picky.replay("stop", "9").err
        run.wait_for_line("replay 2 is stopped")
        assert len(picky.replayed(2)) < 120
        picky.untell("held")
        assert run.stop() == 0


# The life of a dead letter: listed, shown, refused again, delivered, forgotten.
def test_dead_letters(postgres, picky_of):
    with Sim("--apps=1", "--queues=1") as sim:
        picky = picky_of(sim, on_refused="dead_letter")
        postgres.prepare(picky.poll)
        run = picky.poll.start()
        sim.script("message app1 q1 count=5")
        for count in (5, 10):
            sim.wait_until_read()
            picky.wait_for_count(count)
            picky.poison(times=2, then=5)
        wait_for(lambda: len(picky.letter_list()) == 4, "dead letters")
        first, *_ = picky.letter_list("--queue=app1/*", "--since=1h")
        assert first["reason"] == "it is poison" and first["attempts"] == 1
        shown = picky.letters("show", first["arrival"]).out
        body = shown.partition("\n\n")[2].encode()
        assert hashlib.md5(body).hexdigest() == postgres.value(
            "SELECT md5(body) FROM haplo.stored"
            f" WHERE arrival = {first['arrival']}")
        assert picky.letters("replay", "--outlet=out").code == 0
        row = picky.wait_for_replay(1, "done")
        assert (row["delivered"], row["refused"]) == (0, 4)
        assert [row["attempts"] for row in picky.letter_list()] == [2] * 4
        picky.tell("cured")
        assert picky.letters("replay", "--outlet=out",
                             first["arrival"]).code == 0
        picky.wait_for_replay(2, "done")
        assert picky.replayed(2) == [first["arrival"]]
        assert len(picky.letter_list()) == 3
        assert run.stop() == 0
        done = picky.letters("purge", "--outlet=out", "--until=2038-01-01")
        assert done.code == 0 and "removed: 3" in done.err
        assert picky.letter_list() == []
