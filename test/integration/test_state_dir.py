"""A state directory that cannot be used is reported in one line before anything
is fetched. Once it is repaired, everything continues."""
import os

import pytest

from needs import become_a_stranger, give_to_stranger
from poll import check_one_line_each
from sim import Sim


def file_instead(state):
    state.write_text("a note")
    return state.unlink


def file_as_parent(state):
    state.parent.rmdir()
    state.parent.write_text("a note")

    def mend():
        state.parent.unlink()
        state.parent.mkdir()

    return mend


def folder_as_lock(state):
    (state / "lock").mkdir(parents=True)
    return (state / "lock").rmdir


def link_as_lock(state):
    """A trap: whoever may write there would have another file emptied."""
    state.mkdir()
    target = state.parent / "precious"
    target.write_text("keep me")
    (state / "lock").symlink_to(target)

    def mend():
        assert target.read_text() == "keep me"
        (state / "lock").unlink()

    return mend


def dangling_link(state):
    state.symlink_to(state.parent / "nowhere")
    return state.unlink


@pytest.mark.parametrize("spoil,words", [
    (file_instead, ["not a directory"]),
    (file_as_parent, ["not a directory"]),
    (folder_as_lock, ["lock", "a folder is in the place of a file"]),
    (link_as_lock, ["lock", "symbolic link"]),
    (dangling_link, ["no such file or directory"]),
])
def test_state_dir_is_something_else(poll_of, spoil, words):
    with Sim("--apps=1", "--queues=1", "--messages=20") as sim:
        poll = poll_of(sim)
        state = sim.dir / "parent" / "state"
        state.parent.mkdir()
        poll.config["state_dir"] = str(state)
        mend = spoil(state)
        done = poll.once()
        check_refused(sim, poll, done, 2, state, words)
        mend()
        assert poll.once() == (0, "", "")
        poll.check_all_stored()


def check_refused(sim, poll, done, code, state, words):
    assert done.code == code
    done = done._replace(err=done.err.lower())
    check_one_line_each(done, ["haplo-poll"],
                        [str(state).lower(), *words])
    assert sim.app_stats()["requests"] == 0
    assert not poll.inbox_path.exists()


# A folder of root's, and a service that is not root.
@pytest.mark.needs("stranger")
@pytest.mark.parametrize("mode", [0o000, 0o555])
def test_state_dir_of_another_user(poll_of, mode):
    with Sim("--apps=1", "--queues=1", "--messages=20") as sim:
        poll = poll_of(sim)
        poll.write()
        state = sim.dir / "state"
        state.mkdir()
        give_to_stranger(sim.dir)
        os.chown(state, 0, 0)
        state.chmod(mode)
        done = poll.once(write=False, preexec_fn=become_a_stranger)
        check_refused(sim, poll, done, 2, state, ["permission denied"])
        give_to_stranger(state)
        state.chmod(0o700)
        done = poll.once(write=False, preexec_fn=become_a_stranger)
        assert done == (0, "", "")
        poll.check_all_stored()


@pytest.mark.needs("mount")
@pytest.mark.parametrize("options,words", [
    ({"nr_inodes": 1}, ["no space left"]),
    ({"nr_inodes": 2}, ["no space left"]),
    ({"size": "1m", "ro": ""}, ["read-only"]),
])
def test_state_dir_on_a_disk_without_room(poll_of, disk_of, options, words):
    with Sim("--apps=1", "--queues=1", "--messages=20") as sim:
        poll = poll_of(sim)
        disk = disk_of(**options)
        state = disk.folder / "state"
        poll.config["state_dir"] = str(state)
        done = poll.once()
        check_refused(sim, poll, done, 1, state, words)
        disk.change("rw,nr_inodes=100")
        assert poll.once() == (0, "", "")
        poll.check_all_stored()


# The line in it helps people; the lock is the kernel's, and needs no room.
@pytest.mark.needs("mount")
def test_state_dir_on_a_full_disk_is_good_enough(poll_of, disk_of):
    with Sim("--apps=1", "--queues=1", "--messages=20") as sim:
        poll = poll_of(sim)
        disk = disk_of(size="64k")
        disk.fill()
        poll.config["state_dir"] = str(disk.folder / "state")
        poll.config["defaults"]["interval"] = "20ms"
        first = poll.start()
        first.wait_for_line("polling;")
        second = poll.start()
        assert second.wait() == 3
        assert "in use by another process" in second.err
        sim.wait_until_read()
        assert first.stop() == 0
        poll.check_all_stored()
