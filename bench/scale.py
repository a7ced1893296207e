"""Measures how haplo-poll scales with the number of queues: make bench-scale.
See README.md in this folder.

Environment variables: LONGHAUL_SECONDS, the length of the long haul (600; 0
leaves it out); BENCH_ONLY, a comma-separated list of register, load, start and
longhaul.
"""
import argparse
import os
import pathlib
import sys

from harness import bench, report, scale, targets
from harness.bench import Failed, now
from harness.machine import machine
from run import RESULTS, heading, say, tell_targets

PARTS = ["register", "load", "start", "longhaul"]
LONGHAUL_SECONDS = 600


def register_rows(of):
    yield ["queues", "servers", "add us", "close us", "bytes", "counted",
           "blocks", "beyond text", "and options", "idle ms/s"]
    for one in of:
        yield [f"{one['queues']:,}", f"{one['servers']:,}",
               f"{one['add_us']:.2f}", f"{one['close_us']:.2f}",
               f"{one['resident_bytes']:.0f}", f"{one['block_bytes']:.0f}",
               f"{one['blocks']:.1f}", f"{one['bytes_beyond_text']:.0f}",
               f"{one['bytes_beyond_options']:.0f}",
               f"{one['idle_ms_per_s']:.3f}"]


def load_rows(of):
    yield ["queues", "interval ms", "polls/s", "core", "us a poll", "late p50",
           "p99", "max ms", "failures"]
    for one in of:
        yield [f"{one['queues']:,}", f"{one['interval_ms']:,}",
               f"{one['polls_per_s']:,.0f}", f"{one['core']:.0%}",
               f"{one['poll_us']:.1f}", f"{one['late_p50_ms']:.1f}",
               f"{one['late_p99_ms']:.1f}", f"{one['late_max_ms']:.1f}",
               str(one["failures"])]


def start_rows(of):
    yield ["queues", "YAML MiB", "seconds", "CPU s", "MiB", "peak MiB",
           "idle ms/s"]
    for one in of:
        yield [f"{one['queues']:,}", f"{one['yaml_mib']:.2f}",
               f"{one['seconds']:.2f}", f"{one['cpu_s']:.2f}",
               f"{one['resident_mib']:.0f}", f"{one['peak_mib']:.0f}",
               f"{one['idle_ms_per_s']:.3f}"]


def table(rows):
    rows = list(rows)
    say(report.columns(rows, range(len(rows[0]))))


def growth_of(of, what, is_each):
    """Growth from the second size, where start-up cost no longer dominates, to
    the last. is_each: the figure is per queue, not a total."""
    small, large = of[1], of[-1]
    factor = (lambda one: one["queues"]) if is_each else (lambda one: 1)
    return scale.growth(small["queues"], large["queues"],
                        small[what] * factor(small),
                        large[what] * factor(large))


def all_growth(parts):
    """Every growth relative to n log n, with its limit."""
    grown = {}
    if "register" in parts:
        grown["time to add queues"] = growth_of(
            parts["register"], "add_us", True)
        grown["memory of queues"] = growth_of(
            parts["register"], "resident_bytes", True)
    if len(parts.get("one_server", [])) > 1:
        first, last = parts["one_server"][0], parts["one_server"][-1]
        grown["time to add queues, all to one server"] = scale.growth(
            first["queues"], last["queues"],
            first["add_us"] * first["queues"], last["add_us"] * last["queues"])
    if "load" in parts:
        grown["CPU of a poll"] = growth_of(parts["load"], "poll_us", True)
    if len(parts.get("start", [])) > 2:
        grown["the daemon's start"] = growth_of(parts["start"], "cpu_s", False)
    return {what: {"measured": measured, "limit": scale.GROWTH_LIMIT}
            for what, measured in grown.items()}


def measure(one, only, seconds):
    parts = {"machine": machine()}
    if "register" in only:
        heading("Registered queues, nothing due")
        parts["register"] = list(scale.register_all(one, say))
        parts["one_server"] = list(scale.register_on_one(one, say))
        table(register_rows(parts["register"] + parts["one_server"]))
    if "load" in only:
        heading("Polls that keep half a core busy")
        parts["load"] = list(scale.load_all(one, say))
        table(load_rows(parts["load"]))
    if "start" in only:
        heading("The daemon's start, from YAML to polling")
        parts["start"] = list(scale.start_all(one, say))
        table(start_rows(parts["start"]))
    if "longhaul" in only and seconds > 0:
        heading(f"Long haul: {scale.HAUL_QUEUES:,} queues on "
                f"{scale.HAUL_SERVERS} servers, {seconds} s")
        parts["long_haul"] = scale.long_haul(one, seconds, say)
    parts["growth"] = all_growth(parts)
    return parts


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, default="build")
    build = parser.parse_args().build
    only = [name for name in os.environ.get("BENCH_ONLY", "").split(",")
            if name] or PARTS
    if not set(only) <= set(PARTS):
        sys.exit(f"BENCH_ONLY: of {', '.join(PARTS)}")
    seconds = int(os.environ.get("LONGHAUL_SECONDS", LONGHAUL_SECONDS))
    begin = now()
    try:
        with bench.opened(build) as one:
            parts = measure(one, only, seconds)
    except Failed as error:
        sys.exit(f"failed: {error}")
    goals = list(targets.of_scale(parts))
    if only == PARTS and seconds >= LONGHAUL_SECONDS:
        goals += targets.of_time("make bench-scale", now() - begin)
        parts["targets"] = [target.record() for target in goals]
        report.write_part(RESULTS, "scale", parts)
        say(f"\nwritten: {RESULTS}")
    else:
        say("\nnot written: only a part was measured")
    tell_targets(goals)
    return 0


if __name__ == "__main__":
    sys.exit(main())
