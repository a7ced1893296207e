"""Measures the cost of a cycle for each client in all cases. In each round,
every client runs once in every case, so a change in the machine's speed
affects all of them."""
import statistics
import time

from harness import body
from harness.bench import Failed, now
from harness.clients import Case
from harness.nginx import FILE_CACHE_S, Nginx, Site

BASE = [Case(tls, 64, 1) for tls in (False, True)]
CASES = BASE + [Case(tls, at_once, hosts) for tls in (False, True)
                for at_once, hosts in ((1000, 1), (64, 50), (1000, 50))]
MANY = [Case(False, 4000, 1), Case(False, 4000, 50), Case(True, 4000, 1)]


class Server:
    """One nginx that serves all cases."""

    def __init__(self, bench):
        self.sites = {(tls, hosts): Site(hosts, tls)
                      for tls in (False, True) for hosts in (1, 50)}
        self.first_empty = {tls: Site(1, tls, fetch_file="first-empty.json")
                            for tls in (False, True)}
        self.nginx = Nginx(bench.new_folder("nginx"),
                           [*self.sites.values(),
                            *self.first_empty.values()],
                           busy_poll=bench.programs / "busy_poll.so")

    def urls(self, case):
        return self.sites[case.tls, case.hosts].urls()

    def urls_first_empty(self, case):
        """One host whose queues are empty until fill() is called."""
        self.nginx.serve("first-empty.json", 0)
        time.sleep(FILE_CACHE_S + 0.1)
        return self.first_empty[case.tls].urls()

    def fill(self):
        self.nginx.serve("first-empty.json", body.MESSAGE_COUNT)

    def ca_file(self, case, is_small):
        if not case.tls:
            return "-"
        return self.nginx.authority.root_file if is_small \
            else self.nginx.ca_file

    def close(self):
        self.nginx.close()


class Results:
    """runs[case key][client name] lists the results of its runs."""

    def __init__(self):
        self.runs = {}
        self.failed = {}

    def add(self, case, client, result):
        self.runs.setdefault(case.key(), {}).setdefault(
            client.name, []).append(result)

    def fail(self, case, client, error):
        self.failed[f"{client.name}, {case}"] = str(error)

    def values(self, case, name, what):
        runs = self.runs.get(case.key(), {}).get(name, [])
        return [run[what] for run in runs if run[what] is not None]

    def median(self, case, name, what="cpu_us"):
        """The median, or None if there are no runs."""
        values = self.values(case, name, what)
        return statistics.median(values) if values else None

    def ratio(self, case, name, other, other_case=None):
        """The ratio of the medians of CPU time; None if one is missing."""
        own = self.median(case, name)
        its = self.median(other_case or case, other)
        return None if own is None or its is None else own / its


def run_one(bench, server, case, client, results, say):
    try:
        result = client.run(bench, server, case)
        results.add(case, client, result)
        say(f"    {client.name:14} {result['cpu_us']:9.1f} us")
    except (Failed, OSError, RuntimeError) as error:
        results.fail(case, client, error)
        say(f"    {client.name:14} failed: {error}")


def measure(bench, clients, rounds, deadline, say):
    """Runs the rounds after a warm-up, and stops early if the next round would
    not end before the deadline. Returns results and the number of rounds."""
    results = Results()
    server = Server(bench)
    try:
        say("  warm-up")
        for client in clients:
            if client.fits(BASE[0]):
                run_one(bench, server, BASE[0], client, Results(), say)
        done, longest = 0, 0
        while done < rounds and (done == 0 or now() + longest < deadline):
            begin = now()
            for case in CASES + MANY:
                say(f"  round {done + 1}: {case}")
                for client in clients:
                    if client.fits(case):
                        run_one(bench, server, case, client, results, say)
            longest = max(longest, now() - begin)
            done += 1
    finally:
        server.close()
    return results, done
