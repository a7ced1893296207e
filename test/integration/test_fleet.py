"""What operators see of hosts that share the servers, and how they direct
them: `status`, `fleet`, `drain-host`, the API, metrics and the log."""
import concurrent.futures
import json
import re

import pytest

from admin_client import admin_of
from poll import Poll
from sim import Sim, wait_for

SLOTS = 1024
# Planned moves are few in a second, so b has few slots.
FLEET = {"ttl": "3s", "renewal": "300ms", "weights": {"b": 1, "x": 1}}
EQUAL = {**FLEET, "weights": {"x": 1}}


class Hosts:
    """Hosts with copies of one file, each in a folder of its own."""

    def __init__(self, sim, postgres, polls):
        self.sim = sim
        self.postgres = postgres
        self.polls = polls

    def poll(self, name, **config):
        poll = Poll(self.sim)
        self.polls.append(poll)
        poll.folder = self.sim.dir / name
        poll.folder.mkdir()
        for file in ("keys", "ca.pem"):
            (poll.folder / file).symlink_to(self.sim.dir / file)
        poll.path = str(poll.folder / "poll.yaml")
        self.postgres.use(poll)
        poll.config.update({"coordination": "postgres", "fleet": FLEET,
                            **config})
        poll.config["defaults"].update(interval="100ms")
        poll.environment["HAPLO_POLL_HOST"] = name
        return poll

    def start(self, name, **config):
        poll = self.poll(name, **config)
        run = poll.start()
        run.wait_for_line("fleet: joined as host " + name)
        return poll, run


    def start_equal(self, *names):
        """Hosts that share all slots at once, as those of one that failed."""
        first, run = self.start("x", fleet=EQUAL)
        wait_for(lambda: fleet_of(first)["x"]["slots"] == SLOTS)
        polls = [self.start(name, fleet=EQUAL)[0] for name in names]
        run.kill()
        wait_for(lambda: is_settled(first, names))
        return polls


@pytest.fixture
def hosts_of(postgres, poll_of):
    """Makes the Hosts of a simulator, with tables as new."""
    polls = []

    def make(sim):
        postgres.prepare(poll_of(sim))
        return Hosts(sim, postgres, polls)

    yield make
    for poll in polls:
        poll.kill_all()
    for poll in polls:
        poll.check_no_key_was_printed()


def fleet_of(poll):
    """What `fleet` knows: {host: {...}}."""
    done = poll.run("fleet", "--json", write=False)
    assert done.err == ""
    return {host["name"]: host for host in json.loads(done.out)["hosts"]}


def is_settled(poll, hosts):
    """These hosts, and no others, have the slots that they should have."""
    found = fleet_of(poll)
    return set(hosts) <= set(found) and all(
        host["slots"] == host["desired_slots"]
        and (host["slots"] > 0) == (name in hosts)
        for name, host in found.items())


def counts(admin, what):
    return admin.get("/api/v1/status")[what]


