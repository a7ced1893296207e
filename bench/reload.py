"""How long a reload of 100,000 queues takes, and what it costs the others.

    make all build/bench/loop_turns.so && python3 bench/reload.py
                 [--servers=100] [--queues=1000] [--busy=2000]

haplo-poll polls a simulator with so many servers, each with so many queues, and
is reloaded again and again, while --busy queues have messages:

    nothing     the file is the same
    one         one queue is changed
    broken      the file ends in the middle: it must be rejected
    moved       a tenth of the queues moves to another inbox
    all         an option of all queues is changed
    removed     half of the servers is removed
    added       they come back

Prints for each how long `haplo-poll reload` took, and the longest turn of the
loop meanwhile, in which nothing else can happen: CPU time of the thread, and by
the clock, which includes what other programs took. The target is 20 ms. At the
end every message must be stored exactly once, and every batch marked, or it
exits with 1.
"""
import argparse
import collections
import contextlib
import json
import mmap
import os
import pathlib
import signal
import sqlite3
import struct
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "test" / "integration"))

from sim import Sim, wait_for  # noqa: E402

PROGRAM = os.environ.get("HAPLO_POLL", str(ROOT / "build" / "haplo-poll"))
SHIM = os.environ.get("LOOP_TURNS_SO", str(ROOT / "build/bench/loop_turns.so"))
TURNS = struct.Struct("QQQQ")
TARGET_MS = 20


class Turns:
    """The figures of loop_turns.c."""

    def __init__(self, path):
        path.write_bytes(bytes(TURNS.size))
        with path.open("r+b") as file:
            self.map = mmap.mmap(file.fileno(), TURNS.size)

    def reset(self):
        self.map[:] = bytes(TURNS.size)

    def read(self):
        _, longest_ns, busiest_ns, _ = TURNS.unpack(self.map[:])
        return busiest_ns / 1e6, longest_ns / 1e6


def config_of(sim):
    return {
        "state_dir": "state",
        "inboxes": [{"name": "main", "type": "sqlite", "path": "main.db"},
                    {"name": "other", "type": "sqlite", "path": "other.db"}],
        "defaults": {"interval": "5m", "inbox": "main"},
        "servers": [
            {"name": name, "url": app["url"],
             "queues": [{"name": queue, "api_key_file": f"keys/{name}-{queue}"}
                        for queue in app["queues"]]}
            for name, app in sim.apps.items()],
    }


class Daemon:
    def __init__(self, sim):
        self.folder = sim.dir
        self.path = sim.dir / "poll.yaml"
        self.config = config_of(sim)
        self.turns = Turns(sim.dir / "turns")
        self.write()
        self.log = (sim.dir / "log").open("w+")
        self.process = subprocess.Popen(
            [PROGRAM, "-c", self.path, "run"], stderr=self.log,
            env={**os.environ, "LD_PRELOAD": SHIM,
                 "LOOP_TURNS": str(sim.dir / "turns")})

    def write(self, text=None):
        """JSON is YAML. Replaced as a whole, as an editor does."""
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps(self.config) if text is None else text)
        new.rename(self.path)

    def logged(self, words):
        return words in (self.folder / "log").read_text()

    def resident_mib(self):
        for line in open(f"/proc/{self.process.pid}/status"):
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        return 0

    def is_settled(self):
        done = subprocess.run([PROGRAM, "-c", self.path, "reload"],
                              capture_output=True, text=True, check=True)
        return "waiting:" not in done.stdout

    def reload(self, name, code=0, text=None):
        self.write(text)
        self.turns.reset()
        began = time.monotonic()
        done = subprocess.run([PROGRAM, "-c", self.path, "reload"],
                              capture_output=True, text=True, check=False)
        if code:  # the command has read the file itself
            self.process.send_signal(signal.SIGHUP)
            wait_for(lambda: self.logged("reload: rejected"))
        took_s = time.monotonic() - began
        busiest_ms, longest_ms = self.turns.read()
        first = (done.stdout + done.stderr).splitlines()[-1 if code else 0]
        print(f"{name:<9}{took_s:8.2f} s{busiest_ms:9.1f} ms"
              f"{longest_ms:9.1f} ms{self.resident_mib():8.0f} MiB  {first}",
              flush=True)
        assert done.returncode == code, done
        return busiest_ms


def changes(daemon):
    """Yields (name, exit code, text of the file or None)."""
    servers = daemon.config["servers"]
    yield "nothing", 0, None
    servers[0]["queues"][0]["interval"] = "4m"
    yield "one", 0, None
    yield "broken", 2, json.dumps(daemon.config)[:-10]
    for server in servers:
        for queue in server["queues"][::10]:
            queue["inbox"] = "other"
    yield "moved", 0, None
    daemon.config["defaults"]["backoff"] = "2s"
    yield "all", 0, None
    half = len(servers) // 2
    daemon.config["servers"] = servers[:half]
    yield "removed", 0, None
    daemon.config["servers"] = servers
    yield "added", 0, None


def add_messages(sim, count, text):
    """A few messages to each of so many queues, of all servers."""
    names = list(sim.apps.items())
    lines = []
    for i in range(count):
        name, app = names[i % len(names)]
        queue = app["queues"][i // len(names) % len(app["queues"])]
        lines.append(f'message {name} {queue} data={{"{text}":{i}}}')
    sim.script(*lines)


def stored(folder):
    rows = collections.Counter()
    for path in folder.glob("*.db"):
        with contextlib.closing(sqlite3.connect(path)) as inbox:
            rows.update(inbox.execute(
                "SELECT server, queue, body FROM messages").fetchall())
    return rows


def made(sim):
    return collections.Counter(
        (*name, message["bytes"])
        for name, messages in sim.all_messages(exact=True).items()
        for message in messages)


def check(sim, daemon):
    daemon.config["defaults"]["interval"] = "5s"
    del daemon.config["servers"][0]["queues"][0]["interval"]
    daemon.write()
    daemon.process.send_signal(signal.SIGHUP)
    wait_for(lambda: sim.unread() == 0, "all messages read")
    daemon.process.terminate()
    assert daemon.process.wait(60) == 0
    assert daemon.logged("batches left unmarked: 0")
    assert stored(daemon.folder) == made(sim)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--servers", type=int, default=100)
    parser.add_argument("--queues", type=int, default=1000)
    parser.add_argument("--busy", type=int, default=2000)
    args = parser.parse_args()
    with Sim(f"--apps={args.servers}", f"--queues={args.queues}",
             "--messages=0") as sim:
        daemon = Daemon(sim)
        try:
            wait_for(lambda: daemon.logged("polling; queues:"))
            print("reload        took   turn, CPU    turn, clock  memory")
            worst_ms = 0
            for name, code, text in changes(daemon):
                add_messages(sim, args.busy, name)
                worst_ms = max(worst_ms, daemon.reload(name, code, text))
                if code == 0:
                    wait_for(daemon.is_settled)
            check(sim, daemon)
        finally:
            daemon.process.kill()
        print(f"every message was stored once; longest turn {worst_ms:.1f} ms "
              f"of CPU time, target {TARGET_MS} ms: "
              f"{'met' if worst_ms <= TARGET_MS else 'NOT met'}")


if __name__ == "__main__":
    main()
