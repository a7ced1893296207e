"""What several hosts on one PostgreSQL cost, next to a single one.

    make all && python3 bench/hosts.py [--servers=60] [--queues=600]
                     [--messages=60000] [--hosts=3] [--rounds=3] [--idle=60]

First throughput: messages arrive in all queues at once, and are gathered by one
process without coordination, by one that is a fleet of its own, and by several.
Everything shares the cores of this machine, the simulated servers included: so
CPU time for each message says more than messages per second. Then a fleet with
nothing to do: transactions, CPU time of the database and connections.
"""
import argparse
import contextlib
import copy
import os
import pathlib
import statistics
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "test" / "integration"))

from poll import Poll  # noqa: E402
from postgres_server import PostgresServer  # noqa: E402
from sim import Sim, wait_for  # noqa: E402

QUIET_S = 3  # without a move: then the servers are divided


def cpu_s(pid):
    """Of a process and of its children that have ended."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")")[1]
    return sum(map(int, fields.split()[11:15])) / os.sysconf("SC_CLK_TCK")


def family_cpu_s(pid):
    """Of a process and of all its children."""
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text()
    total = cpu_s(pid)
    for child in children.split():
        with contextlib.suppress(FileNotFoundError):
            total += cpu_s(child)
    return total


class Fleet:
    """So many hosts; 0: one, without coordination."""

    def __init__(self, server, sim, count, options):
        self.server = server
        self.sim = sim
        self.polls = []
        for number in range(max(count, 1)):
            poll = Poll(sim)
            poll.path = str(sim.dir / f"host{number}.yaml")
            poll.config["defaults"]["interval"] = options["interval"]
            poll.config["state_dir"] = f"state{number}"
            if count > 0:
                poll.config["coordination"] = "postgres"
            self.polls.append(poll)
        self.is_fleet = count > 0
        server.prepare(self.polls[0])
        for poll in self.polls[1:]:
            poll.config["inboxes"] = copy.deepcopy(
                self.polls[0].config["inboxes"])
            del poll.config["inbox"]

    def __enter__(self):
        for number, poll in enumerate(self.polls):
            poll.start(*(["run", "--host", f"host{number}"] if self.is_fleet
                         else []))
        wait_for(lambda: all(poll.running[0].lines("polling;")
                             for poll in self.polls), "all hosts to poll")
        if self.is_fleet:
            self.wait_until_divided()
        self.wait_until_stored()
        return self

    def __exit__(self, *_):
        for poll in self.polls:
            poll.kill_all()

    def wait_until_divided(self):
        """Every slot has an owner, every host has some, and none moves."""
        seen, since = None, time.monotonic()
        while seen is None or time.monotonic() - since < QUIET_S:
            time.sleep(0.2)  # of a wait without a limit
            now = self.server.sql(
                "SELECT sum(term), count(owner), count(DISTINCT owner) "
                "FROM haplo.slots")[0]
            is_whole = now[1:] == ("1024", str(len(self.polls)))
            if now != seen or not is_whole:
                seen, since = now, time.monotonic()

    def wait_until_stored(self):
        wait_for(lambda: self.sim.unread() == 0, "all messages to be marked")

    def cpu_s(self):
        return {"hosts": sum(cpu_s(poll.running[0].process.pid)
                             for poll in self.polls),
                "database": family_cpu_s(self.server.process.pid),
                "servers": cpu_s(self.sim.pid)}


def throughput(server, options, count):
    """Messages per second, and CPU time for each message in us."""
    per_queue = options.messages // options.queues
    with Sim(f"--apps={options.servers}",
             f"--queues={options.queues // options.servers}") as sim, \
            Fleet(server, sim, count, {"interval": "200ms"}) as fleet:
        before, begin = fleet.cpu_s(), time.monotonic()
        sim.script(f"message app* q* count={per_queue}")
        fleet.wait_until_stored()
        seconds, after = time.monotonic() - begin, fleet.cpu_s()
        server.check_all_stored(sim)
    total = per_queue * options.queues
    return {"rate": total / seconds} | {
        name: (after[name] - before[name]) / total * 1e6 for name in before}


def transactions(server):
    """So far, and how many of them are those of such a question."""
    return int(server.value(
        "SELECT sum(xact_commit + xact_rollback) FROM pg_stat_database"))


def idle(server, options, count):
    """What the database does in a second."""
    with Sim(f"--apps={options.servers}",
             f"--queues={options.queues // options.servers}") as sim, \
            Fleet(server, sim, count, {"interval": "1h"}) as fleet:
        time.sleep(QUIET_S)  # nothing of the start is left
        first = transactions(server)
        own = transactions(server) - first  # of the question itself
        before, begin = fleet.cpu_s(), time.monotonic()
        first = transactions(server)
        time.sleep(options.idle)
        done = transactions(server) - first - own
        seconds, after = time.monotonic() - begin, fleet.cpu_s()
        connections = server.session_count()
    return {"transactions": done / seconds, "connections": connections,
            "database": (after["database"] - before["database"]) / seconds,
            "hosts": (after["hosts"] - before["hosts"]) / seconds}


def name_of(count):
    return {0: "one process, no coordination", 1: "a fleet of one host"}.get(
        count, f"a fleet of {count} hosts")


def show_throughput(server, options, counts):
    rounds = {count: [] for count in counts}
    for _ in range(options.rounds):
        for count in counts:
            rounds[count].append(throughput(server, options, count))
    print(f"{options.messages} messages of {options.queues} queues on "
          f"{options.servers} servers; medians of {options.rounds} rounds; CPU "
          "time in us a message\n"
          f"{'':30}{'messages/s':>12}{'hosts':>8}{'database':>10}"
          f"{'simulator':>11}{'rate':>7}{'CPU':>7}")
    base = None
    for count in counts:
        one = {name: statistics.median(round[name] for round in rounds[count])
               for name in rounds[count][0]}
        base = base or one
        print(f"{name_of(count):30}{one['rate']:12,.0f}{one['hosts']:8.1f}"
              f"{one['database']:10.1f}{one['servers']:11.1f}"
              f"{one['rate'] / base['rate']:7.2f}"
              f"{one['hosts'] / base['hosts']:7.2f}", flush=True)


def show_idle(server, options, counts):
    print(f"\nNothing to do, for {options.idle} s\n"
          f"{'':30}{'transactions/s':>16}{'a host':>8}{'CPU of the database':>21}"
          f"{'connections a host':>20}")
    for count in counts:
        one, hosts = idle(server, options, count), max(count, 1)
        print(f"{name_of(count):30}{one['transactions']:16.2f}"
              f"{one['transactions'] / hosts:8.2f}{one['database']:20.2%} "
              f"{one['connections'] / hosts:19.1f}", flush=True)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--servers", type=int, default=60)
    options.add_argument("--queues", type=int, default=600)
    options.add_argument("--messages", type=int, default=60000)
    options.add_argument("--hosts", type=int, default=3)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--idle", type=int, default=60)
    options = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder).chmod(0o755)  # the server is another user
        with PostgresServer(folder, ["max_connections=100", "autovacuum=off"]) as server:
            counts = sorted({0, 1, options.hosts})
            if options.rounds > 0:
                show_throughput(server, options, counts)
            if options.idle > 0:
                show_idle(server, options, counts)


if __name__ == "__main__":
    main()
