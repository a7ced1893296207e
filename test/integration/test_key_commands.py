"""API keys that commands print: api_key_command."""
import os
import re
import signal

import pytest

from admin_client import Admin
from sim import Sim, wait_for

# What the commands do: the first argument names a queue.
PRINTS = 'cat "keys/$1"'


def program(poll, text, name="key"):
    """A program in the folder of the configuration, as a path in it."""
    path = poll.folder / name
    path.write_text(f'#!/bin/sh\ncd "$(dirname "$0")"\n{text}\n')
    path.chmod(0o755)
    return f"./{name}"


def use_command(poll, text, *words):
    """All queues get their keys from this program."""
    path = program(poll, text)
    for server in poll.config["servers"]:
        for queue in server["queues"]:
            queue.pop("api_key_file", None)
            name = f"{server['name']}-{queue['name']}"
            queue["api_key_command"] = [path, name, *words]
    poll.config["defaults"]["interval"] = "20ms"


def runs(poll, name="runs"):
    path = poll.folder / name
    return path.read_text().splitlines() if path.exists() else []


# A vault hands out keys to programs, and to no file.
def test_keys_from_commands(poll_of):
    with Sim("--apps=2", "--queues=3", "--messages=10", "--tls") as sim:
        poll = poll_of(sim)
        use_command(poll, PRINTS)
        assert poll.run("check").code == 0
        peeked = poll.run("peek", "app1/q2")
        assert peeked.code == 0, peeked.err
        assert "10 messages" in peeked.err
        assert poll.once() == (0, "", "")
        sim.script("message app1 q1 count=10", "message app2 q3 count=10")
        run = poll.start()
        sim.wait_until_read()
        run.wait_for_line("queues that wait for their api_key_command: 6")
        assert not run.lines("held")
        assert run.stop() == 0
        poll.check_all_stored()


