"""Compares the cost of a cycle (fetch 16 messages, mark them) with what people
would use instead of haplo-poll: make bench. See README.md in this folder.

Environment variables: BENCH_ROUNDS, the number of rounds (5); BENCH_ONLY, a
comma-separated list of clients, or of the parts "cold" and "inbox";
BENCH_MINUTES, the time limit for everything (13).
"""
import argparse
import os
import pathlib
import sys

from harness import bench, cold, cycles, inbox, report, targets
from harness.bench import now
from harness.clients import all_clients
from harness.machine import machine, peer_versions

RESULTS = bench.HERE / "results.json"


class Plan:
    """What to measure, from the environment variables."""

    def __init__(self, clients):
        self.only = [name for name in
                     os.environ.get("BENCH_ONLY", "").split(",") if name]
        known = [client.name for client in clients] + ["cold", "inbox"]
        unknown = [name for name in self.only if name not in known]
        if unknown:
            sys.exit(f"BENCH_ONLY: no {unknown[0]} among: {', '.join(known)}")
        self.rounds = int(os.environ.get("BENCH_ROUNDS", "5"))
        self.minutes = float(os.environ.get("BENCH_MINUTES", "13"))
        self.is_whole = not self.only and self.rounds >= 5

    def has(self, name):
        return not self.only or name in self.only


def say(line):
    print(line, flush=True)


def heading(text):
    say(f"\n== {text}")


def tell_targets(all_targets):
    heading("What it must show: limit, measured")
    for target in all_targets:
        say(target.line())


def measure(one, plan, clients, begin):
    """Measures all parts and prints the tables. Returns the parts for the file
    of results, the targets, the README's table, and the clients that failed."""
    parts, goals = {"machine": machine()}, []
    missing = {client.name: client.missing() for client in clients
               if plan.has(client.name) and client.missing()}
    for name, what in missing.items():
        say(f"missing: {name}: no {what}")
    parts["versions"] = peer_versions(one.node_modules)
    parts["missing"] = missing
    if plan.has("cold"):
        heading(f"Cold start: {cold.SERVERS:,} servers over TLS")
        parts["cold"] = cold.measure(one, say)
        say(report.cold_table(parts["cold"]))
        goals += targets.of_cold(parts["cold"])
    if plan.has("inbox"):
        heading("Inbox: messages durable, both cores in use")
        parts["inbox"] = inbox.measure(one, say)
        say(report.inbox_table(parts["inbox"]))
        goals += targets.of_inbox(parts["inbox"])
    chosen = [client for client in clients
              if plan.has(client.name) and client.name not in missing]
    if not chosen:
        return parts, goals, None, {}
    heading("Cycles")
    results, rounds = cycles.measure(one, chosen, plan.rounds,
                                     begin + 60 * plan.minutes, say)
    heading(f"CPU time of a cycle, medians of {rounds} rounds")
    for table in report.cycle_tables(results, clients, missing):
        say(table)
    say(report.missing_table(missing, results.failed))
    goals = [*targets.of_cycles(results), *goals]
    parts["rounds"] = rounds
    parts["failed"] = results.failed
    parts["cycles"] = report.records(results)
    table = report.markdown(results, clients, missing, parts["machine"])
    return parts, goals, table, results.failed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, default="build")
    build = parser.parse_args().build
    begin = now()
    with bench.opened(build) as one:
        clients = all_clients(one)
        plan = Plan(clients)
        parts, goals, table, failed = measure(one, plan, clients, begin)
    if plan.is_whole:
        goals += targets.of_time("make bench", now() - begin)
    tell_targets(goals)
    if table is not None:
        heading("For the README (make bench-table writes it there)")
        say(table)
    parts["targets"] = [target.record() for target in goals]
    parts["markdown"] = table
    parts["titles"] = {client.name: client.title for client in clients}
    if plan.is_whole:
        report.write_part(RESULTS, "bench", parts)
        say(f"\nwritten: {RESULTS}")
    else:
        say("\nnot written: only a part was measured")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
