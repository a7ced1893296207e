"""The budget of failed logins holds over processes: a server counts those of
all of them, and locks the whole address out at 50."""
import datetime
import json
import re
import time
import urllib.parse

import pytest

from sim import Sim, wait_for

HOLD_MS = 310_000
HEADER = "haplo-poll failed logins 2\n"


def kept_path(poll):
    return poll.folder / "state" / "failed_logins"


def kept(poll):
    """What is kept: {site: (count, time)}, and the queues refused."""
    lines = [line.split() for line in kept_path(poll).read_text().splitlines()]
    assert " ".join(lines[0]) == HEADER.strip()
    sites = {line[1]: (int(line[3]), int(line[4]))
             for line in lines[1:] if line[0] == "logins"}
    return sites, [f"{line[1]}/{line[2]}"
                   for line in lines[1:] if line[0] == "refused"]


def site_of(sim, app="app1"):
    """Where it is, as it is written in the file."""
    return f"127.0.0.1:{urllib.parse.urlsplit(sim.url(app)).port}"


def shift_time(poll, by_ms):
    """As if that much time had gone by (or, below 0, the clock been set
    back)."""
    text = re.sub(r"(logins \S+ \S+ \d+) (\d+)",
                  lambda match: f"{match[1]} {int(match[2]) - by_ms}",
                  kept_path(poll).read_text())
    kept_path(poll).write_text(text)


def revoke(sim, *queues, app="app1"):
    """The server no longer takes the keys that haplo-poll has."""
    sim.script(*[f"key {app} {queue} rotate=yes store=no" for queue in queues])


def failures(sim, app="app1"):
    """As the server counts them: in a row, of the address."""
    throttle = sim.app_stats(app)["throttle"]
    return throttle[0]["failures"] if throttle else 0


def spend_budget(sim, poll, runs=5):
    for _ in range(runs):
        assert poll.once().code == 1
    assert failures(sim) == 5


