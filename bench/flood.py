"""A flood in the queue global, and what the other queues notice of it.

    make all && python3 bench/flood.py [--messages=100000] [--latency=2ms]

haplo-poll polls two servers: app1, with the queue global and 25 other queues,
and app2, with 25 queues. Each of these gets a message every second, which says
when it was made. After 20 s the queue global is switched on, and has all its
messages at once. Two outlets forward from the inbox: one the student records of
global, the other everything of the other queues.

Prints how long the messages of the other queues took until they were stored,
and until the outlet had written them, before the flood and during it: the
interval between two polls is 1 s, so a message waits half a second on average.
Exits with 1 if a message was lost.
"""
import argparse
import contextlib
import json
import os
import pathlib
import sqlite3
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "test" / "integration"))

from files_outlet import files_in  # noqa: E402
from sim import Sim  # noqa: E402

PROGRAM = os.environ.get("HAPLO_POLL", ROOT / "build" / "haplo-poll")
QUEUES = 25
CALM_S = 20
FLOOD_S_MAX = 900


def queues_of(app):
    return [{"name": f"q{i}", "api_key_file": f"keys/{app}-q{i}"}
            for i in range(1, QUEUES + 1)]


def config_of(sim):
    flooded = {"name": "global", "api_key_file": "keys/app1-global",
               "backoff": "200ms", "backoff_max": "200ms"}
    return {
        "state_dir": "state",
        "inbox": "inbox.db",
        "defaults": {"interval": "1s", "interval_max": "1s"},
        "servers": [
            {"name": "app1", "url": sim.url("app1"),
             "queues": [*queues_of("app1"), flooded]},
            {"name": "app2", "url": sim.url("app2"),
             "queues": queues_of("app2")}],
        "outlets": [
            {"name": "students", "type": "files", "path": "students",
             "queues": ["app1/global"],
             "when": {"/action": "object:change",
                      "/object/type/code": "dc:attribute:student"}},
            {"name": "others", "type": "files", "path": "others",
             "queues": ["*/q*"]}],
    }


def now_ms():
    return time.time_ns() // 1000000


class Usage:
    """CPU time and memory of a process."""

    def __init__(self, pid):
        self.pid = pid

    def cpu_s(self):
        words = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(
            ")", 1)[1].split()
        return sum(map(int, words[11:13])) / os.sysconf("SC_CLK_TCK")

    def peak_mb(self):
        for line in pathlib.Path(f"/proc/{self.pid}/status").open():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
        return 0


def feed(sim, process, folder, is_over):
    """A message for each other queue, every second, until it is over."""
    began = time.monotonic()
    for count in range(1, 1000000):
        for app in ("app1", "app2"):
            sim.script(f'message {app} q* data={{"made":{now_ms()}}}')
        if process.poll() is not None:
            sys.exit((folder / "log").read_text())
        if is_over():
            return
        time.sleep(max(0, began + count - time.monotonic()))


def stored_lags(folder):
    """[(made, lag in ms, server)] in the inbox."""
    with contextlib.closing(sqlite3.connect(folder / "inbox.db")) as inbox:
        rows = inbox.execute(
            "SELECT s.body, b.stored_at, q.server FROM stored AS s JOIN batches"
            " AS b ON b.first_arrival = s.arrival - s.position JOIN queues AS q"
            " ON q.id = s.queue WHERE q.queue <> 'global'").fetchall()
    return [(json.loads(body)["made"], at - json.loads(body)["made"], server)
            for body, at, server in rows]


def written_lags(folder):
    """The same in the files of the outlet."""
    return [(json.loads(line)["made"],
             file.path.stat().st_mtime_ns // 1000000 - json.loads(line)["made"],
             file.server)
            for file in files_in(folder / "others") for line in file.lines]


def row(name, lags):
    values = sorted(lag for _, lag, _ in lags)
    at = [values[min(len(values) - 1, int(len(values) * share))]
          for share in (0.5, 0.99)]
    print(f"{name:34}{len(values):>9}{at[0]:>9}{at[1]:>9}{values[-1]:>9}")


def report(folder, began, ended):
    print(f"{'lag of other queues, ms':34}{'messages':>9}{'median':>9}"
          f"{'p99':>9}{'max':>9}")
    for what, lags in (("stored", stored_lags(folder)),
                       ("written by the outlet", written_lags(folder))):
        for server in ("app1", "app2"):
            own = [lag for lag in lags if lag[2] == server]
            row(f"{server}: {what}, before",
                [lag for lag in own if lag[0] < began])
            row(f"{server}: {what}, during",
                [lag for lag in own if began <= lag[0] < ended])


def run(sim, messages, folder):
    path = folder / "poll.yaml"
    path.write_text(json.dumps(config_of(sim)))
    process = subprocess.Popen(
        [PROGRAM, "-c", path, "run"],
        stderr=(folder / "log").open("w"))
    try:
        usage = Usage(process.pid)
        calm = time.monotonic() + CALM_S
        feed(sim, process, folder, lambda: time.monotonic() > calm)
        before_s, before_mb = usage.cpu_s(), usage.peak_mb()
        began = now_ms()
        sim.script("queue app1 global method=poll")
        feed(sim, process, folder, lambda: sim.unread("app1", "global") == 0
             or now_ms() - began > FLOOD_S_MAX * 1000)
        ended = now_ms()
        seconds = (ended - began) / 1000
        print(f"{messages} messages in {seconds:.0f} s, "
              f"{messages / seconds:.0f} a second; CPU "
              f"{(usage.cpu_s() - before_s) / seconds * 100:.0f} % of a core; "
              f"memory at most {before_mb:.0f} MB before, "
              f"{usage.peak_mb():.0f} MB during")
    finally:
        process.terminate()
        process.wait()
    report(folder, began, ended)
    return began


def check(sim, folder):
    """How many messages are missing."""
    wanted = {"app1": set(), "app2": set()}
    for (app, queue), messages in sim.all_messages(exact=True).items():
        for message in messages:
            text = message["bytes"]
            if queue != "global" or ('"object:change"' in text and
                                     '"dc:attribute:student"' in text):
                wanted[app].add((queue, message["id"]))
    found = {"app1": set(), "app2": set()}
    for outlet in ("students", "others"):
        for file in files_in(folder / outlet):
            for line in file.lines:
                found[file.server].add((file.queue, json.loads(line)["id"]))
    return sum(len(wanted[app] - found[app]) for app in wanted)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=100000)
    parser.add_argument("--latency", default="2ms")
    args = parser.parse_args()
    scenario = "\n".join([
        f"set latency={args.latency}",
        f"app app1 queues={QUEUES}", f"app app2 queues={QUEUES}",
        f"queue app1 global method=send messages={args.messages} "
        f"objects={args.messages}"])
    with Sim(scenario=scenario) as sim, \
            tempfile.TemporaryDirectory(prefix="haplo-flood-") as name:
        folder = pathlib.Path(name)
        (folder / "keys").symlink_to(sim.dir / "keys")
        run(sim, args.messages, folder)
        # Once more, for what was in flight at the end.
        subprocess.run([PROGRAM, "-q", "-c", folder / "poll.yaml", "once"],
                       check=True)
        missing = check(sim, folder)
        print(f"missing at the outlets: {missing}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
