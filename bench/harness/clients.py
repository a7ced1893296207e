"""The clients: haplo-poll, its lower bounds, and its peers. Each fetches,
parses, extracts the token, marks, and checks the responses."""
import os
import pathlib
import shutil
import time

from harness import daemon
from harness.bench import CLIENT_CORE, PEERS, PYTHON, Failed
from harness.machine import output


class Case:
    """One workload: TLS or plain, the number of concurrent queues, and the
    number of hosts."""

    def __init__(self, tls, at_once, hosts):
        self.tls = tls
        self.at_once = at_once
        self.hosts = hosts

    def key(self):
        return (self.tls, self.at_once, self.hosts)

    def __str__(self):
        where = "one host" if self.hosts == 1 else f"{self.hosts} hosts"
        return (f"{'TLS 1.3' if self.tls else 'plain'}, {self.at_once:,} at "
                f"once, {where}")


class Client:
    """A program that takes the arguments common to all clients."""

    parses = True

    def __init__(self, name, title, command, cycles, warm=0, needs=None,
                 fits=None, env=None, small_ca=False):
        self.name = name
        self.title = title
        self.command = [str(word) for word in command]
        self.cycles = cycles      # measured; enough for about 0.6 s of CPU
        self.warm = warm          # the least number of cycles before those
        self.needs = needs        # returns what is missing, or ""
        self.fits = fits or (lambda case: case.at_once <= 1000)
        self.env = env
        self.small_ca = small_ca  # reads the CA file for each connection

    def missing(self):
        return self.needs() if self.needs is not None else ""

    def amounts(self, case):
        """Returns the numbers of warm-up cycles and of cycles: several of both
        per queue."""
        warm = max(self.cycles // 4, 2 * case.at_once, self.warm)
        return warm, max(self.cycles, 2 * case.at_once)

    def arguments(self, bench, server, case):
        warm, cycles = self.amounts(case)
        return [bench.hosts_file(server.urls(case)), case.at_once, warm,
                cycles, server.ca_file(case, self.small_ca)]

    def environment(self):
        return {**os.environ, **self.env} if self.env else None

    def run(self, bench, server, case):
        """Returns CPU microseconds per cycle, cycles per second, peak KiB."""
        told, whole = bench.run(
            self.command + self.arguments(bench, server, case),
            env=self.environment())
        if not 0 < told["cpu_us"] <= whole["total_cpu_us"]:
            raise Failed(f"{self.name}: says it took {told['cpu_us']} us, of "
                         f"{whole['total_cpu_us']}")
        return {"cpu_us": told["cpu_us"] / told["cycles"],
                "per_s": told["cycles"] * 1e6 / told["wall_us"],
                "peak_kib": whole["peak_kib"],
                "allocations": told.get("allocations")}


class Wrk(Client):
    """Knows only one host. Its script decides when to stop."""

    def arguments(self, bench, server, case):
        warm, cycles = self.amounts(case)
        return [f"-c{case.at_once}", server.urls(case)[0], "--", warm, cycles]


class Official(Client):
    """Its start-up is negligible, so the whole run is counted."""

    def amounts(self, case):
        return 0, self.cycles

    def run(self, bench, server, case):
        _, whole = bench.run(self.command
                             + self.arguments(bench, server, case))
        return {"cpu_us": whole["total_cpu_us"] / self.cycles, "per_s": None,
                "peak_kib": whole["peak_kib"], "allocations": None}


class Daemon(Client):
    """The whole daemon, measured from outside: nginx counts its requests, the
    kernel its CPU time.

    A server's API keys are proven one at a time, and while the proven ones
    are busy that takes about n * n / 2 cycles for n queues of a server. Where
    that is too many, the queues start empty."""

    PROVING_CYCLES_MAX = 20000
    INTERVAL_MS = 400

    def __init__(self, *args, inbox="sqlite", has_files=False, **kwargs):
        super().__init__(*args, **kwargs)
        self.inbox = inbox
        self.has_files = has_files

    def proving_cycles(self, case):
        return case.at_once ** 2 // case.hosts // 2

    def is_empty_first(self, case):
        return self.proving_cycles(case) > self.PROVING_CYCLES_MAX

    def amounts(self, case):
        warm, cycles = super().amounts(case)
        if not self.is_empty_first(case):
            warm = max(warm, self.proving_cycles(case))
        return warm, cycles

    def run(self, bench, server, case):
        is_empty_first = self.is_empty_first(case)
        urls = server.urls_first_empty(case) if is_empty_first \
            else server.urls(case)
        with bench.disk_folder(self.name) as folder:
            config = daemon.write_config(
                folder, urls, case.at_once,
                server.nginx.ca_file if case.tls else None,
                in_flight_max=case.at_once,
                max_in_flight=-(-case.at_once // case.hosts),
                interval=f"{self.INTERVAL_MS}ms", inbox=self.inbox,
                has_files=self.has_files)
            run = daemon.Daemon(self.command[0], config, CLIENT_CORE)
            try:
                run.wait_polling(20)
                if is_empty_first:
                    time.sleep(2 * self.INTERVAL_MS / 1000)
                    server.fill()
                return self.watch(run, server.nginx, *self.amounts(case))
            finally:
                run.close()

    def watch(self, run, nginx, warm, cycles):
        run.wait_requests(nginx, nginx.request_count() + 2 * warm)
        begin = run.wait_settled(nginx, max(warm, 1))
        begin_us, begin_s = daemon.cpu_us(run.pid), time.monotonic()
        end = run.wait_requests(nginx, begin + 2 * cycles)
        end_us, end_s = daemon.cpu_us(run.pid), time.monotonic()
        run.check()
        done = (end - begin) / 2
        return {"cpu_us": (end_us - begin_us) / done,
                "per_s": done / (end_s - begin_s),
                "peak_kib": daemon.memory_kib(run.pid, "VmHWM"),
                "allocations": None}


def needs_program(name, package):
    return lambda: "" if shutil.which(name) else f"{name} (package {package})"


def needs_module(name, package):
    return lambda: "" if output(PYTHON, "-c", f"import {name}; print(1)") \
        else f"Python module {name} (package {package})"


def needs_file(path, what):
    return lambda: "" if pathlib.Path(path).exists() else what


def needs_undici(bench):
    def missing():
        if not shutil.which("node"):
            return "node (package nodejs)"
        return needs_file(bench.node_modules / "undici",
                          "undici (make bench-deps)")()
    return missing


def few(case):
    """Only the base cases."""
    return case.at_once == 64 and case.hosts == 1


def many(case):
    return True


def all_clients(bench):
    programs = bench.programs
    go = programs / "peers" / "cycle-go"
    needs_go = needs_file(go, "a Go compiler (package golang-go)")
    needs_aiohttp = needs_module("aiohttp, uvloop",
                                 "python3-aiohttp, python3-uvloop")
    return [
        Wrk("wrk", "wrk, two bare requests: the floor",
            ["wrk", "-t1", "-d600s", "-s", PEERS / "wrk.lua"], 15000,
            needs=needs_program("wrk", "wrk"),
            fits=lambda case: case.hosts == 1 and case.at_once <= 1000),
        Client("bare", "bare libuv + libcurl, no parsing",
               [programs / "bare"], 10000, fits=many),
        Client("bare-yajl", "the same, sliced with yajl, and the token",
               [programs / "bare", "-y"], 9000),
        Client("library", "haplo-poll, library to a callback",
               [programs / "cycle", "-a"], 8000, fits=many),
        Daemon("daemon-null", "haplo-poll run, messages dropped",
               [programs / "haplo-poll-null"], 6000, inbox="null"),
        Daemon("daemon", "haplo-poll run, SQLite inbox",
               [bench.build / "haplo-poll"], 4000),
        Daemon("daemon-files", "the same, forwarded to files",
               [bench.build / "haplo-poll"], 4000, has_files=True, fits=few),
        Client("undici", "Node undici", ["node", PEERS / "cycle_undici.mjs"],
               6000, warm=4000, needs=needs_undici(bench),
               env={"BENCH_NODE_MODULES": str(bench.node_modules) + "/"}),
        Client("pycurl", "Python pycurl multi",
               [PYTHON, PEERS / "cycle_pycurl.py"], 4000,
               needs=needs_module("pycurl", "python3-pycurl"), small_ca=True),
        Client("go", "Go net/http", [go], 4000, needs=needs_go),
        Client("go-raw", "Go net/http, messages not decoded", [go, "-raw"],
               4000, needs=needs_go, fits=few),
        Client("aiohttp", "Python aiohttp + uvloop",
               [PYTHON, PEERS / "cycle_aiohttp.py"], 1000,
               needs=needs_aiohttp),
        Client("aiohttp-tuned", "the same, tuned by hand",
               [PYTHON, PEERS / "cycle_aiohttp.py", "--tuned"], 1500,
               needs=needs_aiohttp, fits=few),
        Official("official", "the official way, sh + curl + sed + curl",
                 [PEERS / "official.sh"], 10, small_ca=True,
                 needs=needs_program("curl", "curl"), fits=few),
    ]
