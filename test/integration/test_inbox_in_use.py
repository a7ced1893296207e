"""What happens to an inbox while it is in use, and to the arrivals in it: it is
truncated, or an older copy is restored. What the manual page advises is done,
word by word."""
import contextlib
import os
import re
import shutil
import sqlite3
import subprocess

import pytest

from poll import PROGRAM, RUN_S_MAX
from sim import ROOT, Sim, wait_for

DAMAGED = "was truncated or overwritten while in use"


# Damaged inboxes


def advice():
    """The commands of DAMAGED INBOXES in haplo-inbox(5), by paragraph."""
    page = (ROOT / "man" / "haplo-inbox.5").read_text()
    section = re.search(r"\.Sh DAMAGED INBOXES\n(.*?)\.Sh ", page, re.S)[1]
    blocks = re.findall(r"\.Bd -literal.*?\n(.*?)\.Ed", section, re.S)
    blocks = [re.findall(r"^\$ (.*)$", block, re.M) for block in blocks]
    assert [len(block) for block in blocks] == [2, 1, 4, 1]
    return blocks


def follow(folder, commands):
    """Returns what the last one printed."""
    for command in commands:
        done = subprocess.run(["sh", "-c", command], cwd=folder,
                              capture_output=True, text=True, check=False)
        assert done.returncode == 0 or command.startswith("sed"), done
    return done.stdout


def marked(sim):
    return {message["bytes"] for messages in
            sim.all_messages(exact=True).values() for message in messages
            if message["sent"]}


def bodies(path):
    """The messages that can be read in an inbox, or in what is left of one."""
    with contextlib.closing(sqlite3.connect(path)) as inbox:
        return {body for body, in inbox.execute("SELECT body FROM stored")}


def truncate(path):
    os.truncate(path, 0)


