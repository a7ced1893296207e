"""status: what the running process does, and what needs attention."""
import json
import signal

import pytest

from sim import Sim, wait_for
from terminal import Terminal, plain, run_on_terminal


def status(poll, *words, code=0):
    done = poll.run("status", "--json", *words, write=False)
    assert (done.code, done.err) == (code, ""), done
    return json.loads(done.out)


def tables(text):
    """The rows of each table, by the name of its first column."""
    found = {}
    for block in text.split("\n\n")[1:]:
        rows = [line.split("\t") for line in block.splitlines()]
        found[rows[0][0]] = [dict(zip(rows[0], row)) for row in rows[1:]]
    return found


@pytest.fixture
def failing(poll_of):
    """24 queues that work, and one whose key was revoked."""
    with Sim("--apps=5", "--queues=5", "--messages=1") as sim:
        poll = poll_of(sim)
        sim.script("key app3 q2 status=revoked")
        poll.config["defaults"]["interval"] = "50ms"
        poll.config["outlets"] = [
            {"name": "out", "type": "files", "path": "out"}]
        run = poll.start()
        wait_for(lambda: "1 refused" in poll.run("status", write=False).out,
                 "a queue that fails")
        yield poll
        assert run.stop() == 0


# Who is paged wants to see this first, and with what to do about it.
def test_what_needs_attention_comes_first(failing):
    done = failing.run("status", write=False)
    assert done.code == 1 and done.err == ""
    found = tables(done.out)
    (row,) = found["QUEUE"]
    assert (row["QUEUE"], row["STATE"]) == ("app3/q2", "refused")
    assert "403" in row["CAUSE"] and row["SINCE"].endswith("Z")
    assert [row["SERVER"] for row in found["SERVER"]] == [
        f"app{number}" for number in range(1, 6)]
    assert found["OUTLET"][0]["STATE"] == "working"
    assert found["INBOX"][0]["STATE"] == "open"
    assert "queues: 25 (24 ok, 1 refused)" in done.out
    done = failing.run("status", "--all", write=False)
    rows = tables(done.out)["QUEUE"]
    assert len(rows) == 25 and rows[0]["QUEUE"] == "app3/q2"


def test_status_as_json(failing):
    document = status(failing, code=1)
    assert document["running"] and document["status"]["queues"]["refused"] == 1
    assert [queue["name"] for queue in document["queues"]] == ["app3/q2"]
    assert len(document["servers"]) == 5
    assert len(status(failing, "--all", code=1)["queues"]) == 25


# It is no reason to page somebody.
def test_a_pause_is_no_failure(poll_of):
    with Sim("--apps=1", "--queues=1") as sim:
        poll = poll_of(sim)
        run = poll.start()
        run.wait_for_line("polling;")
        poll.run("pause", "app1/q1", "--reason=ticket 7", write=False)
        done = poll.run("status", write=False)
        assert done.code == 0 and ": ticket 7" in done.out
        assert run.stop() == 0


# Nothing is broken, so that scripts are told nothing; people see what will be,
# even among so many servers that those that work are not listed.
def test_a_certificate_that_expires_soon_is_shown(poll_of):
    with Sim("--apps=60", "--queues=1", "--messages=1", "--tls") as sim:
        poll = poll_of(sim)
        sim.script("app app7 certificate-lifetime=20d")
        poll.config["defaults"]["interval"] = "50ms"
        run = poll.start()
        sim.wait_until_read()
        done = poll.run("status", write=False)
        (row,) = tables(done.out)["SERVER"]
        assert done.code == 0 and row["SERVER"] == "app7"
        assert row["CAUSE"].startswith("its certificate expires in 19 d 23 h")
        assert run.stop() == 0


