"""One bad key, queue or server prevents nothing: `run` and `once` start with
all that is right, name what is wrong, and hold that."""
import sqlite3

import pytest

from poll import errors_in, named
from sim import Sim, replace_file, wait_for


def break_key(poll, server="app1", queue="q1", text=None):
    """Removes a key, or replaces it by another text. Returns the good one."""
    path = poll.folder / "keys" / f"{server}-{queue}"
    good = path.read_text()
    poll.secrets.add(good.strip())
    path.unlink()
    if text is not None:
        path.write_text(text)
        path.chmod(0o600)
    return path, good


def mend_key(path, good):
    replace_file(path, good)


def missing_key(poll):
    break_key(poll)
    return ["keys/app1-q1", "No such file"]


def malformed_key(poll):
    break_key(poll, text="tiny-key\n")
    return ["keys/app1-q1", "too short"]


def open_key(poll):
    (poll.folder / "keys" / "app1-q1").chmod(0o644)
    return ["keys/app1-q1", "chmod 600"]


def missing_variable(poll):
    del poll.queue()["api_key_file"]
    poll.queue()["api_key_env"] = "NO_SUCH_VARIABLE"
    return ["NO_SUCH_VARIABLE"]


def queue_with(**options):
    def spoil(poll):
        poll.queue().update(options)
        return [*options]
    return spoil


def no_name(poll):
    del poll.queue()["name"]
    return ["name is missing"]


def is_about_key(spoil):
    return spoil in (missing_key, malformed_key, open_key, missing_variable)


# Each is told with its place, and the other queue of the server is drained, as
# is the other server.
@pytest.mark.parametrize("spoil", [
    missing_key,
    malformed_key,
    open_key,
    missing_variable,
    no_name,
    queue_with(interval="never"),
    queue_with(colour="red"),
    queue_with(inbox="other"),
    queue_with(token_pointer="token"),
    queue_with(format="raw"),
    queue_with(api_key_env="BOTH"),
    queue_with(name="a/b"),
], ids=lambda spoil: spoil.__name__)
def test_a_bad_queue_is_held_alone(poll_of, spoil):
    with Sim("--apps=2", "--queues=2", "--messages=20") as sim:
        poll = poll_of(sim)
        words = spoil(poll)
        done = poll.once()
        assert done.code == 1 and done.out == ""
        lines = done.err.splitlines()
        assert len(lines) == 2, done.err
        assert "poll.yaml:" in lines[0] and "queue app1/" in lines[0]
        for word in words:
            assert word in lines[0], (word, lines[0])
        state = "REFUSED" if is_about_key(spoil) else "BLOCKED"
        assert f": not drained: {state} because of " in lines[1]
        assert "app1/" in lines[1] and "poll.yaml:" in lines[1]
        assert sim.queue_stats("app1", "q1")["requests"] == 0
        assert sim.app_stats()["failed_logins"] == 0
        poll.check_nothing_lost(
            stored=[("app1", "q2"), ("app2", "q1"), ("app2", "q2")])
        strict = poll.run("check", "--strict")
        assert strict.code == 2
        assert all(word in strict.err for word in words)


def server_with(**options):
    def spoil(poll):
        poll.server().update(options)
        return [*options]
    return spoil


# Its queues are named as well: somebody waits for each of them.
@pytest.mark.parametrize("spoil", [
    server_with(url="app1.example"),
    server_with(url="http://app1.example"),
    server_with(max_in_flight="many"),
    server_with(tls_ca_file="none.pem"),
    server_with(tls_certificate_file="none.pem"),
    server_with(tls_key_file="none.pem", tls_certificate_file="ca.pem"),
    server_with(name="a/b"),
    server_with(interval="never"),
    server_with(colour="red"),
], ids=str)
def test_a_bad_server_is_held_alone(poll_of, spoil):
    with Sim("--apps=2", "--queues=2", "--messages=20", "--tls") as sim:
        poll = poll_of(sim)
        word = spoil(poll)[0]
        done = poll.once()
        assert done.code == 1
        lines = done.err.splitlines()
        assert len(lines) == 3, done.err
        assert "poll.yaml:" in lines[0] and word in lines[0]
        for line, queue in zip(lines[1:], ("/q1", "/q2")):
            assert queue in line and ": not drained: " in line
        assert sim.app_stats("app1")["requests"] == 0
        poll.check_nothing_lost(stored=[("app2", "q1"), ("app2", "q2")])
        strict = poll.run("check", "--strict")
        assert strict.code == 2 and word in strict.err


