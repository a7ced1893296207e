"""Disks of inboxes that are full, read-only or gone: a line says so; nothing is
marked meanwhile, other queues go on, and with the disk back all goes on."""
import shutil
import subprocess

import pytest

from admin_client import admin_of
from needs import become_a_stranger, give_to_stranger
from poll import check_one_line_each, two_inboxes
from sim import Sim, wait_for

OTHERS = {("app1", "q2"), ("app2", "q1"), ("app2", "q2")}


class Scene:
    """`run`, with the inbox of app1/q1 on a disk of its own."""

    def __init__(self, poll, sim, folder):
        self.sim = sim
        self.poll = poll
        self.target = folder / "inbox.db"
        self.files = two_inboxes(poll, str(self.target))
        poll.config["defaults"]["interval"] = "20ms"
        self.run = None

    def start(self):
        self.run = self.poll.start()
        self.sim.wait_until_read()
        return self.run

    def q1(self, name="marks"):
        return self.sim.queue_stats("app1", "q1")[name]

    def retries(self):
        """How often the batch was delivered again."""
        queue = admin_of(self.poll).get("/api/v1/queues/app1/q1")["queue"]
        return queue["deliver_retries_total"]

    def check_held(self, *words, fetched=1):
        """New messages of app1/q1 are fetched once, not stored and not marked;
        all others arrive."""
        marks, fetches = self.q1(), self.q1("fetches_with_messages")
        self.sim.script(*[f"message {app} {queue} count=5" for app, queue
                          in {*OTHERS, ("app1", "q1")}])
        if words:
            self.run.wait_for_line("deliver app1/q1: ", *words)
        wait_for(lambda: self.retries() >= 3)
        wait_for(lambda: all(self.sim.unread(*queue) == 0 for queue in OTHERS))
        assert self.q1() == marks
        assert self.q1("fetches_with_messages") == fetches + fetched
        assert not self.run.lines("app1/q2") and not self.run.lines("app2/")
        self.poll.check_nothing_lost(*self.files, stored=OTHERS)

    def check_recovers(self):
        self.sim.wait_until_read()
        wait_for(lambda: self.run.lines("app1/q1: works again") or
                 self.run.lines("messages are fetched again"))
        assert self.run.stop() == 0
        self.poll.check_nothing_lost(*self.files,
                                     stored=self.sim.all_messages())


@pytest.fixture
def scene_of(poll_of):
    return lambda sim, folder: Scene(poll_of(sim), sim, folder)


FULL = "the disk is full"


def small_sim():
    return Sim("--apps=2", "--queues=2", "--messages=10", "--size=2k")


# Full


# The batch is kept and tried again, and its server is left alone meanwhile.
@pytest.mark.needs("mount")
def test_run_keeps_the_batch_while_the_disk_is_full(scene_of, disk_of):
    with small_sim() as sim:
        disk = disk_of(size="1m")
        scene = scene_of(sim, disk.folder)
        scene.start()
        disk.fill()
        sim.script("message app1 q1 count=100")  # some still find room
        scene.run.wait_for_line("no more messages are fetched", "free on its")
        scene.check_held(fetched=0)
        disk.free()
        disk.change("size=16m")
        scene.check_recovers()


# The same from the start.
@pytest.mark.needs("mount")
def test_no_room_at_the_start(scene_of, disk_of):
    with small_sim() as sim:
        disk = disk_of(size="1m")
        disk.fill()
        scene = scene_of(sim, disk.folder)
        done = scene.poll.once()
        assert done.code == 1
        name = "app1/q1" if "app1/q1" in done.err else "inbox inbox"
        check_one_line_each(done, [name], [str(scene.target), FULL])
        assert scene.q1() == 0
        disk.free()
        assert scene.poll.once() == (0, "", "")
        scene.poll.check_nothing_lost(*scene.files,
                                      stored=sim.all_messages())


# Room and names for files are two things.
@pytest.mark.needs("mount")
@pytest.mark.parametrize("count", [1, 2, 3])  # folder, inbox.db, -wal
def test_no_inode_left_for_the_inbox(scene_of, disk_of, count):
    with small_sim() as sim:
        disk = disk_of(nr_inodes=count)
        scene = scene_of(sim, disk.folder)
        done = scene.poll.once()
        assert done.code == 1  # nobody has to correct the configuration
        check_one_line_each(done, ["inbox inbox"], ["inbox.db"])
        assert sim.unread() == 40
        disk.change("nr_inodes=16")
        assert scene.poll.once() == (0, "", "")
        scene.poll.check_nothing_lost(*scene.files,
                                      stored=sim.all_messages())


