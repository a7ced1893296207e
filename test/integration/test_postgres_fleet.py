"""The tables by which several hosts share the servers: what a request may
change, and what it shows. Hosts have no more rights than `migrate --writer`
grants."""
import signal

from fleet_probe import NOBODY, SLOTS, members, owned
from fleet_tables import age, host_of, schema, table  # noqa: F401
from postgres_server import PgBouncer
from sim import wait_for

HOUR_MS = 3_600_000
INSTANCES = ["11111111-1111-4111-8111-111111111111",
             "22222222-2222-4222-8222-222222222222"]


def claim_all(host, term):
    reply = host.ask("renew", term,
                     *((slot, 0, host.name) for slot in range(SLOTS)))
    assert reply["moved"] == SLOTS
    return reply


# Joining

# Everything that a host decides by is in the reply.
def test_who_joins_is_shown_with_all_others_and_all_slots(host_of):
    host_of("b").join()
    reply = host_of("a").ask("join")
    assert reply["is_member"] is True
    assert list(members(reply)) == ["a", "b"]
    a, b = members(reply).values()
    assert a["term"] == reply["term"] > b["term"] > 0
    assert 0 < a["left_ms"] <= 60_000
    assert a["weight"] == 100
    assert a["is_draining"] is False
    assert (a["version"], a["digest"]) == ("1.0", "d1")
    assert a["renewed_at"] >= a["joined_at"] > 0
    assert reply["slots"] == [["", 0]] * SLOTS


# Two hosts of one name would take each other's slots for their own.
def test_the_name_of_a_member_is_refused_to_another_process(host_of):
    a = host_of("a", instance=INSTANCES[0])
    term = a.join()
    twin = host_of("a", instance=INSTANCES[1])
    reply = twin.ask("join")
    assert reply["error"] == "HAPLO_EEXIST"
    for words in ["another process", "by the name a", "--host"]:
        assert words in reply["why"]
    assert a.ask("renew", term)["is_member"] is True


# Until then, others do not claim its slots either.
def test_the_name_is_free_when_the_grace_is_over(schema, host_of):
    host_of("a", instance=INSTANCES[0]).join()
    twin = host_of("a", instance=INSTANCES[1], grace_ms=2 * HOUR_MS)
    age(schema, "a", HOUR_MS)
    assert twin.ask("join")["error"] == "HAPLO_EEXIST"
    age(schema, "a", 3 * HOUR_MS)
    assert twin.ask("join")["is_member"] is True


# After a crash, nobody should have to wait for its old membership to end.
def test_the_same_process_joins_again_at_once_with_a_new_term(host_of):
    first = host_of("a", instance=INSTANCES[0])
    old = first.join()
    claim_all(first, old)
    first.kill()
    second = host_of("a", instance=INSTANCES[0])
    reply = second.ask("join")
    assert reply["term"] > old
    assert len(owned(reply, "a")) == SLOTS


# A process that was replaced must not go on because of its old membership.
def test_a_stale_term_renews_nothing_and_moves_nothing(host_of):
    old = host_of("a", instance=INSTANCES[0])
    old_term = old.join()
    new = host_of("a", instance=INSTANCES[0])
    new_term = new.join()
    for kind in ("renew", "leave"):
        reply = old.ask(kind, old_term, (0, 0, "a"), (1, 0, NOBODY))
        assert reply["is_member"] is False
        assert (reply["moved"], reply["refused"]) == (0, 2)
    assert new.ask("renew", new_term)["is_member"] is True


# It may have been away for long, but nobody has done anything about it.
def test_an_ended_membership_can_be_renewed(schema, host_of):
    a = host_of("a")
    term = a.join()
    age(schema, "a", HOUR_MS)
    reply = a.ask("renew", term)
    assert reply["is_member"] is True
    assert members(reply)["a"]["left_ms"] > 0


