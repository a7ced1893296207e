"""The outlet of type exec: commands get each message, with nothing of
haplo-poll's own, and their exit status decides what becomes of it."""
import collections
import json
import pathlib
import signal

import pytest

from files_outlet import made, packed
from poll import errors_in
from sim import Sim, wait_for


def exec_poll(poll, script, **options):
    """With an outlet that runs this text with sh, in the folder "commands"."""
    folder = poll.folder / "commands"
    folder.mkdir(exist_ok=True)
    poll.config["defaults"]["interval"] = "20ms"
    poll.config["outlets"] = [{
        "name": "out", "type": "exec", "command": ["sh", "-c", script],
        "folder": str(folder), "backoff": "10ms", "backoff_max": "20ms",
        **options}]
    return folder


def lines_in(path):
    """The whole lines of a file, as JSON."""
    text = path.read_bytes() if path.exists() else b""
    return [json.loads(line) for line in text.splitlines(keepends=True)
            if line.endswith(b"\n")]


# A batch is lines of JSON; all there is arrives, in the order of its queue.
def test_each_message_is_a_line_of_one_batch(poll_of):
    with Sim("--apps=2", "--queues=5", "--messages=40", "--tls") as sim:
        poll = poll_of(sim)
        folder = exec_poll(poll, "cat >part.$$ && cat part.$$ >>all && "
                                 "rm part.$$", in_flight_max=1)
        assert poll.once() == (0, "", "")
        lines = lines_in(folder / "all")
        rows = poll.rows("SELECT arrival, server, queue, body FROM messages"
                         " ORDER BY arrival")
        assert sorted((line["arrival"], line["server"], line["queue"])
                      for line in lines) == [row[:3] for row in rows]
        bodies = {row[0]: json.loads(row[3]) for row in rows}
        newest = collections.Counter()
        for line in lines:
            assert line["message"] == bodies[line["arrival"]]
            queue = line["server"], line["queue"]
            assert newest[queue] < line["arrival"]
            newest[queue] = line["arrival"]


# With everything that data may be.
def test_a_message_is_passed_byte_for_byte(poll_of):
    with Sim("--edge", "--messages=30") as sim:
        poll = poll_of(sim)
        folder = exec_poll(poll, 'cat >"$HAPLO_ARRIVAL"', per="message")
        assert poll.once() == (0, "", "")
        found = collections.Counter(("app1", "q1", path.read_bytes())
                                    for path in folder.iterdir())
        assert found == made(sim)


# What haplo-poll has in its environment, such as API keys, is not a command's.
def test_the_environment_of_the_daemon_is_not_passed_on(poll_of):
    with Sim("--messages=1") as sim:
        poll = poll_of(sim)
        key = sim.key()
        poll.environment |= {"API_KEY": key, "TOKEN": "passed on",
                             "LC_MESSAGES": "C"}
        queue = poll.queue()
        del queue["api_key_file"]
        queue["api_key_env"] = "API_KEY"
        folder = exec_poll(
            poll, "cat /proc/self/environ >environ; ls /proc/self/fd >fds",
            environment=["TOKEN", "MODE=import"])
        assert poll.once() == (0, "", "")
        entries = dict(
            entry.split("=", 1) for entry in
            (folder / "environ").read_text().split("\0") if entry)
        assert key not in entries.values()
        assert entries.keys() - {"PATH", "HOME", "LANG", "LC_ALL", "TZ",
                                 "PWD", "OLDPWD", "SHLVL", "_"} == {
            "TOKEN", "MODE", "HAPLO_SERVER", "HAPLO_QUEUE", "HAPLO_ID",
            "HAPLO_COUNT", "HAPLO_FIRST_ARRIVAL", "HAPLO_LAST_ARRIVAL",
            "HAPLO_RECEIVED_AT"}
        assert entries["TOKEN"] == "passed on"
        assert (folder / "fds").read_text().split() == ["0", "1", "2", "3"]


