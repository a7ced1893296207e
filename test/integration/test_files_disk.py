"""Disks of a files outlet that are full, read-only or gone: the outlet waits,
and says so; queues go on all the time; with the disk back it catches up."""
import shutil
import subprocess

import pytest

from files_outlet import Receiver
from sim import Sim, wait_for


class Scene:
    """`run`, with a files outlet on a disk of its own."""

    def __init__(self, poll, folder):
        self.sim = poll.sim
        self.poll = poll
        self.folder = folder / "files"
        self.receiver = Receiver(self.folder)
        poll.config["defaults"]["interval"] = "20ms"
        poll.config["outlets"] = [
            {"name": "out", "type": "files", "path": str(self.folder),
             "backoff": "10ms", "backoff_max": "20ms"}]
        self.run = None

    def start(self):
        self.run = self.poll.start()
        self.sim.wait_until_read()
        wait_for(self.is_caught_up)

    def is_caught_up(self):
        self.receiver.take()
        return self.receiver.received.total() == self.poll.inbox_count()

    def check_held(self, *words):
        """What comes is stored and marked, and not forwarded."""
        self.sim.script("message app1 q* count=40", "message app2 q* count=40")
        self.sim.wait_until_read()
        self.run.wait_for_line("outlet out: ", *words)

    def check_recovers(self):
        self.run.wait_for_line("outlet out: ", "works again")
        wait_for(self.is_caught_up, "all files")
        assert self.run.stop() == 0
        assert self.poll.once() == (0, "", "")
        self.receiver.take()
        self.receiver.check_each_once(self.sim)
        assert self.receiver.repeat_count == 0
        self.poll.check_all_stored()


@pytest.fixture
def scene_of(poll_of):
    return lambda sim, folder: Scene(poll_of(sim), folder)


def small_sim():
    return Sim("--apps=2", "--queues=2", "--messages=10", "--size=2k")


# The messages that find no room wait in the inbox.
@pytest.mark.needs("mount")
def test_a_full_disk(scene_of, disk_of):
    with small_sim() as sim:
        disk = disk_of(size="1m")
        scene = scene_of(sim, disk.folder)
        scene.start()
        disk.fill()
        scene.check_held("no space left on device")
        disk.free()
        scene.check_recovers()


# Room and names for files are two things: a file needs one, and so does a
# queue's folder.
@pytest.mark.needs("mount")
@pytest.mark.parametrize("count", [2, 3, 4])  # "files", server, queue
def test_no_inode_left(scene_of, disk_of, count):
    with small_sim() as sim:
        disk = disk_of(nr_inodes=count)
        scene = scene_of(sim, disk.folder)
        scene.run = scene.poll.start()
        sim.wait_until_read()
        scene.check_held("no space left on device")
        disk.change("nr_inodes=100")
        scene.check_recovers()


# Of files nothing stays open: the file system can become read-only under it,
# as after an error.
@pytest.mark.needs("mount")
def test_a_file_system_that_becomes_read_only(scene_of, disk_of):
    with small_sim() as sim:
        disk = disk_of(size="1m")
        scene = scene_of(sim, disk.folder)
        scene.start()
        disk.change("ro")
        scene.check_held("read-only file system")
        disk.change("rw")
        scene.check_recovers()


def move_files(folder, away):
    folder.rename(away / "files")
    return lambda: (away / "files").rename(folder)


def replace_queue(folder, away):
    """By a file, so that it cannot be created again."""
    (folder / "app1" / "q1").rename(away / "q1")
    (folder / "app1" / "q1").write_text("a note")

    def undo():
        (folder / "app1" / "q1").unlink()
        (away / "q1").rename(folder / "app1" / "q1")

    return undo


def replace_files(folder, away):
    put_back = move_files(folder, away)
    folder.mkdir()

    def undo():
        folder.rmdir()  # it is empty
        put_back()

    return undo


def mount(real, point):
    subprocess.run(["mount", "--bind", real, point], check=True)


def unmount(point):
    subprocess.run(["umount", "-l", point], check=True)


# "umount -l" while it is in use. Below the mount point there is a folder of the
# same name, as an earlier start without the disk has left it.
@pytest.mark.needs("mount")
def test_a_disk_that_is_unmounted_lazily(scene_of, tmp_path):
    with small_sim() as sim:
        real, point = tmp_path / "real", tmp_path / "point"
        (real / "files").mkdir(parents=True)
        (point / "files").mkdir(parents=True)
        mount(real, point)
        try:
            scene = scene_of(sim, point)
            scene.start()
            unmount(point)
            scene.check_held("is another folder", str(scene.folder))
            assert not any(scene.folder.iterdir())
            mount(real, point)
            scene.check_recovers()
        finally:
            unmount(point)


# A disk that is not mounted: what is written into its place cannot be seen.
@pytest.mark.parametrize("take_away", [move_files, replace_files,
                                       replace_queue])
def test_a_folder_that_is_taken_away(scene_of, tmp_path, take_away):
    with small_sim() as sim:
        away = tmp_path / "away"
        away.mkdir()
        scene = scene_of(sim, tmp_path)
        scene.start()
        put_back = take_away(scene.folder, away)
        scene.check_held(str(scene.folder))
        put_back()
        scene.check_recovers()


def is_locked_by(process, folder):
    """The outlet knows the folder from then on."""
    inode = folder.exists() and folder.stat().st_ino
    locks = [line.split() for line in open("/proc/locks", encoding="ascii")]
    return any(lock[1] == "FLOCK" and int(lock[4]) == process.pid and
               lock[5].endswith(f":{inode}") for lock in locks)


# The first message comes hours after the disk was unmounted.
def test_a_folder_that_is_replaced_before_the_first_file(scene_of, tmp_path):
    with Sim("--apps=2", "--queues=2") as sim:
        away = tmp_path / "away"
        away.mkdir()
        scene = scene_of(sim, tmp_path)
        scene.start()
        wait_for(lambda: is_locked_by(scene.run.process, scene.folder))
        put_back = replace_files(scene.folder, away)
        scene.check_held("is another folder", str(scene.folder))
        assert not any(scene.folder.iterdir())
        put_back()
        scene.check_recovers()


# A receiver takes the files, and may take the folders: they are made again.
def test_folders_that_are_deleted_are_made_again(scene_of, tmp_path):
    with small_sim() as sim:
        scene = scene_of(sim, tmp_path)
        scene.start()
        shutil.rmtree(scene.folder / "app1")
        sim.script("message app1 q1 count=5")
        sim.wait_until_read()
        wait_for(scene.is_caught_up)
        assert scene.run.stop() == 0
        scene.receiver.check_each_once(sim)