# Terms grow with each membership of a host, so its row is kept.
def test_who_leaves_is_no_member_and_hands_over(host_of):
    a, b = host_of("a"), host_of("b")
    term, b_term = a.join(), b.join()
    claim_all(a, term)
    reply = a.ask("leave", term, (0, 1, "b"), (1, 1, NOBODY))
    assert reply["is_member"] is False
    assert (reply["moved"], reply["refused"]) == (2, 0)
    assert reply["slots"][:3] == [["b", 2], ["", 2], ["a", 1]]
    assert members(b.ask("renew", b_term))["a"]["left_ms"] <= 0
    assert a.join() > term


# The table would grow with each host that there ever was.
def test_who_has_left_long_ago_is_forgotten(schema, host_of):
    host_of("gone").join()
    host_of("drained").join()
    host_of("late").join()
    owner = host_of("owner")
    owner.ask("renew", owner.join(), (7, 0, "owner"))
    for name in ("gone", "drained", "owner"):
        age(schema, name, 2 * HOUR_MS)
    schema.sql("UPDATE haplo.members SET is_draining = true "
               "WHERE host = 'drained'")
    age(schema, "late", HOUR_MS / 2)
    host_of("new").join()
    assert schema.sql("SELECT host FROM haplo.members ORDER BY host") == [
        ("drained",), ("late",), ("new",), ("owner",)]


# Moves

# A host of which nobody knows that it has gone may still poll its queues.
def test_the_slots_of_a_member_are_refused_until_the_grace_is_over(
        schema, host_of):
    a, b = host_of("a"), host_of("b", grace_ms=2 * HOUR_MS)
    claim_all(a, a.join())
    b_term = b.join()
    for ended_ms in (-HOUR_MS, HOUR_MS):
        age(schema, "a", ended_ms)
        reply = b.ask("renew", b_term, (3, 1, "b"))
        assert (reply["moved"], reply["refused"]) == (0, 1)
        assert reply["slots"][3] == ["a", 1]
    age(schema, "a", 3 * HOUR_MS)
    reply = b.ask("renew", b_term, (3, 1, "b"), (4, 1, "b"))
    assert (reply["moved"], reply["refused"]) == (2, 0)
    assert reply["slots"][3:6] == [["b", 2], ["b", 2], ["a", 1]]


# An operator may have deleted its row.
def test_the_slots_of_an_unknown_host_are_free(schema, host_of):
    a = host_of("a")
    schema.sql("UPDATE haplo.slots SET owner = 'unknown'")
    reply = a.ask("renew", a.join(), (3, 0, "a"))
    assert reply["moved"] == 1
    assert reply["slots"][3:5] == [["a", 1], ["", 0]]


# What was decided on the basis of an older state must not be done.
def test_a_move_compares_the_term_of_the_slot(host_of):
    a = host_of("a")
    term = a.join()
    claim_all(a, term)
    reply = a.ask("renew", term, (3, 0, NOBODY), (4, 2, NOBODY),
                  (5, 1, NOBODY))
    assert (reply["moved"], reply["refused"]) == (1, 2)
    assert reply["slots"][3:6] == [["a", 1], ["a", 1], ["", 2]]


# Only the owner knows that nothing is under way there any more.
def test_only_the_owner_hands_over(schema, host_of):
    a, b = host_of("a"), host_of("b")
    term, b_term = a.join(), b.join()
    claim_all(a, term)
    age(schema, "a", HOUR_MS)
    reply = b.ask("renew", b_term, (3, 1, NOBODY), (4, 1, "c"))
    assert (reply["moved"], reply["refused"]) == (0, 2)
    reply = a.ask("renew", term, (3, 1, "b"))
    assert reply["slots"][3] == ["b", 2]
    assert b.ask("renew", b_term)["slots"][3] == ["b", 2]


