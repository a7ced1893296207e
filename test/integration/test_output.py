"""Standard output that is full, closed or gone: whoever reads the exit code must
learn that nobody has read the rest."""
import os
import subprocess

import pytest

from poll import PROGRAM, RUN_S_MAX
from sim import Sim

FULL = "standard output cannot be written: No space left on device"
CLOSED = "standard output cannot be written: Bad file descriptor"
GONE = "standard output cannot be written: Broken pipe"


@pytest.fixture
def poll(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=3") as sim:
        poll = poll_of(sim)
        poll.config["outlets"] = [
            {"name": "out", "type": "files", "path": "files"}]
        poll.write()
        yield poll


def run(poll, arguments, **options):
    """(exit code, what it printed on standard error)"""
    done = subprocess.run(
        [PROGRAM, "-c", poll.path, *arguments], stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE, timeout=RUN_S_MAX, check=False,
        env=poll.environment, **options)
    text = done.stderr.decode()
    poll.printed.append(text)
    return done.returncode, text


def close_stdout():
    os.close(1)


PRINTING = [["check"], ["once"], ["help"], ["help", "config"], ["version"],
            ["peek", "app1/q1"], ["-h"], ["-V"]]


@pytest.mark.parametrize("arguments", PRINTING, ids=" ".join)
def test_full(poll, arguments):
    with open("/dev/full", "wb") as full:
        code, text = run(poll, arguments, stdout=full)
    assert code == 1
    assert text.count(FULL) == 1


@pytest.mark.parametrize("arguments", PRINTING, ids=" ".join)
def test_closed(poll, arguments):
    code, text = run(poll, arguments, preexec_fn=close_stdout)
    assert code == 1
    assert text.count(CLOSED) == 1


# A reader that has ended, as `head` does.
@pytest.mark.parametrize("arguments", [["check"], ["peek", "app1/q1"]],
                         ids=" ".join)
def test_reader_is_gone(poll, arguments):
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "wb") as pipe:
        code, text = run(poll, arguments, stdout=pipe)
    assert code == 1
    assert text.count(GONE) == 1


# With `2>&1 | head`, errors are lost as well: several, as one alone was fine.
@pytest.mark.parametrize("arguments", [["check"], ["help"], ["explain"],
                                       ["inbox", "list"]], ids=" ".join)
def test_nobody_reads_errors_either(poll, arguments):
    poll.config["defaults"].update(interval="never", backoff="soon")
    poll.write()
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [PROGRAM, "-c", poll.path, *arguments], stdin=subprocess.DEVNULL,
            stdout=full, stderr=full, timeout=RUN_S_MAX, check=False,
            env=poll.environment)
    assert done.returncode in (1, 2)


# What prints nothing loses nothing.
@pytest.mark.parametrize("arguments", [
    ["-q", "once"], ["inbox", "backup", "copy.db"]], ids=" ".join)
@pytest.mark.parametrize("options", [
    {"preexec_fn": close_stdout}, {"stdout": "/dev/full"}], ids=str)
def test_nothing_to_print(poll, arguments, options):
    assert run(poll, ["once"], stdout=subprocess.DEVNULL)[0] == 0
    if "stdout" in options:
        options = {"stdout": open(options["stdout"], "wb")}
    if arguments[-1] == "copy.db":
        arguments = [*arguments[:-1], str(poll.folder / "copy.db")]
    code, text = run(poll, arguments, **options)
    assert (code, text) == (0, "")


# peek gives its reason, and does not say that messages were shown.
def test_peek_says_why(poll):
    with open("/dev/full", "wb") as full:
        code, text = run(poll, ["peek", "app1/q1"], stdout=full)
    assert code == 1 and text == f"haplo-poll: {FULL}\n"


# A wrong command line stays one.
def test_another_failure_keeps_its_code(poll):
    poll.config["colour"] = "red"
    poll.write()
    with open("/dev/full", "wb") as full:
        assert run(poll, ["check"], stdout=full)[0] == 2
        assert run(poll, ["wonce"], stdout=full)[0] == 2
