"""The PostgreSQL inbox: every message exactly once, with its exact bytes, in a
schema that only haplo-poll migrate touches."""
import json

import pytest

from hostile import KEEP, Hostile, answer
from postgres_server import wait_for
from sim import ROOT, Sim

CAPTURES = ROOT / "test" / "captures"
EMPTY = b'{"version":0,"token":"","messages":[]}'


# The guarantee of the inbox.
def test_each_message_is_stored_once(postgres, poll_of):
    with Sim("--apps=2", "--queues=5", "--messages=40", "--tls") as sim:
        poll = poll_of(sim)
        postgres.prepare(poll)
        assert poll.once() == (0, "", "")
        postgres.check_all_stored(sim)
        assert poll.once() == (0, "", "")
        postgres.check_all_stored(sim)


# Tables that appear or change by themselves need rights that the program
# should not have: it says what to do instead.
@pytest.mark.parametrize("change, words", [
    ("DROP SCHEMA haplo CASCADE", ["no schema haplo", "HINT migrate inbox`"]),
    ("UPDATE haplo.inbox SET version = 0",
     ["has version 0", "needs 1", "HINT migrate inbox`"]),
    ("UPDATE haplo.inbox SET version = 99",
     ["has version 99", "upgrade haplo-poll"]),
    ("DELETE FROM haplo.inbox", ["table inbox", "must have one row"]),
    ("ALTER SCHEMA haplo OWNER TO postgres; "
     "REVOKE ALL ON SCHEMA haplo FROM haplo_owner",
     ["haplo_owner may not use the schema haplo", "migrate --writer"]),
])
def test_a_schema_that_does_not_fit_is_explained(
        postgres, poll_of, change, words):
    with Sim("--messages=4") as sim:
        poll = poll_of(sim)
        postgres.prepare(poll)
        postgres.sql(change)
        done = poll.once()
        assert done.code == 2  # as for a file that is not an inbox
        assert len(done.err.splitlines()) == 1, done.err
        for word in ["inbox inbox: ", *words]:
            assert word.replace("HINT", poll.hint("").strip()) in done.err
        assert sim.unread() == 4


# It may be run after each upgrade of the program, whether needed or not.
def test_migrate_tells_what_it_did(postgres, poll_of):
    with Sim("--messages=4") as sim:
        poll = poll_of(sim)
        postgres.sql("DROP SCHEMA IF EXISTS haplo CASCADE")
        postgres.use(poll)
        done = poll.run("migrate")
        assert (done.code, done.err) == (0, "")
        assert "schema haplo" in done.out and "created" in done.out
        assert poll.once() == (0, "", "")
        done = poll.run("migrate", "inbox")
        assert done.code == 0 and "already" in done.out
        postgres.check_all_stored(sim)
        done = poll.run("migrate", "other")
        assert done.code == 2 and "no inbox named other" in done.err


def slices(document):
    """The exact text of each message of a JSON document."""
    decoder = json.JSONDecoder()
    at = document.index("[", document.index('"messages"')) + 1
    found = []
    while document[at:].lstrip()[0] != "]":
        at = len(document) - len(document[at:].lstrip(" \r\n,"))
        _, end = decoder.raw_decode(document, at)
        found.append(document[at:end].encode())
        at = end
    return found


def captured():
    """The documents that real servers have sent."""
    for path in sorted(CAPTURES.glob("*.txt")):
        body = path.read_bytes().replace(b"\r\n", b"\n").partition(b"\n\n")[2]
        try:
            messages = json.loads(body)["messages"]
        except (ValueError, KeyError, TypeError):
            continue
        if messages:
            yield body


def serving(body):
    """Serves it until it is marked."""
    state = {"is_marked": False}
    count = len(json.loads(body)["messages"])
    marked = json.dumps({"markedCount": count, "unreadCount": 0}).encode()

    def run(peer):
        if peer.is_mark:
            state["is_marked"] = True
            peer.send(answer(marked))
        else:
            peer.send(answer(EMPTY if state["is_marked"] else body))
        return KEEP

    return run