# The case that this is for: a wrong key, and a line in a crontab.
def test_runs_from_cron_do_not_lock_the_address_out(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=3") as sim:
        revoke(sim, "q1")
        poll = poll_of(sim)
        for run in range(1, 13):
            done = poll.once()
            assert done.code == 1
            assert failures(sim) == min(run, 5)
        assert kept(poll)[0][site_of(sim)][0] == 5
        assert kept(poll)[1] == ["app1/q1"]


# A queue may be taken out of the configuration until its key is corrected. When
# it comes back, what is stored of it must not make that key pass for proven.
def test_a_queue_taken_out_of_the_configuration_stays_listed(poll_of):
    with Sim("--apps=1", "--queues=2", "--messages=3") as sim:
        poll = poll_of(sim)
        revoke(sim, "q1", "q2")
        poll.once()
        both = poll.server()["queues"]
        poll.server()["queues"] = both[1:]
        shift_time(poll, HOLD_MS)
        poll.once()
        assert sorted(kept(poll)[1]) == ["app1/q1", "app1/q2"]
        poll.run("doctor")
        assert sorted(kept(poll)[1]) == ["app1/q1", "app1/q2"]


# What cron mails must say what is wrong, and for how long.
def test_once_tells_which_keys_wait_and_until_when(poll_of):
    with Sim("--apps=2", "--queues=2", "--messages=3") as sim:
        revoke(sim, "q1")
        sim.script("key app1 q2 status=revoked")
        poll = poll_of(sim)
        poll.server()["failed_logins_max"] = 1
        assert poll.once().code == 1
        failed_at_s = kept(poll)[0][site_of(sim)][1] / 1000
        done = poll.once()
        assert done.code == 1
        lines = done.err.splitlines()
        assert len(lines) == 2
        for line in lines:
            until = re.search(r"(?:it|and) waits until (\S+Z) ", line)[1]
            at_s = datetime.datetime.fromisoformat(until).timestamp()
            assert at_s == pytest.approx(failed_at_s + HOLD_MS / 1000, abs=2)
            assert "1 failed logins in a row" in line
        assert "app1/q1: not drained: its API key was refused before" in lines[0]
        assert "app1/q2: not drained: its API key was not tried" in lines[1]
        assert failures(sim) == 1
        assert sim.unread("app2") == 0  # counted for each server alone


# Whoever has corrected the key need not wait: what is advised works.
def test_a_corrected_key_is_tried_at_once_if_the_count_is_removed(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=3") as sim:
        path = sim.dir / "keys" / "app1-q1"
        old = path.read_text()
        sim.script("key app1 q1 rotate=yes store=yes")
        new = path.read_text()
        path.write_text(old)
        poll = poll_of(sim)
        poll.secrets.update((old.strip(), new.strip()))
        spend_budget(sim, poll)
        path.write_text(new)
        assert "if that is done, remove failed_logins in state_dir" in \
            poll.once().err
        kept_path(poll).unlink()
        assert poll.once() == (0, "", "")
        poll.check_all_stored()


# The lock-out ends by itself, and so does ours: somebody may have mended it.
def test_keys_are_tried_again_after_the_hold(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=3") as sim:
        revoke(sim, "q1")
        poll = poll_of(sim)
        spend_budget(sim, poll)
        shift_time(poll, HOLD_MS - 200_000)
        assert poll.once().code == 1
        assert sim.app_stats()["failed_logins"] == 5
        shift_time(poll, 200_000)
        assert poll.once().code == 1
        assert sim.app_stats()["failed_logins"] == 6
        assert kept(poll)[0][site_of(sim)][0] == 1


# A new key waits as it would in one process, and then clears it all.
def test_a_good_key_clears_the_count(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=3") as sim:
        poll = poll_of(sim)
        path = poll.folder / "keys" / "app1-q1"
        old = path.read_text()
        sim.script("key app1 q1 rotate=yes store=yes")
        new = path.read_text()
        path.write_text(old)
        spend_budget(sim, poll)
        path.write_text(new)
        assert "was refused before" in poll.once().err
        assert poll.run("peek", "app1/q1").code == 0  # whoever wants to know
        shift_time(poll, HOLD_MS)
        assert poll.once() == (0, "", "")
        assert kept(poll) == ({}, [])
        path.write_text(old)
        assert poll.once().code == 1
        assert kept(poll)[0][site_of(sim)][0] == 1
        path.write_text(new)
        assert poll.once() == (0, "", "")
        assert kept(poll) == ({}, [])
        poll.check_all_stored()


# Keys that have worked are no guess: wrong ones beside them, which come first
# and spend the budget, hold them up for a run at most, not for five minutes.
def test_good_queues_do_not_wait_for_the_bad_ones(poll_of):
    with Sim("--apps=1", "--queues=12", "--messages=3") as sim:
        poll = poll_of(sim)
        assert poll.once().code == 0
        revoke(sim, *[f"q{number}" for number in range(1, 9)])
        good = [f"q{number}" for number in range(9, 13)]
        for run in range(8):
            sim.script(*[f"message app1 {queue} count=2" for queue in good])
            assert poll.once().code == 1
            assert failures(sim) <= 8
            left = [queue for queue in good if sim.unread("app1", queue)]
            assert not left or run == 0
        assert sim.app_stats()["throttled"] == 0


# Keys that have worked may all be revoked: twice the budget, as in one process.
def test_revoked_keys_that_had_worked_hold_all(poll_of):
    with Sim("--apps=1", "--queues=30", "--messages=1") as sim:
        poll = poll_of(sim)
        assert poll.once().code == 0
        revoke(sim, *[f"q{number}" for number in range(1, 31)])
        for _ in range(6):
            assert poll.once().code == 1
        assert failures(sim) == 10


# The server refuses all logins from here, and each one would prolong that.
def test_a_throttle_is_known_to_the_next_run(poll_of):
    with Sim("--apps=1", "--queues=2", "--messages=3",
             "--throttle-after=1") as sim:
        poll = poll_of(sim)
        assert poll.once().code == 0
        revoke(sim, "q1")
        sim.script("message app1 q2 count=2")
        assert poll.once().code == 1
        requests = sim.app_stats()["requests"]
        assert sim.app_stats()["throttled"] == 1
        for _ in range(3):
            done = poll.once()
            assert done.code == 1
            assert "app1/q2: not drained: its API key was not tried" in done.err
        assert sim.app_stats()["requests"] == requests
        shift_time(poll, HOLD_MS)
        sim.script("clear throttle")
        assert sim.app_stats()["requests"] == requests
        poll.once()
        assert sim.app_stats()["requests"] > requests


# systemd restarts what fails; `run` knows what was before, too.
def test_run_goes_on_with_the_count(poll_of):
    with Sim("--apps=1", "--queues=2", "--messages=3") as sim:
        revoke(sim, "q1", "q2")
        poll = poll_of(sim)
        poll.config["defaults"]["interval"] = "10ms"
        for run in range(1, 4):
            running = poll.start()
            wait_for(lambda: failures(sim) == min(2 * run, 5))
            assert running.stop() == 0
        running = poll.start()
        line = running.wait_for_line("app1: too many failed logins")[0]
        wait_s = int(re.search(r"before this run: .* for (\d+) s", line)[1])
        left_s = HOLD_MS / 1000 - (
            time.time() - kept(poll)[0][site_of(sim)][1] / 1000)
        assert left_s - 1 < wait_s <= HOLD_MS / 1000
        assert running.stop() == 0
        assert failures(sim) == 5


# While all is well nothing is written, nor is the file there.
def test_nothing_is_kept_while_all_is_well(poll_of):
    with Sim("--apps=2", "--queues=2", "--messages=20") as sim:
        poll = poll_of(sim)
        assert poll.once().code == 0
        assert not kept_path(poll).exists()


# No clock may hold a server for longer than the server itself would.
@pytest.mark.parametrize("by_ms", [-1000 * 3600, -10**12, 10**12])
def test_a_clock_that_was_set_holds_no_server(poll_of, by_ms):
    with Sim("--apps=1", "--queues=1", "--messages=3") as sim:
        revoke(sim, "q1")
        poll = poll_of(sim)
        spend_budget(sim, poll)
        shift_time(poll, by_ms)
        done = poll.once()
        assert "INVALID-API-KEY" in done.err
        assert len(done.err.splitlines()) == 1
        count, newest_ms = kept(poll)[0][site_of(sim)]
        assert count == 1
        assert abs(newest_ms / 1000 - time.time()) < 60


# Servers and queues come and go. What failed at an address that is not polled
# now is kept, until it has expired: it may be polled again. So is what is known
# of the keys.
def test_what_has_left_the_configuration_is_kept(poll_of):
    with Sim("--apps=1", "--queues=2", "--messages=3") as sim:
        poll = poll_of(sim)
        now = int(time.time() * 1000)
        assert poll.once().code == 0
        kept_path(poll).write_text(
            f"{HEADER}logins gone:443 - 9 {now}\nrefused gone q1\n"
            f"logins old:443 - 9 {now - HOLD_MS}\n"
            f"logins {site_of(sim)} - 4 {now}\nrefused app1 q9\n")
        revoke(sim, "q1", "q2")
        done = poll.once()
        assert len(done.err.splitlines()) == 2
        assert failures(sim) == 2  # these keys had worked
        assert {"gone:443", site_of(sim)} <= kept(poll)[0].keys()
        assert "old:443" not in kept(poll)[0]
        assert kept(poll)[0]["gone:443"][0] == 9
        assert kept(poll)[0][site_of(sim)][0] == 6
        assert sorted(kept(poll)[1]) == ["app1/q1", "app1/q2", "app1/q9",
                                         "gone/q1"]


# What the server is called in the configuration is nothing to the server.
def test_a_renamed_server_keeps_its_count(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=3") as sim:
        revoke(sim, "q1")
        poll = poll_of(sim)
        server = poll.server()
        port = urllib.parse.urlsplit(sim.url()).port
        for run in range(12):
            server["name"] = f"name{run}"
            host = ["localhost", "127.0.0.1", "LocalHost"][run % 3]
            server["url"] = f"http://{host}:{port}"
            done = poll.once()
            assert done.code == 1
            assert failures(sim) == min(run + 1, 5), done.err


NOW = "9" * 12  # some time
DAMAGES = {
    "empty": b"",
    "no header": f"logins a:443 - 5 {NOW}\n".encode(),
    "another file": b"SQLite format 3\0" + bytes(4000),
    "cut": f"{HEADER}logins a:443 - 5".encode(),
    "cut in the number": f"{HEADER}logins a:443 - 5 {NOW}".encode(),
    "no name": f"{HEADER}logins a:443 5 {NOW}\n".encode(),
    "no number": f"{HEADER}logins a:443 - many {NOW}\n".encode(),
    "name too long": f"{HEADER}refused {'a' * 200} q1\n".encode(),
    "line too long": HEADER.encode() + b"refused " + b"a" * 4000 + b"\n",
    "newer": b"haplo-poll failed logins 3\n",
}


# It is a hint: what became of it must not stop the polling.
@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_file_is_told_and_ignored(poll_of, name):
    with Sim("--apps=1", "--queues=2", "--messages=20") as sim:
        poll = poll_of(sim)
        kept_path(poll).parent.mkdir(mode=0o700)
        kept_path(poll).write_bytes(DAMAGES[name])
        done = poll.once()
        assert done.code == 0
        assert len(done.err.splitlines()) == 1
        line = 1 if name in ("empty", "no header", "another file",
                             "newer") else 2
        assert f"state/failed_logins is damaged from line {line} on" in done.err
        poll.check_all_stored()
        assert poll.once() == (0, "", "")  # reported once, as it is rewritten
        revoke(sim, "q2")
        assert poll.once().code == 1
        assert kept(poll)[1] == ["app1/q2"]


# Neither its loss nor a folder in its place, which is reported only once.
def test_a_file_that_cannot_be_kept_is_told_once(poll_of):
    with Sim("--apps=1", "--queues=4", "--messages=3") as sim:
        revoke(sim, "q1", "q2", "q3")
        poll = poll_of(sim)
        kept_path(poll).mkdir(parents=True, mode=0o700)
        (kept_path(poll).parent).chmod(0o700)
        (kept_path(poll) / "file").write_text("")
        done = poll.once()
        assert done.code == 1
        assert done.err.count("failed_logins cannot be read") == 1
        assert done.err.count("failed_logins cannot be written") == 1
        assert sim.unread("app1", "q4") == 0
        (kept_path(poll) / "file").unlink()
        kept_path(poll).rmdir()
        assert poll.once().code == 1
        kept_path(poll).unlink()
        assert "failed_logins" not in poll.once().err
        poll.check_nothing_lost()


# A full disk costs the hint, and nothing else.
@pytest.mark.needs("mount")
def test_a_full_disk_costs_only_the_count(poll_of, disk_of):
    with Sim("--apps=1", "--queues=2", "--messages=3") as sim:
        revoke(sim, "q1")
        poll = poll_of(sim)
        disk = disk_of(size="64k")
        disk.fill()
        poll.config["state_dir"] = str(disk.folder / "state")
        done = poll.once()
        assert done.code == 1
        assert done.err.count("failed_logins cannot be written") == 1
        assert sim.unread("app1", "q2") == 0
        poll.check_nothing_lost()
