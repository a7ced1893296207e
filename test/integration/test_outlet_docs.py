"""What docs/outlets.md tells receivers to do: its snippets run, and cope with
repeats. That for PostgreSQL is in test_postgres_docs.py."""
import json
import os
import sqlite3
import subprocess

from doc_snippets import snippets_of
from files_outlet import files_in, packed
from receiver import Receiver
from sim import ROOT, Sim, wait_for

SNIPPETS = snippets_of("outlets.md")


def made(sim, queue="q1"):
    return {message["bytes"] for message in
            sim.messages("app1", queue, exact=True)}


# Every snippet is used here, so that none can rot.
def test_all_snippets_are_tested():
    text = "".join(path.read_text() for path in
                   (ROOT / "test" / "integration").glob("test_*_docs.py"))
    for name in SNIPPETS:
        assert f'SNIPPETS["{name}"]' in text, name
    assert {"store", "exec", "files", "newest", "position", "routes"} == set(
        SNIPPETS)


# Each request is answered only the second time: all messages come twice.
def test_an_identity_makes_repeats_harmless(poll_of):
    context = {}
    exec(SNIPPETS["store"], context)  # defines store()
    database = sqlite3.connect(":memory:", check_same_thread=False)
    database.execute("CREATE TABLE messages (id TEXT PRIMARY KEY, body)")
    seen, calls = set(), []

    def answer(request):
        for identity, message in zip(request.ids, request.messages):
            calls.append(identity)
            context["store"](database, identity, json.dumps(message))
        if request.id not in seen:
            seen.add(request.id)
            return None  # the response is lost
        return 204

    with Receiver(answer) as receiver, Sim("--messages=40") as sim:
        poll = poll_of(sim)
        poll.config["defaults"]["interval"] = "20ms"
        poll.config["outlets"] = [{
            "name": "out", "type": "webhook", "backoff": "10ms",
            "backoff_max": "10ms", "breaker_failures": 1000,
            "url": f"http://127.0.0.1:{receiver.port}/"}]
        run = poll.start()
        sim.wait_until_read()
        wait_for(lambda: len(calls) == 80, "all messages twice")
        assert run.stop() == 0
        stored = [json.loads(body)["id"] for (body,) in
                  database.execute("SELECT body FROM messages")]
        assert sorted(stored) == [m["id"] for m in sim.messages()]


# A command that is run again for a message, as after a crash, changes nothing.
def test_the_command_stores_each_message_once(poll_of):
    with Sim("--messages=12") as sim:
        poll = poll_of(sim)
        script, store = poll.folder / "store.sh", poll.folder / "students"
        script.write_text(SNIPPETS["exec"])
        script.chmod(0o755)
        store.mkdir()
        poll.config["outlets"] = [{
            "name": "out", "type": "exec", "per": "message",
            "command": [str(script), str(store)]}]
        assert poll.once().code == 0
        files = sorted(store.iterdir())
        assert {path.read_text() for path in files} == made(sim)
        again = subprocess.run(
            [script, store], input=b"other", check=False,
            env={**os.environ, "HAPLO_ID": files[0].name})
        assert again.returncode == 0
        assert sorted(store.iterdir()) == files
        assert b"other" not in files[0].read_bytes()
        gone = subprocess.run([script, poll.folder / "none"], check=False,
                              env={**os.environ, "HAPLO_ID": "x"},
                              stderr=subprocess.DEVNULL)
        assert gone.returncode == 78


# Each file is processed once, also if it appears again.
def test_files_are_taken_once(poll_of):
    with Sim("--messages=40") as sim:
        poll = poll_of(sim)
        poll.config["outlets"] = [
            {"name": "out", "type": "files", "path": "out"}]
        assert poll.once().code == 0
        tools = poll.folder / "tools"
        tools.mkdir()
        program = tools / "import-students"
        program.write_text(f"#!/bin/sh\ncat >>{poll.folder}/imported\n")
        program.chmod(0o755)
        where = poll.folder / "out" / "app1" / "q1"
        first = files_in(poll.folder / "out")[0].path
        copy = first.read_bytes()
        for _ in range(2):
            subprocess.run(
                ["sh", "-c", SNIPPETS["files"]], cwd=where, check=True,
                env={**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"})
            assert not files_in(poll.folder / "out")
            first.write_bytes(copy)  # a repeat
        lines = (poll.folder / "imported").read_bytes().splitlines()
        assert sorted(lines) == sorted(
            packed(body.encode()) for body in made(sim))


# In any order, with repeats and ties: the newest state remains.
def test_the_newest_state_of_an_object_remains():
    with Sim("--apps=1", "--queues=0", "--limit=1000", "--chunked=100m",
             "queue app1 global messages=300 objects=30") as sim:
        objects = [json.loads(m["bytes"])["object"] for m in
                   sim.messages("app1", "global", exact=True)
                   if '"object"' in m["bytes"]]
    database = sqlite3.connect(":memory:")
    database.execute(
        "CREATE TABLE objects (ref TEXT PRIMARY KEY, version INTEGER, body)")
    for thing in [*objects, *objects[::-1], *objects[::3]]:
        database.execute(SNIPPETS["newest"], {
            "ref": thing["ref"], "version": thing["recordVersion"],
            "body": json.dumps(thing)})
    newest = {}
    for thing in objects:
        newest[thing["ref"]] = max(newest.get(thing["ref"], 0),
                                   thing["recordVersion"])
    assert dict(database.execute("SELECT ref, version FROM objects")) == newest


# What is printed in the section on routes is accepted, and does what it says.
def test_the_rules_are_accepted(poll_of):
    with Sim("--apps=1", "--queues=0",
             "queue app1 global messages=300 objects=30") as sim:
        sim.add("app1", "global", [{"object": {"title": "What is *this*?"}},
                                   {"object": {"title": "What is that?"}}])
        poll = poll_of(sim)
        poll.write()
        path = poll.folder / "poll.yaml"
        path.write_text(SNIPPETS["routes"] + "".join(
            f"{key}: {json.dumps(value)}\n"
            for key, value in poll.config.items()))
        done = poll.run("once", write=False)
        assert done.code == 0, done.err
        lines = {name: [json.loads(line)
                        for file in files_in(poll.folder / name)
                        for line in file.lines]
                 for name in ("students", "theses")}
        assert len(lines["students"]) > 30
        for message in lines["students"]:
            assert message["object"]["type"]["code"] == "dc:attribute:student"
        assert lines["theses"][-1]["object"]["title"] == "What is *this*?"
        states = {flow["state"] for message in lines["theses"][:-1]
                  for flow in message["object"]["workflows"]}
        assert states == {"submitted", "examined"}
