"""Counts the instructions of single parts of the product: make
bench-instructions.

callgrind counts them, so every run on a machine gives the same numbers,
however busy it is. More than 5 % above bench/baseline.json is a failure.
--update makes the counts the new baseline.
"""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

from harness import body
from harness.machine import build_versions

HERE = pathlib.Path(__file__).parent
BASELINE = HERE / "baseline.json"
LIMIT = 1.05

# Name, number of runs, what one operation is.
PARTS = [
    ("parse-fetch", 200, "the answer to a fetch: 5.6 KB, 16 messages"),
    ("parse-mark", 1000, "the answer to a mark"),
    ("queue-step", 1000, "a step of a queue, of six in a cycle"),
    ("scheduler-1k", 5000, "a poll's way through 1,000 queues"),
    ("scheduler-100k", 5000, "... through 100,000 queues"),
    ("scheduler-1m", 5000, "... through 1,000,000 queues"),
    ("inbox-message", 4, "a message into SQLite, in groups of 1,024, with "
     "its share of states"),
    ("inbox-confirm", 4, "a confirmed state into SQLite, in groups of 64"),
    ("route-type", 500, "a message of 4 KB, by its action and type"),
    ("route-workflow", 500, "... by its workflow"),
    ("route-whole", 500, "... by what it does not have, so all is read"),
]


def run(command, folder):
    """Runs it in a minimal environment: the environment's size shifts the
    stack, and with it the instruction count of functions that copy memory."""
    for path in folder.glob("inbox.db*"):
        path.unlink()
    done = subprocess.run([str(word) for word in command], text=True,
                          env={"PATH": os.environ["PATH"]},
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          check=False)
    if done.returncode != 0:
        sys.exit(f"{command[-3]}: {done.stderr}")
    return done


def measure(micro, name, count, folder):
    """Returns the instructions of an operation, and its nanoseconds from a run
    without callgrind. Only the nanoseconds vary from run to run."""
    command = [micro, name, count, folder]
    native = json.loads(run(command, folder).stdout)
    counted = run(["valgrind", "--tool=callgrind", "--instr-atstart=no",
                   "--callgrind-out-file=/dev/null", *command], folder)
    collected = re.search(r"Collected : (\d+)", counted.stderr)
    if collected is None or int(collected.group(1)) == 0:
        sys.exit(f"{name}: callgrind counted nothing:\n{counted.stderr}")
    return (int(collected.group(1)) / native["operations"], native["ns"])


def explain_versions(then, now):
    """Counts made with another compiler or library cannot be compared."""
    lines = [f"  {name}: {then.get(name, 'none')} then, {now[name]} now"
             for name in now if then.get(name) != now[name]]
    if lines:
        print("\nThe baseline was made with something else, so that a "
              "difference may not be the product's:")
        print("\n".join(lines))


def compare(results, baseline):
    """Prints the table; returns the names of the parts that got worse."""
    worse = []
    print(f"{'part':16} {'instructions':>13} {'baseline':>13} {'change':>8} "
          f"{'ns':>8}  an operation is")
    for name, _, what in PARTS:
        count, ns = results[name]
        before = baseline.get(name)
        change = "new" if before is None else f"{count / before - 1:+8.2%}"
        if before is None or count > before * LIMIT:
            worse.append(name)
        print(f"{name:16} {count:13,.1f} "
              f"{before if before is not None else 0:13,.1f} {change:>8} "
              f"{ns:8,.0f}  {what}")
    return worse


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, default="build")
    parser.add_argument("--flags", default="", help="the compiler's")
    parser.add_argument("--update", action="store_true")
    args = parser.parse_args()
    micro = args.build.resolve() / "bench" / "micro"
    versions = build_versions(args.flags)
    known = json.loads(BASELINE.read_text()) if BASELINE.exists() \
        else {"versions": {}, "instructions": {}}
    with tempfile.TemporaryDirectory(prefix="haplo-bench-") as name:
        folder = pathlib.Path(name)
        (folder / "body.json").write_bytes(body.fetch_body())
        results = {part: measure(micro, part, count, folder)
                   for part, count, _ in PARTS}
    worse = compare(results, known["instructions"])
    if args.update:
        BASELINE.write_text(json.dumps(
            {"versions": versions,
             "instructions": {name: round(count, 1)
                              for name, (count, _) in results.items()}},
            indent=2) + "\n")
        print(f"\nwritten: {BASELINE}")
        return 0
    if known["versions"]:
        explain_versions(known["versions"], versions)
    if worse:
        print(f"\nmore than {LIMIT - 1:.0%} above the baseline, or not in it: "
              + ", ".join(worse))
        print("If that is as it should be: make bench-instructions UPDATE=1")
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
