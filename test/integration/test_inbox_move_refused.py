"""`inbox move` where something is in the way: it says what, changes nothing, and
can be run again."""
import json

import pytest

from moved_inbox import Move
from postgres_server import PASSWORD, PgBouncer
from sim import Sim


@pytest.fixture
def move_of(postgres, poll_of):
    """An inbox with 20 messages, and an empty schema."""
    def make(sim, **options):
        poll = poll_of(sim)
        poll.config["defaults"]["interval"] = "20ms"
        poll.config["outlets"] = [
            {"name": "out", "type": "files", "path": "out"}]
        assert poll.once() == (0, "", "")
        return Move(poll, postgres, **options)
    return make


def one_queue():
    return Sim("--apps=1", "--queues=1", "--messages=20")


def check_refused(move, code, *words):
    """Nothing has changed in the source."""
    before = move.source_rows()
    done = move.run()
    assert done.code == code, done
    for word in words:
        assert word in done.err, done.err
    assert move.source_rows() == before
    assert not move.source_has_moved()


def check_moves(move, **options):
    before = move.source_rows()
    done = move.run(**options)
    assert (done.code, done.err) == (0, ""), done
    assert move.target_rows() == before
    assert move.source_has_moved()


# Its messages would be missing in the copy.
def test_an_inbox_in_use(move_of):
    with one_queue() as sim:
        move = move_of(sim)
        run = move.poll.start()
        run.wait_for_line("polling")
        done = move.run()
        assert done.code == 3
        assert "is in use by" in done.err and "stop that one first" in done.err
        assert run.stop() == 0
        check_moves(move)


# Arrivals would collide, and positions of outlets mean something else.
@pytest.mark.parametrize("what", ["messages", "an outlet"])
def test_a_target_that_was_used(move_of, postgres, what):
    with one_queue() as sim:
        move = move_of(sim)
        move.use_target()
        if what == "messages":
            move.poll.config["outlets"][0]["start"] = "now"
            sim.script("message app1 q1 count=1")
        assert move.poll.once() == (0, "", "")
        move.use_both()
        rows = move.target_rows()
        check_refused(move, 2, "inbox new: has been used already", "create")
        assert move.target_rows() == rows


# They would go on with what they know of the inbox that it was.
def test_a_target_with_hosts(move_of, postgres):
    with one_queue() as sim:
        move = move_of(sim)
        postgres.sql(
            "INSERT INTO haplo.members (host, instance, term, expires_at,"
            " weight, version, digest, joined_at, renewed_at)"
            " VALUES ('a', 'b', 1, 9e12, 100, '', '', 0, 0)")
        check_refused(move, 3, "is in use by hosts", "stop them first")
        postgres.sql("UPDATE haplo.members SET expires_at = 0")
        check_moves(move)


# A part of one inbox in the place of another would be neither.
def test_a_target_with_a_part_of_another_inbox(move_of, postgres):
    with one_queue() as sim:
        move = move_of(sim)
        other = "00000000-0000-4000-8000-000000000000"
        postgres.sql("UPDATE haplo.inbox SET moved_until = 7,"
                     f" moved_from = '{other}'")
        check_refused(move, 2, "inbox new: has a part of another", other)


# Outlets would forward a part, and queues be fetched without their states.
def test_a_target_that_is_not_complete_is_not_opened(move_of):
    with one_queue() as sim:
        move = move_of(sim)
        assert move.run_to(20, is_late=False) is None
        move.use_target()
        done = move.poll.once()
        assert done.code == 2
        assert "has only a part of the inbox that is moved to it" in done.err
        move.use_both()
        check_moves(move)


# As long as it has not ended, the old host can go on. What it stores, delivers
# and erases meanwhile is moved, erased and not repeated by the next attempt.
def test_the_old_inbox_is_used_between_two_attempts(move_of, postgres):
    with Sim("--apps=2", "--queues=2", "--messages=600") as sim:
        move = move_of(sim)
        poll = move.poll
        sim.add("app1", "q1", [{"id": 7, "object": {"ref": "80q22"}}])
        assert poll.once() == (0, "", "")
        for at in (14, 14):
            assert move.run_to(at, is_late=True) is None
        assert postgres.value("SELECT moved_until FROM haplo.inbox") == "2401"
        sim.script("message app2 q2 count=10")
        move.use_source()
        assert poll.run("purge", "--object", "80q22").code == 0
        assert poll.once() == (0, "", "")
        move.use_both()
        before = move.source_rows()
        assert len(before["purged"]) == 1
        done = move.run("--json")
        assert done.code == 0, done.err
        report = json.loads(done.out)
        assert report["resumed"] and report["messages"] == 10
        assert move.target_rows() == before


# The role that stores messages cannot set sequences; and must not be able to.
def test_a_role_without_rights(move_of, postgres, tmp_path):
    with one_queue() as sim:
        move = move_of(sim)
        assert move.poll.run("migrate", "new", "--writer",
                             "haplo_writer").code == 0
        move.use_both(user="haplo_writer")
        check_refused(move, 2, "the role haplo_writer may not", "--owner")
        owner = postgres.conninfo("haplo_owner", password=None)
        done = move.run("--owner", f"{owner} password={PASSWORD}")
        assert done.code == 2 and ".pgpass" in done.err
        passwords = tmp_path / "pgpass"
        passwords.write_text(f"*:*:*:*:{PASSWORD}\n")
        passwords.chmod(0o600)
        before = move.source_rows()
        done = move.run("--owner", owner, env={
            **move.poll.environment, "PGPASSFILE": str(passwords)})
        assert done.code == 0, done.err
        assert move.target_rows() == before
        move.options["user"] = "haplo_writer"
        move.use_target()
        sim.script("message app1 q1 count=5")
        assert move.poll.once() == (0, "", "")
        postgres.check_all_stored(sim)


