"""haplo-poll.service under systemd: it starts, reloads, stops and is restarted as
systemctl(1) says it did, and it runs as the unit says."""
import os
import pathlib
import pwd
import stat
import time

import pytest

from service import ETC, HERE, PRIVATE, STATE, run, systemctl
from sim import Sim, wait_for

MESSAGES = 20
DYNAMIC_USERS = range(61184, 65520)  # systemd.exec(5), DynamicUser=


@pytest.fixture
def service(service_of):
    with Sim("--apps=1", "--queues=2", f"--messages={MESSAGES}",
             "--tls") as sim:
        yield service_of(sim)


def reload(service):
    return systemctl("reload", "haplo-poll")


def users_of(service):
    """All user and group ids of the process."""
    return {int(word)
            for line in service.proc("status").read_text().splitlines()
            if line.startswith(("Uid:", "Gid:")) for word in line.split()[1:]}


def change(service, interval):
    service.config["defaults"]["interval"] = interval
    service.write()


# Type=notify


# Whatever is ordered after it may rely on it.
def test_start_returns_when_it_polls(service):
    service.start()
    assert "polling; queues: 2" in service.log()
    assert service.show("ActiveState") == "active"
    assert service.show("StatusText") == "polling 2 queues"
    service.sim.wait_until_read()
    service.stop()
    service.check_all_stored()


# It is reported to whoever runs `systemctl start`, with the reason in the
# journal, and is not tried again and again.
def test_broken_configuration_is_not_restarted(service):
    service.config["state_dri"] = service.config.pop("state_dir")
    service.write()
    assert systemctl("start", "haplo-poll").returncode != 0
    assert service.show("ActiveState") == "failed"
    assert service.show("ExecMainStatus") == "2"
    time.sleep(7)  # more than RestartSec
    assert service.show("ActiveState") == "failed"
    assert service.show("NRestarts") == "0"
    assert 'did you mean "state_dir"?' in service.log()


# Anything but that is temporary: it must come back by itself, and lose nothing.
@pytest.mark.parametrize("number", ["KILL", "SEGV"])
def test_killed_process_is_restarted(service, number):
    service.start()
    service.sim.wait_until_read()
    before = service.pid
    systemctl("kill", "--kill-whom=main", "-s", number, "haplo-poll")
    wait_for(lambda: service.show("NRestarts") == "1")
    wait_for(lambda: service.show("ActiveState") == "active")
    assert service.pid != before
    service.sim.script("message app1 q1 count=5")
    service.sim.wait_until_read()
    service.stop()
    service.check_all_stored()


# Reload


# What `systemctl reload` has returned for is in effect.
def test_reload_is_over_when_systemctl_returns(service):
    service.start()
    queues = service.config["servers"][0]["queues"]
    removed = queues.pop()
    for count, text in ((1, "polling 1 queue"), (2, "polling 2 queues")):
        service.write()
        done = reload(service)
        assert done.returncode == 0, done.stdout
        told = run("haplo-poll", "status").stdout
        assert f"queues: {count} " in told, told
        wait_for(lambda: service.show("StatusText") == text)
        assert service.show("ActiveState") == "active"
        queues.append(removed)
    assert service.show("NRestarts") == "0"


# Somebody who has made a mistake must learn it here, and not from a log.
def test_rejected_reload_fails_and_changes_nothing(service):
    service.start()
    before = service.pid
    change(service, "seven minutes")
    done = reload(service)
    assert done.returncode != 0
    assert service.show("ActiveState") == "active"
    assert service.pid == before
    assert service.wait_for_line("seven minutes")
    service.sim.script("message app1 q1 count=5")
    service.sim.wait_until_read()
    change(service, "1s")
    assert reload(service).returncode == 0
    service.stop()
    service.check_all_stored()


# systemd must not believe that a reload lasts for ever, which blocks all others.
def test_sighup_is_a_reload_that_ends(service):
    service.start()
    for interval, line in (("7m", "reloaded"), ("seven", "rejected")):
        change(service, interval)
        systemctl("kill", "--kill-whom=main", "-s", "HUP", "haplo-poll")
        service.wait_for_line(line)
        service.wait_for_state("active")
    assert service.show("NRestarts") == "0"


# The watchdog


# A process that is stuck polls nothing and says nothing.
def test_stalled_loop_is_restarted(service):
    stall = STATE / "stall"
    service.drop_in("WatchdogSec=20s\n"
                    f"Environment=LD_PRELOAD={HERE}/stalled_loop.so\n"
                    f"Environment=STALLED_LOOP={stall}\n")
    service.start()
    service.sim.wait_until_read()
    time.sleep(30)  # it is fed, or else it would have been restarted
    assert service.show("NRestarts") == "0"
    stall.touch()
    service.wait_for_line("Watchdog timeout")
    stall.unlink()
    wait_for(lambda: service.show("NRestarts") == "1")
    service.wait_for_state("active")
    service.sim.script("message app1 q1 count=5")
    service.sim.wait_until_read()
    service.stop()
    service.check_all_stored()


# Stopping


# A batch that is stored is marked before it ends, however slow the server is.
def test_stop_finishes_what_is_outstanding(service):
    service.sim.script("fault on=mark do=delay for=5s times=0")
    service.start()
    wait_for(lambda: service.sim.app_stats()["requests"] >= 2)
    done = service.stop()
    assert done.returncode == 0, done.stdout
    assert service.show("Result") == "success"
    assert "SIGTERM: finishing outstanding work" in service.log()
    assert "batches left unmarked: 0" in service.log()
    messages = [message
                for queue in service.sim.all_messages(exact=True).values()
                for message in queue]
    marked = [message["bytes"] for message in messages if message["marked"]]
    assert marked and sorted(marked) == sorted(service.stored())