def cut(path):
    os.truncate(path, path.stat().st_size // 2)


def overwrite(path):
    with open(path, "r+b") as file:
        file.write(b"a note to myself")


# Nothing is marked from then on, the evidence is kept, and following the advice
# brings back what can be brought back.
@pytest.mark.parametrize("damage", [truncate, cut, overwrite])
def test_an_inbox_that_is_damaged_while_in_use(poll_of, damage):
    with Sim("--apps=1", "--queues=3", "--messages=400", "--size=1k") as sim:
        poll = poll_of(sim)
        poll.config["defaults"]["interval"] = "20ms"
        run = poll.start()
        sim.wait_until_read()
        assert poll.run("inbox", "backup", sim.dir / "copy.db").code == 0
        sim.script("message app1 q* count=50")
        sim.wait_until_read()
        wait_for(lambda: poll.inbox_count() == 1350, "all rows")
        before = marked(sim)
        damage(poll.inbox_path)
        sim.script("message app1 q* count=5")
        run.wait_for_line(DAMAGED, "DAMAGED INBOXES")
        assert marked(sim) == before  # exactly what can be restored
        wal = poll.inbox_path.with_name("inbox.db-wal")
        assert run.stop() == 0
        assert wal.stat().st_size > 32

        away, restore, read, count = advice()
        follow(sim.dir, away)
        follow(sim.dir, restore)
        done = poll.once()
        assert done.code == 0 and "is an older copy" in done.err
        follow(sim.dir, read)
        rest = sim.dir / "rest" / "messages.db"
        if damage is not truncate:
            assert int(follow(sim.dir, count).split("|")[0]) > 0
            assert bodies(rest) <= marked(sim)
        assert bodies(poll.inbox_path) >= marked(sim) - before
        assert (sim.dir / "damaged" / "inbox.db-wal").stat().st_size > 32


# A page in the middle: SQLite reports it when it reads it.
def test_an_inbox_in_which_sqlite_finds_errors(poll_of):
    with Sim("--apps=1", "--queues=3", "--messages=400", "--size=1k") as sim:
        poll = poll_of(sim)
        assert poll.once() == (0, "", "")
        size = poll.inbox_path.stat().st_size
        with open(poll.inbox_path, "r+b") as file:
            file.seek(8192)
            file.write(b"\xff" * 8192 * 20)
        sim.script("message app1 q* count=5")
        done = poll.once()
        assert done.code != 0 and "DAMAGED INBOXES" in done.err
        assert poll.inbox_path.stat().st_size == size
        away, _, read, _ = advice()
        follow(sim.dir, away)
        assert poll.once().code == 0  # with a new inbox
        follow(sim.dir, read)


# A view whose text is damaged may hide what is stored.
def test_an_inbox_whose_definitions_are_damaged(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=20") as sim:
        poll = poll_of(sim)
        assert poll.once() == (0, "", "")
        with contextlib.closing(sqlite3.connect(poll.inbox_path)) as inbox:
            inbox.executescript(
                "PRAGMA writable_schema = ON; UPDATE sqlite_master"
                " SET sql = replace(sql, 'stored', 'stared')"
                " WHERE name = 'messages'")
        done = poll.once()
        assert done.code == 2 and "DAMAGED INBOXES" in done.err
        away, _, read, count = advice()
        follow(sim.dir, away)
        follow(sim.dir, read)
        assert follow(sim.dir, count) == "20|20\n"
        assert poll.once().code == 0


# Whoever has tried it before the first release must not think that their disk is
# at fault; and what is stored can still be had.
@pytest.mark.parametrize("change, words", [
    ("DROP TABLE purged", "the table purged is missing"),
    ("DROP VIEW messages; CREATE VIEW messages AS SELECT arrival FROM stored",
     "the view messages is not as it should be")])
def test_an_inbox_from_before_the_first_release(poll_of, change, words):
    with Sim("--apps=1", "--queues=1", "--messages=20") as sim:
        poll = poll_of(sim)
        assert poll.once() == (0, "", "")
        with contextlib.closing(sqlite3.connect(poll.inbox_path)) as inbox:
            inbox.executescript(change)
        sim.script("message app1 q1 count=3")
        done = poll.once()
        assert done.code == 2 and f"inbox.db: {words}: " in done.err
        assert "made by a haplo-poll from before the first release" in done.err
        assert "export its messages" in done.err
        assert sim.unread() == 3
        follow(sim.dir, ["mkdir away && mv inbox.db* away/"])
        assert poll.once().code == 0
        assert sim.unread() == 0
        assert len(bodies(sim.dir / "away" / "inbox.db")) == 20


# "put back the file that belongs to it, or move the -wal to another folder",
# which "DAMAGED INBOXES" does as well.
@pytest.mark.parametrize("command", [
    "mv aside.db inbox.db", "mkdir aside && mv inbox.db-wal aside/",
    "mkdir damaged && mv inbox.db* damaged/"])
def test_a_wal_whose_inbox_is_missing(poll_of, command):
    with Sim("--apps=1", "--queues=1", "--messages=20") as sim:
        poll = poll_of(sim)
        poll.config["defaults"]["interval"] = "20ms"
        run = poll.start()
        sim.wait_until_read()
        run.kill()
        poll.inbox_path.rename(sim.dir / "aside.db")
        done = poll.once()
        assert done.code == 2
        assert "put back the file that belongs to it, or move the -wal to " \
            'another folder: see "DAMAGED INBOXES" in' in done.err
        follow(sim.dir, [command])
        sim.script("message app1 q1 count=3")
        assert poll.once().code == 0
        assert sim.unread() == 0


# Restored copies


def newest(poll):
    (arrival,), = poll.rows("SELECT max(arrival) FROM messages")
    return arrival


# The disk was lost, and the backup of yesterday put back.
def test_a_reader_misses_nothing_after_a_restore(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=32") as sim:
        poll = poll_of(sim)
        assert poll.once() == (0, "", "")
        backup = sim.dir / "backup.db"
        assert poll.run("inbox", "backup", backup).code == 0
        sim.script("message app1 q1 count=48")
        assert poll.once() == (0, "", "")
        last = newest(poll)  # as a reader remembers it
        poll.inbox_path.unlink()
        shutil.copyfile(backup, poll.inbox_path)
        sim.script("message app1 q1 count=20")
        done = poll.once()
        assert done.code == 0
        line, = done.err.splitlines()
        assert "is an older copy: it ends at arrival 32" in line
        assert "arrivals up to 80 were used" in line
        rows = poll.rows(f"SELECT 1 FROM messages WHERE arrival > {last}")
        assert len(rows) == 20
        sim.script("message app1 q1 count=1")
        assert poll.once() == (0, "", "")
        assert newest(poll) == last + 21  # without another gap


# The same after a crash of the host, of which only the reservation is known.
def test_arrivals_after_a_crash_are_not_used_again(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=32") as sim:
        poll = poll_of(sim)
        poll.config["defaults"]["interval"] = "20ms"
        run = poll.start()
        sim.wait_until_read()
        assert poll.run("inbox", "backup", sim.dir / "backup.db").code == 0
        sim.script("message app1 q1 count=48")
        sim.wait_until_read()
        last = newest(poll)
        run.kill()
        for path in sim.dir.glob("inbox.db*"):
            path.unlink()
        shutil.copyfile(sim.dir / "backup.db", poll.inbox_path)
        sim.script("message app1 q1 count=20")
        assert poll.once().code == 0
        rows = poll.rows(f"SELECT 1 FROM messages WHERE arrival > {last}")
        assert len(rows) == 20


# The disk of the inbox is not mounted.
def test_a_new_inbox_in_the_place_of_another_is_logged(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=5") as sim:
        poll = poll_of(sim)
        assert poll.once() == (0, "", "")
        poll.inbox_path.rename(sim.dir / "unmounted.db")
        sim.script("message app1 q1 count=3")
        done = poll.once()
        assert done.code == 0 and "is a new inbox" in done.err
        assert "Is its disk mounted?" in done.err
        assert newest(poll) == 8


# Temporary files


INSIDE = """
set -e
mount --make-rprivate /
mount --bind "$1" /mnt
mount --bind "$2" /opt
mount -o remount,bind,ro /
for folder in /tmp /var/tmp /usr/tmp /dev/shm; do
    [ ! -d $folder ] || mount -t tmpfs -o ro none $folder
done
cd /
shift 2
exec env -i PATH=/usr/bin:/bin "$@"
"""


# As in a container whose only writable folder is that of the inbox. SQLite would
# want a temporary file for a large statement.
@pytest.mark.needs("mount")
@pytest.mark.parametrize("count,size", [(20000, "100"), (48, "1m")])
def test_a_read_only_root(poll_of, count, size):
    with Sim("--apps=1", "--queues=1", f"--messages={count}", f"--size={size}",
             "--revision=2019") as sim:
        poll = poll_of(sim)
        poll.write()

        def inside(*words):
            return subprocess.run(
                ["unshare", "-m", "sh", "-c", INSIDE, "sh", sim.dir,
                 os.path.dirname(PROGRAM), "/opt/haplo-poll",
                 "-c", "/mnt/poll.yaml", *words],
                capture_output=True, text=True, timeout=RUN_S_MAX, check=False)

        done = inside("-q", "once")
        assert done.returncode == 0, done.stderr
        poll.check_all_stored()
        done = inside("inbox", "backup", "/mnt/copy.db")
        assert done.returncode == 0, done.stderr
        assert len(poll.rows("SELECT 1 FROM stored", sim.dir / "copy.db")) \
            == count