# Where a key comes from is what somebody looks for who wants to replace it.
def test_explain_names_the_command(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=1") as sim:
        poll = poll_of(sim)
        use_command(poll, PRINTS)
        run = poll.start()
        sim.wait_until_read()
        told = Admin(poll.state_dir / "admin.sock").get(
            "/api/v1/queues/app1/q1")
        assert told["api_key"] == {"from": "command", "name": "./key app1-q1"}
        done = poll.run("explain", "app1/q1")
        assert "its API key: command ./key" in " ".join(done.out.split())
        assert run.stop() == 0


# The shell would have seen $(...), and the list of processes the environment.
def test_words_and_environment_are_exact(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=1") as sim:
        poll = poll_of(sim)
        words = ["a b", "a\\", "$(touch shell)", "", "*", "'\"", "\u00e9"]
        use_command(poll, 'printf "%s\\n" "$@" >words; env >environment; '
                    'cat >input; ls -l /proc/self/fd >descriptors; ' + PRINTS,
                    *words)
        poll.environment |= {"SECRET_OF_ANOTHER": "x", "TZ": "UTC",
                             "CREDENTIALS_DIRECTORY": "/run/nowhere"}
        assert poll.once() == (0, "", "")
        text = (poll.folder / "words").read_text()
        assert text == "".join(f"{word}\n" for word in ["app1-q1", *words])
        lines = (poll.folder / "environment").read_text().splitlines()
        names = {line.split("=")[0] for line in lines}
        of_shell = {"PWD", "OLDPWD", "SHLVL", "_"}
        assert names - of_shell <= {"PATH", "HOME", "LANG", "LC_ALL", "TZ",
                                    "CREDENTIALS_DIRECTORY"}
        assert {"TZ", "CREDENTIALS_DIRECTORY", "PATH"} <= names
        assert (poll.folder / "input").read_text() == ""
        descriptors = re.findall(r" (\d+) -> (.*)",
                                 (poll.folder / "descriptors").read_text())
        assert {number for number, _ in descriptors} <= {"0", "1", "2", "3"}
        assert not (poll.folder / "shell").exists()


# One command for all queues of a server is run once.
def test_shared_command_runs_once(poll_of):
    with Sim("--apps=1", "--queues=2", "--messages=1") as sim:
        poll = poll_of(sim)
        use_command(poll, "echo run >>runs; cat keys/app1-q1")
        for queue in poll.queue_list():
            del queue["api_key_command"]
        poll.server()["api_key_command"] = ["./key"]
        run = poll.start()
        run.wait_for_line("queues that wait for their api_key_command: 2")
        wait_for(lambda: sim.queue_stats("app1", "q1")["fetches"] > 2)
        assert runs(poll) == ["run"]
        assert run.stop() == 0


# Thousands at once would be more than the vault or this machine can take.
def test_few_commands_run_at_a_time(poll_of):
    with Sim("--apps=1", "--queues=30", "--messages=1") as sim:
        poll = poll_of(sim)
        # The first one waits for a second one.
        use_command(poll, "echo + >>runs; until [ $(grep -c + runs) -ge 2 ]; "
                    "do sleep 0.01; done; echo - >>runs; " + PRINTS)
        run = poll.start()
        sim.wait_until_read()
        assert run.stop() == 0
        at_once = most = 0
        for word in runs(poll):
            at_once += 1 if word == "+" else -1
            most = max(most, at_once)
        assert runs(poll).count("+") == 30
        assert 2 <= most <= 4
        poll.check_all_stored()


# A vault that hangs must not keep the other queues waiting, nor the exit.
def test_hanging_command_holds_up_only_its_queue(poll_of):
    with Sim("--apps=1", "--queues=2", "--messages=5") as sim:
        poll = poll_of(sim)
        use_command(poll, 'if [ "$1" = app1-q1 ]; then trap "" TERM; '
                    'echo $$ >pid; sleep 1000; fi; ' + PRINTS)
        poll.config["drain_timeout"] = "10m"
        run = poll.start()
        wait_for(lambda: sim.unread("app1", "q2") == 0)
        pid = int(wait_for(lambda: (poll.folder / "pid").exists()
                           and (poll.folder / "pid").read_text()))
        run.signal(signal.SIGTERM)
        assert run.wait() == 0
        wait_for(lambda: not is_running(pid))
        poll.check_nothing_lost()


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        return file.read().rsplit(")", 1)[1].split()[0] != "Z"


FAILURES = {
    "timeout": ("sleep 1000", "exceeded api_key_command_timeout"),
    "status": ("echo no permission >&2; exit 3",
               "failed (exit status 3): no permission"),
    "killed": ("kill -9 $$", "was killed by signal 9"),
    "nothing": ("true", "printed nothing"),
    "empty line": ("echo", "printed no API key"),
    "too much": ("yes | head -c 300", "printed more than an API key"),
    "without end": ("yes", "failed (exit status 1): yes: "),
    "two lines": (PRINTS + "; echo more", "printed no API key"),
    "NUL": ("printf 'abcdefghijklmnop\\0qrstuvwxyz\\n'", "a NUL byte"),
    "leak": (PRINTS + ' >&2; exit 1', "failed (exit status 1): ****"),
    "leak in both": (PRINTS + "; " + PRINTS + ' >&2; exit 1',
                     "failed (exit status 1)"),
}


# Whatever it does: one line that says what, no key in it, and the others poll.
@pytest.mark.parametrize("name", FAILURES)
def test_failing_command(poll_of, name):
    text, words = FAILURES[name]
    with Sim("--apps=1", "--queues=2", "--messages=5") as sim:
        poll = poll_of(sim)
        use_command(poll, f'if [ "$1" = app1-q1 ]; then {text}; exit; fi; '
                    + PRINTS)
        poll.config["api_key_command_timeout"] = (
            "1s" if name == "timeout" else "1h")
        run = poll.start()
        run.wait_for_line("api_key_command", "key app1-q1: ", "run again in 5 s")
        wait_for(lambda: sim.unread("app1", "q2") == 0)
        assert sim.queue_stats("app1", "q1")["requests"] == 0
        assert run.stop() == 0
        lines = run.lines("run again", "app1-q1")
        assert lines and all(words in line for line in lines)
        done = poll.once()
        assert done.code == 1
        assert words in done.err


# A program that is not there, or not executable.
@pytest.mark.parametrize("mode", [None, 0o644])
def test_command_that_cannot_be_started(poll_of, mode):
    with Sim("--apps=1", "--queues=1", "--messages=5") as sim:
        poll = poll_of(sim)
        use_command(poll, PRINTS)
        if mode is None:
            (poll.folder / "key").unlink()
        else:
            (poll.folder / "key").chmod(mode)
        done = poll.once()
        assert done.code == 1
        assert "cannot be started: " in done.err


# It works as soon as the vault does.
def test_failed_command_is_run_again(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=5") as sim:
        poll = poll_of(sim)
        use_command(poll, "echo run >>runs; test -e open || exit 1; " + PRINTS)
        run = poll.start()
        run.wait_for_line("run again in 5 s")
        (poll.folder / "open").touch()
        failed = len(run.lines("run again in 5 s"))
        sim.wait_until_read()
        assert failed < len(runs(poll)) <= failed + 2
        assert run.stop() == 0
        poll.check_all_stored()


# A key that was rotated is fetched from the vault when the server refuses the
# old one. The server sees no refused key twice because of that.
def test_refused_key_is_asked_for_again(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=5", "--tls") as sim:
        poll = poll_of(sim)
        use_command(poll, "echo run >>runs; " + PRINTS)
        run = poll.start()
        sim.wait_until_read()
        assert runs(poll) == ["run"]
        sim.script("key app1 q1 rotate=yes store=yes",
                   "message app1 q1 count=10")
        poll.note_keys()
        run.wait_for_line("app1/q1: its API key has changed: trying it")
        sim.wait_until_read()
        assert runs(poll) == ["run", "run"]
        assert sim.app_stats()["failed_logins"] == 1
        assert run.stop() == 0
        poll.check_all_stored()


# If it prints the same key again, the server is left alone, and so is the vault.
def test_same_key_again_is_not_tried(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=5", "--tls") as sim:
        poll = poll_of(sim)
        use_command(poll, "echo run >>runs; " + PRINTS)
        sim.script("key app1 q1 status=revoked")
        run = poll.start()
        wait_for(lambda: len(runs(poll)) == 2)
        run.wait_for_line("app1/q1: 403 INVALID-API-KEY")
        assert not run.lines("has changed")
        assert sim.app_stats()["failed_logins"] == 1
        assert run.stop() == 0


# Everybody may read the list of processes.
def test_key_among_the_words_is_refused(poll_of):
    with Sim("--apps=1", "--queues=1") as sim:
        poll = poll_of(sim)
        key = (poll.folder / "keys" / "app1-q1").read_text().strip()
        use_command(poll, PRINTS, key)
        done = poll.run("check")
        assert done.code == 2
        assert "a word looks like an API key" in done.err


@pytest.mark.parametrize("value, words", [
    ("key", ["api_key_command", "a single value", "a list"]),
    ([], ["api_key_command", "names no program"]),
    ([""], ["api_key_command", "names no program"]),
    ([["key"]], ["api_key_command", "an entry is not a single value"]),
    ({"key": 1}, ["api_key_command", "a mapping"]),
])
def test_malformed_command_is_refused(poll_of, value, words):
    with Sim("--apps=1", "--queues=1") as sim:
        poll = poll_of(sim)
        poll.queue().pop("api_key_file")
        poll.queue()["api_key_command"] = value
        done = poll.run("check")
        assert done.code == 2
        for word in words:
            assert word in done.err