# What one host does not poll is no trouble of its own, and where to look for it
# is said.
def test_each_host_shows_who_polls_what(hosts_of):
    with Sim("--apps=8", "--queues=2", "--messages=3") as sim:
        hosts = hosts_of(sim)
        a, b = hosts.start_equal("a", "b")
        polls = {"a": a, "b": b}
        admins = {"a": admin_of(a), "b": admin_of(b)}

        def elsewhere(name):
            return counts(admins[name], "servers")["elsewhere"]

        wait_for(lambda: elsewhere("a") + elsewhere("b") == 8)
        sim.wait_until_read()

        def owners(name):
            return {server["name"]: server["polled_by"] for server in
                    admins[name].get("/api/v1/servers")["servers"]}

        wait_for(lambda: owners("a") == owners("b"))
        seen = {name: {server["name"]: server for server in
                       admin.get("/api/v1/servers")["servers"]}
                for name, admin in admins.items()}
        for app, owner in owners("a").items():
            other = "b" if owner == "a" else "a"
            assert seen[owner][app]["health"] == "ok"
            assert seen[other][app]["health"] == "elsewhere"
            assert seen[other][app]["state"] == "ELSEWHERE"
            queue = admins[other].get(f"/api/v1/queues/{app}/q1")["queue"]
            assert (queue["health"], queue["state"], queue["polled_by"]) == (
                "elsewhere", "ELSEWHERE", owner)
            reply = admins[other].ask(
                "POST", f"/api/v1/queues/{app}/q1/poll-now")
            assert reply.status == 409 and owner.encode() in reply.body
            told = polls[other].run("explain", f"{app}/q1", write=False).out
            assert told.startswith(f"{app}/q1 is polled by {owner}\n")
            page = admins[other].ask("GET", "/metrics").body.decode()
            assert f'server="{app}"' not in page
        fleet = admins["a"].get("/api/v1/status")["fleet"]
        assert (fleet["host"], fleet["state"]) == ("a", "member")
        assert not fleet["configurations_differ"]
        assert sum(host["slots"] for host in fleet["hosts"]) == SLOTS
        done = a.run("status", "--all", write=False)
        assert done.code == 0, done.out + done.err
        assert "fleet: host a; hosts: 2; slots: " in done.out
        if elsewhere("a") > 0:
            assert "polled by b" in done.out
        hosts.postgres.check_all_stored(sim)


# An operator must be able to empty a host before it is repaired, from any
# machine, and to take that back.
def test_a_host_is_drained_and_gets_its_share_again(hosts_of):
    with Sim("--apps=4", "--queues=1", "--messages=2") as sim:
        hosts = hosts_of(sim)
        a, a_run = hosts.start("a")
        _, b_run = hosts.start("b")
        wait_for(lambda: is_settled(a, "ab"))
        done = a.run("drain-host", "b", write=False)
        assert done.code == 0 and done.err == "" and "b" in done.out
        wait_for(lambda: is_settled(a, "a"))
        assert fleet_of(a)["b"]["state"] == "draining"
        a_run.wait_for_line("fleet: host b is being drained")
        b_run.wait_for_line("fleet: handed over", "to host a")
        assert a.run("fleet", write=False).code == 0
        done = a.run("drain-host", "b", "--undo", write=False)
        assert done.code == 0 and done.err == ""
        wait_for(lambda: is_settled(a, "ab"))
        a_run.wait_for_line("fleet: host b is not being drained any more")


def test_an_unknown_host_cannot_be_drained(hosts_of):
    with Sim("--apps=1", "--queues=1", "--messages=1") as sim:
        a, _ = hosts_of(sim).start("a")
        done = a.run("drain-host", "c", write=False)
        assert done.code == 2 and len(done.err.splitlines()) == 1
        assert "c" in done.err and done.out == ""


# A host that was killed leaves slots to the others, and lines in their logs.
def test_a_host_that_fails_is_seen_and_replaced(hosts_of):
    with Sim("--apps=4", "--queues=1", "--messages=2") as sim:
        hosts = hosts_of(sim)
        a, a_run = hosts.start("a")
        _, b_run = hosts.start("b")
        wait_for(lambda: is_settled(a, "ab"))
        b_run.kill()
        a_run.wait_for_line("fleet: host b is not heard of any more")
        a_run.wait_for_line("fleet: took over", "of host b")
        wait_for(lambda: is_settled(a, "a"))
        assert fleet_of(a)["b"]["state"] == "gone"
        assert a.run("fleet", write=False).code == 0


# Without the database, a host must stop polling before others take over, and
# say so; and go on by itself.
def test_a_host_without_its_database_says_when_it_stops(hosts_of):
    with Sim("--apps=2", "--queues=1", "--messages=2") as sim:
        hosts = hosts_of(sim)
        a, run = hosts.start("a")
        admin = admin_of(a)
        wait_for(lambda: counts(admin, "fleet")["slots"]["own"] == SLOTS)
        hosts.postgres.stop()
        try:
            run.wait_for_line("fleet: this host cannot renew its membership, "
                              "and stops polling in")
            run.wait_for_line("fleet: this host polls nothing")
            fleet = counts(admin, "fleet")
            assert fleet["state"] == "stopped" and fleet["cause"]
            assert fleet["failed_renewals_total"] > 1
            assert admin.ask("GET", "/readyz").status == 503
            done = a.run("status", write=False)
            assert done.code == 1 and "polls nothing" in done.out
            page = admin.ask("GET", "/metrics").body.decode()
            assert 'haplo_poll_fleet_state{state="stopped"} 1' in page
            assert re.search(r"^haplo_poll_fleet_deadline_seconds 0$", page,
                             re.M)
        finally:
            assert hosts.postgres.start()
        run.wait_for_line("fleet: this host renews its membership again")
        wait_for(lambda: counts(admin, "fleet")["state"] == "member")


