"""Routes: each outlet forwards the messages that match its rules, and no
others; what nobody forwards is counted."""
import collections
import json
import re

import pytest

from files_outlet import files_in
from sim import Sim, wait_for

STUDENTS = {"/action": "object:change",
            "/object/type/code": ["dc:attribute:student", "none:*"]}
APPROVED = {"workType": "example:thesis", "state": ["approved", "rejected"]}


def is_student(message):
    return (message["action"] == "object:change" and
            message["object"]["type"]["code"] == "dc:attribute:student")


def is_approved(message):
    return any(flow["workType"] == "example:thesis" and
               flow["state"] == "approved"
               for flow in message.get("object", {}).get("workflows", []))


def made(sim, queue="global"):
    return [json.loads(message["bytes"]) for message in
            sim.all_messages(exact=True)["app1", queue]]


def delivered(poll, folder):
    """Ids of the messages in the files of an outlet, in their order."""
    return [json.loads(line)["id"] for file in files_in(poll.folder / folder)
            for line in file.lines]


def outlet(name, **options):
    return {"name": name, "type": "files", "path": name, **options}


@pytest.fixture
def sim():
    with Sim("--apps=1", "--queues=0",
             "queue app1 global messages=600 objects=60") as simulator:
        yield simulator


def unrouted(text):
    found = re.findall(r"^unrouted messages in inbox inbox: (\d+)$", text, re.M)
    return int(found[0]) if found else 0


# Two departments, each with what concerns it, from the one queue that has all;
# unknown actions hold up nothing.
def test_each_outlet_gets_what_it_asks_for(sim, poll_of):
    poll = poll_of(sim)
    poll.config["outlets"] = [outlet("students", when=STUDENTS),
                              outlet("theses", when=[APPROVED])]
    done = poll.run("once")
    assert done.code == 0, done.err
    poll.check_all_stored()
    messages = made(sim)
    students = [m["id"] for m in messages if is_student(m)]
    approved = [m["id"] for m in messages if is_approved(m)]
    assert len(students) > 50 and len(approved) > 10
    assert delivered(poll, "students") == students
    assert delivered(poll, "theses") == approved
    rest = [m for m in messages if not is_student(m) and not is_approved(m)]
    assert any(m["action"] == "example:audit" for m in rest)
    assert unrouted(done.out) == len(rest)


# An outlet without rules takes everything, so nothing is unrouted; and a queue
# that no outlet names is, since its messages reach nobody either.
@pytest.mark.parametrize("queues, count", [(["app1/*"], 0), (["app1/a*"], 7)])
def test_what_no_outlet_takes_is_unrouted(poll_of, queues, count):
    with Sim("--apps=1", "--queues=0", "queue app1 all messages=5",
             "queue app1 other messages=7") as sim:
        poll = poll_of(sim)
        poll.config["outlets"] = [outlet("some", when={"/type": "never"}),
                                  outlet("rest", queues=queues)]
        if count > 0:
            poll.config["outlets"][0]["queues"] = ["app1/al?"]
        done = poll.run("once")
        assert done.code == 0, done.err
        assert unrouted(done.out) == count
        lines = [l for l in done.err.splitlines() if "unrouted" in l]
        assert len(lines) == (count > 0), done.err
        assert count == 0 or "the last one of app1/other" in lines[0]


# Whoever changes a rule means what comes from now on; replay is for the rest.
def test_a_changed_rule_applies_from_then_on(sim, poll_of):
    poll = poll_of(sim)
    poll.config["outlets"] = [outlet("out", when=STUDENTS)]
    assert poll.once().code == 0
    before = delivered(poll, "out")
    poll.config["outlets"] = [outlet("out", when=APPROVED)]
    sim.script("message app1 global count=300")
    assert poll.once().code == 0
    later = made(sim)[600:]
    assert delivered(poll, "out") == before + [
        m["id"] for m in later if is_approved(m)]


# A parcel that was cut before a crash is cut the same after it, or a receiver
# that knows parcels by their names would have its messages twice.
def test_crashes_repeat_parcels_as_they_were(poll_of):
    with Sim("--apps=1", "--queues=0", "--limit=100",
             "queue app1 global messages=4000 objects=500") as sim:
        poll = poll_of(sim)
        poll.config["defaults"]["interval"] = "10ms"
        poll.config["outlets"] = [outlet("students", when=STUDENTS),
                                  outlet("theses", when=[APPROVED])]
        for count in (1, 200, 500):
            run = poll.start()
            wait_for(lambda: len(delivered(poll, "students")) >= count,
                     f"{count} students")
            run.kill()
        assert poll.once().code == 0
        messages = made(sim)
        for folder, wants in (("students", is_student), ("theses", is_approved)):
            found = collections.Counter(delivered(poll, folder))
            assert found == collections.Counter(
                m["id"] for m in messages if wants(m)), folder


# An operator compares what is printed with what was meant.
def test_check_prints_the_rules(sim, poll_of):
    poll = poll_of(sim)
    poll.config["outlets"] = [outlet("out", when=[STUDENTS, APPROVED])]
    (poll.folder / "out").mkdir()
    done = poll.run("check")
    assert done.code == 0, done.err
    assert ("out: when {/action: 'object:change', /object/type/code: "
            "['dc:attribute:student', 'none:*']}\n"
            "out: or   {workType: 'example:thesis', "
            "state: [approved, rejected]}\n") in done.out
    poll.config["outlets"][0]["when"] = {"object/ref": "80q22"}
    done = poll.run("check")
    assert done.code != 0
    assert re.search(r"poll.yaml:\d+:\d+: error: outlet out: when: alternative 1: ",
                     done.err)
