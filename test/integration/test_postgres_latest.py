"""latest_objects in PostgreSQL: beyond the retention period, what each object
looks like now stays, and nothing else."""
from sim import Sim, wait_for
from test_postgres_retention import count, grant

KEEP = {"keep": "1s", "latest_objects": True}
VIEW = ("SELECT server, ref, record_version, md5(body) FROM"
        " haplo.latest_objects ORDER BY 1, 2")
INDEX = "SELECT count(*) FROM pg_class WHERE relname = 'stored_by_object'"


def change(ref, version):
    return {"object": {"ref": ref, "recordVersion": version}}


def add(sim, *changes, app="app1", queue="global"):
    sim.add(app, queue, [change(*one) for one in changes])


def prepare(postgres, poll, **options):
    """The inbox of the writer."""
    poll.config["defaults"]["interval"] = "20ms"
    postgres.prepare(poll)
    grant(postgres, poll, **options)


def kept(postgres):
    return postgres.sql(
        "SELECT server, queue, object_ref, record_version FROM haplo.messages"
        " ORDER BY 1, 2, 3, arrival")


# An inbox can then say what each object looks like now, and yet not grow with
# each change.
def test_the_newest_message_of_each_object_stays(postgres, poll_of):
    with Sim("--apps=2", "--queues=1", "queue app1 global",
             "queue app2 global") as sim:
        poll = poll_of(sim)
        prepare(postgres, poll)
        long = "x" * 100000
        add(sim, ("a", 1), ("b", 7), ("a", 10), ("b", 6), ("a", 9), ("c", 1))
        add(sim, ("c", 1), (long, 2), (long, 1), (long + "y", 1), ("d", "none"))
        sim.add("app1", "global", [{"no": "object"}])
        add(sim, ("a", 1), ("z", 1), queue="q1")
        add(sim, ("a", 2), app="app2")
        assert poll.once().code == 0
        latest = postgres.sql(VIEW)
        grant(postgres, poll, **KEEP)
        run = poll.start()
        expected = [("app1", "global", "a", "10"), ("app1", "global", "b", "7"),
                    ("app1", "global", "c", "1"),
                    ("app1", "global", "d", "none"),
                    ("app1", "global", long, "2"),
                    ("app1", "global", long + "y", "1"),
                    ("app2", "global", "a", "2")]
        wait_for(lambda: kept(postgres) == expected)
        assert postgres.sql(VIEW) == latest
        add(sim, ("a", 11), ("c", 0))
        expected[0] = ("app1", "global", "a", "11")
        wait_for(lambda: kept(postgres) == expected)
        assert run.stop() == 0 and not run.lines("inbox inbox")


# More than a step looks at, with changes in any order; a process that dies.
def test_many_objects_stay_as_they_are(postgres, poll_of):
    with Sim("--apps=1", "--queues=0",
             "queue app1 global messages=4000 objects=700") as sim:
        poll = poll_of(sim)
        prepare(postgres, poll)
        assert poll.once().code == 0
        latest = postgres.sql(VIEW)
        assert len(latest) == 700
        grant(postgres, poll, **KEEP)
        run = poll.start()
        wait_for(lambda: count(postgres) < 3000)
        run.kill()
        run = poll.start()
        wait_for(lambda: count(postgres) == 700)
        assert run.stop() == 0
        assert postgres.sql(VIEW) == latest


# Without its index, a look at each message would be a look at all: so nothing
# is deleted until it is there. When the option is removed, so is the index.
def test_the_index_comes_and_goes_with_the_option(postgres, poll_of):
    with Sim("--apps=1", "--queues=1", "queue app1 global") as sim:
        poll = poll_of(sim)
        prepare(postgres, poll, keep="1s")
        assert postgres.value(INDEX) == "0"
        postgres.use(poll, user="haplo_writer", **KEEP)
        add(sim, ("a", 1), ("a", 2), ("b", 1))
        run = poll.start()
        run.wait_for_line("latest_objects needs an index", poll.hint("migrate"))
        sim.wait_until_read()
        assert len(run.lines("latest_objects")) == 1
        assert run.stop() == 0 and count(postgres) == 3
        grant(postgres, poll, **KEEP)
        assert postgres.value(INDEX) == "1"
        run = poll.start()
        wait_for(lambda: count(postgres) == 2)
        assert run.stop() == 0 and not run.lines("inbox inbox")
        grant(postgres, poll, keep="1s")
        assert postgres.value(INDEX) == "0"
        run = poll.start()
        wait_for(lambda: count(postgres) + count(postgres, "batches") == 0)
        assert run.stop() == 0
