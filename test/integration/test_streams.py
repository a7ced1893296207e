"""Standard streams that are closed at the start, as some supervisors and
crontabs leave them: what is written to them must not end up in a file or a
socket that got their number."""
import itertools
import re
import signal
import subprocess

import pytest

import sim as simulator
from poll import PROGRAM, RUN_S_MAX
from sim import Sim, wait_for

CLOSED = [streams for count in (1, 2, 3)
          for streams in itertools.combinations("012", count)]


def start(streams, *command, **options):
    """Starts a program with these streams closed."""
    closing = "".join(f" {stream}>&-" for stream in streams)
    return subprocess.Popen(
        ["setpriv", "--pdeathsig=KILL", "sh", "-c", f'exec "$0" "$@"{closing}',
         *map(str, command)], stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)


def check_files(poll):
    """Nothing but its own content is in any of them."""
    lock = (poll.folder / "state" / "lock").read_text()
    assert re.fullmatch(r"(\d+\n)?", lock)
    assert (("ok",),) == tuple(poll.rows("PRAGMA integrity_check"))
    for path in (poll.folder / "keys").iterdir():
        assert re.fullmatch(r"[\w-]{44}\n", path.read_text())
    poll.check_all_stored()


# A log line in the lock file, or in the inbox, would be the end of it.
@pytest.mark.parametrize("streams", CLOSED)
@pytest.mark.parametrize("command", ["run", "once"])
def test_closed_streams_of_haplo_poll(poll_of, command, streams):
    with Sim("--apps=1", "--queues=2", "--messages=20") as sim:
        sim.script("fault on=mark do=status code=500 times=2")
        poll = poll_of(sim)
        poll.config["defaults"]["interval"] = "20ms"
        poll.write()
        process = start(streams, PROGRAM, "-v", "-c", poll.path, command)
        try:
            sim.wait_until_read()
            if command == "run":
                process.send_signal(signal.SIGTERM)
            code = process.wait(RUN_S_MAX)
        finally:
            process.kill()
            process.wait()
        # The table of `once` could not be printed.
        assert code == 0 or (command == "once" and "1" in streams), code
        check_files(poll)


# Nor may a message.
def test_closed_standard_output_of_the_outlet(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=20") as sim:
        poll = poll_of(sim)
        poll.config["outlets"] = [{"name": "live", "type": "stdout"}]
        poll.write()
        process = start("1", PROGRAM, "-q", "-c", poll.path, "once")
        assert process.wait(RUN_S_MAX) == 1
        check_files(poll)
        poll.config["outlets"] = []
        assert poll.once() == (0, "", "")


# haplo-sim writes keys and certificates, and prints as well.
@pytest.mark.parametrize("streams", CLOSED)
def test_closed_streams_of_haplo_sim(tmp_path, streams):
    process = start(streams, simulator.PROGRAM, f"--dir={tmp_path}", "--tls",
                    "--apps=2", "--queues=2")
    try:
        wait_for((tmp_path / "ready").exists)
        process.send_signal(signal.SIGTERM)
        assert process.wait(RUN_S_MAX) == 0
    finally:
        process.kill()
        process.wait()
    for path in (tmp_path / "keys").iterdir():
        assert re.fullmatch(r"[\w-]{44}\n", path.read_text())
    assert (tmp_path / "ready").read_text().count("\n") == 1
