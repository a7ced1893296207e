"""The product's fleet on a real PostgreSQL, with short leases; and the states of
queues that another host has stored."""
from fleet_probe import SLOTS, Runner, check_no_overlap
from fleet_tables import host_of, schema  # noqa: F401
from sim import wait_for

TIMES = {"ttl_ms": 1500, "grace_ms": 300, "limit_ms": 5000}
INSTANCE = "11111111-1111-4111-8111-111111111111"


def have_all(*runners):
    """Each slot is with one of them, and each has some."""
    return sum(len(runner.own) for runner in runners) == SLOTS and \
        all(runner.own for runner in runners)


# The pure fleet is tested with a simulated database; this is the one that it
# has to do with.
def test_hosts_share_the_slots_come_and_go(host_of):
    a = Runner(host_of("a", **TIMES))
    wait_for(lambda: have_all(a))
    b = Runner(host_of("b", instance=INSTANCE, **TIMES))
    c = Runner(host_of("c", **TIMES))
    wait_for(lambda: have_all(a, b, c))
    b.kill()
    wait_for(lambda: have_all(a, c))
    again = Runner(host_of("b", instance=INSTANCE, **TIMES))
    wait_for(lambda: have_all(a, again, c))
    c.leave()
    wait_for(lambda: c.has("left"))
    wait_for(lambda: have_all(a, again) and not c.own)
    check_no_overlap([a, b, again, c])


# Whoever was there before keeps its slots until the database is back, or is
# replaced; nobody polls a queue twice in between.
def test_a_restart_of_the_server(schema, host_of):
    runners = [Runner(host_of(name, **TIMES)) for name in "ab"]
    wait_for(lambda: have_all(*runners))
    counts = [len(runner.events) for runner in runners]
    schema.restart()
    for runner, count in zip(runners, counts):
        wait_for(lambda r=runner, n=count: any(
            event["event"] == "asked" and event["error"] == ""
            for event in r.events[n:]))
    wait_for(lambda: have_all(*runners))
    check_no_overlap(runners)


# An operator empties a host before it is shut down for good.
def test_a_host_that_is_drained_keeps_no_slot(host_of):
    a, b = Runner(host_of("a", **TIMES)), Runner(host_of("b", **TIMES))
    wait_for(lambda: have_all(a, b))
    a.host.send("drain", "a")
    wait_for(lambda: have_all(b) and not a.own)
    a.host.send("undrain", "a")
    wait_for(lambda: have_all(a, b))
    check_no_overlap([a, b])


# States of queues

def store(schema, server, queue, state):
    schema.sql("INSERT INTO haplo.queues (server, queue, slot, state)"
               f" VALUES ('{server}', '{queue}', 0, '{state}') ON CONFLICT (server, queue)"
               " DO UPDATE SET state = excluded.state")


# Without this, the first batch that a new owner stores would be stale.
def test_states_that_another_host_has_stored_are_loaded(schema, host_of):
    store(schema, "live", "student", "one")
    store(schema, "test", "student", "one")
    a = host_of("a")
    a.send("open", "live", "student")
    assert a.read()["state"] == b"one".hex()
    store(schema, "live", "student", "two")
    store(schema, "live", "staff", "three")
    store(schema, "test", "student", "two")
    assert a.state("live", "student") == b"one"
    assert a.refresh("live", "unknown")["error"] == ""
    assert a.state("live", "student") == b"two"
    assert a.state("live", "staff") == b"three"
    assert a.state("test", "student") == b"one"


# They are read in several parts.
def test_states_of_many_queues(schema, host_of):
    a = host_of("a")
    schema.sql("INSERT INTO haplo.queues (server, queue, slot, state) SELECT"
               " 'live', 'q' || n, 0, ('s' || n)::bytea"
               " FROM generate_series(1, 5000) n")
    assert a.refresh("live")["error"] == ""
    for number in (1, 2000, 2001, 4000, 5000):
        assert a.state("live", f"q{number}") == f"s{number}".encode()


# Whoever has asked for it must know that it has nothing.
def test_why_states_could_not_be_loaded(schema, host_of):
    a = host_of("a")
    schema.sql("REVOKE SELECT ON haplo.queues FROM haplo_writer")
    done = a.refresh("live")
    schema.sql("GRANT SELECT ON haplo.queues TO haplo_writer")
    assert done["error"] == "HAPLO_EDELIVERY"
    assert "load the states of queues: permission denied" in done["why"]
    assert a.refresh("live")["error"] == ""
