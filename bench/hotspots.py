"""Profiles a cycle: make bench-profile. For haplo-poll's library and for the
bare loop, callgrind counts the instructions of a cycle by library and by
function. Instructions in the kernel are not counted.

Debian's libraries carry no symbols for internal functions, so those appear as
addresses. To see the names in libcurl, build it with -g and without hiding
symbols, and set LD_LIBRARY_PATH.
"""
import argparse
import pathlib
import re
import subprocess
import sys

from harness import bench
from harness.cycles import BASE, Server
from harness.report import columns

CYCLES = 1000
TOP = 25
PROGRAMS = {"library": ["cycle"], "bare": ["bare"], "bare-yajl": ["bare", "-y"]}
LINE = re.compile(r"^\s*([\d,]+) \(\s*[\d.]+%\)\s+(.*?):(\S.*?)"
                  r"(?: \[(.*)\])?$")


def library_of(path):
    name = pathlib.Path(path or "").name
    for known in ("libcurl", "libuv", "libyajl", "libcrypto", "libssl",
                  "libxxhash", "ld-linux", "libz"):
        if name.startswith(known):
            return known
    return "libc" if name.startswith("libc.") else "own"


def of_cycle(one, server, case, program):
    """Returns the instructions of a cycle by (library, function). The client
    starts callgrind's counters after its warm-up, which must last until all
    connections are open: at first the queues share a few connections, because
    nginx responds before the next queue starts."""
    out = one.folder / "callgrind.out"
    command = ["valgrind", "--tool=callgrind", "--instr-atstart=no",
               f"--callgrind-out-file={out}",
               one.programs / program[0], *program[1:],
               one.hosts_file(server.urls(case)), case.at_once,
               40 * case.at_once, CYCLES, server.ca_file(case, True)]
    done = subprocess.run([str(word) for word in command], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False)
    if done.returncode != 0:
        sys.exit(done.stdout)
    text = subprocess.run(["callgrind_annotate", "--threshold=100", "--auto=no",
                           str(out)], text=True, stdout=subprocess.PIPE,
                          check=True).stdout
    counts = {}
    for line in text.split("\n"):
        match = LINE.match(line)
        if match and "PROGRAM TOTALS" not in line:
            key = (library_of(match[4]), re.sub(r"'\d+$", "", match[3]))
            value = int(match[1].replace(",", "")) / CYCLES
            counts[key] = counts.get(key, 0) + value
    return counts


def by_library(counts):
    sums = {}
    for (library, _), value in counts.items():
        sums[library] = sums.get(library, 0) + value
    return sums


def print_sums(case, profiles):
    sums = {name: by_library(counts) for name, counts in profiles.items()}
    libraries = sorted(set().union(*sums.values()),
                       key=lambda name: -sums["library"].get(name, 0))
    rows = [["", *sums]]
    for library in libraries:
        rows.append([library, *(f"{of.get(library, 0):,.0f}"
                                for of in sums.values())])
    rows.append(["all", *(f"{sum(of.values()):,.0f}"
                          for of in sums.values())])
    print(f"\n{case}: instructions of a cycle\n")
    print(columns(rows, range(1, len(rows[0]))))


def print_top(profiles):
    library, bare = profiles["library"], profiles["bare"]
    more = {key: value - bare.get(key, 0) for key, value in library.items()}
    rows = [["more than bare", "in all", "of", "function"]]
    for key in sorted(more, key=lambda key: -more[key])[:TOP]:
        rows.append([f"{more[key]:,.0f}", f"{library[key]:,.0f}", *key])
    print(f"\nThe {TOP} functions where the library takes most above the bare "
          f"loop\n")
    print(columns(rows, (0, 1)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, default="build")
    build = parser.parse_args().build
    with bench.opened(build) as one:
        server = Server(one)
        try:
            for case in BASE:
                profiles = {name: of_cycle(one, server, case, program)
                            for name, program in PROGRAMS.items()}
                print_sums(case, profiles)
                print_top(profiles)
        finally:
            server.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
