"""haplo-poll once, with an inbox that cannot store: nothing is marked that is
not stored, and the cause is reported."""
import os
import pathlib
import resource
import sqlite3
import subprocess

import pytest

from poll import check_one_line_each, two_inboxes
from sim import WAIT_S_MAX, Sim, wait_for

def check_disk_full(poll, sim, files, **options):
    done = poll.once(**options)
    assert done.code == 1
    check_one_line_each(done, ["deliver app1/q1"], [str(files[0]), "disk"])
    poll.check_nothing_lost(*files, stored={("app1", "q2"), ("app2", "q1")})
    unread = sim.unread("app1", "q1")
    assert 0 < unread < 300  # some found room
    return unread


# A full disk must stop the marks of what finds no room, and nothing else; with
# room again, it goes on where it was.
def test_disk_full(poll_of, small_disk):
    with Sim(
        "--apps=2", "--queues=2", "--messages=20", "--size=2k", "--tls"
    ) as sim:
        sim.script("message app1 q1 count=280")
        poll = poll_of(sim)
        path = str(small_disk / "inbox.db") if small_disk else "inbox.db"
        files = two_inboxes(poll, path)
        poll.config["inboxes"][0]["free_space_min"] = 1

        def limit_files():
            resource.setrlimit(resource.RLIMIT_FSIZE, (256 << 10, 256 << 10))

        options = {} if small_disk else {"preexec_fn": limit_files}
        check_disk_full(poll, sim, files, **options)
        if small_disk:
            command = ["mount", "-o", "remount,size=16m", small_disk]
            subprocess.run(command, check=True)
        assert poll.once() == (0, "", "")
        poll.check_nothing_lost(*files, stored=sim.all_messages())


# A limit on the size of files kills by a signal, unless that is ignored.
def test_file_size_limit(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=300", "--size=2k") as sim:
        poll = poll_of(sim)
        limit = (256 << 10, 256 << 10)
        done = poll.once(
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        )
        assert done.code == 1
        check_one_line_each(done, ["deliver app1/q1"], ["inbox.db", "disk"])
        poll.check_nothing_lost()
        assert 0 < sim.unread() < 300
        assert poll.once() == (0, "", "")
        poll.check_all_stored()


# Somebody's open sqlite3 shell must cost no message, and be named as the cause.
def test_inbox_locked_the_whole_time(poll_of):
    with Sim("--apps=2", "--queues=2", "--messages=20", "--tls") as sim:
        poll = poll_of(sim)
        files = two_inboxes(poll)
        sim.script("fault app=app1 queue=q1 on=fetch do=delay")
        once = poll.start("-q", "once")
        wait_for(lambda: sim.app_stats("app1")["requests"] > 0)
        lock = sqlite3.connect(files[0], isolation_level=None,
                               timeout=WAIT_S_MAX)
        lock.execute("BEGIN EXCLUSIVE")
        sim.script("clear faults")
        try:
            assert once.wait() == 1
        finally:
            lock.close()
        lines = once.err.splitlines()
        assert len(lines) == 1
        assert "deliver app1/q1: " in lines[0] and "lock" in lines[0]
        good = set(sim.all_messages()) - {("app1", "q1")}
        poll.check_nothing_lost(*files, stored=good)
        assert sim.queue_stats("app1", "q1")["marks"] == 0
        assert poll.once() == (0, "", "")
        poll.check_nothing_lost(*files, stored=sim.all_messages())


# The same before it starts: told at once, and nothing is fetched.
def test_inbox_locked_at_the_start(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=20") as sim:
        poll = poll_of(sim)
        assert poll.once().code == 0
        sim.script("message app1 q1 count=3")
        lock = sqlite3.connect(poll.inbox_path, isolation_level=None,
                               timeout=WAIT_S_MAX)
        lock.execute("BEGIN EXCLUSIVE")
        try:
            done = poll.once()
        finally:
            lock.close()
        assert done.code == 1
        check_one_line_each(done, ["inbox inbox"], ["inbox.db", "lock"])
        assert sim.unread() == 3


def make_text(path):
    path.write_text("Dear diary, this is a text and no database. " * 100)


def make_other_database(path):
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE diary (entry)")
    database.close()


def make_newer(path):
    database = sqlite3.connect(path)
    version = database.execute("PRAGMA user_version").fetchone()[0]
    database.execute(f"PRAGMA user_version = {version + 1}")
    database.close()


# Another file in the inbox's place must neither be written to, nor cost a
# message.
@pytest.mark.parametrize(
    "make,words",
    [
        (pathlib.Path.mkdir, "is a folder"),
        (make_text, "not an SQLite database"),
        (make_other_database, "not an inbox of haplo-poll"),
        (make_newer, "made by a newer haplo-poll"),
    ],
)
def test_inbox_is_something_else(poll_of, make, words):
    with Sim("--apps=1", "--queues=1", "--messages=20") as sim:
        poll = poll_of(sim)
        if make is make_newer:
            assert poll.once().code == 0
            sim.script("message app1 q1 count=20")
        make(poll.inbox_path)
        size = os.path.getsize(poll.inbox_path)
        done = poll.once()
        assert done.code == 2
        check_one_line_each(done, ["inbox inbox"], [words, "poll.yaml:3:"])
        assert sim.unread() == 20
        assert os.path.getsize(poll.inbox_path) == size


# Backups


# A copy by other means may have half a transaction, or lack the -wal.
def test_backup_of_an_inbox_in_use(poll_of):
    with Sim("--apps=2", "--queues=2", "--messages=200") as sim:
        poll = poll_of(sim)
        poll.config["defaults"]["interval"] = "20ms"
        run = poll.start()
        wait_for(lambda: poll.inbox_count() > 0)
        copy = poll.folder / "copy.db"
        assert poll.run("inbox", "backup", copy) == (0, "", "")
        sim.wait_until_read()
        assert run.stop() == 0
        stored = poll.inbox()
        copied = poll.inbox(copy)
        assert copied and not copied - stored
        done = poll.run("inbox", "backup", copy)
        assert done.code == 1 and "copy.db" in done.err
        poll.config["inbox"] = "copy.db"
        sim.script("message app1 q1 count=3")
        assert poll.once().code == 0  # and it is an inbox


# An empty file would pass for a backup.
@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.touch()],
                         ids=["missing", "empty"])
