"""Keys are where they are used, and nowhere else: not in what haplo-poll prints,
serves, writes and shows of itself, nor in what it starts, nor in a core dump.

The fixture poll_of checks this at the end of each test of this folder. Here is
one run that uses all that has to do with keys, and proof that a key would be
found."""
import os
import pathlib
import resource
import signal
import subprocess

import pytest

import planted
from poll import PROGRAM, RUN_S_MAX
from sim import Sim, wait_for


def key_of(poll, name="app1-q1"):
    return (poll.folder / "keys" / name).read_text().strip()


# Keys from all places, one of them refused, one replaced; each change of state
# is logged; and programs of others are started, which look around.
def test_no_key_is_anywhere(poll_of):
    with Sim("--apps=2", "--queues=3", "--messages=10", "--tls") as sim:
        poll = poll_of(sim)
        look = ("cat /proc/self/cmdline /proc/self/environ "
                f"/proc/$PPID/cmdline >>{poll.folder}/looked; ")
        use_all_places(poll, look)
        poll.config["outlets"] = [{
            "name": "exec", "type": "exec", "per": "message",
            "command": ["/bin/sh", "-c", look + "cat >/dev/null"]}]
        sim.script("key app1 q3 status=revoked")
        run = poll.start("-v", "run")
        run.wait_for_line("app1/q3", "INVALID-API-KEY")
        wait_for(lambda: sim.unread("app2") == 0)
        sim.script("key app2 q1 rotate=yes store=yes",
                   "message app2 q1 count=10")
        poll.note_keys()
        wait_for(lambda: sim.unread("app2") == 0)
        looked = wait_for(lambda: (poll.folder / "looked").exists()
                          and (poll.folder / "looked").read_text())
        poll.printed.append(looked)

        def is_served():  # and not while it is too busy
            run.look()
            return any('"servers"' in text for text in poll.seen)

        wait_for(is_served)
        assert run.stop() == 0
        poll.printed.append((poll.folder / "looked").read_text())
        for command in (["check"], ["once"], ["peek", "app1/q3"],
                        ["peek", "app1/q1"], ["version"]):
            poll.run("-v", *command)
        assert len(poll.secrets) >= 2 * 6


def use_all_places(poll, look):
    """A file, a variable, a credential and a command."""
    poll.config["defaults"]["interval"] = "20ms"
    credentials = poll.folder / "credentials"
    credentials.mkdir()
    (credentials / "q2").write_text(key_of(poll, "app1-q2"))
    (credentials / "q2").chmod(0o600)
    poll.environment |= {"CREDENTIALS_DIRECTORY": str(credentials),
                         "KEY_IN_ENVIRONMENT": key_of(poll, "app2-q2")}
    program = poll.folder / "key"
    program.write_text(f"#!/bin/sh\n{look} echo noise >&2\n"
                       f"cat {poll.folder}/keys/app2-q3\n")
    program.chmod(0o755)
    for (server, name), option in {
            ("app1", "q2"): {"api_key_credential": "q2"},
            ("app2", "q2"): {"api_key_env": "KEY_IN_ENVIRONMENT"},
            ("app2", "q3"): {"api_key_command": ["./key"]}}.items():
        queue = poll.queue(server, name)
        del queue["api_key_file"]
        queue.update(option)


# A search that cannot find anything proves nothing.
@pytest.mark.parametrize("where", ["printed", "seen", "state", "inbox"])
def test_key_would_be_found(poll_of, where):
    with Sim("--apps=1", "--queues=1", "--messages=1") as sim:
        poll = poll_of(sim)
        assert poll.once().code == 0
        poll.check_no_key_is_anywhere()
        text = f"key: {key_of(poll)}\n"
        plants = {"printed": lambda: poll.printed.append(text),
                  "seen": lambda: poll.seen.append(text),
                  "state": lambda: (poll.state_dir / "x").write_text(text),
                  "inbox": lambda: (poll.folder / "inbox.db-x").write_text(
                      text)}
        plants[where]()
        with pytest.raises(AssertionError):
            poll.check_no_key_is_anywhere()
        poll.printed.clear()
        poll.seen.clear()
        for path in (poll.state_dir / "x", poll.folder / "inbox.db-x"):
            path.unlink(missing_ok=True)


# The processes are those that the shell starts, and theirs.
def test_command_lines_and_environments_are_seen():
    with subprocess.Popen(
            ["sh", "-c", "sh -c 'exec sleep 1000' one-key; :"],
            env={**os.environ, "TWO_KEYS": "second-key"},
            start_new_session=True) as process:
        try:
            def seen():
                return "".join(planted.shown_by_process(process.pid))

            wait_for(lambda: "sleep" in seen() and "second-key" in seen())
            assert "one-key" in seen()
        finally:
            os.killpg(process.pid, signal.SIGKILL)


# Core dumps


def crash(poll, folder, **environment):
    """Ends haplo-poll by SIGSEGV while it polls; with the limit of a machine
    that wants core dumps."""
    def prepare():
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY,
                                                  resource.RLIM_INFINITY))

    poll.config["defaults"]["interval"] = "20ms"
    poll.write()
    with subprocess.Popen(
            ["setpriv", "--pdeathsig=KILL", PROGRAM, "-c", poll.path, "run"],
            cwd=folder, preexec_fn=prepare, stderr=subprocess.DEVNULL,
            env={**poll.environment, **environment}) as process:
        try:
            poll.sim.wait_until_read()
            limits = planted.read(f"/proc/{process.pid}/limits")
        finally:
            process.send_signal(signal.SIGSEGV)
        assert process.wait(RUN_S_MAX) == -signal.SIGSEGV
    return limits


# Where a crash is, there is a report, and reports are sent around.
def test_no_core_dump(poll_of, tmp_path):
    with Sim("--apps=1", "--queues=1", "--messages=5") as sim:
        limits = crash(poll_of(sim), tmp_path)
        assert not planted.cores_in(tmp_path)
        line, = (line for line in limits.splitlines() if "core file" in line)
        assert line.split()[4:6] == ["0", "0"]


@pytest.mark.needs("core_files")
def test_developers_get_a_core_dump(poll_of, tmp_path):
    with Sim("--apps=1", "--queues=1", "--messages=5") as sim:
        poll = poll_of(sim)
        crash(poll, tmp_path, HAPLO_POLL_ALLOW_DUMPS="1")
        core, = planted.cores_in(tmp_path)
        text = core.read_bytes()
        assert key_of(poll).encode() in text  # and nobody else may have it


# Another program of the same user can neither attach to it nor read its memory.
@pytest.mark.needs("stranger")
def test_memory_is_not_readable_for_its_user(poll_of):
    from needs import STRANGER, become_a_stranger, give_to_stranger
    with Sim("--apps=1", "--queues=1", "--messages=5") as sim:
        poll = poll_of(sim)
        poll.folder.chmod(0o755)
        poll.config["defaults"]["interval"] = "20ms"
        poll.write()
        give_to_stranger(poll.folder)
        with subprocess.Popen([PROGRAM, "-c", poll.path, "run"],
                              preexec_fn=become_a_stranger,
                              stderr=subprocess.DEVNULL) as process:
            try:
                sim.wait_until_read()
                status = pathlib.Path(f"/proc/{process.pid}/status")
                assert f"Uid:\t{STRANGER}\t" in status.read_text()
                done = subprocess.run(
                    ["cat", f"/proc/{process.pid}/environ"],
                    preexec_fn=become_a_stranger, capture_output=True,
                    check=False)
                assert done.returncode != 0
            finally:
                process.terminate()
            assert process.wait(RUN_S_MAX) == 0