# Read-only


# As mounted after an error, or by mistake.
@pytest.mark.needs("mount")
def test_a_read_only_file_system(scene_of, disk_of):
    with small_sim() as sim:
        disk = disk_of(size="1m")
        scene = scene_of(sim, disk.folder)
        words = [str(scene.target), "read-only"]
        disk.change("ro")
        done = scene.poll.once()
        assert done.code == 1
        check_one_line_each(done, ["inbox inbox"], words)
        disk.change("rw")
        assert scene.poll.once() == (0, "", "")
        sim.script("message app1 q1 count=5")
        disk.change("ro")
        done = scene.poll.once()
        assert done.code == 1
        check_one_line_each(done, ["inbox inbox"], words)
        assert sim.unread() == 5
        disk.change("rw")
        assert scene.poll.once() == (0, "", "")
        scene.poll.check_nothing_lost(*scene.files,
                                      stored=sim.all_messages())


# A folder of another user's, as after a restore from a backup.
@pytest.mark.needs("stranger")
def test_a_read_only_folder(poll_of):
    with small_sim() as sim:
        poll = poll_of(sim)
        folder = sim.dir / "inboxes"
        folder.mkdir()
        poll.config["inbox"] = "inboxes/inbox.db"
        poll.write()
        give_to_stranger(sim.dir)
        folder.chmod(0o555)
        done = poll.once(write=False, preexec_fn=become_a_stranger)
        assert done.code == 2
        check_one_line_each(done, ["inbox inbox"],
                            ["inbox.db", "permission denied"])
        assert sim.unread() == 40
        folder.chmod(0o755)
        done = poll.once(write=False, preexec_fn=become_a_stranger)
        assert done == (0, "", "")
        poll.check_nothing_lost(folder / "inbox.db",
                                stored=sim.all_messages())


# Gone


def move_inbox(folder, away):
    (folder / "inbox.db").rename(away / "inbox.db")
    return lambda: (away / "inbox.db").rename(folder / "inbox.db")


def move_wal(folder, away):
    (folder / "inbox.db-wal").rename(away / "wal")
    return lambda: (away / "wal").rename(folder / "inbox.db-wal")


def move_folder(folder, away):
    folder.rename(away / "folder")
    return lambda: (away / "folder").rename(folder)


def replace_inbox(folder, away):
    """By a copy: a good inbox, but another file."""
    put_back = move_inbox(folder, away)
    shutil.copyfile(away / "inbox.db", folder / "inbox.db")
    return put_back


def replace_folder(folder, away):
    put_back = move_folder(folder, away)
    folder.mkdir()

    def undo():
        folder.rmdir()
        put_back()

    return undo


# Somebody tidies up while it runs, and puts it back: what is stored in a file
# that nobody can find would be lost with the process.
@pytest.mark.parametrize("take_away", [move_inbox, move_wal, move_folder,
                                       replace_inbox, replace_folder])
def test_what_is_taken_away_while_it_runs_can_be_put_back(
        scene_of, tmp_path, take_away):
    with small_sim() as sim:
        folder, away = tmp_path / "inboxes", tmp_path / "away"
        folder.mkdir()
        away.mkdir()
        scene = scene_of(sim, folder)
        scene.start()
        put_back = take_away(folder, away)
        count = scene.q1("marked")
        sim.script("message app1 q1 count=5", "message app1 q2 count=5")
        scene.run.wait_for_line("deliver app1/q1: ", "was removed or replaced")
        wait_for(lambda: sim.unread() == 5)
        assert scene.q1("marked") == count
        put_back()
        scene.check_recovers()


# Nobody puts back what is deleted: a new start begins with a new inbox, and
# with all that was not marked.
def test_a_folder_that_is_deleted_while_it_runs(scene_of, tmp_path):
    with small_sim() as sim:
        folder = tmp_path / "inboxes"
        folder.mkdir()
        scene = scene_of(sim, folder)
        scene.start()
        shutil.rmtree(folder)
        sim.script("message app1 q1 count=5")
        scene.run.wait_for_line("deliver app1/q1: ", "was removed or replaced")
        assert sim.unread() == 5
        assert scene.run.stop() == 0
        assert scene.poll.once().code == 2  # there is no folder
        folder.mkdir()
        done = scene.poll.once()
        assert done.code == 0 and "is a new inbox" in done.err
        new = {message["bytes"] for message in sim.messages(exact=True)[-5:]}
        assert {body for _, _, body in scene.poll.inbox(scene.files[0])} == new
