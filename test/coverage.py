"""Prints what share of the product's lines the tests ran, by folder and by
file, and fails if it is below the minimum.

    coverage.py --build build-cov [--missing src/http/multi.c ...]

The build must be made with --coverage and its tests must have been run: `make
coverage` does both. --missing lists the lines of a file that were not run.
"""
import argparse
import collections
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]

# Part: the least percentage of lines run, or None to only print it. A file
# belongs to the part with the longest matching path.
PARTS = {
    "src/core": 95,
    "src/poller/poller.c": 95,
    "src/poller/queue_batch.c": 95,
    "src/http": 85,
    "src/inbox": 85,
    "src/outlets": 85,
    "src/base": None,
    "src/poller": None,
    "src/config": None,
    "src/daemon": None,
}


def lines_of(build):
    """Returns {file: {line: count}} of the sources that belong to a part."""
    objects = [str(path.relative_to(ROOT))
               for path in sorted((build / "src").rglob("*.gcno"))
               if part_of(str(path.relative_to(build).with_suffix(".c")))]
    done = subprocess.run(["gcov", "--json-format", "--stdout", *objects],
                          cwd=ROOT, check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL)
    files = collections.defaultdict(collections.Counter)
    for text in done.stdout.splitlines():
        for file in json.loads(text)["files"]:
            name = file["file"]
            if part_of(name) and name.endswith(".c"):
                for line in file["lines"]:
                    files[name][line["line_number"]] += line["count"]
    return files


def part_of(name):
    """None for the simulator and for files that are not part of the product."""
    path = pathlib.PurePath(name)
    return max((part for part in PARTS if path.is_relative_to(part)),
               key=len, default=None)


def percent(run, total):
    return 100 * run / total if total else 0


def table(files):
    """Prints the table; returns the parts below their minimum."""
    faults = []
    print(f"{'':34}{'lines':>8}{'run':>8}{'percent':>10}{'at least':>10}")
    for part, least in PARTS.items():
        names = sorted(name for name in files if part_of(name) == part)
        total = sum(len(files[name]) for name in names)
        run = sum(sum(1 for n in files[name].values() if n) for name in names)
        asked = "" if least is None else str(least)
        print(f"{part:34}{total:8}{run:8}{percent(run, total):10.1f}"
              f"{asked:>10}")
        if least is not None and percent(run, total) < least:
            faults.append(part)
        for name in names if names != [part] else []:
            lines = files[name]
            done = sum(1 for n in lines.values() if n)
            print(f"  {name:32}{len(lines):8}{done:8}"
                  f"{percent(done, len(lines)):10.1f}")
    return faults


def missing(files, name):
    source = (ROOT / name).read_text().splitlines()
    for number in sorted(n for n, count in files[name].items() if not count):
        print(f"{name}:{number}: {source[number - 1]}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default="build-cov")
    parser.add_argument("--missing", nargs="+", default=[])
    args = parser.parse_args()
    files = lines_of((ROOT / args.build).resolve())
    if not files:
        sys.exit("no coverage data: run `make coverage`")
    for name in args.missing:
        missing(files, name)
    if args.missing:
        return 0
    faults = table(files)
    for part in faults:
        print(f"{part}: below {PARTS[part]} percent")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
