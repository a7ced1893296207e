"""A reload replaces the configuration of a running process: what is unchanged
notices nothing, what has changed finishes first, and a file that is wrong
changes nothing. Nothing is lost, stored twice or marked unstored meanwhile."""
import json
import pathlib
import signal

import pytest

from files_outlet import files_in
from poll import named
from sim import Sim, wait_for


def interval_of(poll, interval):
    poll.config["defaults"]["interval"] = interval
    return poll


def take_queue(poll, server, name):
    """Removes a queue from the configuration, and returns it."""
    queues = poll.queue_list(server)
    return queues.pop(queues.index(named(queues, name)))


def reload(poll, code=0, **options):
    done = poll.run("reload", **options)
    assert done.code == code, done
    return done


def started(poll):
    run = poll.start()
    run.wait_for_line("polling; queues:")
    return run


def stop(run):
    assert run.stop() == 0
    assert "batches left unmarked: 0" in run.err


# A queue that is new and not polled looks like one that has no messages.
def test_it_says_which_queues_are_held(poll_of):
    with Sim("--apps=1", "--queues=2", "--messages=5") as sim:
        poll = interval_of(poll_of(sim), "50ms")
        queue = take_queue(poll, "app1", "q2")
        run = started(poll)
        assert "held" not in reload(poll).out
        key = queue["api_key_file"]
        queue["api_key_file"] = "keys/not-there"
        poll.queue_list("app1").append(queue)
        told = reload(poll).out
        assert ", held: 1" in told.splitlines()[0]
        line, = [line for line in told.splitlines()
                 if line.startswith("held: ")]
        assert "queue app1/q2" in line and "keys/not-there" in line
        queue["api_key_file"] = key
        assert "held" not in reload(poll).out
        sim.wait_until_read()
        stop(run)


# Each line is read by a person who wants to know whether it was the change
# that was meant.
def test_it_prints_what_has_changed(poll_of):
    with Sim("--apps=2", "--queues=2", "--messages=5") as sim:
        poll = interval_of(poll_of(sim), "50ms")
        poll.config["outlets"] = [
            {"name": "copy", "type": "files", "path": "copy"},
            {"name": "gone", "type": "files", "path": "gone"}]
        left = take_queue(poll, "app2", "q2")
        run = started(poll)
        first = reload(poll).out
        assert "generation 2, digest " in first
        assert "nothing has changed" in first
        poll.queue_list("app2").append(left)
        poll.queue("app1", "q2")["interval"] = "70ms"
        poll.config["in_flight_max"] = 7
        poll.config["outlets"][0]["backoff"] = "3s"
        del poll.config["outlets"][1]
        take_queue(poll, "app1", "q1")
        out = reload(poll).out
        assert "generation 3, digest " in out
        assert first.split()[3] != out.split()[3]
        assert set(out.splitlines()[1:]) == {
            "changed: top level: in_flight_max",
            "added: queue app2/q2", "changed: queue app1/q2: interval",
            "changed: outlet copy: backoff",
            "removed: queue app1/q1", "removed: outlet gone"}
        wait_for(lambda: sim.unread("app2", "q2") == 0)
        stop(run)
        poll.check_nothing_lost()


# The reason for reloading at all.
def test_a_queue_is_added_and_another_removed(poll_of):
    with Sim("--apps=1", "--queues=2", "--messages=20") as sim:
        poll = interval_of(poll_of(sim), "50ms")
        second = take_queue(poll, "app1", "q2")
        run = started(poll)
        wait_for(lambda: sim.unread("app1", "q1") == 0)
        first = take_queue(poll, "app1", "q1")
        poll.queue_list().append(second)
        assert "removed: queue app1/q1" in reload(poll).out
        wait_for(lambda: sim.unread("app1", "q2") == 0)
        requests = sim.queue_stats("app1", "q1")["requests"]
        poll.queue_list().append(first)
        reload(poll)
        wait_for(
            lambda: sim.queue_stats("app1", "q1")["requests"] > requests)
        stop(run)
        poll.check_all_stored()


def spoil_yaml(poll):
    pathlib.Path(poll.path).write_text("servers: [}")


def spoil_value(poll):
    poll.queue()["interval"] = "never"
    poll.write()


def spoil_state_dir(poll):
    poll.config["state_dir"] = "other"
    poll.write()


def remove_file(poll):
    pathlib.Path(poll.path).unlink()


