"""Entries of a configuration that are one actual server share a budget of failed
logins: the server counts them together, under whatever names it is reached, and
locks the whole address out at 50, people included."""
import pytest

from sim import Sim, wait_for


def failures(sim, app="app1"):
    """As the server counts them: in a row, of the address."""
    throttle = sim.app_stats(app)["throttle"]
    return throttle[0]["failures"] if throttle else 0


def revoke_all(sim):
    """The server no longer takes the keys that haplo-poll has."""
    sim.script(*[f"key {name} {queue} rotate=yes store=no"
                 for name, app in sim.apps.items() for queue in app["queues"]])


def check_never_throttled(sim):
    assert [app["throttled"] for app in sim.stats()["apps"]] == [0] * len(
        sim.apps)


# A new configuration with wrong keys: five for each entry would be 55.
def test_eleven_entries_with_wrong_keys(poll_of):
    with Sim("--apps=11", "--one-port", "--queues=5", "--messages=1") as sim:
        revoke_all(sim)
        poll = poll_of(sim)
        poll.config["defaults"]["interval"] = "10ms"
        running = poll.start()
        running.wait_for_line("too many failed logins", count=11)
        assert running.stop() == 0
        assert failures(sim) == 5
        for _ in range(5):
            assert poll.once().code == 1
        assert failures(sim) == 5
        check_never_throttled(sim)


# Keys that have worked, all revoked at one moment, as when a server is restored
# from a backup: ten for each entry would be 50.
@pytest.mark.parametrize("options", [
    {}, {"max_in_flight": 8}, {"max_in_flight": 40, "failed_logins_max": 40}],
    ids=["plain", "8 at once", "the most without a risk"])
def test_five_entries_with_revoked_keys(poll_of, options):
    with Sim("--apps=5", "--one-port", "--queues=12", "--messages=3") as sim:
        poll = poll_of(sim)
        poll.config["defaults"].update(interval="200ms", refused_wait="1s",
                                       **options)
        running = poll.start()
        sim.wait_until_read()
        revoke_all(sim)
        running.wait_for_line("too many failed logins", count=5)
        wait_for(lambda: failures(sim) >= min(
            40, 2 * options.get("failed_logins_max", 5)))
        assert running.stop() == 0
        most = 40 if options else 2 * 5 + 4
        assert failures(sim) <= most
        for _ in range(5):
            assert poll.once().code == 1
        assert failures(sim) <= most
        check_never_throttled(sim)


# THROTTLE concerns the address: each request under another name would prolong
# it.
def test_a_throttle_silences_all_entries(poll_of):
    with Sim("--apps=3", "--one-port", "--queues=1", "--messages=1",
             "--throttle-after=1") as sim:
        poll = poll_of(sim)
        poll.config["defaults"]["interval"] = "50ms"
        running = poll.start()
        sim.wait_until_read()
        sim.script("key app2 q1 rotate=yes store=no")
        running.wait_for_line("the server refuses all logins", count=3)
        requests = sum(app["requests"] for app in sim.stats()["apps"])
        assert running.stop() == 0
        assert sum(app["requests"] for app in sim.stats()["apps"]) == requests


# Where addresses say nothing, as behind a proxy, or say too much.
@pytest.mark.parametrize("one_port, groups, count", [
    (False, ["one", "one"], 5), (True, ["one", "two"], 10)],
    ids=["one of two addresses", "two at one address"])
def test_a_login_group_decides(poll_of, one_port, groups, count):
    arguments = ["--one-port"] if one_port else []
    with Sim("--apps=2", "--queues=7", "--messages=1", *arguments) as sim:
        revoke_all(sim)
        poll = poll_of(sim)
        for name, group in zip(sim.apps, groups):
            poll.server(name)["login_group"] = group
        for _ in range(2):
            assert poll.once().code == 1
        counted = {failures(sim, app) for app in sim.apps}
        assert (max(counted) if one_port else sum(counted)) == count