# What an operator reads is what the command has said.
@pytest.mark.parametrize("status,words", [
    (65, "refused the data (exit status 65): no such id"),
    (78, "is misconfigured (exit status 78): no such id"),
    (127, "did not find a program (exit status 127): no such id"),
    (1, "failed (exit status 1): no such id"),
])
def test_a_failure_is_told_with_its_reason(poll_of, status, words):
    with Sim("--messages=3") as sim:
        poll = poll_of(sim)
        exec_poll(poll, f"echo no such id >&2; exit {status}")
        done = poll.once()
        assert done.code == 1
        assert words in done.err.splitlines()[-1]
        assert poll.rows("SELECT count(*) FROM dead_letters") == [(0,)]
        assert sim.unread() == 0
        exec_poll(poll, "cat >all")
        if status != 65:
            assert poll.once() == (0, "", "")


# A deployment that forgets the program, or an hour without it, costs nothing.
def test_a_command_that_is_missing_costs_no_message(poll_of):
    with Sim("--queues=3", "--messages=10") as sim:
        poll = poll_of(sim)
        folder = exec_poll(poll, "", on_refused="dead_letter")
        script = folder / "import"
        poll.config["outlets"][0]["command"] = [str(script)]
        run = poll.start()
        run.wait_for_line("outlet out: broken", "cannot be started",
                          "no such file or directory")
        beside = folder / "import.new"
        beside.write_text("#!/bin/sh\ncat >>$HAPLO_QUEUE\n")
        beside.chmod(0o700)
        beside.rename(script)
        run.wait_for_line("outlet out: works again")
        wait_for(lambda: sum(len(lines_in(folder / f"q{n}"))
                             for n in (1, 2, 3)) == 30, "all messages")
        assert run.stop() == 0
        assert poll.rows("SELECT count(*) FROM dead_letters") == [(0,)]


# One poison message costs one message, whatever batch it is in.
def test_a_refused_message_becomes_one_dead_letter(poll_of):
    with Sim("--messages=64") as sim:
        poll = poll_of(sim)
        folder = exec_poll(
            poll, "cat >part.$$; grep -q '\"arrival\":20,' part.$$ && "
                  "{ echo no such type >&2; exit 65; }; cat part.$$ >>all",
            on_refused="dead_letter", in_flight_max=1)
        assert poll.once().code == 0
        ((arrival, why),) = poll.rows("SELECT arrival, why FROM dead_letters")
        assert arrival == 20
        assert why.endswith("refused the data (exit status 65): no such type")
        assert [line["arrival"] for line in lines_in(folder / "all")] == [
            n for n in range(1, 65) if n != 20]


# Without that policy it waits for an operator, and so does its queue alone.
def test_a_refused_message_blocks_its_queue(poll_of):
    with Sim("--queues=2", "--messages=10") as sim:
        poll = poll_of(sim)
        folder = exec_poll(
            poll, "test $HAPLO_QUEUE = q2 || test -e fixed || exit 65; "
                  "cat >>$HAPLO_QUEUE")
        run = poll.start()
        run.wait_for_line("outlet out: app1/q1: blocked", "exit status 65")
        wait_for(lambda: len(lines_in(folder / "q2")) == 10, "the other")
        (folder / "fixed").touch()
        assert poll.run("outlet", "retry", "out", "app1/q1").code == 0
        wait_for(lambda: len(lines_in(folder / "q1")) == 10, "the rest")
        assert run.stop() == 0


def processes_in(folder):
    """The processes that have it as their working directory."""
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink() == folder:
                found.append(process)
        except OSError:
            pass
    return found


# Nor does a hanging command hold up its queue for ever, or leave its children.
def test_a_command_that_hangs_is_ended_with_all_that_it_started(poll_of):
    with Sim("--messages=5") as sim:
        poll = poll_of(sim)
        folder = exec_poll(
            poll, "test -e hung && exec cat >all; touch hung; "
                  "trap '' TERM; sleep 1000 & sleep 1000",
            time_limit="200ms", grace="50ms")
        run = poll.start()
        run.wait_for_line("app1/q1", "exceeded time_limit and was ended")
        wait_for(lambda: len(lines_in(folder / "all")) == 5, "the retry")
        wait_for(lambda: not processes_in(folder), "their end")
        assert run.stop() == 0


