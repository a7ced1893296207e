"""haplo-sim's queue `global`: messages of the shape that Haplo documents."""
import collections

import pytest

from sim import Sim
from sim_client import fetch

KINDS = {"dc:attribute:student", "std:type:book", "std:type:project",
         "example:type:thesis", "example:type:ethics-application"}


def messages_of(line, *arguments):
    """All messages of app1/global, which a script line creates."""
    with Sim("--apps=1", "--queues=0", "--limit=1000000", "--chunked=1000m",
             *arguments, line) as sim:
        return fetch(sim, queue="global").json()["messages"]


@pytest.fixture(scope="module")
def messages():
    return messages_of("queue app1 global messages=2000 objects=100")


# What consumers rely on: each message says what it is about.
def test_objects_are_complete(messages):
    actions = collections.Counter(m["action"] for m in messages)
    assert actions["object:change"] > actions["workflow:transition"] > 100
    for message in messages:
        if message["action"] == "example:audit":
            assert "object" not in message
            continue
        thing = message["object"]
        assert thing["kind"] == "haplo:object:0"
        assert thing["type"]["code"] in KINDS
        assert thing["url"].endswith("/" + thing["ref"])
        assert thing["title"] == (
            thing["attributes"]["dc:attribute:title"][0]["value"])
        assert thing["attributes"]["dc:attribute:author"][0]["ref"]
    assert {m["object"]["type"]["code"] for m in messages
            if "object" in m} == KINDS
    assert {m.get("operation") for m in messages
            if m["action"] == "object:change"} == {"create", "update", "relabel"}


# A consumer that stops at an action that it does not know would lose the rest.
def test_unknown_actions_come_now_and_then(messages):
    unknown = [m for m in messages if m["action"] not in
               ("object:change", "workflow:transition")]
    assert 10 < len(unknown) < 100


# The highest recordVersion of an object is its newest state; it may tie.
def test_the_version_of_an_object_never_decreases(messages):
    versions = collections.defaultdict(list)
    for message in messages:
        if "object" in message:
            versions[message["object"]["ref"]].append(
                message["object"]["recordVersion"])
    assert len(versions) == 100
    ties = 0
    for ref, seen in versions.items():
        assert seen == sorted(seen), ref
        assert len(set(seen)) > 5
        ties += len(seen) - len(set(seen))
    assert 20 < ties < 300


# Transitions are of objects in a workflow, and carry its state and forms.
def test_transitions_have_workflows(messages):
    states = set()
    for message in messages:
        workflows = message.get("object", {}).get("workflows")
        if message["action"] == "workflow:transition":
            assert workflows
        for flow in workflows or []:
            assert flow["workType"] in ("example:thesis", "example:ethics")
            assert flow["closed"] is (flow["state"] == "approved")
            assert flow["documents"]["form"]
            states.add(flow["state"])
    assert states == {"draft", "submitted", "examined", "approved"}


# A failure must be repeatable; another seed is another history.
def test_the_same_seed_gives_the_same_messages(messages):
    line = "queue app1 global messages=2000 objects=100"
    assert messages_of(line) == messages
    assert messages_of(line, "--seed=2") != messages


# The shape can be had under another name, and left out of this one.
def test_the_name_decides_unless_the_shape_is_given(messages):
    assert messages_of("queue app1 global messages=1 shape=plain")[0]["type"]
    with Sim("--apps=1", "--queues=1", "--shape=global",
             "--messages=3") as sim:
        assert "action" in fetch(sim).json()["messages"][0]
    padded = messages_of("queue app1 global messages=9 size=5000")
    assert all(4800 < len(str(m)) < 5600 for m in padded if "object" in m)


# When the queue is switched on there is a message for every object at once.
def test_switching_it_on_is_a_flood():
    with Sim("--apps=1", "--queues=1") as sim:
        wide = sim.key("app1", "wide")
        before = fetch(sim, queue="global", key=wide)
        assert b"messages" not in before.body  # there is no such queue
        sim.script("queue app1 global messages=20000 objects=20000")
        assert sim.unread("app1", "global") == 20000
        first = fetch(sim, queue="global", key=wide).json()["messages"]
        assert len(first) == 16
        assert {m.get("operation") for m in first} <= {"create", "export"}
        sim.script("message app1 global count=16")
        assert sim.unread("app1", "global") == 20016