# It is behind a pool of connections, or down, or has no tables yet.
def test_a_database_that_does_not_answer(move_of, postgres):
    with one_queue() as sim:
        move = move_of(sim)
        postgres.sql("DROP SCHEMA haplo CASCADE")
        check_refused(move, 2, "has no schema haplo", "migrate new")
        move.make_target()
        postgres.stop()
        try:
            check_refused(move, 1, "inbox new: connect", "refused")
        finally:
            assert postgres.start()
        with PgBouncer(postgres) as bouncer:
            move.use_both(conninfo=bouncer.conninfo("haplo_owner"))
            check_moves(move)


# What somebody else has done to the tables must not lose a message.
def test_a_trigger_that_drops_rows(move_of, postgres):
    with one_queue() as sim:
        move = move_of(sim)
        postgres.sql(
            "CREATE FUNCTION haplo.drop_it() RETURNS trigger LANGUAGE plpgsql"
            " AS 'BEGIN RETURN NULL; END'",
            "CREATE TRIGGER t BEFORE INSERT ON haplo.stored FOR EACH ROW"
            " WHEN (new.arrival = 7) EXECUTE FUNCTION haplo.drop_it()")
        check_refused(move, 1, "rows that were written have disappeared")


# Only one direction makes sense for a fleet.
def test_other_types(move_of):
    with one_queue() as sim:
        move = move_of(sim)
        done = move.poll.run("inbox", "move", "new", "old")
        assert done.code == 2 and "new: inboxes of type postgres" in done.err
        move.poll.config["inboxes"].append(
            {"name": "other", "type": "sqlite", "path": "other.db"})
        done = move.poll.run("inbox", "move", "old", "other")
        assert done.code == 2 and "only to one of type postgres" in done.err
        done = move.poll.run("inbox", "move", "old", "otter")
        assert done.code == 2 and "did you mean" in done.err
        assert not (move.poll.folder / "other.db").exists()


# The file of the state directory is missing: a disk that is not mounted.
def test_a_source_that_is_not_there(move_of):
    with one_queue() as sim:
        move = move_of(sim)
        move.poll.inbox_path.rename(move.poll.folder / "elsewhere.db")
        done = move.run()
        assert done.code == 2 and "is missing or empty" in done.err
        assert not move.poll.inbox_path.exists()


# Messages of a test must not come to the database of the real thing.
def test_another_environment(move_of, postgres):
    with one_queue() as sim:
        move = move_of(sim)
        postgres.sql("UPDATE haplo.inbox SET environment = 'live'")
        check_refused(move, 2, "the schema haplo", "live")


# Restored from a backup after the move, it would store and forward again.
def test_a_copy_from_before_the_move(move_of):
    with one_queue() as sim:
        move = move_of(sim)
        copy = move.poll.folder / "copy.db"
        assert move.poll.run("inbox", "backup", "old", copy).code == 0
        check_moves(move)
        assert move.run().code == 0
        copy.rename(move.poll.inbox_path)
        check_refused(move, 2, "inbox old: has been moved already", "copy")


# Everything is there, and the last step fails. Another target would be an older
# copy, or have nothing.
def test_the_rest_of_a_move_to_the_right_target(move_of, postgres):
    with one_queue() as sim:
        move = move_of(sim)
        before = move.source_rows()
        postgres.sql(
            "CREATE FUNCTION haplo.fail() RETURNS trigger LANGUAGE plpgsql"
            " AS 'BEGIN RAISE ''not now''; END'",
            "CREATE TRIGGER t BEFORE UPDATE ON haplo.queues FOR EACH ROW"
            " WHEN (new.moved_state IS NULL) EXECUTE FUNCTION haplo.fail()")
        done = move.run()
        assert done.code == 1
        assert "set the states of queues: not now" in done.err
        assert move.poll.hint("inbox move old new") in done.err
        assert move.source_has_moved()
        move.use_both(schema="other")
        assert move.poll.run("migrate", "new").code == 0
        done = move.run()
        assert done.code == 2
        assert "old: has been moved to another inbox than this" in done.err
        move.use_both()
        postgres.sql("DROP TRIGGER t ON haplo.queues",
                     "DROP SCHEMA other CASCADE")
        for text in ("has been moved to new before", "moved_before"):
            done = move.run(*["--json"] * (text == "moved_before"))
            assert done.code == 0 and text in done.out
            assert move.target_rows() == before


# jsonb cannot hold everything that JSON can. The bytes are there in any case.
def test_what_the_server_cannot_make_jsonb_of(move_of, postgres):
    with one_queue() as sim:
        move = move_of(sim, jsonb=True)
        deep = '{"id":1,"deep":' + "[" * 900 + "]" * 900 + "}"
        for text in ('{"nul":"\\u0000"}', deep, '{"id":3}'):
            sim.script(f"message app1 q1 raw={text}")
        assert move.poll.once() == (0, "", "")
        with postgres.having("max_stack_depth", "'100kB'"):
            check_moves(move)
        assert postgres.sql("SELECT count(body_json), count(*)"
                            " FROM haplo.stored") == [("21", "23")]
