"""Retention in PostgreSQL: what is old and was forwarded is deleted, nothing
else; and an outlet that was removed is forgotten."""
from sim import Sim, wait_for


def keeping(postgres, poll, period="1s", user="haplo_owner"):
    postgres.prepare(poll)
    postgres.use(poll, user=user, keep=period)
    poll.config["outlets"] = [{"name": "out", "type": "files", "path": "out"}]
    poll.config["defaults"]["interval"] = "20ms"
    return poll.folder / "out"


def count(postgres, table="stored"):
    return int(postgres.value(f"SELECT count(*) FROM haplo.{table}"))


# The whole of it, with a process that dies in between.
def test_old_messages_go_once_they_were_forwarded(postgres, poll_of):
    with Sim("--apps=2", "--queues=2", "--messages=300") as sim:
        poll = poll_of(sim)
        out = keeping(postgres, poll)
        run = poll.start()
        sim.wait_until_read()
        wait_for(lambda: count(postgres) < 1000)
        run.kill()
        run = poll.start()
        wait_for(lambda: count(postgres) == 0)
        sim.script("message app1 q1 count=7")
        wait_for(lambda: len(poll.lines(out)) == 1207)
        wait_for(lambda: count(postgres) + count(postgres, "batches") == 0)
        assert run.stop() == 0
        assert not run.lines("inbox inbox")
        assert poll.once().code == 0  # nothing is fetched again
        assert len(poll.lines(out)) == 1207


# What somebody may still need stays: an outlet that was removed, one that has
# not begun, a dead letter, a message that is not known to be marked.
def test_what_is_needed_stays(postgres, poll_of):
    with Sim("--apps=1", "--queues=2", "--messages=20") as sim:
        poll = poll_of(sim)
        out = keeping(postgres, poll, "30d")
        assert poll.once().code == 0
        assert len(poll.lines(out)) == 40 and count(postgres) == 40
        postgres.sql(
            "INSERT INTO haplo.outlets (name) VALUES ('gone')",
            "INSERT INTO haplo.positions SELECT o.id, q.id, 1000000 FROM"
            " haplo.outlets AS o, haplo.queues AS q WHERE o.name = 'gone'"
            " AND q.queue = 'q1'",
            "INSERT INTO haplo.dead_letters SELECT o.id, s.arrival, s.queue,"
            " 'no', 1, 0 FROM haplo.outlets AS o, (SELECT min(arrival) AS"
            " arrival, queue FROM haplo.stored GROUP BY queue) AS s"
            " WHERE o.name = 'out'")
        postgres.use(poll, keep="1s")
        run = poll.start()
        run.wait_for_line("outlet gone", "outlet forget")
        wait_for(lambda: count(postgres) == 21)  # q2, a dead letter of q1
        done = poll.run("outlet", "forget", "gone", write=False)
        assert done.code == 0 and "outlet gone: forgotten" in done.err
        wait_for(lambda: count(postgres) == 2)
        assert count(postgres, "batches") == 2
        again = poll.run("outlet", "forget", "gone", write=False)
        assert again.code == 1 and "gone" in again.err
        assert run.stop() == 0


# Each of several hosts may look for old messages: none waits for another, and
# none fails because of it.
def test_several_processes_may_delete(postgres, poll_of):
    with Sim("--apps=1", "--queues=4", "--messages=500") as sim:
        poll = poll_of(sim)
        keeping(postgres, poll, "30d")
        assert poll.once().code == 0
        polls = [poll, poll_of(sim), poll_of(sim)]
        runs = []
        for each in polls:
            each.config["defaults"]["interval"] = "20ms"
            postgres.use(each, user="haplo_owner", keep="1s")
            runs.append(each.start())
        wait_for(lambda: count(postgres) + count(postgres, "batches") == 0)
        for run in runs:
            run.stop()  # the others' batches may have got in its way
            assert not run.lines("delete old messages")


def grant(postgres, poll, **options):
    """Lets the writer do what these options of the inbox need."""
    postgres.use(poll, **options)
    done = poll.run("migrate", "--writer", "haplo_writer")
    assert done.code == 0
    postgres.use(poll, user="haplo_writer", **options)
    return done


# The role of the ordinary grants may not delete; this must not go unnoticed,
# and harm nothing else.
def test_a_role_that_may_delete_only_with_keep(postgres, poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=20") as sim:
        poll = poll_of(sim)
        keeping(postgres, poll)
        assert "may delete" not in grant(postgres, poll).out
        postgres.use(poll, user="haplo_writer", keep="1s")
        run = poll.start()
        run.wait_for_line("delete old messages", "permission denied",
                          poll.hint("migrate --writer"))
        sim.wait_until_read()
        wait_for(lambda: len(poll.lines(poll.folder / "out")) == 20)
        assert len(run.lines("delete old messages")) == 1
        assert count(postgres) == 20
        assert run.stop() == 0
        done = grant(postgres, poll, keep="1s")
        assert "writer: haplo_writer, which may delete messages" in done.out
        run = poll.start()
        wait_for(lambda: count(postgres) + count(postgres, "batches") == 0)
        assert run.stop() == 0