# Hosts that have been told different things must not go unnoticed.
def test_hosts_with_other_configurations_are_shown(hosts_of):
    with Sim("--apps=2", "--queues=1", "--messages=1") as sim:
        hosts = hosts_of(sim)
        a, _ = hosts.start("a")
        _, b_run = hosts.start("b", in_flight_max=17)
        wait_for(lambda: len(fleet_of(a)) == 2)
        assert not fleet_of(a)["a"]["configuration_differs"]
        assert fleet_of(a)["b"]["configuration_differs"]
        admin = admin_of(a)
        wait_for(lambda: counts(admin, "fleet")["configurations_differ"])
        page = admin.ask("GET", "/metrics").body.decode()
        assert "haplo_poll_fleet_config_mismatch 1" in page
        assert b_run.stop() == 0
        wait_for(lambda: not counts(admin, "fleet")["configurations_differ"])


# What is at work cannot be changed by a reload, and must not seem to be.
def test_a_reload_cannot_change_the_fleet(hosts_of):
    with Sim("--apps=1", "--queues=1", "--messages=1") as sim:
        a, _ = hosts_of(sim).start("a")
        a.config["fleet"] = {**FLEET, "ttl": "6s", "weights": {}}
        done = a.run("reload")
        assert done.code == 2
        assert "fleet (ttl, weights) has changed: restart" in (
            done.out + done.err)


# Before a host is added: can it coordinate with the others at all?
def test_doctor_examines_the_fleet(hosts_of):
    with Sim("--apps=1", "--queues=1", "--messages=1") as sim:
        hosts = hosts_of(sim)
        a, _ = hosts.start("a")
        done = hosts.poll("b").run("doctor")
        assert done.code == 0, done.out
        assert re.search(r"its tables in inbox inbox can be read, in \d+ ms "
                         r"with a ttl of 3s; hosts that are alive: 1",
                         done.out)
        hosts.postgres.sql("ALTER TABLE haplo.members RENAME TO gone")
        done = a.run("doctor", write=False)
        assert done.code == 1 and "HP0803" in done.out
        assert "inbox inbox: " in done.out


# A host that is slower than its lease would never keep one.
def test_doctor_warns_of_a_slow_database(hosts_of):
    with Sim("--apps=1", "--queues=1", "--messages=1") as sim:
        hosts = hosts_of(sim)
        poll = hosts.poll("a", fleet={"ttl": "1s"})
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            with hosts.postgres.holding("LOCK TABLE haplo.members"):
                doctor = pool.submit(poll.run, "doctor")
                wait_for(lambda: hosts.postgres.value(
                    "SELECT count(*) FROM pg_stat_activity "
                    "WHERE wait_event_type = 'Lock' "
                    "AND clock_timestamp() - query_start > '300ms'") != "0")
            done = doctor.result()
        assert done.code == 0 and "HP0804" in done.out, done.out + done.err


def test_commands_that_know_no_fleet_are_refused(hosts_of, poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=1") as sim:
        a = hosts_of(sim).poll("a")
        done = a.once()
        assert done.code == 2 and "haplo-poll run" in done.err
        assert len(done.err.splitlines()) == 1
        alone = poll_of(sim)
        for words in (["fleet"], ["drain-host", "a"]):
            done = alone.run(*words)
            assert done.code == 2 and "coordination: postgres" in done.err
        a.environment["HAPLO_POLL_HOST"] = "a b"
        done = a.run("run")
        assert done.code == 2 and "HAPLO_POLL_HOST" in done.err