# What is parsed and printed again is not what the server sent.
def test_captured_messages_keep_their_exact_bytes(postgres, poll_of):
    bodies = list(captured())
    assert len(bodies) >= 5
    servers = [Hostile(serving(body)) for body in bodies]
    with Sim("--messages=1") as sim:
        poll = poll_of(sim)
        postgres.prepare(poll, jsonb=True)
        for index, server in enumerate(servers):
            server.__enter__()
            poll.config["servers"].append(
                server.config(f"capture{index:02}", "keys/app1-q1"))
        try:
            assert poll.once() == (0, "", "")
        finally:
            for server in servers:
                server.__exit__()
    stored = [row for row in postgres.stored() if row[0] != "app1"]
    assert stored == [
        (f"capture{index:02}", "q", message)
        for index, body in enumerate(bodies)
        for message in slices(body.decode())]


def add_raw(sim, *texts):
    for text in texts:
        sim.script(f"message app1 q1 raw={text}")


# JSON that jsonb cannot hold occurs; it must cost neither the message nor its
# neighbours.
def test_what_jsonb_cannot_hold_is_null_there(postgres, poll_of):
    good = ['{"id":1,"text":"plain"}', '{"id":2,"n":1.5e300,"a":[{},[],null]}',
            '{"id":3,"pair":"\\ud83d\\ude00","latin":"ä"}']
    bad = ['{"id":4,"text":"nul \\u0000 inside"}', '{"id":5,"lone":"\\ud800"}',
           '{"id":6,"lone":"\\udc00x"}', '{"id":7,"n":1e200000}',
           '{"id":8,"n":1e-200000}', '{"id":9,"key\\u0000":1}']
    with Sim("--messages=0") as sim:
        poll = poll_of(sim)
        postgres.prepare(poll, jsonb=True)
        add_raw(sim, *good, *bad)
        assert poll.once() == (0, "", "")
        postgres.check_all_stored(sim)
    rows = postgres.sql("SELECT id, body_json IS NULL, convert_from(body, "
                        "'UTF8') FROM haplo.stored ORDER BY arrival")
    assert [text for *_, text in rows] == good + bad
    assert [is_null for _, is_null, _ in rows] == ["f"] * 3 + ["t"] * len(bad)
    assert rows[3][0] == "4"  # what jsonb cannot hold need not spoil columns
    same = postgres.value(
        "SELECT bool_and(body_json = convert_from(body, 'UTF8')::jsonb) "
        "FROM haplo.stored WHERE body_json IS NOT NULL")
    assert same == "t"


# The server may refuse what was thought to be fine: here it has less room for
# nested values than usual. Their neighbours keep their jsonb.
def test_jsonb_that_the_server_refuses_is_left_out(postgres, poll_of):
    deep = '"deep":' + "[" * 900 + "]" * 900 + "}"
    with Sim("--queues=2", "--messages=3") as sim:
        poll = poll_of(sim)
        postgres.prepare(poll, jsonb=True)
        add_raw(sim, '{"id":1,' + deep, '{"nul":"\\u0000"}', '{"id":2,' + deep,
                '{"id":3}')
        with postgres.having("max_stack_depth", "'100kB'"):
            assert poll.once() == (0, "", "")
        postgres.check_all_stored(sim)
    assert postgres.sql(
        "SELECT queue, body_json IS NULL, count(*) FROM haplo.messages "
        "GROUP BY 1, 2 ORDER BY 1, 2") == [
            ("q1", "f", "4"), ("q1", "t", "3"), ("q2", "f", "3")]


# People look for messages by these.
def test_members_have_columns(postgres, poll_of):
    with Sim("--messages=0") as sim:
        poll = poll_of(sim)
        postgres.prepare(poll)
        sim.script("message app1 q1 raw=" + json.dumps({
            "id": 7, "datetime": "2026-11-28T20:49:16Z",
            "action": "object:change",
            "object": {"ref": "80q22", "recordVersion": 12}}))
        add_raw(sim, '{"id":null,"action":{"a":1},"object":[]}',
                '{"id":"nul \\u0000"}')
        assert poll.once() == (0, "", "")
    assert postgres.sql(
        "SELECT id, datetime, action, object_ref, record_version FROM "
        "haplo.messages ORDER BY arrival") == [
            ("7", "2026-11-28T20:49:16Z", "object:change", "80q22", "12"),
            ("", "", '{"a":1}', "", ""), ("", "", "", "", "")]