# It is no longer there when the membership has gone: all or nothing.
def test_a_request_that_fails_changes_nothing(schema, host_of):
    a = host_of("a")
    term = a.join()
    schema.sql(
        "CREATE FUNCTION haplo.refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$BEGIN RAISE EXCEPTION 'not this slot'; END$$",
        "CREATE TRIGGER refuse BEFORE UPDATE ON haplo.slots FOR EACH ROW "
        "WHEN (OLD.slot = 9) EXECUTE FUNCTION haplo.refuse()")
    age(schema, "a", HOUR_MS)
    reply = a.ask("renew", term, (8, 0, "a"), (9, 0, "a"))
    assert reply["error"] == "HAPLO_EDELIVERY"
    assert "not this slot" in reply["why"]
    schema.sql("DROP FUNCTION haplo.refuse() CASCADE")
    assert schema.value("SELECT expires_at < extract(epoch FROM now()) * 1000"
                        " FROM haplo.members") == "t"
    assert table(schema)[8] == ("", 0)
    reply = a.ask("renew", term, (8, 0, "a"), (9, 0, "a"))
    assert reply["moved"] == 2


def waiting_count(schema):
    return schema.session_count("wait_event_type = 'Lock'")


# A host that comes back just when its slots are claimed would keep them
# otherwise, for as long as until its next request.
def test_a_renewal_waits_for_a_claim_and_sees_it(schema, host_of):
    a, b = host_of("a"), host_of("b")
    a_term, b_term = a.join(), b.join()
    claim_all(a, a_term)
    age(schema, "a", HOUR_MS)
    with schema.holding("SELECT 1 FROM haplo.slots WHERE slot = 5 FOR UPDATE"):
        b.begin("renew", b_term, (5, 1, "b"))
        wait_for(lambda: waiting_count(schema) == 1)
        a.begin("renew", a_term)
        wait_for(lambda: waiting_count(schema) == 2)
    assert b.read()["moved"] == 1
    reply = a.read()
    assert reply["is_member"] is True
    assert reply["slots"][5] == ["b", 2]


# The other way round: it was back in time.
def test_a_claim_waits_for_a_renewal_and_is_refused(schema, host_of):
    a, b = host_of("a"), host_of("b")
    a_term, b_term = a.join(), b.join()
    claim_all(a, a_term)
    age(schema, "a", HOUR_MS)
    with schema.holding("SELECT 1 FROM haplo.slots WHERE slot = 5 FOR UPDATE"):
        a.begin("renew", a_term, (5, 1, NOBODY))
        wait_for(lambda: waiting_count(schema) == 1)
        b.begin("renew", b_term, (6, 1, "b"))
        wait_for(lambda: waiting_count(schema) == 2)
    assert a.read()["moved"] == 1
    reply = b.read()
    assert (reply["moved"], reply["refused"]) == (0, 1)
    assert reply["slots"][6] == ["a", 1]


# All hosts wake up at the same time when the database is back.
def test_hosts_that_claim_each_others_slots_do_not_wait_for_each_other(
        schema, host_of):
    hosts = [host_of(name) for name in "abc"]
    terms = [host.join() for host in hosts]
    for turn in range(10):
        schema.sql(
            "UPDATE haplo.slots SET owner = (ARRAY['a', 'b', 'c'])"
            "[1 + slot % 3], term = 0",
            "UPDATE haplo.members SET expires_at = 0")
        for number, (host, term) in enumerate(zip(hosts, terms)):
            slots = range(SLOTS) if turn + number & 1 else \
                reversed(range(SLOTS))
            host.begin("renew", term, *(
                (slot, 0, host.name if slot % 3 != number else NOBODY)
                for slot in slots))
        replies = [host.read() for host in hosts]
        assert [reply["error"] for reply in replies] == ["", "", ""]
        owners = [owner for owner, _ in table(schema)]
        assert set(owners) <= {"a", "b", "c", ""}
        assert sum(reply["moved"] for reply in replies) >= SLOTS


# Where it runs, and what fails

# Each transaction may be carried out by another session of the server.
def test_behind_pgbouncer_in_transaction_mode(schema, host_of):
    with PgBouncer(schema) as bouncer:
        hosts = [host_of(name, bouncer.conninfo()) for name in "abc"]
        terms = [host.join() for host in hosts]
        for turn in range(10):
            for number, (host, term) in enumerate(zip(hosts, terms)):
                host.begin("renew", term,
                           (number, 2 * turn, host.name))
            assert [host.read()["moved"] for host in hosts] == [1, 1, 1]
            for number, (host, term) in enumerate(zip(hosts, terms)):
                host.begin("renew", term, (number, 2 * turn + 1, NOBODY))
            assert [host.read()["moved"] for host in hosts] == [1, 1, 1]


