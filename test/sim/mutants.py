"""Plants the faults of mutant_table.py one after the other in a copy of a file
of the product, builds the simulation with each, and runs seeds until it is
caught.

Prints a line for each and "N of M caught". Exits with 1 if one was not, or if
a fault can no longer be planted.
"""
import argparse
import multiprocessing.pool
import os
import re
import shutil
import subprocess
import sys
import time

from mutant_table import MUTANTS

SEEDS_MAX = 20000
TIMEOUT_S = 600


class Fault(Exception):
    """A mutant that is none."""


def plant(path, before, after):
    """The file's text with the fault in it."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    count = text.count(before)
    if count != 1:
        raise Fault(f"{path} has the text {count} times, not once:\n{before}")
    return text.replace(before, after)


def run(command, what):
    """What it printed; a crash is told in its last line."""
    done = subprocess.run(command, text=True, errors="replace", check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=TIMEOUT_S)
    if what and done.returncode != 0:
        raise Fault(f"{what}:\n{done.stdout}")
    return done.stdout + (f"died of signal {-done.returncode}\n"
                          if done.returncode < 0 else "")


def build(args, name, path, text):
    """Compiles the one file, makes its calls the simulation's as the Makefile
    does, and links it with the others."""
    folder = os.path.join(args.build, "mutants", name)
    os.makedirs(folder, exist_ok=True)
    source = os.path.join(folder, os.path.basename(path))
    with open(source, "w", encoding="utf-8") as file:
        file.write(text)
    replaced = os.path.join(args.build, "simulated", path[:-len(".c")] + ".o")
    objects = args.objects.split()
    if replaced not in objects:
        raise Fault(f"{replaced} is no part of the simulation")
    mutated = source[:-len(".c")] + ".o"
    binary = os.path.join(folder, "simulation")
    run([*args.cc.split(), *args.cflags.split(), "-c", "-o", mutated, source],
        "compile")
    run(["objcopy", "--redefine-syms=" +
         os.path.join(args.build, "simulated", "renames"), mutated], "rename")
    run([*args.cc.split(), *args.ldflags.split(), "-o", binary, mutated,
         *(o for o in objects if o != replaced),
         "-lyajl", "-lxxhash", "-ltre"], "link")
    return binary


def catch(args, mutant):
    """The report on one mutant: name, why, what caught it or None."""
    name, why, path, before, after = mutant
    binary = build(args, name, path, plant(path, before, after))
    try:
        output = run([binary, f"--seeds={args.seeds}", "--stop"], None)
    except subprocess.TimeoutExpired:
        return name, why, None
    found = re.search(r"^seed \d+, at \d+ ms: .*$|^died of signal.*$", output,
                      re.M)
    return name, why, found.group(0) if found else None


def report(args, mutant):
    try:
        name, why, caught = catch(args, mutant)
    except Fault as fault:
        return f"ERROR     {mutant[0]}: {fault}", False
    if caught is None:
        return f"SURVIVED  {name}\n          {why}", False
    return f"caught    {name}\n          {why}\n          {caught}", True


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default="build")
    parser.add_argument("--cc", default="cc")
    parser.add_argument("--cflags", default="")
    parser.add_argument("--ldflags", default="")
    parser.add_argument("--objects", required=True)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=SEEDS_MAX)
    parser.add_argument("names", nargs="*", help="only these")
    args = parser.parse_args()

    mutants = [m for m in MUTANTS if not args.names or m[0] in args.names]
    shutil.rmtree(os.path.join(args.build, "mutants"), ignore_errors=True)
    started, caught_count = time.monotonic(), 0
    with multiprocessing.pool.ThreadPool(args.jobs) as pool:
        for text, caught in pool.imap(lambda m: report(args, m), mutants):
            print(text, flush=True)
            caught_count += caught
    print(f"{caught_count} of {len(mutants)} caught, "
          f"{time.monotonic() - started:.0f} s")
    return 0 if caught_count == len(mutants) > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
