"""An outlet that several hosts share: each message once, and in the order of its
queue, while the slots move as planned."""
import collections

import pytest

from fleet_scene import Fleet
from receiver import Receiver
from sim import Sim, wait_for
from test_webhook import hook


@pytest.fixture
def fleet_of(postgres, poll_of, request):
    """Makes the fleet of a test, in a schema of its own. No host loses a slot,
    however slow it is."""
    def make(sim):
        hosts = Fleet(sim, poll_of, postgres,
                      request.node.name.removeprefix("test_"))
        hosts.base.config["fleet"]["ttl"] = "10m"
        hosts.base.config["drain_timeout"] = "10m"
        return hosts

    return make


def add_messages(sim, first, count):
    for app in sim.apps:
        sim.add(app, "q1", [{"n": number}
                            for number in range(first, first + count)])


def forwarded(receiver, is_replay=False):
    """The numbers that were accepted, of each server."""
    found = collections.defaultdict(list)
    for request in receiver.accepted():
        if ("haplo-replay" in request.headers) == is_replay:
            found[request.queue[0]] += [message["n"]
                                        for message in request.messages]
    return found


def wait_for_numbers(sim, receiver, count, is_replay=False):
    expected = {app: list(range(count)) for app in sim.apps}
    wait_for(lambda: sum(map(len, forwarded(
        receiver, is_replay).values())) >= count * len(expected),
        f"{count} messages of each server")
    assert forwarded(receiver, is_replay) == expected


# A host comes, and another one stops, while there is always something to send:
# nothing is sent twice, and nothing overtakes.
def test_planned_moves_repeat_nothing(fleet_of):
    with Sim("--apps=8", "--queues=1") as sim, Receiver() as receiver:
        hosts = fleet_of(sim)
        hook(hosts.base, receiver)
        add_messages(sim, 0, 10)
        hosts.start("a")
        wait_for_numbers(sim, receiver, 10)
        hosts.start("b")
        for step in range(10):
            add_messages(sim, 10 + step * 10, 10)
            sim.wait_until_read()
        wait_for(lambda: hosts.share("a", "b"))
        assert hosts.runs["a"].stop() == 0
        add_messages(sim, 110, 10)
        wait_for_numbers(sim, receiver, 120)
        assert hosts.runs["b"].stop() == 0


# Whoever is asked for a replay, one host does it.
def test_a_replay_is_done_by_one_host(fleet_of):
    with Sim("--apps=8", "--queues=1") as sim, Receiver() as receiver:
        hosts = fleet_of(sim)
        hook(hosts.base, receiver)
        add_messages(sim, 0, 10)
        hosts.start("a", "b")
        wait_for(lambda: hosts.share("a", "b"))
        wait_for_numbers(sim, receiver, 10)
        wait_for(lambda: hosts.server.value(
            f"SELECT count(*) FROM {hosts.schema}.queues AS q JOIN"
            f" {hosts.schema}.positions AS p ON p.queue = q.id"
            " AND p.position = q.last_arrival") == "8", "all positions")
        for name in ["a", "b"]:
            done = hosts.polls[name].run("replay", "--outlet=hook",
                                         "--since=1h", write=False)
            assert done.code == 0, done.err
        wait_for(lambda: hosts.server.value(
            f"SELECT count(*) FROM {hosts.schema}.replays"
            " WHERE state = 1") == "2", "the end of both replays")
        for numbers in forwarded(receiver, True).values():
            assert numbers == 2 * list(range(10))


# One host deletes what is old, whoever has stored it.
def test_old_messages_are_deleted(fleet_of):
    with Sim("--apps=8", "--queues=1", "--messages=40") as sim:
        hosts = fleet_of(sim)
        hosts.server.use(hosts.base, schema=hosts.schema, keep="1s")
        hosts.start("a", "b")
        sim.wait_until_read()
        wait_for(lambda: hosts.share("a", "b"))
        wait_for(lambda: hosts.server.value(
            f"SELECT count(*) FROM {hosts.schema}.stored") == "0",
            "the end of all messages")


# An operator may ask any host, and learns which one it is.
def test_the_host_that_forwards_a_queue_releases_it(fleet_of):
    refused = ["app1"]
    with Sim("--apps=2", "--queues=1") as sim, Receiver(
            lambda request: 400 if request.queue[0] in refused
            else 204) as receiver:
        hosts = fleet_of(sim)
        hook(hosts.base, receiver)
        hosts.base.config["fleet"]["weights"] = {"b": 0}
        add_messages(sim, 0, 1)
        hosts.start("a", "b")
        wait_for(lambda: hosts.share("a"))
        hosts.runs["a"].wait_for_line("outlet hook: app1/q1: blocked")

        def release(name):
            return hosts.polls[name].run("outlet", "retry", "hook", "app1/q1",
                                         write=False)

        refused.clear()
        done = release("b")
        assert done.code == 1 and "ask haplo-poll on a" in done.err
        assert release("a").code == 0
        wait_for_numbers(sim, receiver, 1)
        assert hosts.runs["b"].stop() == 0
        done = release("b")
        assert done.code == 1 and "does not run" in done.err
