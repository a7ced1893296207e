"""Inboxes that are damaged: SQLite mends it, or a line says so; nothing is
marked that is not stored, and nothing that was stored is lost.
`make torture` has many more cases."""
import contextlib
import random
import sqlite3

import pytest

from test_once_inbox import make_newer, make_other_database, make_text
import test_crash  # noqa: F401  it says where the next one is
import damage

SEED = 3
SAMPLE_COUNT = 25


@pytest.fixture
def bench():
    with damage.Bench() as bench:
        yield bench


# Disks fail, copies end half-way, files are mixed up.
def test_a_sample_of_all_damages(bench):
    dice = random.Random(SEED)
    cases = list(damage.every_case(bench, dice))
    codes, faults = damage.sweep(bench, dice.sample(cases, SAMPLE_COUNT))
    assert not faults, "\n".join(faults)
    assert len(codes) > 1, codes


# Another file in its place is neither written to, nor costs it a message.
@pytest.mark.parametrize("make,words", [
    (make_text, "not an SQLite database"),
    (make_other_database, "an SQLite database, but not "),
    (make_newer, "made by a newer haplo-poll"),
])
def test_another_file_in_its_place(bench, make, words):
    def replace(path):
        damage.close_normally(path)
        if make is not make_newer:
            path.unlink()
        make(path)

    done = bench.run(damage.Case("another file", replace))
    assert done.code == 2 and words in done.err
    assert len(done.err.splitlines()) == 1
    assert not bench.marked()


# The -wal holds messages that are nowhere else; SQLite would throw it away.
@pytest.mark.parametrize("case", [
    damage.removed(""), damage.removed("", "-shm"), damage.truncated("", 0)])
def test_a_wal_without_its_file_is_kept(bench, case):
    done = bench.run(case)
    assert done.code == 2 and "its -wal exists" in done.err
    assert not bench.marked()
    wal = damage.beside(bench.path, "-wal")
    assert wal.read_bytes() == bench.good[wal]
    bench.path.write_bytes(bench.good[bench.path])
    assert bench.poll.once() == (0, "", "")
    assert bench.marked() == bench.unread.keys()


# Whoever makes a backup first, to be safe, must not lose it by that.
@pytest.mark.parametrize("case", [
    damage.removed(""), damage.removed("", "-shm"), damage.truncated("", 0)])
def test_a_backup_keeps_a_wal_without_its_file(bench, case):
    assert bench.run(case).code == 2
    copy = bench.poll.folder / "copy.db"
    done = bench.poll.run("inbox", "backup", copy)
    assert done.code == 1 and "its -wal exists" in done.err
    wal = damage.beside(bench.path, "-wal")
    assert wal.read_bytes() == bench.good[wal]
    assert not copy.exists()


def wal_of_another(folder):
    """Of a database that has a table, and was not closed in peace."""
    path = folder / "another.db"
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.executescript(
            "PRAGMA page_size = 8192; PRAGMA journal_mode = WAL;"
            "CREATE TABLE diary (entry); INSERT INTO diary VALUES ('Dear')")
        return damage.beside(path, "-wal").read_bytes()


# Two databases were restored from a backup, and their -wal files mixed up.
def test_the_wal_of_another_database_ruins_nothing(bench, tmp_path):
    bench.reset()
    damage.close_normally(bench.path)
    content = bench.path.read_bytes()
    damage.beside(bench.path, "-wal").write_bytes(wal_of_another(tmp_path))
    done = bench.poll.once()
    assert done.code == 2 and "but not " in done.err
    assert not bench.marked()
    assert bench.path.read_bytes() == content
    damage.beside(bench.path, "-wal").unlink()
    assert bench.poll.once() == (0, "", "")
    assert bench.marked() == bench.unread.keys()


# Only the queue's state shows that a message was stored before, and its row may
# be damaged. The message is then stored again, and a line reports that.
@pytest.mark.parametrize("change", [
    "UPDATE stored SET body = 'x' WHERE arrival >= {first}",
    "DELETE FROM stored WHERE arrival >= {first}"])
def test_a_repeat_whose_row_is_damaged_is_stored_again(bench, change):
    def spoil(path):
        with contextlib.closing(sqlite3.connect(path)) as inbox, inbox:
            (first,), = inbox.execute("SELECT min(unconfirmed_from) FROM queues")
            done = inbox.execute(change.format(first=first))
            assert done.rowcount > 10

    done = bench.run(damage.Case(change, spoil))
    assert done.code == 0
    assert "missing or damaged" in done.err
    bodies = {body for body, in bench.poll.rows("SELECT body FROM messages")}
    made = {message["bytes"] for messages in
            bench.sim.all_messages(exact=True).values() for message in messages}
    assert made <= bodies
