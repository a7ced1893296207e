"""Whoever takes over haplo-poll, or a command that one of its outlets starts, is
in the sandbox of haplo-poll.service: escape.c tries to get out of it, in as many
ways as there are lines in the unit, and more."""
import pathlib
import shutil

import pytest

from service import HERE, PRIVATE, run, systemctl
from sim import Sim, wait_for

ESCAPE = HERE / "escape"
HELPER = HERE / "escape-as-root"
PLANTS = {"/home/person/letter": 0o644, "/root/letter": 0o644,
          "/srv/private": 0o600, "/tmp/of-others": 0o644,
          "/var/tmp/of-others": 0o644}
ATTEMPTS_MIN = 65


def read_results(path):
    text = pathlib.Path(path).read_text()
    results = dict(line.split(": ", 1) for line in text.splitlines())
    assert len(results) >= ATTEMPTS_MIN, text
    return results


def having(results, reason):
    return sorted(name for name, result in results.items()
                  if result == reason)


@pytest.fixture(scope="module", autouse=True)
def machine():
    """What others have on it, and a program that makes whoever starts it root."""
    pathlib.Path("/home/person").mkdir(exist_ok=True)
    for path, mode in PLANTS.items():
        pathlib.Path(path).write_text("a letter\n")
        pathlib.Path(path).chmod(mode)
    everybody = pathlib.Path("/srv/everybody")
    everybody.mkdir(exist_ok=True)
    everybody.chmod(0o1777)
    shutil.copy(ESCAPE, HELPER)
    HELPER.chmod(0o4755)


@pytest.fixture(scope="module")
def outside(tmp_path_factory):
    """What becomes of the attempts without a sandbox, for root."""
    folder = tmp_path_factory.mktemp("outside")
    keys = pathlib.Path("/etc/haplo-poll/keys/app1-q1")
    keys.write_text("a key\n")
    run(ESCAPE, folder / "results", folder)
    return read_results(folder / "results")


# An attempt that cannot succeed proves nothing.
def test_each_attempt_succeeds_outside_of_the_sandbox(outside):
    failed = {name: result for name, result in outside.items()
              if result != "escaped"}
    assert not failed


# As if somebody had taken over haplo-poll itself: the same unit, and another
# program in its place.
def test_no_attempt_succeeds_in_the_service(service_of, outside):
    with Sim("--apps=1", "--queues=1") as sim:
        service = service_of(sim)
        service.drop_in(
            "Type=oneshot\nRestart=no\nWatchdogSec=0\nExecReload=\nExecStart=\n"
            f"ExecStart={ESCAPE} ${{STATE_DIRECTORY}}/results "
            "${STATE_DIRECTORY}\n")
        service.write()
        done = systemctl("start", "haplo-poll")
        assert done.returncode == 0, done.stdout + service.log()
        results = read_results(PRIVATE / "results")
        assert results.keys() == outside.keys()
        assert having(results, "escaped") == []
        assert having(results, "not tried") == []


# Commands of outlets handle what strangers have written.
def test_no_attempt_succeeds_in_the_command_of_an_outlet(service_of, outside):
    with Sim("--apps=1", "--queues=1", "--messages=1") as sim:
        service = service_of(sim)
        service.config["outlets"] = [{
            "name": "command", "type": "exec", "per": "message",
            "command": [str(ESCAPE), "/var/lib/haplo-poll/results",
                        "/var/lib/haplo-poll"]}]
        service.start()
        wait_for(lambda: (PRIVATE / "results").exists() and len(
            (PRIVATE / "results").read_text().splitlines()) == len(outside))
        results = read_results(PRIVATE / "results")
        assert results.keys() == outside.keys()
        assert having(results, "escaped") == []
        assert having(results, "not tried") == []
