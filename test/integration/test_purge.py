"""Erasing messages about somebody: from the inbox of a running process or
without one, so that no byte of them is left in its files."""
import json

from sim import Sim, wait_for

NEEDLE = "Ada-Lovelace-1815"


def about(ref, number, text):
    return {"id": number, "action": "object:change",
            "object": {"ref": ref, "recordVersion": number, "title": text},
            "person": {"name": text}}


def fill(sim, queue="q1", app="app1"):
    """Three messages about 80q22, two of them with the needle, and another."""
    sim.add(app, queue, [
        about("80q22", 1, NEEDLE), about("80q23", 2, "somebody else"),
        about("80q22", 3, NEEDLE), about("80q22", 4, "x" * 50000 + NEEDLE)])


def on_disk(poll, needle=NEEDLE):
    """The files of the inbox that contain it, as they are."""
    return [path.name for path in poll.folder.glob("inbox.db*")
            if needle.encode() in path.read_bytes()]


def purge(poll, *arguments):
    return poll.run("purge", *arguments, write=False)


# Nobody should have to stop it for this; and what an outlet has not delivered
# must not leave the house any more.
def test_a_running_process_erases_messages(poll_of):
    with Sim("--apps=1", "--queues=1") as sim:
        poll = poll_of(sim)
        poll.config["defaults"]["interval"] = "20ms"
        poll.config["outlets"] = [{"name": "out", "type": "files",
                                   "path": "missing/out",
                                   "backoff": "10ms", "backoff_max": "50ms"}]
        poll.write()
        (poll.folder / "missing").write_text("not a folder")
        run = poll.start()
        fill(sim)
        wait_for(lambda: poll.inbox_count() == 4)
        sim.wait_until_read()
        assert on_disk(poll)
        listed = purge(poll, "--object", "80q22", "--dry-run")
        assert listed.code == 0
        assert [line.split()[0] for line in listed.out.splitlines()] == \
            ["ARRIVAL", "1", "3", "4"]
        assert poll.inbox_count() == 4
        done = purge(poll, "--object", "80q22", "--reason", "request 7")
        assert done.code == 0, done.err
        assert "messages purged: 3" in done.err
        assert "deliveries that outlets pass over: 3" in done.err
        assert "outlet out (files)" in done.out and "app1" in done.out
        assert on_disk(poll) == [] and on_disk(poll, "80q22") == []
        assert poll.rows("SELECT arrival, why FROM purged") == [
            (1, "request 7"), (3, "request 7"), (4, "request 7")]
        sim.script("message app1 q1 count=2")
        (poll.folder / "missing").unlink()
        (poll.folder / "missing").mkdir()
        wait_for(lambda: poll.rows("SELECT cursor FROM outlets")[0][0] == 6)
        assert run.stop() == 0
        files = [path.read_bytes() for path in
                 (poll.folder / "missing" / "out").rglob("*")
                 if path.is_file()]
        assert not any(NEEDLE.encode() in text for text in files)
        assert any(b"somebody else" in text for text in files)
        assert poll.once().code == 0  # nothing is fetched again
        assert poll.rows("SELECT arrival FROM stored") == [(2,), (5,), (6,)]
        assert on_disk(poll) == []


# The same without a process, by any value, in one inbox of several.
def test_a_purge_without_a_running_process(poll_of):
    with Sim("--apps=2", "--queues=1") as sim:
        poll = poll_of(sim)
        del poll.config["inbox"]
        poll.config["inboxes"] = [
            {"name": name, "type": "sqlite", "path": f"{name}.db"}
            for name in ("inbox", "other")]
        poll.config["defaults"]["inbox"] = "inbox"
        fill(sim)
        fill(sim, app="app2")
        assert poll.once().code == 0
        unnamed = purge(poll, "--object", "80q22")
        assert unnamed.code == 2 and "several inboxes" in unnamed.err
        done = purge(poll, "--inbox", "inbox", "--pointer", "/person/name",
                     "--value", NEEDLE, "--server", "app1")
        assert done.code == 0 and "messages purged: 2" in done.err
        assert "inbox other: purge it with --inbox other" in done.out
        done = purge(poll, "--inbox", "inbox", "--arrival", "4")
        assert done.code == 0 and "messages purged: 1" in done.err
        assert poll.rows("SELECT group_concat(arrival) FROM stored") == [
            ("2,5,6,7,8",)]
        done = purge(poll, "--inbox", "inbox", "--object", "80q22")
        assert "messages purged: 3" in done.err
        assert on_disk(poll) == []


# What was asked for by mistake must not erase everything.
def test_a_purge_needs_to_be_told_what(poll_of):
    with Sim("--apps=1", "--queues=1") as sim:
        poll = poll_of(sim)
        fill(sim)
        assert poll.once().code == 0
        for arguments in ([], ["--value", "x"], ["--pointer", "/a"],
                          ["--object", "a", "--arrival", "1"],
                          ["--arrival", "0"], ["--arrival", "x"],
                          ["--pointer", "a", "--value", "x"],
                          ["--pointer", "a", "--value", "x", "--dry-run"],
                          ["--object", "a", "--server", "a", "--queue", "a/b"],
                          ["--object", "a", "--since", "1h", "--until", "2h"],
                          ["--object", "a", "more"]):
            done = purge(poll, *arguments)
            assert done.code == 2 and done.err, arguments
        for arguments in (["--server", "tpyo"], ["--queue", "app1/tpyo"]):
            done = purge(poll, "--object", "a", *arguments)
            assert "matches no queue of" in done.err
        done = purge(poll, "--object", "a", "--server", "app1", "--dry-run")
        assert done.err.endswith("messages to be purged: 0\n")
        assert len(done.err.splitlines()) == 1
        other = poll.run("check", "--object", "x", write=False)
        assert other.code == 2 and "--object is an option of purge" in other.err
        assert poll.inbox_count() == 4
        rows = poll.rows("SELECT body FROM messages ORDER BY arrival")
        assert json.loads(rows[0][0])["person"]["name"] == NEEDLE


# A process that dies in the middle leaves a purge that can be repeated.
def test_a_process_that_is_killed_during_a_purge(poll_of):
    with Sim("--apps=1", "--queues=1") as sim:
        poll = poll_of(sim)
        for _ in range(5):
            sim.add("app1", "q1", [about("80q22", n, NEEDLE)
                                   for n in range(400)])
        assert poll.once().code == 0
        run = poll.start()
        run.wait_for_line("polling")
        command = poll.start("purge", "--object", "80q22")
        wait_for(lambda: poll.rows("SELECT count(*) FROM purged")[0][0] > 0)
        run.kill()
        command.wait()
        assert poll.rows("PRAGMA integrity_check") == [("ok",)]
        assert purge(poll, "--object", "80q22").code == 0
        assert poll.rows("SELECT count(*) FROM purged") == [(2000,)]
        assert poll.inbox_count() == 0 and on_disk(poll) == []