# A queue whose stored state is damaged is a bad queue as well.
def test_a_damaged_state_holds_its_queue(poll_of):
    with Sim("--apps=1", "--queues=2", "--messages=20") as sim:
        poll = poll_of(sim)
        assert poll.once().code == 0
        with sqlite3.connect(poll.inbox_path) as inbox:
            inbox.execute(
                "UPDATE queues SET state = x'00' WHERE queue = 'q1'")
        inbox.close()
        sim.script("message app1 q1", "message app1 q2")
        done = poll.once()
        assert done.code == 1
        assert "queue app1/q1: the state" in done.err and "damaged" in done.err
        assert "app1/q1: not drained" in done.err
        assert sim.unread("app1", "q1") == 1
        assert sim.unread("app1", "q2") == 0


# Nobody should have to restart five hundred servers for one key.
def test_a_missing_key_is_used_when_it_is_there(poll_of):
    with Sim("--apps=2", "--queues=2", "--messages=20", "--tls") as sim:
        poll = poll_of(sim)
        path, good = break_key(poll)
        run = poll.start("-v", "run")
        run.wait_for_line("queue app1/q1: api_key_file", "No such file")
        run.wait_for_line("app1/q1: held: REFUSED")
        run.wait_for_line("polling; queues: 3, servers: 2")
        run.wait_for_line("queues held until their files are corrected: 1")
        assert not run.lines("restarted") and not run.lines("no queue")
        path.write_text("tiny-key\n")  # still not one
        run.wait_for_line("queue app1/q1: api_key_file", "chmod 600")
        path.chmod(0o600)
        run.wait_for_line("queue app1/q1: api_key_file", "too short")
        assert sim.queue_stats("app1", "q1")["requests"] == 0
        mend_key(path, good)
        run.wait_for_line("app1/q1: its API key can be read now: trying it")
        wait_for(lambda: sim.unread("app1", "q1") == 0)
        assert sim.app_stats()["failed_logins"] == 0
        assert run.stop() == 0
        poll.check_nothing_lost(stored=[("app1", "q1")])


# A corrected file may hold a wrong key: that is the server's to say.
def test_a_held_key_that_is_refused_later_counts_once(poll_of):
    with Sim("--apps=1", "--queues=2", "--messages=20") as sim:
        poll = poll_of(sim)
        path, good = break_key(poll)
        sim.script("key app1 q1 rotate=yes store=no")
        run = poll.start()
        run.wait_for_line("queue app1/q1: api_key_file")
        mend_key(path, good)
        run.wait_for_line("app1/q1: 403 INVALID-API-KEY")
        assert sim.app_stats()["failed_logins"] == 1
        assert run.stop() == 0


# The queues of a server whose CA file is missing wait for it; others do not.
def test_a_missing_ca_file_is_used_when_it_is_there(poll_of):
    with Sim("--apps=2", "--queues=2", "--messages=20", "--tls") as sim:
        poll = poll_of(sim)
        poll.server("app1").update(tls_ca_file="later.pem")
        path, good = break_key(poll, queue="q2")
        run = poll.start()
        run.wait_for_line("server app1: tls_ca_file", "later.pem", "No such")
        run.wait_for_line("polling; queues: 2, servers: 2")
        (poll.folder / "later.pem").symlink_to("ca.pem")
        run.wait_for_line("app1: its TLS files can be read now")
        wait_for(lambda: sim.unread("app1", "q1") == 0)
        # Its other queue has a problem of its own.
        run.wait_for_line("queue app1/q2: api_key_file", "No such file")
        mend_key(path, good)
        run.wait_for_line("app1/q2: its API key can be read now: trying it")
        wait_for(lambda: sim.unread("app1", "q2") == 0)
        assert run.stop() == 0
        poll.check_nothing_lost(stored=[("app1", "q1"), ("app1", "q2")])