# A membership is in the database, not in a session.
def test_a_membership_survives_a_restart_of_the_server(schema, host_of):
    a = host_of("a")
    term = a.join()
    claim_all(a, term)
    schema.restart()
    reply = wait_for(
        lambda: (reply := a.ask("renew", term))["error"] == "" and reply)
    assert reply["is_member"] is True
    assert len(owned(reply, "a")) == SLOTS


# The host must know in time that it may not begin anything any more.
def test_a_reply_that_takes_too_long_is_a_failure(schema, host_of):
    a = host_of("a", limit_ms=400)
    term = wait_for(lambda: a.ask("join").get("term"))
    with schema.holding("LOCK TABLE haplo.members"):
        for _ in range(3):
            reply = a.ask("renew", term)
            assert reply["error"] == "HAPLO_EDELIVERY"
            assert reply["why"]
    wait_for(lambda: a.ask("renew", term).get("is_member"))


# It does not wait longer for a connection than for the reply.
def test_a_server_that_does_not_answer_is_a_failure(schema, host_of):
    with PgBouncer(schema) as bouncer:
        a = host_of("a", bouncer.conninfo(), limit_ms=300)
        bouncer.process.send_signal(signal.SIGSTOP)
        reply = a.ask("join")
        bouncer.process.send_signal(signal.SIGCONT)
        assert reply["error"] == "HAPLO_EDELIVERY"
        assert "no response within 300 ms" in reply["why"]
        wait_for(lambda: a.ask("join")["error"] == "")


# A table that somebody has emptied would look as if nobody polled anything.
def test_missing_slots_are_reported(schema, host_of):
    a = host_of("a")
    term = a.join()
    schema.sql("DELETE FROM haplo.slots WHERE slot = 1000")
    reply = a.ask("renew", term)
    assert reply["error"] == "HAPLO_EINVAL"
    assert "slots is damaged" in reply["why"]
    schema.sql("INSERT INTO haplo.slots VALUES (1000)")
    assert a.ask("renew", term)["error"] == ""


# An inbox is closed while its host has asked for something.
def test_closing_waits_for_the_reply(schema, host_of):
    a = host_of("a")
    term = a.join()
    with schema.holding("LOCK TABLE haplo.members"):
        a.begin("renew", term)
        a.send("close")
        wait_for(lambda: waiting_count(schema) == 1)
    assert a.read()["is_member"] is True
    assert a.process.wait() == 0


# For commands

def test_a_command_sees_the_same_tables(host_of):
    a = host_of("a")
    term = a.join()
    reply = a.ask("renew", term, (3, 0, "a"))
    a.send("view")
    view = a.read()
    assert view["slots"] == reply["slots"]
    assert list(members(view)) == ["a"]
    assert view["now"] >= members(view)["a"]["renewed_at"]


# It lasts until an operator says otherwise.
def test_a_host_is_drained_also_after_a_restart(host_of):
    a = host_of("a", instance=INSTANCES[0])
    a.join()
    a.send("drain", "a")
    done = a.read()
    assert (done["error"], done["why"]) == (
        "", "host a is draining: its slots move to others")
    reply = host_of("a", instance=INSTANCES[0]).ask("join")
    assert members(reply)["a"]["is_draining"] is True
    a.send("undrain", "a")
    assert a.read()["why"] == "host a is not draining: slots move to it"
    assert members(a.ask("join"))["a"]["is_draining"] is False


def test_an_unknown_host_cannot_be_drained(host_of):
    a = host_of("a")
    a.send("drain", "b")
    assert a.read()["why"].endswith("it has no members yet")
    a.join()
    host_of("c").join()
    a.send("drain", "b")
    done = a.read()
    assert done["error"] == "HAPLO_ENOTFOUND"
    assert done["why"].endswith("there are a, c")
