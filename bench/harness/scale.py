"""Measures how the library and the daemon scale from 1,000 to a million
queues."""
import json
import math
import statistics

from harness import daemon
from harness.bench import Failed, now
from harness.nginx import Nginx, Site

SIZES = [1000, 10000, 100000, 1000000]
QUEUES_A_SERVER = 100   # up to SERVERS_MAX servers, more on each after that
SERVERS_MAX = 1000
ONE_SERVER_SIZES = [1000, 10000, 100000]
ONE_SERVER_US_MAX = 20e6  # larger sizes are not tried
IDLE_S = 3
CLOSED = "http://127.{}.{}.1:1"  # nobody listens: no poll is ever due

AT_ONCE = 8
PROBE_QUEUES, PROBE_INTERVAL_MS = 1000, 200
PROBE_S, LOAD_S, SETTLE_S = 3, 6, 20
BUSY = 0.5              # of a core

CONFIG_SIZES = [1000, 10000, 100000, 1000000]
CONFIG_BYTES_MAX = 16777216  # the daemon's limit
CONFIG_START_S_MAX = 120
CONFIG_NEXT_S_MAX = 5  # ten times as many may take twenty times as long

# n log n is 1. The allowance above it is for CPU caches, which a million
# queues do not fit.
GROWTH_LIMIT = 2.0


def growth(small, large, small_cost, large_cost):
    """The growth of total costs relative to n log n."""
    n_log_n = (large * math.log(large)) / (small * math.log(small))
    return large_cost / small_cost / n_log_n


# -- Registered, and nothing to do ------------------------------------------

