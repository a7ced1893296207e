"""What hosts that share servers tell each other: pauses and failed logins hold
on whichever host has the queue."""
import pytest

from admin_client import Admin
from fleet_scene import Fleet
from sim import Sim, wait_for

Q1 = "/api/v1/queues/app1/q1"
MESSAGES = [{"number": number} for number in range(10)]


@pytest.fixture
def fleet_of(postgres, poll_of, request):
    """Makes the fleet of a test, in a schema of its own."""
    return lambda sim: Fleet(sim, poll_of, postgres,
                             request.node.name.removeprefix("test_"))


def owner_of(hosts, server):
    return hosts.server.value(
        f"SELECT owner FROM {hosts.schema}.slots JOIN {hosts.schema}.queues"
        f" USING (slot) WHERE server = '{server}' LIMIT 1")


def two_hosts(hosts, sim):
    """Who has app1, and who has not."""
    hosts.start("a", "b")
    wait_for(lambda: hosts.share("a", "b"))
    sim.wait_until_read()
    owner = owner_of(hosts, "app1")
    return owner, "b" if owner == "a" else "a"


def admins_of(hosts):
    return {name: Admin(str(poll.folder / f"state-{name}" / "admin.sock"))
            for name, poll in hosts.polls.items()}


# Whoever pauses it does not know which host has it, nor which one will.
def test_a_pause_holds_on_all_hosts(fleet_of):
    with Sim("--apps=8", "--queues=2", "--messages=4") as sim:
        hosts = fleet_of(sim)
        owner, other = two_hosts(hosts, sim)
        admins = admins_of(hosts)
        admins[other].post(Q1 + "/pause", {"by": "ann", "reason": "moving"})
        pause = wait_for(
            lambda: admins[owner].get(Q1)["queue"]["pause"])
        assert (pause["by"], pause["reason"]) == ("ann", "moving")
        sim.add("app1", "q1", MESSAGES)
        sim.add("app1", "q2", MESSAGES)
        wait_for(lambda: sim.unread("app1", "q2") == 0)
        hosts.runs[owner].kill()
        wait_for(lambda: hosts.share(other))
        sim.add("app1", "q2", MESSAGES)
        wait_for(lambda: sim.unread("app1", "q2") == 0)
        assert sim.unread("app1", "q1") == len(MESSAGES)
        hosts.start(owner)  # which has to learn of it again
        wait_for(lambda: admins[owner].get(Q1)["queue"]["pause"])
        admins[owner].post(Q1 + "/resume")
        sim.wait_until_read()
        wait_for(lambda: not admins[other].get(Q1)["queue"]["pause"])
        assert not (hosts.polls[owner].folder / f"state-{owner}" /
                    "pauses").exists()
        hosts.check_all_stored()


def most_logins(admin):
    """The highest count of failed logins that a host has."""
    return max(server["failed_logins"]
               for server in admin.get("/api/v1/servers")["servers"])


# The address of all hosts is locked out together, so they have one budget. No
# key works any more, so nothing clears the count.
def test_failed_logins_are_counted_by_all_hosts(fleet_of):
    with Sim("--apps=8", "--queues=2", "--messages=4") as sim:
        hosts = fleet_of(sim)
        hosts.base.config["defaults"]["interval"] = "1h"
        for server in hosts.base.config["servers"]:
            server["login_group"] = "one"
        two_hosts(hosts, sim)
        admins = admins_of(hosts)
        sim.script(*(f"key {app} {queue} rotate=yes store=no"
                     for app in sim.apps for queue in ("q1", "q2")))
        for admin in admins.values():  # one of them has it
            admin.ask("POST", Q1 + "/poll-now")

        def have_one_count():
            failed = sum(sim.app_stats(app)["failed_logins"]
                         for app in sim.apps)
            counts = {most_logins(admin) for admin in admins.values()}
            return failed > 0 and counts == {failed}

        wait_for(have_one_count)
        assert hosts.server.sql(
            f"SELECT site FROM {hosts.schema}.failed_logins") == [("=one",)]
        refused = hosts.server.sql(
            f"SELECT server, queue FROM {hosts.schema}.refused_keys")
        assert ("app1", "q1") in refused
