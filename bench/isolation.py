"""What queues and outlets notice of a broken outlet, and of a flood in another
queue.

    make all && python3 bench/isolation.py [--outage=60] [--messages=100000]
                                           [--latency=2ms]

haplo-poll polls two servers: app1, with the queue global and 25 other queues,
and app2, with 25 queues. Each of these gets a message every second, which says
when it was made. Three outlets forward from the inbox: one the student records
of global, and two everything of the other queues.

After 20 s the folder of one of these two is taken away, for --outage seconds.
Then, with the folder back, the queue global is switched on, and has all its
messages at once.

Prints how long the messages of the other queues took until they were stored,
and until the healthy outlet had written them, before, in the outage and in the
flood: the interval between two polls is 1 s, so a message waits half a second
on average. Exits with 1 if a message is missing at any outlet, or was written
twice.
"""
import argparse
import collections
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
CATCH_UP_S_MAX = 3600


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
             "queues": ["*/q*"]},
            {"name": "broken", "type": "files", "path": "broken",
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


def file_count(folder):
    return len(files_in(folder))


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


def report(folder, phases):
    """phases: [(name, when it began, when it ended)]."""
    print(f"{'lag of other queues, ms':34}{'messages':>9}{'median':>9}"
          f"{'p99':>9}{'max':>9}")
    for what, lags in (("stored", stored_lags(folder)),
                       ("written by the outlet", written_lags(folder))):
        for server in ("app1", "app2"):
            for phase, began, ended in phases:
                row(f"{server}: {what}, {phase}",
                    [lag for lag in lags
                     if lag[2] == server and began <= lag[0] < ended])


class Run:
    """haplo-poll, and what is done to it."""

    def __init__(self, sim, folder):
        self.sim = sim
        self.folder = folder
        self.phases = []
        path = folder / "poll.yaml"
        path.write_text(json.dumps(config_of(sim)))
        (folder / "broken").mkdir()
        self.process = subprocess.Popen(
            [PROGRAM, "-c", path, "run"],
            stderr=(folder / "log").open("w"))
        self.usage = Usage(self.process.pid)

    def phase(self, name, is_over):
        """Feeds the other queues until it is over; returns the seconds."""
        began, cpu_s = now_ms(), self.usage.cpu_s()
        feed(self.sim, self.process, self.folder, is_over)
        ended = now_ms()
        self.phases.append((name, began, ended))
        seconds = (ended - began) / 1000
        print(f"{name}: {seconds:.0f} s; CPU "
              f"{(self.usage.cpu_s() - cpu_s) / seconds * 100:.1f} % of a core; "
              f"memory at most {self.usage.peak_mb():.0f} MB", flush=True)
        return seconds

    def wait(self, name, seconds):
        end = time.monotonic() + seconds
        self.phase(name, lambda: time.monotonic() > end)

    def outage(self, seconds):
        away = self.folder / "away"
        (self.folder / "broken").rename(away)
        self.wait("outage", seconds)
        away.rename(self.folder / "broken")
        began = time.monotonic()
        while file_count(self.folder / "broken") < file_count(
                self.folder / "others"):
            if time.monotonic() > began + CATCH_UP_S_MAX:
                sys.exit("the outlet does not catch up")
            time.sleep(2)
        print(f"caught up in {time.monotonic() - began:.0f} s")

    def flood(self, messages):
        began = now_ms()
        self.sim.script("queue app1 global method=poll")
        seconds = self.phase(
            "flood", lambda: self.sim.unread("app1", "global") == 0
            or now_ms() - began > FLOOD_S_MAX * 1000)
        print(f"{messages} messages, {messages / seconds:.0f} a second")

    def stop(self):
        self.process.terminate()
        self.process.wait()


def wanted_of(sim):
    """{server: {(queue, id)}} of what the outlets should have written."""
    wanted = set()
    for (app, queue), messages in sim.all_messages(exact=True).items():
        for message in messages:
            text = message["bytes"]
            if queue != "global" or ('"object:change"' in text and
                                     '"dc:attribute:student"' in text):
                wanted.add((app, queue, message["id"]))
    return wanted


def written(folder, outlet):
    """The same, of what an outlet has written, with how often."""
    return collections.Counter(
        (file.server, file.queue, json.loads(line)["id"])
        for file in files_in(folder / outlet) for line in file.lines)


def check(sim, folder):
    """How many messages are missing, and how many were written twice."""
    wanted = wanted_of(sim)
    others = {one for one in wanted if one[1] != "global"}
    missing = repeated = 0
    for outlet, own in (("students", wanted - others), ("others", others),
                        ("broken", others)):
        found = written(folder, outlet)
        missing += len(own - found.keys())
        repeated += found.total() - len(found)
    print(f"missing at the outlets: {missing}, repeated: {repeated}")
    return missing + repeated


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--outage", type=int, default=60)
    parser.add_argument("--messages", type=int, default=100000)
    parser.add_argument("--latency", default="2ms")
    args = parser.parse_args()
    scenario = "\n".join([
        f"set latency={args.latency}",
        f"app app1 queues={QUEUES}", f"app app2 queues={QUEUES}",
        f"queue app1 global method=send messages={args.messages} "
        f"objects={args.messages}"])
    with Sim(scenario=scenario) as sim, \
            tempfile.TemporaryDirectory(prefix="haplo-isolation-") as name:
        folder = pathlib.Path(name)
        (folder / "keys").symlink_to(sim.dir / "keys")
        run = Run(sim, folder)
        try:
            run.wait("before", CALM_S)
            run.outage(args.outage)
            run.flood(args.messages)
        finally:
            run.stop()
        report(folder, run.phases)
        # Once more, for what was in flight at the end.
        subprocess.run([PROGRAM, "-q", "-c", folder / "poll.yaml", "once"],
                       check=True)
        return 1 if check(sim, folder) else 0


if __name__ == "__main__":
    sys.exit(main())