# A typing error must not stop what works, and its place must be told.
@pytest.mark.parametrize("spoil, words", [
    (spoil_yaml, "poll.yaml:1:"),
    (spoil_value, "interval"),
    (spoil_state_dir, "state_dir has changed"),
    (remove_file, "No such file"),
])
def test_a_wrong_file_changes_nothing(poll_of, spoil, words):
    with Sim("--apps=1", "--queues=1", "--messages=5") as sim:
        poll = interval_of(poll_of(sim), "50ms")
        run = started(poll)
        good = pathlib.Path(poll.path).read_text()
        spoil(poll)
        run.signal(signal.SIGHUP)
        run.wait_for_line("reload: rejected: nothing has changed; still at "
                          "work: generation 1,")
        assert run.lines("reload:", words)
        if spoil is not spoil_state_dir:
            done = reload(poll, code=2, write=False)
            assert words in done.err and not done.out
        requests = sim.queue_stats("app1", "q1")["requests"]
        wait_for(
            lambda: sim.queue_stats("app1", "q1")["requests"] > requests)
        pathlib.Path(poll.path).write_text(good)
        seen = poll.run("status", write=False)
        assert seen.code == 1, seen
        assert "not ready: the last reload was rejected" in seen.out
        assert "generation" in reload(poll, write=False).out
        stop(run)
        poll.check_all_stored()


# Whoever starts it learns that there is nobody to reload.
def test_nothing_is_running(poll_of):
    with Sim("--apps=1", "--queues=1") as sim:
        poll = poll_of(sim)
        done = reload(poll, code=4)
        assert f"nothing listens on {poll.state_dir}/admin.sock: " in done.err
        assert f"start `{poll.hint('run')}`" in done.err


# A file that is ahead of the process that it is for: what to do must not be
# guessed from "no process", with one before one's eyes.
def test_it_says_where_it_has_looked(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=5") as sim:
        poll = poll_of(sim)
        run = started(poll)
        poll.config["admin"] = {"socket": "other.sock"}
        done = reload(poll, code=1)
        assert f"in use by process {run.process.pid} on " in done.err
        assert f"does not listen on {sim.dir}/other.sock" in done.err
        assert "admin.socket has changed" in done.err
        del poll.config["admin"]
        poll.config["state_dir"] = "other"
        done = reload(poll, code=4)
        assert f"no process uses state_dir {sim.dir}/other" in done.err
        assert "started with another state_dir has to be restarted" in done.err
        poll.config["state_dir"] = "state"
        assert "nothing has changed" in reload(poll).out
        stop(run)


# A server that takes long to answer must not be asked a second time, and the
# wait of a queue must not begin anew, because something else has changed.
def test_what_is_unchanged_notices_nothing(poll_of):
    with Sim("--apps=2", "--queues=1", "--messages=5") as sim:
        sim.script("fault app=app1 queue=q1 on=fetch do=stall")
        poll = interval_of(poll_of(sim), "1h")
        poll.queue("app1", "q1")["interval"] = "10ms"
        poll.server("app1").update(first_byte_timeout="1h", total_timeout="1h")
        run = started(poll)
        wait_for(lambda: sim.queue_stats("app1", "q1")["requests"] == 1)
        for i in range(20):
            poll.queue("app2", "q1")["interval"] = f"{i + 2}h"
            assert "changed: queue app2/q1: interval" in reload(poll).out
        assert sim.queue_stats("app1", "q1")["requests"] == 1
        run.kill()


# The state goes along, so that nothing is stored in both, and the old inbox
# cannot be used for the queue by mistake.
def test_a_queue_moves_to_another_inbox(poll_of):
    with Sim("--apps=1", "--queues=2", "--messages=40") as sim:
        poll = interval_of(poll_of(sim), "20ms")
        sim.script("fault app=app1 queue=q1 on=mark do=reset done=no")
        run = started(poll)
        wait_for(lambda: poll.inbox_count() >= 16)
        del poll.config["inbox"]
        poll.config["inboxes"] = [
            {"name": "inbox", "type": "sqlite", "path": "inbox.db"},
            {"name": "other", "type": "sqlite", "path": "other.db"}]
        poll.config["defaults"]["inbox"] = "inbox"
        poll.queue("app1", "q1")["inbox"] = "other"
        out = reload(poll).out
        assert "added: inbox other" in out
        assert "changed: queue app1/q1: inbox" in out
        assert "waiting" not in out
        run.wait_for_line("app1/q1: its state has moved from inbox inbox to "
                          "other")
        sim.add("app1", "q1", [{"n": i} for i in range(20)])
        wait_for(lambda: sim.unread() == 0)
        stop(run)
        paths = [poll.folder / "inbox.db", poll.folder / "other.db"]
        poll.check_nothing_lost(*paths, stored=sim.all_messages())
        assert poll.inbox(paths[1])
        [(note,)] = poll.rows(
            "SELECT state FROM queues WHERE queue = 'q1'", paths[0])
        assert bytes(note) == b"moved to another inbox"
