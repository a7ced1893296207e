"""The modes of files and folders are those in haplo-poll(1), whatever the
umask is: nobody may read what is private, and a group that shares a folder may
take the files away."""
import os
import re
import signal
import subprocess

import pytest

from admin_client import Admin
from poll import PROGRAM, RUN_S_MAX
from sim import ROOT, Sim, wait_for

UMASKS = [0o022, 0o077, 0o000, 0o007]


def documented():
    """The table of haplo-poll(1): what -> mode."""
    page = (ROOT / "man" / "haplo-poll.1").read_text()
    table = page[page.index(".Ss Modes"):]
    rows = re.findall(r"^\.It Pa (\S+) Ta (\d{4}) Ta (\d{4})$", table,
                      re.M)
    assert len(rows) > 8
    return {path: (int(own, 8), int(shared, 8))
            for path, own, shared in rows}


def mode_of(path):
    return path.stat().st_mode & 0o7777


def run_it(poll, umask):
    """All that creates files, with this umask."""
    poll.write()
    inbox = poll.folder / "inbox.db"
    process = subprocess.Popen(
        ["setpriv", "--pdeathsig=KILL", PROGRAM, "-c", poll.path, "run"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, umask=umask)
    found = {}
    try:
        poll.sim.wait_until_read()
        wait_for(lambda: list((poll.folder / "out").glob("*/*/*.ndjson")))
        wait_for(lambda: (poll.folder / "state" / "failed_logins").exists())
        state = poll.folder / "state"
        Admin(state / "admin.sock").ask(
            "POST", "/api/v1/queues/app1/q2/pause", {"reason": "a test"})
        wait_for(lambda: (state / "pauses").exists()
                 and not list(state.glob("*.new")))
        found["state_dir"] = mode_of(state)
        for path in state.iterdir():  # also what nobody has documented
            if path.is_symlink():  # it has no mode of its own
                continue
            name = path.name.replace("arrivals.inbox", "arrivals.NAME")
            if path.is_symlink():  # which has no mode, and leads nowhere
                assert not path.exists()
                continue
            found[f"state_dir/{name}"] = mode_of(path)
        for ending in ("", ".lock", "-wal", "-shm"):
            found[f"inbox.db{ending}"] = mode_of(
                inbox.with_name(inbox.name + ending))
        process.send_signal(signal.SIGTERM)
        assert process.wait(RUN_S_MAX) == 0
    finally:
        process.kill()
        process.wait()
    out = poll.folder / "out"
    found["path"] = mode_of(out)
    found["path/server"] = mode_of(out / "app1")
    found["path/server/queue"] = mode_of(out / "app1" / "q1")
    files = [*out.glob("*/*/*.ndjson")]
    found["path/server/queue/*"], = {mode_of(file) for file in files}
    done = poll.run("inbox", "backup", str(poll.folder / "copy.db"),
                    umask=umask)
    assert done.code == 0
    found["copy.db"] = mode_of(poll.folder / "copy.db")
    return found


def poll_with_outlet(poll_of, sim):
    sim.script("key app1 q2 status=revoked")
    poll = poll_of(sim)
    poll.config["defaults"]["interval"] = "20ms"
    poll.config["outlets"] = [{"name": "out", "type": "files", "path": "out"}]
    return poll


# Everything is created by haplo-poll itself.
@pytest.mark.parametrize("umask", UMASKS)
def test_modes_of_what_is_private(poll_of, umask):
    with Sim("--apps=1", "--queues=2") as sim:
        poll = poll_with_outlet(poll_of, sim)
        sim.script("message app1 q1 count=20")
        found = run_it(poll, umask)
        expected = {name: own for name, (own, _) in documented().items()}
        assert found == expected


# The administrator has created the folder for a group: the inbox's file, too.
@pytest.mark.parametrize("umask", UMASKS)
def test_modes_in_a_folder_of_a_group(poll_of, umask):
    with Sim("--apps=1", "--queues=2") as sim:
        poll = poll_with_outlet(poll_of, sim)
        sim.script("message app1 q1 count=20")
        out = poll.folder / "out"
        out.mkdir()
        out.chmod(0o2770)
        found = run_it(poll, umask)
        expected = {name: shared for name, (_, shared) in documented().items()}
        assert found == expected


# haplo-sim writes keys, which others may not read.
@pytest.mark.parametrize("umask", UMASKS)
def test_modes_of_haplo_sim(tmp_path, umask):
    before = os.umask(umask)
    try:
        with Sim("--apps=1", "--queues=1", "--tls",
                 dir=tmp_path / "sim") as sim:
            folder = sim.dir
            assert mode_of(folder / "keys") == 0o700
            assert mode_of(folder / "keys" / "app1-q1") == 0o600
            for name in ("ca.pem", "app1.pem", "ready", "haplo-poll.yaml"):
                assert mode_of(folder / name) == 0o644
    finally:
        os.umask(before)