# Several changes may carry the same state of an object, in any order.
def test_latest_objects_has_the_highest_version(postgres, poll_of):
    with Sim("--messages=0") as sim:
        poll = poll_of(sim)
        sim.script("queue app1 global")
        poll.queue_list()[0] |= {"name": "global",
                                 "api_key_file": "keys/app1-global"}
        postgres.prepare(poll)
        for ref, version in [("a", 2), ("b", 10), ("b", 9), ("a", 2)]:
            sim.script("message app1 global raw=" + json.dumps(
                {"action": "object:change",
                 "object": {"ref": ref, "recordVersion": version}}))
        assert poll.once() == (0, "", "")
    assert postgres.sql("SELECT ref, record_version, arrival FROM "
                        "haplo.latest_objects ORDER BY ref") == [
                            ("a", "2", "4"), ("b", "10", "2")]


# The program that faces the network should not be able to change or delete what
# it has stored.
def test_the_writer_needs_no_more_than_it_gets(postgres, poll_of):
    with Sim("--messages=20") as sim:
        poll = poll_of(sim)
        postgres.sql("DROP SCHEMA IF EXISTS haplo CASCADE")
        postgres.use(poll, user="haplo_writer", notify="haplo")
        assert poll.run("migrate").code == 1  # the writer may not
        environment = poll.environment
        poll.environment = {**environment, "PGPASSWORD": "x" * 16}
        owner = f"host={postgres.folder} port={postgres.port} " \
                "dbname=postgres user=haplo_owner"
        done = poll.run("--owner", owner, "--writer", "haplo_writer",
                        "migrate")
        poll.environment = environment
        assert (done.code, done.err) == (0, "")
        assert "haplo_writer" in done.out
        assert poll.once() == (0, "", "")
        sim.script("message app1 q1 count=20")
        assert poll.once() == (0, "", "")
        postgres.check_all_stored(sim)
    for statement in ["DELETE FROM haplo.stored", "TRUNCATE haplo.stored",
                      "UPDATE haplo.stored SET body = ''",
                      "UPDATE haplo.inbox SET version = 2",
                      "DELETE FROM haplo.batches", "DELETE FROM haplo.queues",
                      "UPDATE haplo.batches SET count = 1",
                      "SELECT setval('haplo.arrivals', 1)",
                      "CREATE TABLE haplo.mine (a int)"]:
        with pytest.raises(RuntimeError, match="permission denied|must be "):
            postgres.sql(statement, user="haplo_writer")


# A password in argv could be read by everybody on the machine.
def test_migrate_takes_no_password(postgres, poll_of):
    with Sim("--messages=1") as sim:
        poll = poll_of(sim)
        postgres.use(poll)
        done = poll.run("--owner", "host=localhost password=abc", "migrate")
        assert done.code == 2
        assert "password" in done.err and "abc" not in done.err


# Who unsends a message wants it to be delivered again.
def test_an_unsent_message_is_stored_again(postgres, poll_of):
    with Sim("--messages=20") as sim:
        poll = poll_of(sim)
        postgres.prepare(poll)
        assert poll.once() == (0, "", "")
        sim.script("unsend app1 q1 all")
        assert poll.once() == (0, "", "")
    stored = postgres.stored()
    assert len(stored) == 40 and len(set(stored)) == 20


def make_marks_fail(sim, poll):
    """Stores a batch that cannot be marked."""
    poll.config["defaults"] |= {"mark_attempts_max": 1}
    sim.script("fault app=app1 queue=q1 on=mark do=status code=503 times=0 "
               "done=no")
    assert poll.once().code == 1
    sim.script("clear faults")


# A repeat is in the database already.
def test_a_repeat_is_stored_once(postgres, poll_of):
    with Sim("--messages=10") as sim:
        poll = poll_of(sim)
        postgres.prepare(poll)
        make_marks_fail(sim, poll)
        assert len(postgres.stored()) == 10
        sim.script("message app1 q1 count=3")
        assert poll.once() == (0, "", "")
        postgres.check_all_stored(sim)


# Somebody has deleted messages that were never confirmed: they are still on
# the server, and marking them would lose them.
def test_a_repeat_whose_row_is_gone_is_stored_again(postgres, poll_of):
    with Sim("--messages=10") as sim:
        poll = poll_of(sim)
        postgres.prepare(poll)
        make_marks_fail(sim, poll)
        postgres.sql("DELETE FROM haplo.stored WHERE position IN (2, 5)")
        done = poll.once()
        assert done.code == 0
        assert "2 repeated messages were stored again" in done.err
        postgres.check_all_stored(sim)


