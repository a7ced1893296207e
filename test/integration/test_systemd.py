"""haplo-poll as a service: what it tells the service manager, and the unit."""
import os
import re
import resource
import shutil
import signal
import subprocess
import time

import pytest

import planted
from manager import Manager
from poll import BUILD, PROGRAM, RUN_S_MAX, preloaded
from sim import ROOT, Sim, wait_for

PACKAGING = ROOT / "packaging" / "systemd"
UNIT = PACKAGING / "haplo-poll.service"
STALLED_LOOP = BUILD.resolve() / "stalled_loop.so"
SECURITY_MAX = 20  # 2.0


# Type=notify


# systemctl start returns when it works, and not before.
@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_tells_when_it_is_ready_and_stops(poll_of, tmp_path, kind):
    address = (str(tmp_path / "notify") if kind == "path"
               else f"@haplo-poll-test-{os.getpid()}")
    with Sim("--apps=1", "--queues=2", "--messages=5") as sim, \
            Manager(address) as manager:
        poll = poll_of(sim)
        poll.config["drain_timeout"] = "20s"
        poll.environment |= manager.environment
        run = poll.start()
        manager.wait_for_states("READY")
        run.wait_for_line("polling; queues: 2")
        assert manager.messages[-1]["STATUS"] == (
            "polling 2 queues")
        assert run.stop() == 0
        manager.wait_for_states("READY", "STOPPING")
        stopping = manager.messages[-1]
        assert int(stopping["EXTEND_TIMEOUT_USEC"]) == 30 * 1000000
        assert manager.count("WATCHDOG") == 0  # which nobody wants


# It must not be taken for ready, so that what depends on it does not start.
def test_is_not_ready_if_it_cannot_start(poll_of, tmp_path):
    with Sim("--apps=1", "--queues=1") as sim, \
            Manager(str(tmp_path / "notify")) as manager:
        poll = poll_of(sim)
        poll.environment |= manager.environment
        poll.config["inbox"] = "keys"  # a folder
        run = poll.start()
        assert run.wait() == 2
        assert "READY" not in manager.states()


# `systemctl status` is where somebody looks first.
def test_status_says_what_fails(poll_of, tmp_path):
    with Sim("--apps=1", "--queues=3", "--messages=5") as sim, \
            Manager(str(tmp_path / "notify")) as manager:
        poll = poll_of(sim)
        poll.environment |= manager.environment
        poll.config["defaults"] |= {"interval": "10ms", "backoff": "10ms",
                                    "backoff_max": "100ms"}
        sim.script("fault app=app1 queue=q1 on=fetch do=status code=500 times=0")
        run = poll.start()
        manager.wait_for_status("polling 3 queues; 1 failing")
        sim.script("clear faults")
        manager.wait_for_status("polling 3 queues")
        assert run.stop() == 0


# A manager that does not read must not stop anything.
def test_deaf_manager_changes_nothing(poll_of, tmp_path):
    with Sim("--apps=1", "--queues=1", "--messages=5") as sim, \
            Manager(str(tmp_path / "notify"), watchdog_s=0.002) as manager:
        poll = poll_of(sim)
        poll.config["defaults"]["interval"] = "10ms"
        poll.environment |= manager.environment
        run = poll.start()
        sim.wait_until_read()
        fetches = sim.queue_stats()["fetches"]
        wait_for(lambda: sim.queue_stats()["fetches"] > fetches + 20)
        assert run.stop() == 0


# systemctl reload waits for READY=1, so that must follow whatever becomes of it.
def test_tells_of_reloads(poll_of, tmp_path):
    with Sim("--apps=1", "--queues=2", "--messages=5") as sim, \
            Manager(str(tmp_path / "notify")) as manager:
        poll = poll_of(sim)
        poll.environment |= manager.environment
        run = poll.start()
        manager.wait_for_states("READY")
        poll.queue()["interval"] = "5m"
        poll.write()
        run.signal(signal.SIGHUP)
        manager.wait_for_states("READY", "RELOADING", "READY")
        begun, = (message for message in manager.messages
                  if "RELOADING" in message)
        now_us = time.monotonic_ns() // 1000
        assert now_us - 60e6 < int(begun["MONOTONIC_USEC"]) <= now_us

        poll.queue()["interval"] = "five minutes"
        poll.config["inbox"] = "keys"
        poll.config["stat_dir"] = "x"
        poll.write()
        run.signal(signal.SIGHUP)
        manager.wait_for_states("READY", "RELOADING", "READY", "RELOADING",
                                "READY")
        run.wait_for_line("stat_dir")
        del poll.config["stat_dir"]
        assert run.stop() == 0


# The watchdog


