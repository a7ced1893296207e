"""Commands that messages advise: whoever pastes them, wherever the
configuration is, gets what the message promises."""
import os
import re
import subprocess

import pytest

from poll import BUILD, RUN_S_MAX
from sim import Sim


def paste(poll, command):
    """In a shell, and in the folder, of somebody else."""
    named = poll.folder / "bin" / "haplo-poll"
    named.parent.mkdir()
    named.symlink_to(poll.program)
    path = f"{named.parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path}
    environment.pop("HAPLO_POLL_ENVIRONMENT", None)
    return subprocess.run(["sh", "-c", command], cwd="/", env=environment,
                          stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=RUN_S_MAX, check=False)


def commands_in(text):
    """Between backquotes, or at the end of a line with a label."""
    return re.findall(r"(?m)`(haplo-poll [^`]*)`|^.{12}(haplo-poll .*)$", text)


def advised(text):
    return ["".join(pair) for pair in commands_in(text)]


@pytest.fixture
def poll_elsewhere(poll_of):
    """With a configuration whose path a shell takes apart, and an
    environment."""
    def make(sim):
        poll = poll_of(sim)
        poll.path = str(sim.dir / "it's & mine.yaml")
        poll.config["environments"] = [{"name": "live"}]
        poll.environment["HAPLO_POLL_ENVIRONMENT"] = "live"
        return poll
    return make


def test_what_explain_advises_can_be_pasted(poll_elsewhere):
    with Sim("--apps=1", "--queues=1", "--messages=1") as sim:
        poll = poll_elsewhere(sim)
        poll.config["defaults"] = {"backoff": "10h", "backoff_max": "10h"}
        sim.script("fault do=status code=404")
        run = poll.start()
        run.wait_for_line("polling;")
        poll.run("-q", "poll-now", "app1", write=False)
        run.wait_for_line("404")
        text = poll.run("explain", "app1/q1", write=False).out
        peek = next(one for one in advised(text) if " peek " in one)
        assert " -e live " in peek
        sim.script("clear faults")
        done = paste(poll, peek)
        assert done.returncode == 0, done
        assert "1 message, as it is on the server" in done.stderr


# A log is read where the process was not started.
def test_what_the_log_advises_is_complete(poll_elsewhere):
    with Sim("--apps=1", "--queues=1") as sim:
        poll = poll_elsewhere(sim)
        poll.program = str(BUILD.resolve() / "test" / "haplo-poll-picky")
        poll.config["outlets"] = [
            {"name": "out", "type": "picky", "path": "delivered"}]
        sim.add("app1", "q1", [{"id": 1, "x": "poison"}])
        absolute = poll.path
        poll.path = os.path.relpath(absolute)
        run = poll.start()
        run.wait_for_line("polling;")
        poll.run("-q", "poll-now", "app1", write=False)
        line = run.wait_for_line("blocked by message")[0]
        skip, = advised(line)
        assert " -e live " in skip and "outlet skip out app1/q1" in skip
        done = paste(poll, skip)
        assert done.returncode == 0, done


# Nothing is in the way of reading where nothing is needed.
def test_defaults_are_left_out(poll_of):
    with Sim("--apps=1", "--queues=1") as sim:
        poll = poll_of(sim)
        done = poll.run("-c", "/etc/haplo-poll/haplo-poll.yaml", "-e", "",
                        "status")
        assert " -c " not in "".join(advised(done.err))