# A service that stops may not wait for a command that does not.
def test_stopping_ends_a_command(poll_of):
    with Sim("--messages=5") as sim:
        poll = poll_of(sim)
        folder = exec_poll(poll, "trap '' TERM; touch begun; "
                                 "sleep 1000 & sleep 1000")
        run = poll.start()
        wait_for((folder / "begun").exists, "the command")
        assert processes_in(folder)
        sim.wait_until_read()
        run.signal(signal.SIGTERM)
        run.wait_for_line("finishing outstanding work")
        run.signal(signal.SIGTERM)  # without the deadline
        run.wait_for_line("exiting immediately")
        run.has_finished_at_once()
        wait_for(lambda: not processes_in(folder), "their end")
        exec_poll(poll, "cat >all")
        assert poll.once() == (0, "", "")
        assert len(lines_in(folder / "all")) == 5


# Power fails, the kernel kills for memory: what is passed on again has the same
# identity, as a batch and as a message.
def test_killed_again_and_again_every_repeat_is_recognised(poll_of):
    with Sim("--apps=2", "--queues=5", "--messages=60") as sim:
        poll = poll_of(sim)
        folder = exec_poll(
            poll, 'cat >"part.$$" && mv "part.$$" "batch.$HAPLO_ID.$$"')
        for _ in range(8):
            begin = len(list(folder.glob("batch.*")))
            poll.start()
            wait_for(lambda begin=begin:
                     len(list(folder.glob("batch.*"))) >= begin + 3,
                     "some batches")
            poll.kill_all()
            sim.script("message app* q* count=10")
        assert poll.once() == (0, "", "")
        wait_for(lambda: not processes_in(folder), "their end")
        batches = {}
        for path in folder.glob("batch.*"):
            name = path.name.split(".")[1]
            data = path.read_bytes()
            assert batches.setdefault(name, data) == data
        lines = [json.loads(line) for data in batches.values()
                 for line in data.splitlines()]
        assert len({line["id"] for line in lines}) == len(lines)
        assert collections.Counter(
            (line["server"], line["queue"]) for line in lines
        ) == {name: len(messages)
              for name, messages in sim.all_messages().items()}
        received = collections.Counter(
            (json.loads(line)["server"], json.loads(line)["queue"],
             line.split(b',"message":', 1)[1][:-1])
            for data in batches.values() for line in data.splitlines())
        assert received == collections.Counter(
            (server, queue, packed(body))
            for server, queue, body in made(sim).elements())


# What cannot work is told at once.
@pytest.mark.parametrize("options,words", [
    ({"command": ["./import"]}, "its first entry is not a program"),
    ({"command": []}, "the list is empty"),
    ({"environment": ["HAPLO_ID=1"]}, "are set by the outlet"),
    ({"environment": ["A B=1"]}, "not a variable"),
    ({"folder": "here"}, "not an absolute path"),
])
def test_options_are_checked(poll_of, options, words):
    with Sim("--messages=0") as sim:
        poll = poll_of(sim)
        exec_poll(poll, "true", **options)
        done = poll.run("check")
        assert done.code == 2 and words in done.err


# A program that is installed later must not keep anything from starting, but
# whoever checks the configuration wants to know that it is missing.
@pytest.mark.parametrize("options,words", [
    ({"command": ["/no/such/import"]}, "/no/such/import is not a program"),
    ({"command": ["/etc/passwd"]}, "/etc/passwd is not a program"),
    ({"command": ["/etc"]}, "/etc is not a program"),
    ({"command": ["no-such-import"]}, "no-such-import is not in PATH"),
    ({"command": ["sh"], "environment": ["PATH=/no/such:/etc"]},
     "sh is not in PATH (/no/such:/etc)"),
    ({"command": ["sh"], "environment": ["A=1", "PATH=/no/such:/bin"]}, None),
    ({"command": ["/bin/sh"]}, None),
    ({"command": ["sh"]}, None),
])
def test_check_warns_of_a_program_that_is_missing(poll_of, options, words):
    with Sim("--messages=0") as sim:
        poll = poll_of(sim)
        exec_poll(poll, "true", **options)
        done = poll.run("check")
        assert done.code == 0 and "queues: " in done.out
        if words is None:
            assert done.err == ""
        else:
            assert f"warning: outlet out: command: {words}" in done.err
            assert len(errors_in(done.err)) == 1
        assert poll.once().code == 0
