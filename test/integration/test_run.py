"""haplo-poll run: polls continuously, reports what operators must know, and
stops on request."""
import re
import signal
import sqlite3
import time

import pytest

from poll import RUN_S_MAX
from sim import WAIT_S_MAX, Sim, replace_file, wait_for


def start(poll, *arguments, **defaults):
    """Starts `run`, with short intervals."""
    poll.config["defaults"].update({"interval": "30ms", **defaults})
    run = poll.start(*arguments, "run")
    run.wait_for_line("polling", " servers")
    return run


def count_sent(sim):
    """Messages that are marked now."""
    return sum(
        message["sent"]
        for messages in sim.all_messages().values()
        for message in messages
    )


# Polling


# What comes while it runs must arrive, whenever it comes.
def test_picks_up_new_messages(poll_of):
    with Sim("--apps=2", "--queues=2", "--messages=20", "--tls") as sim:
        poll = poll_of(sim)
        run = start(poll)
        sim.wait_until_read()
        for _ in range(3):
            sim.script("message app2 q1 count=20", "message app1 q2")
            sim.wait_until_read()
        assert run.stop() == 0
        poll.check_all_stored()
        assert poll.inbox_count() == 2 * 2 * 20 + 3 * 21


# An empty queue is polled once an interval, not all the time; while it stays
# empty that may grow.
def test_keeps_its_interval(poll_of):
    with Sim("--apps=2", "--queues=1") as sim:
        poll = poll_of(sim)
        poll.server("app1")["queues"][0].update(interval="100ms")
        poll.server("app2")["queues"][0].update(
            interval="100ms", interval_max="10m"
        )
        run = start(poll, "-v")
        wait_for(lambda: sim.queue_stats("app1")["fetches"] >= 11)
        assert run.stop() == 0
        # By its own clock, as a busy machine may see a request late.
        begins, ends = ([int(time) for time in re.findall(
            rf"\[ *(\d+)\] app1/q1: {change}$", run.err, re.M)]
            for change in ("IDLE -> READY", r"\w+ -> IDLE"))
        gaps = [begin - end for begin, end in zip(begins[1:], ends)]
        assert len(gaps) >= 10 and min(gaps) >= 89  # 10 % of jitter
        assert 2 <= sim.queue_stats("app2")["fetches"] <= 9


# Lines of a daemon need a time.
def test_log_lines(poll_of):
    with Sim("--apps=1", "--queues=1") as sim:
        poll = poll_of(sim)
        run = start(poll)
        assert run.stop() == 0
        lines = run.err.splitlines()
        stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z haplo-poll: "
        assert all(re.match(stamp, line) for line in lines)
        assert lines[0].endswith("polling; queues: 1, servers: 1, outlets: 0")
        assert lines[-1].endswith("stopped; batches left unmarked: 0")