def register(bench, queues, servers):
    urls = [CLOSED.format(i // 250, i % 250) for i in range(servers)]
    told, whole = bench.run([bench.programs / "register",
                             bench.hosts_file(urls), queues, IDLE_S])
    return {
        "queues": queues,
        "servers": servers,
        "add_us": told["add_us"] / queues,
        "close_us": told["close_us"] / queues,
        "resident_bytes": told["resident_bytes"] / queues,
        "block_bytes": told["block_bytes"] / queues,
        "blocks": told["blocks"] / queues,
        "bytes_beyond_text":
            (told["resident_bytes"] - told["text_bytes"]) / queues,
        "bytes_beyond_options":
            (told["resident_bytes"] - told["text_bytes"]
             - told["options_bytes"]) / queues,
        "idle_ms_per_s": told["idle_us"] / 1000 / IDLE_S,
        "peak_mib": whole["peak_kib"] / 1024,
    }


def register_all(bench, say):
    for queues in SIZES:
        servers = min(SERVERS_MAX, queues // QUEUES_A_SERVER)
        one = register(bench, queues, servers)
        say(f"    {queues:9,} queues on {servers:5,} servers: "
            f"{one['add_us']:.2f} us, {one['resident_bytes']:.0f} bytes each")
        yield one


def register_on_one(bench, say):
    """All queues on one server, until that takes too long."""
    last = None
    for queues in ONE_SERVER_SIZES:
        if last is not None:
            # Assumes that it grows at least as it did so far.
            expected_us = last["add_us"] * last["queues"] * 100
            if expected_us > ONE_SERVER_US_MAX:
                say(f"    {queues:9,} queues on one server: not tried, some "
                    f"{expected_us / 1e6:,.0f} s if it grows as it did")
                return
        last = register(bench, queues, 1)
        say(f"    {queues:9,} queues on one server: {last['add_us']:.2f} us "
            f"each")
        yield last


# -- Half a core of polls ---------------------------------------------------

def load(bench, urls, ca_file, queues, interval_ms, at_once, settle_s, run_s,
         say=None):
    """Returns all reports; calls say with each, if given."""
    lines = []
    command = [bench.programs / "load", bench.hosts_file(urls), ca_file,
               queues, interval_ms, at_once, settle_s, run_s]
    for line in bench.lines(command):
        lines.append(json.loads(line))
        if say is not None:
            say(lines[-1])
    if not lines or lines[-1]["report"] != "end":
        raise Failed("load: ended early")
    return lines


def load_all(bench, say):
    """Runs every size at the rate of polls that, by a probe, keeps half a core
    busy."""
    site = Site(SERVERS_MAX, messages=0)
    nginx = Nginx(bench.new_folder("nginx"), [site])
    urls = site.urls()
    try:
        probe = load(bench, urls[:10], "-", PROBE_QUEUES, PROBE_INTERVAL_MS,
                     AT_ONCE, SETTLE_S, PROBE_S)[-1]
        rate = BUSY * 1e6 * probe["fetches"] / probe["cpu_us"]
        say(f"    half a core: {rate:,.0f} polls a second")
        for queues in SIZES:
            servers = min(SERVERS_MAX, queues // QUEUES_A_SERVER)
            interval_ms = max(10, round(1000 * queues / rate))
            end = load(bench, urls[:servers], "-", queues, interval_ms,
                       AT_ONCE, SETTLE_S, LOAD_S)[-1]
            one = {
                "queues": queues,
                "interval_ms": interval_ms,
                "polls_per_s": end["fetches"] / end["seconds"],
                "core": end["cpu_us"] / 1e6 / end["seconds"],
                "poll_us": end["cpu_us"] / max(1, end["fetches"]),
                "late_p50_ms": end["late_p50_ms"],
                "late_p99_ms": end["late_p99_ms"],
                "late_max_ms": end["late_max_ms"],
                "failures": end["failures"],
            }
            say(f"    {queues:9,} queues: {one['core']:.0%} of a core, late "
                f"by {one['late_p50_ms']:.1f} ms (p50), "
                f"{one['late_p99_ms']:.1f} ms (p99)")
            yield one
    finally:
        nginx.close()


# -- The daemon's start -----------------------------------------------------

def start_one(bench, config):
    """Measures its start, and its CPU time when idle."""
    process = daemon.Daemon(bench.build / "haplo-poll", config, None)
    try:
        seconds = process.wait_polling(CONFIG_START_S_MAX)
        start_us = daemon.cpu_us(process.pid)
        process.sleep(1)  # the first polls' timer fires at once
        idle_us = daemon.cpu_us(process.pid)
        process.sleep(IDLE_S)
        return {
            "seconds": seconds, "cpu_s": start_us / 1e6,
            "idle_ms_per_s":
                (daemon.cpu_us(process.pid) - idle_us) / 1000 / IDLE_S,
            "resident_mib": daemon.memory_kib(process.pid, "VmRSS") / 1024,
            "peak_mib": daemon.memory_kib(process.pid, "VmHWM") / 1024,
        }
    finally:
        process.close()


def start_all(bench, say):
    """Stands for a reload too, which the daemon does not have yet: reading and
    checking the configuration and adding what is new."""
    site = Site(SERVERS_MAX, messages=0)
    nginx = Nginx(bench.new_folder("nginx"), [site])
    try:
        for queues in CONFIG_SIZES:
            servers = min(SERVERS_MAX, queues // QUEUES_A_SERVER)
            with bench.disk_folder("start") as folder:
                config = daemon.write_config(folder, site.urls()[:servers],
                                             queues, interval="7d")
                size = config.stat().st_size
                if size > CONFIG_BYTES_MAX:
                    say(f"    {queues:9,} queues: {size / 2**20:.1f} MiB of "
                        f"YAML, more than haplo-poll reads")
                    return
                one = start_one(bench, config)
            one.update(queues=queues, yaml_mib=size / 2**20)
            say(f"    {queues:9,} queues: {one['seconds']:.2f} s, "
                f"{one['resident_mib']:.0f} MiB")
            yield one
            if one["seconds"] > CONFIG_NEXT_S_MAX:
                say("    larger ones: not tried, they would take too long")
                return
    finally:
        nginx.close()


# -- All day long -----------------------------------------------------------

HAUL_QUEUES, HAUL_SERVERS, HAUL_INTERVAL_MS = 10000, 200, 2000
HAUL_KEEPALIVE_REQUESTS = 1000  # nginx's default; then it closes one


def of_quarter(memory, quarter):
    """Median memory of a quarter: replaced connections cause short peaks."""
    count = len(memory)
    return statistics.median(
        mib for _, mib in memory[quarter * count // 4:
                                 (quarter + 1) * count // 4])


def long_haul(bench, seconds, say):
    """Polls 10,000 queues on 200 servers, half of them over TLS. Every poll
    fetches a batch, delivers and marks it."""
    sites = [Site(HAUL_SERVERS // 2, tls, unread=0,
                  keepalive_requests=HAUL_KEEPALIVE_REQUESTS)
             for tls in (False, True)]
    nginx = Nginx(bench.new_folder("nginx"), sites)
    begin = now()
    memory = []

    def tell(report):
        memory.append((report["seconds"], report["resident_kib"] / 1024))
        if len(memory) % 6 == 1 or report["report"] == "end":
            say(f"    {report['seconds']:6.0f} s: {report['marks']:,} marks, "
                f"{report['resident_kib'] / 1024:.1f} MiB, late p99 "
                f"{report['late_p99_ms']:.1f} ms")

    try:
        end = load(bench, sites[0].urls() + sites[1].urls(), nginx.ca_file,
                   HAUL_QUEUES, HAUL_INTERVAL_MS, 1, SETTLE_S, seconds,
                   tell)[-1]
    finally:
        nginx.close()
    early, late = of_quarter(memory, 1), of_quarter(memory, 3)
    return {
        "seconds": now() - begin, "marks": end["marks"],
        "failures": end["failures"], "connections": end["connections"],
        "core": end["cpu_us"] / 1e6 / end["seconds"],
        "resident_early_mib": early,
        "resident_late_mib": late,
        "memory_growth": late / early,
        "late_p50_ms": end["late_p50_ms"],
        "late_p99_ms": end["late_p99_ms"],
        "late_max_ms": end["late_max_ms"],
        "memory": memory,
    }