# A server that hangs does not make `systemctl stop` hang.
def test_stop_ends_after_drain_timeout(service):
    service.config["drain_timeout"] = "2s"
    service.sim.script("fault on=mark do=stall done=no times=0")
    service.start()
    wait_for(lambda: service.sim.app_stats()["requests"] >= 2)
    done = service.stop()
    assert done.returncode == 0, done.stdout
    assert service.show("Result") == "success"
    service.sim.script("clear faults")
    service.start()
    service.sim.wait_until_read()
    service.stop()
    service.check_all_stored()


# User, files and keys


def as_another(*words):
    """As a user of the machine who has nothing to do with it."""
    return run("setpriv", "--reuid=33", "--regid=33", "--clear-groups", *words)


def owner_and_mode(path):
    info = os.lstat(path)
    return info.st_uid, stat.S_IMODE(info.st_mode)


# Not root, and no user that anything else has.
def test_runs_as_a_user_of_its_own(service):
    service.start()
    service.sim.wait_until_read()
    uid, = users_of(service)
    assert uid in DYNAMIC_USERS
    assert pwd.getpwuid(uid).pw_name == "haplo-poll"
    status = service.proc("status").read_text()
    assert "NoNewPrivs:\t1\n" in status
    for line in status.splitlines():
        if line.startswith("Cap"):
            assert int(line.split()[1], 16) == 0, line


# Nobody else can come to the messages, also not by the folder's name.
def test_state_is_for_its_user_alone(service):
    service.start()
    service.sim.wait_until_read()
    uid, = users_of(service)
    assert STATE.is_symlink() and STATE.resolve() == PRIVATE
    assert owner_and_mode(PRIVATE.parent) == (0, 0o700)
    assert owner_and_mode(PRIVATE) == (uid, 0o700)
    names = {path.name for path in PRIVATE.iterdir()}
    assert {"inbox.db", "admin.sock"} <= names
    for path in PRIVATE.iterdir():
        assert owner_and_mode(path)[0] == uid, path
    done = as_another("ls", f"{STATE}/")
    assert done.returncode != 0 and "Permission denied" in done.stdout
    service.stop()
    with pytest.raises(KeyError):
        pwd.getpwuid(uid)


# Root's own copy of a key is never readable for the service, which gets another.
def test_keys_are_credentials(service):
    assert owner_and_mode(ETC / "keys")[1] == 0o700
    service.start()
    service.sim.wait_until_read()
    credentials = pathlib.Path("/run/credentials/haplo-poll.service")
    names = {path.name for path in credentials.iterdir()}
    assert "key_app1-q1" in names
    done = as_another("cat", credentials / "key_app1-q1")
    assert done.returncode != 0 and "Permission denied" in done.stdout
    shown = "".join([service.proc("cmdline").read_text(),
                     service.proc("environ").read_text(), service.log()])
    assert "CREDENTIALS_DIRECTORY=" in shown
    assert service.sim.key() not in shown
    service.stop()
    assert not credentials.exists()


# A restart is what takes a changed credential over.
def test_changed_key_is_used_after_a_restart(service):
    service.start()
    service.sim.wait_until_read()
    service.sim.script("key app1 q1 rotate=yes store=yes",
                       "message app1 q1 count=5")
    service.wait_for_line("app1/q1", "INVALID-API-KEY")
    (ETC / "keys" / "app1-q1").write_text(service.sim.key())
    assert systemctl("restart", "haplo-poll").returncode == 0
    service.sim.wait_until_read()
    service.stop()
    service.check_all_stored()


# Memory


# Crash reporters get dumps through a pipe, whatever the limit is.
def test_crash_reporter_gets_nothing(service):
    pattern = pathlib.Path("/proc/sys/kernel/core_pattern")
    before = pattern.read_text()
    dump = pathlib.Path("/srv/dump")
    reporter = pathlib.Path("/srv/reporter")
    reporter.write_text(f"#!/bin/sh\nexec cat >{dump}-$1\n")
    reporter.chmod(0o755)
    pattern.write_text(f"|{reporter} %e")
    try:
        # It does get those of others.
        run("sh", "-c", "ulimit -c unlimited; kill -SEGV $$")
        wait_for(lambda: pathlib.Path(f"{dump}-sh").exists())
        service.start()
        service.sim.wait_until_read()
        systemctl("kill", "--kill-whom=main", "-s", "SEGV", "haplo-poll")
        wait_for(lambda: service.show("NRestarts") == "1")
        assert not pathlib.Path(f"{dump}-haplo-poll").exists()
    finally:
        pattern.write_text(before)


# Keys and messages must not end up on a disk that nobody thinks of.
def test_memory_is_not_swapped(service):
    service.start()
    group = service.show("ControlGroup")
    limit = pathlib.Path(f"/sys/fs/cgroup{group}/memory.swap.max")
    assert limit.read_text().strip() == "0"


# The journal


# `journalctl -p warning` is where somebody looks for trouble: it must have all of
# it, and nothing else.
def test_log_lines_have_priorities(service):
    service.sim.script("key app1 q2 status=revoked")
    service.start()
    refused, = service.wait_for_line("app1/q2", "INVALID-API-KEY")
    polling, = service.wait_for_line("polling; queues: 2")
    assert polling["PRIORITY"] == "6"
    assert refused["PRIORITY"] in ("3", "4")
    assert not refused["MESSAGE"].startswith("<")
    own = [entry for entry in service.entries()
           if entry.get("_COMM") == "haplo-poll"]
    assert len(own) >= 2
    for entry in own:  # the journal has the time already
        assert not entry["MESSAGE"][:4].isdigit(), entry["MESSAGE"]
