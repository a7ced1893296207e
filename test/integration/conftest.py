"""What all integration tests share."""
import os
import pathlib
import subprocess
import tempfile

import pytest

# One folder for all programs, when it is not build/. Set before sim is read.
if "HAPLO_BUILD" in os.environ:
    os.environ.setdefault(
        "HAPLO_SIM", str(pathlib.Path(os.environ["HAPLO_BUILD"], "haplo-sim"))
    )


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "needs(what, ...): is left out where that cannot be had")


def missing_need(item):
    from needs import NEEDS

    marker = item.get_closest_marker("needs")
    for name in marker.args if marker else ():
        is_there, what = NEEDS[name]
        if not is_there():
            return what
    return None


def pytest_collection_modifyitems(config, items):
    left_out = {}
    for item in items:
        what = missing_need(item)
        if what is not None:
            left_out.setdefault(what, []).append(item)
    for what, own in left_out.items():
        names = ", ".join(item.name for item in own)
        print(f"\nleft out, as it needs {what}: {names}")
        config.hook.pytest_deselected(items=own)
        items[:] = [item for item in items if item not in own]


@pytest.fixture
def poll_of():
    """Makes a Poll of a simulator; nothing that it started outlives the test,
    and none of them leaves an API key anywhere: see planted.py."""
    from poll import Poll

    polls = []

    def make(sim):
        polls.append(Poll(sim))
        return polls[-1]

    yield make
    for poll in polls:
        poll.kill_all()
    for poll in polls:
        poll.check_no_key_is_anywhere()


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 512 KB; None where it cannot be mounted."""
    command = ["mount", "-t", "tmpfs", "-o", "size=512k", "none", tmp_path]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode != 0:
        yield None
        return
    yield tmp_path
    subprocess.run(["umount", "-l", tmp_path], check=True)


@pytest.fixture
def disk_of(tmp_path):
    """Mounts a file system: disk_of(size="256k"), disk_of(nr_inodes=4)."""
    from needs import Disk

    disks = []

    def make(**options):
        disks.append(Disk(tmp_path, **options))
        return disks[-1]

    yield make
    for disk in disks:
        disk.end()


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL server, shared by the tests of a file."""
    from postgres_server import PostgresServer

    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)  # the server runs as another user
        with PostgresServer(folder) as server:
            yield server


@pytest.fixture
def picky_of(poll_of):
    from picky import Picky

    return lambda sim, **options: Picky(poll_of(sim), **options)
