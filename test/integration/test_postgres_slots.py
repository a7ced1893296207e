"""What hosts that share an outlet ask a PostgreSQL inbox for: only the lanes of
their own slots, and only when some of these have messages."""
import pytest

from fleet_probe import Host
from sim import Sim, wait_for

CHANNEL = "haplo_news"
START_NOW = 2 ** 64 - 1


@pytest.fixture
def host(postgres):
    hosts = []

    def start(name, **options):
        hosts.append(Host(postgres.conninfo("haplo_owner"), name, **options))
        return hosts[-1].__enter__()

    yield start
    for each in hosts:
        each.kill()


def slots_of(postgres):
    return {server: int(slot) for server, slot in postgres.sql(
        "SELECT DISTINCT server, slot FROM haplo.queues")}


def servers_of(reply):
    assert reply["error"] == "", reply
    return sorted({server for server, _ in reply["lanes"]})


def wait_until_woken(host, slots, count):
    wait_for(lambda: host.lanes(*slots)["woken"] >= count, "a notification")
    return host.lanes(*slots)["woken"]


# With 10 hosts and 100,000 queues, each looks at its tenth.
def test_a_host_asks_for_the_lanes_of_its_slots(postgres, poll_of, host):
    with Sim("--apps=4", "--queues=3", "--messages=2") as sim:
        poll = poll_of(sim)
        postgres.prepare(poll)
        assert poll.once().code == 0
    slots = slots_of(postgres)
    assert len(set(slots.values())) == 4
    a = host("a")
    assert a.outlet("out", 0)["is_new"] is True
    for server, slot in slots.items():
        reply = a.lanes(slot)
        assert servers_of(reply) == [server]
        assert len(reply["lanes"]) == 3
    assert servers_of(a.lanes()) == []
    assert servers_of(a.lanes(*slots.values())) == sorted(slots)


# Otherwise each commit of each host would wake all others, to no purpose.
def test_a_host_is_woken_for_its_slots_only(postgres, poll_of, host):
    with Sim("--apps=2", "--queues=1", "--messages=1") as sim:
        poll = poll_of(sim)
        postgres.prepare(poll, notify=CHANNEL)
        assert poll.once().code == 0
        slots = slots_of(postgres)
        mine, other = sorted(slots.values())
        name = next(app for app, slot in slots.items() if slot == other)
        a = host("a", channel=CHANNEL)
        a.outlet("out", 0)
        before = wait_until_woken(a, [mine], 1)  # it has begun to listen
        sim.script(f"message {name} q1 count=3")
        assert poll.once().code == 0
        payloads = [f"4711 {other}", f"4711 {other},{other + 1}",
                    f"4711 {other},{mine}", f"4711 {mine}", "4711", "hello"]
        for payload in payloads:  # notifications keep their order
            postgres.sql(f"SELECT pg_notify('{CHANNEL}', '{payload}')")
        assert wait_until_woken(a, [mine], before + 4) == before + 4
        name = next(app for app, slot in slots.items() if slot == mine)
        sim.script(f"message {name} q1 count=3")
        assert poll.once().code == 0
        assert wait_until_woken(a, [mine], before + 5) == before + 5


# All hosts begin with a new outlet at the same time. If two of them decided
# what "now" is, messages would be forwarded by one and skipped by the other.
def test_where_an_outlet_begins_is_decided_once(postgres, poll_of, host):
    with Sim("--apps=1", "--queues=1", "--messages=5") as sim:
        poll = poll_of(sim)
        postgres.prepare(poll)
        assert poll.once().code == 0
        a = host("a")
        b = host("b")
        # The first one has begun, and is slow.
        first = ("INSERT INTO haplo.outlets (name) VALUES ('out')",
                 "INSERT INTO haplo.positions SELECT o.id, q.id, 2 FROM"
                 " haplo.outlets AS o, haplo.queues AS q")
        with postgres.holding(*first) as session:
            a.send("outlet", "out", START_NOW)
            b.send("outlet", "out", START_NOW)
            wait_for(lambda: postgres.session_count(
                "wait_event_type = 'Lock'") == 2, "both hosts to wait")
            session.communicate("COMMIT;\n")
            assert a.read()["is_new"] is False
            assert b.read()["is_new"] is False
        assert postgres.sql("SELECT position FROM haplo.positions") == [("2",)]
        assert postgres.value("SELECT count(*) FROM haplo.outlets") == "1"