# A service that ends is started again and again; this one waits and says so.
def test_run_stays_while_all_queues_are_held(poll_of):
    with Sim("--apps=2", "--queues=2", "--messages=20") as sim:
        poll = poll_of(sim)
        path, good = break_key(poll)
        poll.queue("app1", "q2")["interval"] = "never"
        poll.server("app2")["url"] = "nowhere"
        run = poll.start()
        run.wait_for_line("polling; queues: 0, servers: 1")
        run.wait_for_line("queues held until their files are corrected: 1")
        run.wait_for_line("queues held until the configuration is "
                          "corrected and reloaded: 3")
        run.wait_for_line("no queue can be polled")
        assert len(run.lines("poll.yaml:")) == 3
        mend_key(path, good)
        wait_for(lambda: sim.unread("app1", "q1") == 0)
        assert run.process.poll() is None
        assert run.stop() == 0
        poll.check_nothing_lost(stored=[("app1", "q1")])


def test_once_ends_while_all_queues_are_held(poll_of):
    with Sim("--apps=1", "--queues=1") as sim:
        poll = poll_of(sim)
        poll.server()["url"] = "nowhere"
        done = poll.run("once")
        assert done.code == 1
        assert "app1/q1: not drained" in done.err
        assert sim.app_stats()["requests"] == 0


# Ten thousand lines would hide what else is logged.
def test_many_problems_are_counted(poll_of):
    with Sim("--apps=1", "--queues=30") as sim:
        poll = poll_of(sim)
        for queue in poll.queue_list():
            queue["interval"] = "never"
        run = poll.start()
        run.wait_for_line("poll.yaml: and 10 more problems")
        run.wait_for_line("no queue can be polled")
        assert len(run.lines("is not a duration")) == 20
        assert run.stop() == 0


# Two that cannot be told apart: see haplo-poll.yaml(5).
def test_queues_that_are_the_same_one_are_held(poll_of):
    with Sim("--apps=1", "--queues=3", "--messages=20") as sim:
        poll = poll_of(sim)
        same = {**poll.server(), "name": "same",
                "url": poll.server()["url"].replace("http", "HTTP") + "/",
                "queues": [dict(named(poll.queue_list(), "q1"))]}
        poll.config["servers"].append(same)
        poll.queue_list().append(dict(poll.queue("app1", "q2")))
        done = poll.once()
        assert done.code == 1
        assert "queue same/q1: it is the queue app1/q1 of line" in done.err
        assert "queue app1/q2: its name is already used in line" in done.err
        assert sim.unread("app1", "q1") == sim.unread("app1", "q2") == 20
        poll.check_nothing_lost(stored=[("app1", "q3")])
        strict = poll.run("check", "--strict")
        assert strict.code == 2 and len(errors_in(strict.err)) == 2


# Other commands have nothing to do with a bad queue, either.
def test_other_commands_work_while_a_queue_is_bad(poll_of):
    with Sim("--apps=1", "--queues=2", "--messages=2") as sim:
        poll = poll_of(sim)
        poll.queue()["interval"] = "never"
        poll.config["outlets"] = [
            {"name": "out", "type": "files", "path": "files"}]
        assert poll.once().code == 1
        done = poll.run("peek", "app1/q2")
        assert done == (0, "", done.err) and "no unread messages" in done.err
        done = poll.run("peek", "app1/q1")
        assert done.code == 2 and "queue app1/q1: interval" in done.err
        assert len(done.err.splitlines()) == 1
        done = poll.run("inbox", "backup", str(poll.folder / "copy.db"))
        assert done == (0, "", "")
        done = poll.run("outlet", "retry", "out", "app1/q2")
        assert "neither blocked nor waiting" in done.err
        assert "interval" not in done.err