# Two daemons on one state directory would mark for each other; a dead one
# must not keep the next one out.
def test_lock_goes_with_its_process(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=20") as sim:
        poll = poll_of(sim)
        first = start(poll)
        second = poll.start()
        assert second.wait() == 3
        assert f"in use by process {first.process.pid} on " in second.err
        first.kill()
        third = start(poll)
        sim.wait_until_read()
        assert third.stop() == 0
        poll.check_all_stored()


# Stopping


# A service manager's stop in the middle of work loses nothing, and leaves
# nothing half done.
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop_while_busy(poll_of, number):
    with Sim(
        "--apps=2", "--queues=4", "--messages=40", "--latency=5ms", "--tls",
        "--rate=50/s"
    ) as sim:
        poll = poll_of(sim)
        run = start(poll, max_in_flight=4)
        wait_for(lambda: count_sent(sim) > 400)
        run.signal(number)
        assert run.wait() == 0
        assert signal.Signals(number).name in run.err
        assert "stopped; batches left unmarked: 0" in run.err
        sim.script("queue * * rate=0")
        poll.check_nothing_lost()
        assert poll.inbox_count() == count_sent(sim)
        assert sim.unread() > 0
        assert poll.once().code == 0
        poll.check_all_stored()


def wait_for_ever(poll):
    """Whatever ends sooner has another reason than a limit of time."""
    poll.config["drain_timeout"] = "10m"
    poll.config["defaults"].update(first_byte_timeout="1h",
                                   stall_timeout="1h", total_timeout="1h")


# A server that hangs must not hold up who wants to go at once.
def test_second_signal_ends_at_once(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=10", "--tls") as sim:
        poll = poll_of(sim)
        sim.script("fault on=mark do=stall done=no times=0")
        wait_for_ever(poll)
        run = start(poll)
        wait_for(lambda: sim.app_stats()["requests"] == 2)
        run.signal(signal.SIGTERM)
        run.wait_for_line("finishing outstanding work")
        assert run.process.poll() is None  # waits for the mark
        run.signal(signal.SIGTERM)
        if run.has_finished_at_once():
            assert "batches left unmarked: 1" in run.err
        assert "exiting immediately" in run.err
        assert sim.app_stats()["requests"] == 2  # no new fetch
        assert count_sent(sim) == 0
        sim.script("clear faults")
        assert poll.once().code == 0
        poll.check_all_stored()  # none twice


# Who is impatient sends more of them; it has ended well all the same.
def test_many_signals_do_not_spoil_its_end(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=10") as sim:
        poll = poll_of(sim)
        for _ in range(5):
            run = start(poll)
            run.signal(signal.SIGTERM)
            while run.process.poll() is None:
                run.signal(signal.SIGTERM)
                time.sleep(0.0005)
            # One that was just fetched may be left by the second signal.
            if run.has_finished_at_once():
                assert "stopped; batches left unmarked: " in run.err


# A fetch that hangs holds nothing: it is dropped.
def test_stop_drops_a_fetch(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=10") as sim:
        poll = poll_of(sim)
        sim.script("fault on=fetch do=stall at=500 times=0")
        wait_for_ever(poll)
        run = start(poll)
        wait_for(lambda: sim.queue_stats()["requests"] > 0)
        run.signal(signal.SIGTERM)
        assert run.wait() == 0
        assert poll.inbox_count() == 0


# What it tells


# One line for a server that is down, and not one for each of its queues again
# and again; it is left alone, and used again when it answers.
def test_tells_of_a_server_that_is_down(poll_of):
    with Sim("--apps=2", "--queues=3", "--messages=3", "--tls") as sim:
        poll = poll_of(sim)
        sim.script("fault app=app1 do=refuse")
        run = start(poll, breaker_failures=3)
        run.wait_for_line("app1: server is failing: ", "connection refused")
        told = len(run.err.splitlines())
        wait_for(lambda: sim.unread("app2") == 0)
        sim.script("message app2 q1 count=40")
        wait_for(lambda: sim.unread("app2") == 0)
        assert len(run.err.splitlines()) == told
        sim.script("clear faults")
        run.wait_for_line("app1: server works again")
        sim.wait_until_read()
        assert run.stop() == 0
        poll.check_all_stored()


# A sqlite3 shell that was left open must cost no message; its end is seen.
def test_inbox_locked_for_a_while(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=3") as sim:
        poll = poll_of(sim)
        run = start(poll)
        sim.wait_until_read()
        lock = sqlite3.connect(poll.inbox_path, isolation_level=None,
                               timeout=WAIT_S_MAX)
        lock.execute("BEGIN IMMEDIATE")
        try:
            sim.script("message app1 q1 count=20")
            run.wait_for_line("deliver app1/q1: ", "another program", "lock")
            assert sim.unread() == 20
        finally:
            lock.close()
        sim.wait_until_read()
        run.wait_for_line("app1/q1: works again")
        assert run.stop() == 0
        poll.check_all_stored()


# A blocked queue waits for an operator, and the process with it.
def test_stays_while_all_queues_are_blocked(poll_of):
    with Sim("--apps=1", "--queues=1") as sim:
        poll = poll_of(sim)
        run = start(poll)
        sim.script("message app1 q1")
        sim.wait_until_read()
        with sqlite3.connect(poll.inbox_path, timeout=RUN_S_MAX) as inbox:
            inbox.execute("UPDATE queues SET state = x'00'")
        inbox.close()
        sim.script("message app1 q1")
        run.wait_for_line("app1/q1", "state is damaged", "blocked")
        assert run.stop() == 0
        assert "batches left unmarked: 0" in run.err
        assert sim.unread() == 1


# Another consumer takes messages. Nobody would notice without a report.
def test_tells_of_another_consumer(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=10") as sim:
        poll = poll_of(sim)
        sim.script("fault on=mark do=delay")
        run = start(poll)
        wait_for(lambda: sim.queue_stats()["requests"] >= 2)
        poll.config["state_dir"] = "state2"
        poll.config["inbox"] = "inbox2.db"
        other = poll.once()
        assert other.code == 0
        sim.script("clear faults")
        run.wait_for_line("10 of 10 messages", "another program read this")
        assert run.stop() == 0
        poll.check_all_stored()


# Keys


# A new key must work as soon as it is there, and the old one must not be
# tried on and on: that locks the address out.
def test_refused_key_is_tried_when_its_file_changes(poll_of):
    with Sim("--apps=1", "--queues=2", "--messages=20", "--tls") as sim:
        poll = poll_of(sim)
        path = poll.folder / "keys" / "app1-q1"
        old = path.read_text()
        sim.script("key app1 q1 rotate=yes store=yes")
        new = path.read_text()
        path.write_text(old)
        run = start(poll)
        run.wait_for_line("app1/q1: 403 INVALID-API-KEY")
        wait_for(lambda: sim.queue_stats(queue="q2")["fetches"] > 5)

        path.chmod(0o644)  # a new key that cannot be used yet
        path.write_text(new)
        poll.secrets.add(new.strip())
        run.wait_for_line("app1/q1: its API key has changed", "chmod 600")
        path.chmod(0o600)
        run.wait_for_line("app1/q1: its API key has changed: trying it")
        run.wait_for_line("app1/q1: works again after 1 failure")
        sim.wait_until_read()
        assert not run.lines("1 failures")
        assert sim.app_stats()["failed_logins"] == 1
        assert run.stop() == 0
        poll.check_all_stored()


# A rotation that the administrator announces by writing the file costs no failed
# login: the new key is in use before the next poll.
def test_key_file_is_noticed_before_a_refusal(poll_of):
    with Sim("--apps=1", "--queues=3", "--tls") as sim:
        poll = poll_of(sim)
        run = start(poll, interval="1h")
        sim.script("key app1 q1 rotate=yes store=yes", "message app1 q1")
        poll.note_keys()
        run.wait_for_line("app1/q1: its API key has changed: using it")
        run.signal(signal.SIGUSR1)
        sim.wait_until_read()
        assert sim.app_stats()["failed_logins"] == 0
        assert run.stop() == 0
        poll.check_all_stored()


# Half a copy of a file must not replace a key that works.
def test_bad_key_file_leaves_the_old_key_in_use(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=3") as sim:
        poll = poll_of(sim)
        run = start(poll)
        replace_file(poll.folder / "keys" / "app1-q1", "half")
        run.wait_for_line("app1/q1: its API key has changed, and the old one",
                          "too short")
        sim.script("message app1 q1 count=3")
        sim.wait_until_read()
        assert len(run.lines("the old one stays in use")) == 1
        assert run.stop() == 0
        poll.check_all_stored()


# A key can be revoked while it is in use.
def test_key_rotated_while_running(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=20") as sim:
        poll = poll_of(sim)
        run = start(poll)
        sim.wait_until_read()
        sim.script("key app1 q1 rotate=yes store=yes")
        sim.script("message app1 q1 count=20")
        sim.wait_until_read()
        assert sim.app_stats()["failed_logins"] == 1
        assert run.stop() == 0
        poll.check_all_stored()


# A throttled server must be left alone, by all of its queues; the others have
# nothing to do with it.
def test_throttle_silences_only_that_server(poll_of):
    with Sim("--apps=2", "--queues=3", "--messages=3", "--tls") as sim:
        poll = poll_of(sim)
        run = start(poll)
        sim.wait_until_read()
        sim.script("set throttle-after=1", "key app1 q1 status=revoked")
        line = run.wait_for_line("app1: the server refuses all logins")[0]
        seconds = int(re.search(r"no request for (\d+) s", line).group(1))
        assert 310 <= seconds <= 341
        requests = sim.app_stats("app1")["requests"]
        sim.script(*[f"message app{n} q2 count=20" for n in (1, 2)])
        wait_for(lambda: sim.unread("app2") == 0)
        fetches = sim.queue_stats("app2")["fetches"]
        wait_for(lambda: sim.queue_stats("app2")["fetches"] > fetches + 5)
        assert sim.app_stats("app1")["requests"] == requests
        assert sim.unread("app1") == 20
        assert run.stop() == 0
        poll.check_nothing_lost()


# Whoever looks for the queue that stands still must find the reason.
def test_tells_that_bad_keys_hold_others_back(poll_of):
    with Sim("--apps=1", "--queues=8", "--messages=3") as sim:
        sim.script(*[f"key app1 q{n} status=revoked" for n in range(1, 8)])
        poll = poll_of(sim)
        run = start(poll)
        line = run.wait_for_line("app1: too many failed logins")[0]
        assert re.search(r"have not worked yet wait for \d+ s", line)
        assert sim.app_stats()["failed_logins"] == 5
        assert run.stop() == 0


# Every user of the machine can read a process's arguments.
def test_key_is_not_in_the_arguments(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=3") as sim:
        poll = poll_of(sim)
        run = start(poll)
        sim.wait_until_read()
        with open(f"/proc/{run.process.pid}/cmdline", "rb") as file:
            assert sim.key().encode() not in file.read()
        assert run.stop() == 0
