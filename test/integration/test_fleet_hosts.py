"""Several hosts that share the servers of one configuration. What happens to
them while everything fails is in test_hosts.py."""
import itertools
import signal
import time

import pytest

from fleet_scene import Fleet
from sim import Sim, wait_for

MESSAGES = [{"number": number} for number in range(40)]


@pytest.fixture
def fleet_of(postgres, poll_of, request):
    """Makes the fleet of a test, in a schema of its own."""
    return lambda sim: Fleet(sim, poll_of, postgres,
                             request.node.name.removeprefix("test_"))


# Nothing but the shared configuration says who polls what.
def test_hosts_share_the_servers(fleet_of):
    with Sim("--apps=12", "--queues=2", "--messages=20") as sim:
        hosts = fleet_of(sim)
        hosts.start("a", "b")
        sim.wait_until_read()
        wait_for(lambda: hosts.share("a", "b"))
        hosts.check_all_stored()


# The others go on with what it had, and it comes back as the same host.
def test_a_killed_host_is_replaced_and_comes_back(fleet_of):
    with Sim("--apps=12", "--queues=2") as sim:
        hosts = fleet_of(sim)
        hosts.start("a", "b")
        wait_for(lambda: hosts.share("a", "b"))
        hosts.runs["a"].kill()
        for app in sim.apps:
            sim.add(app, "q1", MESSAGES)
        sim.wait_until_read()
        wait_for(lambda: hosts.share("b"))
        hosts.start("a")
        wait_for(lambda: hosts.share("a", "b"))
        hosts.check_all_stored()


# Nobody has to wait until its membership ends.
def test_a_host_that_stops_releases_its_slots(fleet_of):
    with Sim("--apps=12", "--queues=2", "--messages=20") as sim:
        hosts = fleet_of(sim)
        hosts.start("a")
        sim.wait_until_read()
        assert hosts.runs["a"].stop() == 0
        assert hosts.share("")
        hosts.start("b")
        wait_for(lambda: hosts.share("b"))


# Two machines with one name would both believe that they have its slots.
def test_another_process_with_the_name_of_a_host_stays_outside(fleet_of):
    with Sim("--apps=2", "--queues=2", "--messages=20") as sim:
        hosts = fleet_of(sim)
        hosts.start("a")
        other = hosts.poll("a", state_dir="other").start("run", "--host", "a")
        other.wait_for_line("polling")
        sim.wait_until_read()
        assert hosts.runs["a"].stop() == 0
        wait_for(lambda: hosts.share("a"))  # now it may join
        sim.add("app1", "q1", MESSAGES)
        sim.wait_until_read()
        assert other.stop() == 0
        hosts.check_all_stored()


# It must not begin to work, and then find out.
def test_a_host_that_has_no_good_name_does_not_start(fleet_of):
    with Sim("--apps=1", "--queues=1") as sim:
        poll = fleet_of(sim).poll("a")
        done = poll.run("run", "--host", "bad name")
        assert done.code == 2
        line, = done.err.splitlines()
        assert '--host: "bad name" cannot be the name of a host' in line
        (sim.dir / "state-a" / "fleet.instance").write_text("damaged")
        done = poll.run("run", "--host", "a")
        assert done.code == 2
        line, = done.err.splitlines()
        assert "state-a/fleet.instance: cannot be read or made" in line


# Each of them is told, and one of them polls it.
def test_a_reload_adds_and_removes_servers(fleet_of):
    with Sim("--apps=12", "--queues=2", "--messages=20") as sim:
        hosts = fleet_of(sim)
        servers = hosts.base.config["servers"]
        hosts.base.config["servers"] = servers[:6]
        hosts.start("a", "b")
        wait_for(lambda: hosts.share("a", "b"))
        for poll in hosts.polls.values():
            poll.config["servers"] = servers[3:]
            done = poll.run("reload")
            assert done.code == 0, done
        for app in list(sim.apps)[6:]:
            wait_for(lambda app=app: sim.unread(app) == 0)
        wait_for(lambda: sum(map(sim.unread, sim.apps)) == 0)
        assert all(run.stop() == 0 for run in hosts.runs.values())
        hosts.check_all_stored()


def requests_of(sim):
    return [sim.app_stats(app)["requests"] for app in sim.apps]


# Whoever cannot renew its membership may have been replaced already.
def test_without_the_database_nothing_begins(fleet_of):
    with Sim("--apps=4", "--queues=2", "--messages=20") as sim:
        hosts = fleet_of(sim)
        hosts.start("a")
        sim.wait_until_read()
        hosts.server.stop()
        end_s = time.monotonic() + hosts.TTL_S
        wait_for(lambda: time.monotonic() >= end_s)
        stopped = requests_of(sim)
        looks = itertools.count(1)
        wait_for(lambda: next(looks) > 20)
        assert requests_of(sim) == stopped
        assert hosts.server.start()
        for app in sim.apps:
            sim.add(app, "q1", MESSAGES)
        sim.wait_until_read()
        assert hosts.runs["a"].stop() == 0
        hosts.check_all_stored()


# It was suspended for longer than its membership, and knows nothing of it.
def test_a_host_that_was_suspended_does_no_harm(fleet_of):
    with Sim("--apps=12", "--queues=2", "--messages=40") as sim:
        hosts = fleet_of(sim)
        hosts.start("a", "b")
        wait_for(lambda: hosts.share("a", "b"))
        hosts.runs["a"].signal(signal.SIGSTOP)
        for app in sim.apps:
            sim.add(app, "q2", MESSAGES)
        wait_for(lambda: hosts.share("b"))
        sim.wait_until_read()
        hosts.runs["a"].signal(signal.SIGCONT)
        wait_for(lambda: hosts.share("a", "b"))
        for app in sim.apps:
            sim.add(app, "q1", MESSAGES)
        sim.wait_until_read()
        assert all(run.stop() == 0 for run in hosts.runs.values())
        hosts.check_all_stored()