# A process that is stuck polls nothing and says nothing. It must be noticed and
# restarted, and the restart must lose nothing.
def test_stalled_loop_does_not_feed_the_watchdog(poll_of, tmp_path):
    with Sim("--apps=1", "--queues=2", "--messages=50") as sim, \
            Manager(str(tmp_path / "notify"), watchdog_s=0.1) as manager:
        stall = tmp_path / "stall"
        poll = poll_of(sim)
        poll.config["defaults"]["interval"] = "10ms"
        poll.environment |= manager.environment
        poll.environment["STALLED_LOOP"] = str(stall)
        poll.environment = preloaded(poll.environment, STALLED_LOOP)
        run = poll.start()
        manager.wait_for_states("READY")
        manager.wait_for_more("WATCHDOG", count=5)

        stall.touch()
        wait_until_quiet(manager)
        run.signal(signal.SIGABRT)  # as systemd does
        assert run.wait() == -signal.SIGABRT
        stall.unlink()
        again = poll.start()
        manager.wait_for_more("WATCHDOG", count=5)
        sim.wait_until_read()
        assert again.stop() == 0
        poll.check_all_stored()


def wait_until_quiet(manager):
    """Until ten times the limit has passed without a message."""
    def is_quiet():
        count = manager.count("WATCHDOG")
        time.sleep(1)  # the absence of something takes its time
        return manager.count("WATCHDOG") == count

    wait_for(is_quiet, what="no WATCHDOG")


# While it finishes its work, which may take long, it is not stuck.
def test_drains_with_the_watchdog_fed(poll_of, tmp_path):
    with Sim("--apps=1", "--queues=1", "--messages=5") as sim, \
            Manager(str(tmp_path / "notify"), watchdog_s=0.1) as manager:
        poll = poll_of(sim)
        poll.environment |= manager.environment
        sim.script("fault on=mark do=stall done=no times=0")
        poll.config["defaults"]["interval"] = "10ms"
        run = poll.start()
        wait_for(lambda: sim.app_stats()["requests"] == 2)
        run.signal(signal.SIGTERM)
        manager.wait_for_states("READY", "STOPPING")
        manager.wait_for_more("WATCHDOG", count=5)
        run.signal(signal.SIGTERM)
        run.has_finished_at_once()


# The unit


def unit_for_here(folder, text=None):
    """The unit with the program of this build."""
    folder.mkdir(exist_ok=True)
    text = UNIT.read_text() if text is None else text
    path = folder / "haplo-poll.service"
    path.write_text(text.replace("/usr/bin/haplo-poll", PROGRAM))
    return path


def analyze(*arguments):
    done = subprocess.run(
        ["systemd-analyze", *map(str, arguments)], capture_output=True,
        check=False, env={**os.environ, "SYSTEMD_COLORS": "0"}, timeout=RUN_S_MAX)
    return done.returncode, (done.stdout + done.stderr).decode()


def security(path):
    return analyze("security", "--offline=yes", f"--threshold={SECURITY_MAX}",
                   path)


# A mistyped directive is ignored by systemd: the sandbox would have a hole.
@pytest.mark.needs("systemd-analyze")
def test_unit_is_valid(tmp_path):
    assert analyze("verify", "--man=no", unit_for_here(tmp_path)) == (0, "")
    text = UNIT.read_text().replace("ProtectHome=", "ProtectHomes=")
    code, out = analyze("verify", "--man=no", unit_for_here(tmp_path, text))
    assert code != 0 or "ProtectHomes" in out


@pytest.mark.needs("systemd-analyze")
def test_unit_is_hardened(tmp_path):
    code, out = security(unit_for_here(tmp_path))
    assert code == 0, out
    text = UNIT.read_text()
    weak = re.sub(r"(?m)^(SystemCall|Protect|Private|Restrict[ANRS]).*\n", "",
                  text)
    code, out = security(unit_for_here(tmp_path, weak))
    assert code != 0, out  # it does measure


def calls_of(group):
    """The system calls of a group such as @system-service."""
    found = set()
    for line in analyze("syscall-filter", group)[1].splitlines()[1:]:
        name = line.strip().split("#")[0].strip()
        found |= calls_of(name) if name.startswith("@") else {name} - {""}
    return found


def calls_allowed():
    """Those that the unit allows, as its lines say one after the other."""
    allowed = set()
    for line in re.findall(r"(?m)^SystemCallFilter=(.*)$", UNIT.read_text()):
        for word in line.lstrip("~").split():
            calls = calls_of(word)
            allowed = allowed - calls if line[0] == "~" else allowed | calls
    return allowed


