"""haplo-poll.service in the machine that run.py boots, as its administrator has
it: a configuration, keys, systemctl and the journal.

    def test_something(service_of):
        with Sim(...) as sim:
            service = service_of(sim)
            service.start()
            sim.wait_until_read()
"""
import contextlib
import json
import pathlib
import shutil
import sqlite3
import subprocess

from sim import wait_for

NAME = "haplo-poll.service"
ETC = pathlib.Path("/etc/haplo-poll")
STATE = pathlib.Path("/var/lib/haplo-poll")
PRIVATE = pathlib.Path("/var/lib/private/haplo-poll")
DROP_INS = pathlib.Path("/run/systemd/system") / (NAME + ".d")
HERE = pathlib.Path(__file__).resolve().parent
COMMAND_S_MAX = 240  # it is a slow machine


def run(*words, timeout=COMMAND_S_MAX):
    return subprocess.run(
        [str(word) for word in words], check=False, text=True, timeout=timeout,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT)


def systemctl(*words):
    return run("systemctl", *words)


class Service:
    def __init__(self, sim):
        self.sim = sim
        self.config = {
            "state_dir": str(STATE),
            "inbox": str(STATE / "inbox.db"),
            "defaults": {"interval": "100ms", "backoff": "100ms"},
            "servers": [
                {"name": name, "url": app["url"],
                 "tls_ca_file": str(ETC / "ca.pem"),
                 "queues": [{"name": queue,
                             "api_key_credential": f"key_{name}-{queue}"}
                            for queue in app["queues"]]}
                for name, app in sim.apps.items()]}
        shutil.copy(sim.ca, ETC / "ca.pem")
        for key in (sim.dir / "keys").iterdir():
            shutil.copy(key, ETC / "keys")
            (ETC / "keys" / key.name).chmod(0o600)
        self.cursor = run("journalctl", "-n", "0", "--show-cursor"
                          ).stdout.split("cursor: ")[-1].strip()

    def write(self):
        (ETC / "haplo-poll.yaml").write_text(json.dumps(self.config, indent=1))

    def drop_in(self, text):
        DROP_INS.mkdir(parents=True, exist_ok=True)
        (DROP_INS / "test.conf").write_text("[Service]\n" + text)
        systemctl("daemon-reload")

    def start(self):
        """As somebody does who expects that it works."""
        self.write()
        done = systemctl("start", NAME)
        assert done.returncode == 0, done.stdout + self.log()

    def stop(self):
        return systemctl("stop", NAME)

    def end(self):
        """Everything is as if it had never run."""
        systemctl("stop", NAME)
        systemctl("reset-failed", NAME)
        systemctl("clean", "--what=all", NAME)
        shutil.rmtree(DROP_INS, ignore_errors=True)
        systemctl("daemon-reload")
        for key in (ETC / "keys").iterdir():
            key.unlink()

    # What can be seen of it

    def show(self, name):
        return systemctl("show", "--value", "-p", name, NAME).stdout.strip()

    @property
    def pid(self):
        return int(self.show("MainPID"))

    def proc(self, name):
        return pathlib.Path(f"/proc/{self.pid}/{name}")

    def entries(self):
        """Of the journal, since the test began: dictionaries."""
        out = run("journalctl", "-u", NAME, "-o", "json", "--after-cursor",
                  self.cursor).stdout
        return [json.loads(line) for line in out.splitlines()
                if line.startswith("{")]

    def log(self):
        return "\n".join(str(entry["MESSAGE"]) for entry in self.entries())

    def wait_for_line(self, *words):
        return wait_for(
            lambda: [entry for entry in self.entries()
                     if all(word in str(entry["MESSAGE"]) for word in words)],
            f"a line with {words}")

    def wait_for_state(self, *states):
        wait_for(lambda: self.show("ActiveState") in states,
                 f"one of the states {states}")

    def stored(self):
        """The bodies of all messages in the inbox."""
        with contextlib.closing(sqlite3.connect(
                f"file:{PRIVATE / 'inbox.db'}?mode=ro", uri=True)) as inbox:
            return [body for body, in inbox.execute(
                "SELECT body FROM messages")]

    def check_all_stored(self):
        """Exactly once."""
        made = [message["bytes"]
                for messages in self.sim.all_messages(exact=True).values()
                for message in messages]
        assert sorted(self.stored()) == sorted(made)
