"""What all integration tests share."""
import os
import pathlib
import subprocess

import pytest

# One folder for all programs, when it is not build/. Set before sim is read.
if "HAPLO_BUILD" in os.environ:
    os.environ.setdefault(
        "HAPLO_SIM", str(pathlib.Path(os.environ["HAPLO_BUILD"], "haplo-sim"))
    )


@pytest.fixture
def poll_of():
    """Makes a Poll of a simulator; nothing that it started outlives the test,
    and nothing that it printed holds an API key."""
    from poll import Poll

    polls = []

    def make(sim):
        polls.append(Poll(sim))
        return polls[-1]

    yield make
    for poll in polls:
        poll.kill_all()
    for poll in polls:
        poll.check_no_key_was_printed()


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 256 KB; None where it cannot be mounted."""
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "none", tmp_path]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode != 0:
        yield None
        return
    yield tmp_path
    subprocess.run(["umount", "-l", tmp_path], check=True)