def test_backup_of_nothing(poll_of, make):
    with Sim("--apps=1", "--queues=1") as sim:
        poll = poll_of(sim)
        make(poll.inbox_path)
        copy = poll.folder / "copy.db"
        done = poll.run("inbox", "backup", copy)
        assert done.code == 1 and "is missing or empty" in done.err
        assert not copy.exists()


# A damaged copy would replace the good one of yesterday.
def test_backup_of_a_damaged_inbox(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=400", "--size=1k") as sim:
        poll = poll_of(sim)
        assert poll.once() == (0, "", "")
        with open(poll.inbox_path, "r+b") as file:
            file.seek(8192 * 20)
            file.write(b"\xff" * 8192 * 5)
        before = poll.inbox_path.read_bytes()
        copy = poll.folder / "copy.db"
        done = poll.run("inbox", "backup", copy)
        assert done.code == 1 and "DAMAGED INBOXES" in done.err
        assert "inbox.db: the file is damaged" in done.err
        assert not list(poll.folder.glob("copy.db*"))
        assert poll.inbox_path.read_bytes() == before


# With several it has to be said which one.
def test_backup_of_one_of_several_inboxes(poll_of):
    with Sim("--apps=1", "--queues=2", "--messages=20") as sim:
        poll = poll_of(sim)
        files = two_inboxes(poll)
        assert poll.once() == (0, "", "")
        copy = poll.folder / "copy.db"
        for name in ([], ["third"]):
            done = poll.run("inbox", "backup", *name, copy)
            assert done.code == 2 and not copy.exists()
            check_one_line_each(done, ["haplo-poll"], ["inbox"])
        assert poll.run("inbox", "backup", "other", copy) == (0, "", "")
        assert poll.inbox(copy) == poll.inbox(files[1])