# What is left when nothing runs: how it ended, and what is stored.
def test_without_a_running_process(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=5") as sim:
        poll = poll_of(sim)
        done = poll.run("status")
        assert done.code == 4 and "no process has used it yet" in done.out
        assert poll.once() == (0, "", "")
        done = poll.run("status")
        assert done.code == 4 and done.err == ""
        assert "no process uses state_dir" in done.out
        assert "the last process ended at 20" in done.out
        assert "inbox\tsqlite\t" in done.out
        document = status(poll, code=4)
        assert not document["running"] and document["last_run"]["clean"]
        run = poll.start()
        run.wait_for_line("polling;")
        run.kill()
        done = poll.run("status")
        assert done.code == 4 and "was killed or crashed: process" in done.out
        assert not status(poll, code=4)["last_run"]["clean"]


@pytest.mark.parametrize("columns", [80, 120])
def test_it_fits_the_terminal(failing, columns):
    code, text = run_on_terminal(failing, "status", columns=columns)
    assert code == 1 and "\x1b[31mrefused\x1b[0m" in text
    lines = plain(text).splitlines()
    summary = 5  # a path may be long
    assert max(map(len, lines[summary:])) <= columns, text


class Watch:
    def __init__(self, poll, **options):
        self.terminal = Terminal(["-c", poll.path, "status", "--watch"],
                                 program=poll.program, **options)

    def frames(self):
        return self.terminal.text.split("\x1b[H")[2:]

    def wait_for(self, words, start=0):
        self.terminal.read_until(
            lambda text: any(words in plain(frame)
                             for frame in self.frames()[start:]), words)


# Without clearing the screen, which would flicker; and the screen is there
# again afterwards.
def test_watch_redraws_what_changes(poll_of):
    with Sim("--apps=1", "--queues=2") as sim:
        poll = poll_of(sim)
        run = poll.start()
        run.wait_for_line("polling;")
        watch = Watch(poll)
        watch.wait_for("queues: 2 (2 ok)")
        poll.run("pause", "app1/q1", write=False)
        watch.wait_for("queues: 2 (1 ok, 1 paused)")
        watch.terminal.type("q")
        assert watch.terminal.finish() == 0
        text = watch.terminal.text
        assert text.startswith("\x1b[?1049h") and \
            text.endswith("\x1b[?25h\x1b[?1049l")
        assert text.count("\x1b[2J") == 0
        assert all(frame.count("\x1b[J") == 1 for frame in watch.frames())
        assert run.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_watch_ends_cleanly(poll_of, number):
    with Sim("--apps=1", "--queues=1") as sim:
        poll = poll_of(sim)
        poll.write()
        watch = Watch(poll)
        watch.wait_for("no process uses state_dir")
        watch.terminal.process.send_signal(number)
        assert watch.terminal.finish() == 4
        assert watch.terminal.text.endswith("\x1b[?25h\x1b[?1049l")


# It may be restarted meanwhile.
def test_watch_waits_for_a_process(poll_of):
    with Sim("--apps=1", "--queues=1") as sim:
        poll = poll_of(sim)
        poll.write()
        watch = Watch(poll)
        watch.wait_for("no process uses state_dir")
        run = poll.start()
        watch.wait_for("queues: 1 (1 ok)")
        assert run.stop() == 0
        watch.wait_for("no process uses state_dir", len(watch.frames()))
        watch.terminal.type("q")
        assert watch.terminal.finish() == 4


def test_watch_fits_the_screen(failing):
    watch = Watch(failing, lines=24)
    watch.wait_for("app3/q2")
    watch.terminal.resize(60, 12)
    watch.terminal.process.send_signal(signal.SIGWINCH)
    count = len(watch.frames())
    watch.terminal.read_until(lambda text: len(watch.frames()) > count + 1,
                              "more frames")
    watch.terminal.type("q")
    watch.terminal.finish()
    last = watch.frames()[-1].replace("\r\n", "\n")
    lines = plain(last).split("\n")
    assert len(lines) <= 12 and lines[-1].startswith("q ends")
    assert "app3/q2" in plain(watch.frames()[0])


def test_watch_as_json(poll_of):
    with Sim("--apps=1", "--queues=1") as sim:
        poll = poll_of(sim)
        run = poll.start()
        run.wait_for_line("polling;")
        terminal = Terminal(
            ["-c", poll.path, "status", "--watch", "--json"])
        terminal.read_until(lambda text: text.count("\n") >= 2, "two lines")
        terminal.process.terminate()
        assert terminal.finish() == 0
        assert all(json.loads(line)["running"]
                   for line in terminal.text.splitlines()[:2])
        assert run.stop() == 0
