"""Reloads with inboxes in PostgreSQL: queues move from a file to a database, on
to another schema, and back, and take along what the server will send again."""
import collections
import signal

from reloading import quick, reload, repeats, started
from sim import Sim, wait_for


def stored(poll, postgres, schemas):
    found = poll.inbox(poll.folder / "inbox.db")
    for schema in schemas:
        found += collections.Counter(
            (server, queue, body.decode())
            for server, queue, body in postgres.stored(schema))
    return found


def made(sim):
    return collections.Counter(
        (*name, message["bytes"])
        for name, messages in sim.all_messages(exact=True).items()
        for message in messages)


def schemas_of(poll, postgres, *names):
    """Inboxes in these schemas; and back to the file that it had."""
    for name in names:
        postgres.prepare(poll, name=name, schema=name)
    poll.config["inboxes"] = [
        {"name": "inbox", "type": "sqlite", "path": "inbox.db"},
        *(postgres.inbox(name, schema=name) for name in names)]
    poll.config["defaults"]["inbox"] = "inbox"


def requests(sim):
    return sim.queue_stats("app1", "q1")["requests"]


# A site outgrows its file. The marks of the first batches fail, so that each
# move must take along which messages are stored.
def test_a_queue_moves_to_postgres_and_back(postgres, poll_of):
    with Sim("--apps=1", "--queues=2", "--messages=20") as sim:
        poll = quick(poll_of(sim))
        poll.config["drain_timeout"] = "200ms"
        schemas_of(poll, postgres, "first", "second")
        sim.script("fault queue=q1 on=mark do=stall done=no times=0")
        run = started(poll)
        seen = 0
        for name in ("first", "second", "inbox"):
            wait_for(lambda: requests(sim) >= seen + 2)  # fetched, marking
            seen = requests(sim)
            poll.queue("app1", "q1")["inbox"] = name
            assert "changed: queue app1/q1: inbox" in reload(poll)
            run.wait_for_line("app1/q1: its state has moved from inbox",
                              f"to {name}")
        wait_for(lambda: requests(sim) >= seen + 2)
        sim.script("clear faults")
        poll.queue("app1", "q1")["interval"] = "60ms"
        reload(poll)
        wait_for(lambda: sim.unread() == 0)
        assert repeats(poll) >= 3 * 16
        assert run.stop() == 0
        assert stored(poll, postgres, ["first", "second"]) == made(sim)


# Its server has moved: whoever corrects the connection string must not have to
# restart, and what was fetched meanwhile is stored once.
def test_the_connection_string_is_corrected(postgres, poll_of):
    with Sim("--apps=1", "--queues=3", "--messages=40") as sim:
        poll = quick(poll_of(sim))
        postgres.prepare(poll)
        poll.config["drain_timeout"] = "500ms"
        sim.script("fault on=mark do=reset done=no probability=0.3 times=5")
        run = started(poll)
        wait_for(lambda: len(postgres.stored()) >= 16)
        good = poll.config["inboxes"][0]["conninfo"]
        poll.config["inboxes"][0]["conninfo"] = good.replace(
            "host='127.0.0.1'", "host='127.0.0.2'")
        poll.write()
        run.signal(signal.SIGHUP)
        run.wait_for_line("reloaded: generation 2,")
        run.wait_for_line("inbox inbox:")
        poll.config["inboxes"][0]["conninfo"] = good
        assert "changed: inbox inbox: conninfo" in reload(poll)
        wait_for(lambda: sim.unread() == 0)
        assert run.stop() == 0
        postgres.check_all_stored(sim)
