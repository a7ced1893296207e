"""The addon for Node next to undici, doing the same work: fetch 16 messages,
parse their JSON, mark them. Both run on the same program of Node, one after the
other in each round, so a change in the machine's speed affects both.

    make bench-node

BENCH_ROUNDS: how often (5). Prints the medians, and the ratio of CPU time: the
median of those of the rounds. Exits with 1 if something did not work.
"""
import argparse
import os
import pathlib
import statistics
import sys

from harness import bench
from harness.bench import PEERS, Failed
from harness.clients import Case, needs_undici
from harness.cycles import Server
from harness.machine import machine, output, peer_versions
from harness.report import columns

CASES = [(Case(tls, at_once, 1), limit) for at_once, limit in
         ((64, 0.9), (1000, 0.6)) for tls in (False, True)]
CYCLES = {64: 6000, 1000: 8000}
WARM = 4000  # until everything is compiled


class Peer:
    """A script that takes the arguments of meter.mjs."""

    def __init__(self, name, script, environment):
        self.name = name
        self.script = PEERS / script
        self.environment = {**os.environ, **environment}

    def run(self, one, server, case):
        warm = max(WARM, 4 * case.at_once)
        told, whole = one.run(
            ["node", self.script, one.hosts_file(server.urls(case)),
             case.at_once, warm, CYCLES[case.at_once],
             server.ca_file(case, False)], env=self.environment)
        return {"cpu": told["cpu_us"] / told["cycles"],
                "rate": told["cycles"] * 1e6 / told["wall_us"],
                "late": told["late_p99_ms"],
                "rss": told["rss_kib"] / 1024,
                "peak": whole["peak_kib"] / 1024}


def peers_of(one, package):
    return [Peer("addon", "cycle_addon.mjs", {"HAPLO_PACKAGE": str(package)}),
            Peer("undici", "cycle_undici.mjs",
                 {"BENCH_NODE_MODULES": f"{one.node_modules}/"})]


def measure(one, server, peers, rounds):
    """The results of all rounds: {(case key, name): [result, ...]}."""
    results = {}
    for number in range(rounds):
        for case, _ in CASES:
            # The other one begins in every other round.
            for peer in peers[::1 if number % 2 == 0 else -1]:
                result = peer.run(one, server, case)
                results.setdefault((case.key(), peer.name), []).append(result)
                print(f"round {number + 1}: {case}: {peer.name:7} "
                      f"{result['cpu']:8.1f} us a cycle", flush=True)
    return results


def rows_of(results, peers):
    yield ["", "client", "CPU us a cycle", "min", "max", "cycles/s",
           "late p99 ms", "RSS MiB", "ratio", "limit"]
    for case, limit in CASES:
        of = {peer.name: results[case.key(), peer.name] for peer in peers}
        ratio = statistics.median(
            addon["cpu"] / undici["cpu"]
            for addon, undici in zip(of["addon"], of["undici"]))
        for peer in peers:
            runs = of[peer.name]
            cpu = [run["cpu"] for run in runs]
            middle = {key: statistics.median(run[key] for run in runs)
                      for key in runs[0]}
            is_ours = peer.name == "addon"
            yield [f"{'TLS' if case.tls else 'plain'}, {case.at_once:,}",
                   peer.name, f"{middle['cpu']:.1f}", f"{min(cpu):.1f}",
                   f"{max(cpu):.1f}", f"{middle['rate']:,.0f}",
                   f"{middle['late']:.1f}", f"{middle['rss']:.0f}",
                   f"{ratio:.2f}" if is_ours else "",
                   (f"{limit} " + ("met" if ratio <= limit else "missed"))
                   if is_ours else ""]


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--build", type=pathlib.Path, default="build")
    options.add_argument("--package", type=pathlib.Path, required=True,
                         help="folder of the addon, with its index.js")
    options = options.parse_args()
    rounds = int(os.environ.get("BENCH_ROUNDS", "5"))
    with bench.opened(options.build) as one:
        missing = needs_undici(one)()
        if missing:
            sys.exit(f"missing: {missing}")
        peers = peers_of(one, options.package.resolve())
        server = Server(one)
        try:
            results = measure(one, server, peers, rounds)
        except Failed as error:
            sys.exit(str(error))
        finally:
            server.close()
        print()
        print(columns(list(rows_of(results, peers)), range(2, 9)))
        versions = peer_versions(one.node_modules)
        here = machine()
        print(f"\nmedians of {rounds} rounds, {here['date']}, {here['cpu']}, "
              f"{here['cores']} cores, load {here['load_before']:.1f}; node "
              f"{versions['node']}, undici {versions['undici']}, "
              f"{output('nginx', '-v')}")


if __name__ == "__main__":
    main()