# The row of a queue says what is stored; without it, all is new.
def test_a_queue_whose_row_is_gone_goes_on(postgres, poll_of):
    with Sim("--messages=4") as sim:
        poll = poll_of(sim)
        poll.config["defaults"] |= {"interval": "20ms"}
        postgres.prepare(poll)
        running = poll.start()
        wait_for(lambda: sim.unread() == 0)
        postgres.sql("DELETE FROM haplo.queues")
        sim.script("message app1 q1 count=4")
        wait_for(lambda: sim.unread() == 0)
        assert running.stop() == 0
    bodies = [body for *_, body in postgres.stored()]
    assert len(bodies) == len(set(bodies)) == 8


# An institution that began with SQLite: what is stored there, and not known to be
# marked, is not stored here as well.
def test_a_queue_moves_from_an_sqlite_file_and_back(postgres, poll_of):
    with Sim("--messages=10") as sim:
        poll = poll_of(sim)
        postgres.prepare(poll)
        poll.config["inboxes"].append(
            {"name": "file", "type": "sqlite", "path": "inbox.db"})
        poll.queue()["inbox"] = "file"
        make_marks_fail(sim, poll)
        poll.queue()["inbox"] = "inbox"
        sim.script("message app1 q1 count=3")
        assert poll.once().code == 0
        assert sim.unread() == 0
        poll.queue()["inbox"] = "file"
        sim.script("message app1 q1 count=2")
        assert poll.once().code == 0
        assert sim.unread() == 0
        here, there = postgres.stored(), poll.rows(
            "SELECT CAST(body AS BLOB) FROM messages")
        assert (len(here), len(there)) == (3, 12)
        assert len({body for *_, body in here} |
                   {body for body, in there}) == 15


# Both poll the same queues: whatever the order, the states decide.
def test_two_processes_store_each_message_once(postgres, poll_of):
    with Sim("--queues=4", "--messages=100") as sim:
        polls = [poll_of(sim), poll_of(sim)]
        postgres.prepare(polls[0])
        for index, poll in enumerate(polls):
            postgres.use(poll)
            poll.path = str(sim.dir / f"poll{index}.yaml")
            poll.config["state_dir"] = f"state{index}"
            poll.config["defaults"] |= {"interval": "20ms"}
        running = [poll.start() for poll in polls]
        wait_for(lambda: sim.unread() == 0)
        sim.script("message app1 * count=50")
        wait_for(lambda: sim.unread() == 0)
        assert [process.stop() for process in running] == [0, 0]
        postgres.check_all_stored(sim)


# Another process must not be told of what it cannot see yet.
def test_listeners_are_notified_of_a_commit(postgres, poll_of):
    with Sim("--messages=16") as sim:
        poll = poll_of(sim)
        postgres.prepare(poll, notify="news")
        with postgres.holding("COMMIT", 'LISTEN "news"') as session:
            assert poll.once() == (0, "", "")
            session.stdin.write("SELECT 1;\n\\echo end\n")
            session.stdin.flush()
            lines = []
            while not lines or lines[-1] != "end\n":
                lines.append(session.stdout.readline())
        assert any('notification "news" with payload "16 ' in line
                   for line in lines), lines


# After a restore, tables and sequence may not fit together. Arrivals that are
# used again would be overlooked by readers.
def test_arrivals_never_go_back(postgres, poll_of):
    with Sim("--messages=10") as sim:
        poll = poll_of(sim)
        postgres.prepare(poll)
        postgres.sql("SELECT setval('haplo.arrivals', 1000000)")
        assert poll.once() == (0, "", "")
        postgres.sql("SELECT setval('haplo.arrivals', 3)")
        sim.script("message app1 q1 count=5")
        done = poll.once()
        assert done.code == 1
        assert "arrivals" in done.err and poll.hint("migrate") in done.err
        assert sim.unread() == 5
        assert poll.run("migrate").code == 0
        assert poll.once() == (0, "", "")
        postgres.check_all_stored(sim)
    assert [int(row[0]) for row in postgres.sql(
        "SELECT arrival FROM haplo.stored ORDER BY arrival")] == [
            *range(1000001, 1000016)]