# A call that the sandbox refuses fails in a way that nobody has tested.
@pytest.mark.needs("systemd-analyze", "strace")
def test_system_calls_are_allowed(poll_of, tmp_path):
    with Sim("--apps=2", "--queues=2", "--messages=20", "--tls") as sim, \
            Manager(str(tmp_path / "notify"), watchdog_s=1) as manager:
        poll = poll_of(sim)
        poll.environment |= manager.environment
        poll.config["defaults"]["interval"] = "20ms"
        poll.config["outlets"] = [
            {"name": "files", "type": "files", "path": "out"},
            {"name": "exec", "type": "exec", "command": ["cat"]}]
        del poll.queue()["api_key_file"]
        poll.queue()["api_key_command"] = ["cat", f"{poll.folder}/keys/app1-q1"]
        poll.write()
        counts = tmp_path / "calls"
        with subprocess.Popen(
                ["strace", "-f", "-c", "-o", counts, PROGRAM, "-c", poll.path,
                 "run"], env=poll.environment, stderr=subprocess.DEVNULL) as run:
            try:
                sim.wait_until_read()
                wait_for(lambda: list((poll.folder / "out").glob("*/*/*")))
                child = int(next(iter(planted.children_of(run.pid))))
                os.kill(child, signal.SIGHUP)
                manager.wait_for_states("READY", "RELOADING", "READY")
                os.kill(child, signal.SIGTERM)
                assert run.wait(RUN_S_MAX) == 0
            finally:
                run.kill()
        used = set(re.findall(r"(?m)^\s*[\d.]+ .* (\w+)$", counts.read_text()))
        used -= {"total", "fchown"}  # SQLite, as root only
        assert {"epoll_pwait", "memfd_create", "sendto", "fsync"} & used
        assert used - calls_allowed() == set()


# The drop-in is copied as it is, and each of its lines may be used.
@pytest.mark.needs("systemd-analyze")
@pytest.mark.parametrize("has_all", [False, True])
def test_drop_in_is_valid(tmp_path, has_all):
    unit_for_here(tmp_path)
    folder = tmp_path / "haplo-poll.service.d"
    folder.mkdir()
    drop_in = PACKAGING / "exec-outlet.conf"
    shutil.copy(drop_in, folder)
    if has_all:
        text = re.sub(r"(?m)^#(?=\w+=)", "", drop_in.read_text())
        (folder / drop_in.name).write_text(text)
    code, out = analyze("verify", "--man=no",
                        tmp_path / "haplo-poll.service")
    assert (code, out) == (0, "")


# RestartPreventExitStatus=2


def locked_state_dir(poll, _):
    poll.start("run").wait_for_line("polling; queues: ")


def full_disk(poll, disk_of):
    disk = disk_of(nr_inodes=1)
    poll.config["state_dir"] = str(disk.folder / "state")


def read_only_disk(poll, disk_of):
    disk = disk_of(ro="")
    poll.config["inbox"] = str(disk.folder / "inbox.db")


def stopped_database(poll, _):
    """Nothing listens there."""
    del poll.config["inbox"]
    poll.config["inboxes"] = [
        {"name": "inbox", "type": "postgres",
         "conninfo": "host=127.0.0.1 port=1 dbname=none"}]


def unknown_host(poll, _):
    del poll.config["inbox"]
    poll.config["inboxes"] = [
        {"name": "inbox", "type": "postgres",
         "conninfo": "host=database.invalid dbname=none"}]


# With exit code 2 the service stays down until somebody comes. What heals by
# itself must never lead to that: it ends with another code, or goes on.
@pytest.mark.parametrize("trouble", [
    locked_state_dir, stopped_database, unknown_host,
    pytest.param(full_disk, marks=pytest.mark.needs("mount")),
    pytest.param(read_only_disk, marks=pytest.mark.needs("mount"))])
def test_what_heals_by_itself_does_not_prevent_a_restart(
        poll_of, disk_of, trouble):
    with Sim("--apps=1", "--queues=1", "--messages=5") as sim:
        poll = poll_of(sim)
        trouble(poll, disk_of)
        check_no_exit_2(poll.start())


def check_no_exit_2(run):
    def has_failed():
        code = run.process.poll()
        return code is not None or run.lines("polling; queues: ")

    wait_for(has_failed)
    assert run.process.poll() in (None, 1, 3), run.err


# Limits of the machine are as little a matter of the configuration.
@pytest.mark.needs("plain_memory")
@pytest.mark.parametrize("kind, hard", [
    (resource.RLIMIT_NOFILE, 12), (resource.RLIMIT_AS, 40 << 20)])
def test_limits_do_not_prevent_a_restart(poll_of, kind, hard):
    with Sim("--apps=1", "--queues=1") as sim:
        done = poll_of(sim).run("run", preexec_fn=lambda: resource.setrlimit(
            kind, (hard, hard)))
        assert done.code == 1, done.err


# An invalid configuration is another matter: a thousand restarts a day would
# only fill the log.
def test_invalid_configuration_prevents_a_restart(poll_of):
    with Sim("--apps=1", "--queues=1") as sim:
        poll = poll_of(sim)
        poll.config["state_dri"] = poll.config.pop("state_dir")
        assert poll.run("run").code == 2
    text = UNIT.read_text()
    assert "\nRestart=always\n" in text
    assert "\nRestartPreventExitStatus=2\n" in text
    assert "\nStartLimitIntervalSec=0\n" in text
