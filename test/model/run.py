"""Checks the models exhaustively with spin and reports what was explored. See
README.md.

    run.py                      every check
    run.py --short              the checks that `make test` runs
    run.py --mutants [NAME]     check that each planted fault is found, or show
                                how one is
    run.py --write-steps        write steps.h
"""
import argparse
import collections
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
JOBS = 2
MEGABYTES_EACH = 1900  # two at a time stay below 4 GB

# What spin counts as statements though nothing reaches them: the ends of
# processes that loop forever.
UNREACHED_ALLOWED = {"-end-"}

Run = collections.namedtuple("Run", "name model defines kind claim bits what")
Result = collections.namedtuple(
    "Result", "run error states depth seconds megabytes trace record lines")


def safety(name, model, defines, what, bits=22):
    return Run(name, model, defines, "safety", None, bits, what)


def claim(model, name, defines, what):
    return Run(f"{model}-{name}", model, defines, "claim", name, 20, what)


QUEUES_3 = ["QUEUES=3", "IN_FLIGHT_MAX=1", "FAILED_LOGINS_MAX=1"]

LANE = ["MESSAGES=3", "TROUBLES=2"]

SHORT = [
    safety("delivery-1", "delivery", ["TROUBLES=1", "COUNT_LINES"],
           "never lost, never twice; any trouble"),
    safety("delivery-pair", "delivery",
           ["MESSAGES=2", "TROUBLES=2", "COUNT_LINES"],
           "two messages only; any 2 troubles", 24),
    safety("lifecycle", "lifecycle", ["COUNT_LINES"],
           "one token, pause, removal and stop; all edges"),
    claim("lifecycle", "removed", [], "a removed queue is gone in the end"),
    safety("server-2", "server", ["COUNT_LINES"],
           "slots, breaker, silence, logins; 2 queues"),
    safety("lane-2", "lane", ["MESSAGES=2", "TROUBLES=2", "COUNT_LINES"],
           "an outlet: in order, saved after sent; any 2 troubles"),
    safety("lane-bad", "lane", ["BAD=1", "TROUBLES=1", "COUNT_LINES"],
           "three messages, a bad one; any trouble"),
    safety("hosts-1", "hosts", ["MESSAGES=1", "TROUBLES=1", "COUNT_LINES"],
           "two hosts poll one queue; no leases; any trouble"),
    safety("lease-time", "lease", ["TTL=2", "TROUBLES=0", "COUNT_LINES"],
           "leases of two hosts; requests as slow as they like"),
    safety("lease-moves", "lease", ["HAS_TIME=0", "TROUBLES=1", "COUNT_LINES"],
           "moves of a slot, in no time; any trouble"),
]
FULL = [
    safety("delivery-3", "delivery", ["TROUBLES=3"],
           "never lost, never twice; any 3 troubles", 26),
    safety("delivery-5", "delivery", ["MESSAGES=2", "TROUBLES=5"],
           "two messages only; any 5 troubles", 26),
    Run("delivery-ends", "delivery", ["TROUBLES=2"], "cycles", None, 25,
        "no cycles: every run ends"),
    safety("delivery-one", "delivery",
           ["MESSAGES=2", "BATCH_MAX=1", "TROUBLES=6"],
           "batches of one; any 6 troubles", 26),
    safety("server-3", "server", ["QUEUES=3"],
           "slots, breaker, silence, logins; 3 queues", 25),
    safety("server-pair", "server", ["SERVERS=2"],
           "two entries of one server; 2 queues", 25),
    safety("server-logins", "server", QUEUES_3,
           "the end of the budget of failed logins; 3 queues"),
    claim("server", "polls_0", [], "every queue gets its turn; 2 queues"),
    claim("server", "polls_1", [], "every queue gets its turn; 2 queues"),
    Run("server-pair-polls", "server", ["SERVERS=2"], "claim", "polls_1", 24,
        "every queue gets its turn; two entries of one server"),
    claim("server", "polls_2", QUEUES_3, "every queue gets its turn; 3 queues"),
    claim("lifecycle", "stopped", [], "a stopped poller becomes idle"),
    claim("lifecycle", "polls", [], "an undisturbed queue keeps polling"),
    safety("lane-3", "lane", ["MESSAGES=3", "TROUBLES=3"],
           "three messages; any 3 troubles", 26),
    safety("lane-doubts", "lane",
           ["MESSAGES=3", "TROUBLES=3", "REFUSALS_MAX=3"],
           "two bad messages do not open its breaker", 26),
    safety("lane-pair", "lane", ["MESSAGES=2", "TROUBLES=5"],
           "two messages only; any 5 troubles", 26),
    safety("hosts-3", "hosts", ["MESSAGES=1", "TROUBLES=3"],
           "two hosts poll one queue; no leases; any 3 troubles", 25),
    safety("hosts-pair", "hosts",
           ["MESSAGES=2", "TROUBLES=1", "COUNT_LINES"],
           "the same, with two messages; any trouble", 25),
    safety("lease-1", "lease", ["TTL=2", "TROUBLES=1"],
           "leases of two hosts; any trouble", 25),
    safety("lease-3", "lease", ["TTL=3", "TROUBLES=0"],
           "the same, no trouble, longer leases", 25),
    safety("lease-paused", "lease", ["TTL=2", "TROUBLES=1", "CAN_PAUSE=1"],
           "the same, or a host is suspended", 25),
    safety("lease-paused-2", "lease",
           ["TTL=2", "TROUBLES=2", "CAN_PAUSE=1", "HAS_OPERATOR=0",
            "HAS_LATE=0"],
           "suspended hosts and lost responses; any 2 of these", 26),
    safety("lease-stopped", "lease",
           ["TTL=2", "HAS_TIME=0", "TROUBLES=1", "CAN_PAUSE=1", "COUNT_LINES"],
           "moves, in no time, or a host is suspended"),
    safety("lease-moves-2", "lease", ["TTL=2", "HAS_TIME=0", "TROUBLES=2"],
           "moves of a slot, in no time; any 2 troubles", 25),
    Run("lane-ends", "lane", LANE, "cycles", None, 25,
        "no cycles: every run of an outlet ends"),
] + SHORT
RUNS = {run.name: run for run in FULL}

STEPS_HEAD = """\
/* Each distinct step that the models take, for test/unit/test_model.c to take
 * in C. Written by `make model-steps`; record.h explains the columns. */
"""

# The runs whose steps go into steps.h: every step that the code could take
# differently.
STEPS = {"delivery-pair", "lifecycle", "server-2", "lane-2", "lane-bad",
         "hosts-1", "lease-time", "lease-moves"}

TWO = RUNS["delivery-1"]._replace(defines=["TROUBLES=2"])


def uncounted(run):
    """Without counting lines, which takes most of the time of a short run."""
    return run._replace(defines=[d for d in run.defines if d != "COUNT_LINES"])


MUTANTS = {
    **dict.fromkeys([
        "ACCEPT_BEFORE_COMMIT", "CONFIRMED_IN_MEMORY", "CONFIRMS_ALL",
        "DROPPED_IS_KNOWN", "EMPTY_CONFIRMS_NOTHING", "GIVEN_UP_IS_CONFIRMED",
        "LATE_NOT_COMPARED", "LEFTOVERS_FORGOTTEN", "NOT_COMPARED",
        "REEVALUATED", "REPEATS_NOT_COMPARED", "STALE_TOKEN",
        "START_CONFIRMED", "UNKNOWN_IS_FAILURE"], TWO),
    **dict.fromkeys([
        "OLD_TOKEN_HAS_TURNS", "RESUMES_REMOVED", "SECOND_TOKEN"],
        RUNS["lifecycle"]),
    "PAUSE_IS_FORGOTTEN": RUNS["lifecycle-removed"],
    "MARKS_FOR_EVER": RUNS["lifecycle-stopped"],
    **dict.fromkeys([
        "DOWN_SENDS", "PROBES_AT_ONCE", "UNPROVEN_AT_ONCE"],
        RUNS["server-2"]),
    "PROVEN_WITHOUT_END": RUNS["server-logins"],
    **dict.fromkeys([
        "BUDGET_STOPS_MARKS", "PROVER_FOR_EVER"], RUNS["server-polls_0"]),
    "UNFAIR_LINE": RUNS["server-polls_1"],
    **dict.fromkeys([
        "BLOCKED_STOPS_ALL", "BURIED_AT_ONCE", "BURIED_WHILE_BROKEN",
        "DOUBTS_ARE_FORGOTTEN", "OVERTAKES", "PROVEN_IS_BURIED",
        "RECALLED_BEFORE_SAVED", "RECALL_IS_NOT_VOID", "SAVED_BEFORE_SENT",
        "SAVES_ALL", "SETTLED_BEFORE_DELIVERED", "SKIP_IS_NOT_SAVED",
        "TWO_PROBES", "UNKNOWN_SAVE_IS_FORGOTTEN", "WAITING_IS_PASSED",
        "WOKEN_IS_FORGOTTEN"],
        RUNS["lane-3"]._replace(defines=LANE)),
    **dict.fromkeys(["STATE_NOT_COMPARED", "LATE_MARK_IS_HARMLESS"],
                    RUNS["hosts-3"]._replace(defines=["MESSAGES=1",
                                                      "TROUBLES=2"])),
    **dict.fromkeys([
        "COUNTED_FROM_RESPONSE", "DESIRED_IS_EFFECTIVE", "EXPIRY_IS_IGNORED",
        "HANDED_OVER_TOO_EARLY", "KEEPS_WHAT_IT_LOST"],
        uncounted(RUNS["lease-time"])),
    **dict.fromkeys(["EXPIRY_FORGETS_HAND_OVER", "LEAVES_AT_WORK"],
                    RUNS["lease-1"]),
    "CACHED_TIME": RUNS["lease-paused"],
    "TERM_NOT_COMPARED": RUNS["lease-paused-2"],
}


# -- One run ------------------------------------------------------------------

def compile_run(run, folder, breadth_first):
    """Compiles the model into spin's verifier, in a separate folder."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    megabytes = MEGABYTES_EACH * (4 if breadth_first else 1)  # it keeps more
    # -o3 keeps spin from merging statements, so that each is counted.
    apart = ["-o3"] if "COUNT_LINES" in run.defines else []
    subprocess.run(
        ["spin", "-a", *apart, *[f"-D{d}" for d in run.defines],
         os.path.join(HERE, run.model + ".pml")],
        cwd=folder, check=True, stdout=subprocess.DEVNULL)
    flags = {"safety": ["-DSAFETY", "-DNOCLAIM"], "cycles": ["-DNP"],
             "claim": ["-DNFAIR=4"]}[run.kind]
    flags += ["-DNOREDUCE"] if run.kind != "claim" else []
    # Optimising takes longer than a short search.
    optimisation = "-O2" if run.bits > 24 else "-O0"
    flags += ["-DBFS"] if breadth_first and run.kind == "safety" else []
    subprocess.run(
        ["gcc", "-w", optimisation, *flags, f"-DMEMLIM={megabytes}",
         "-I", HERE, "-o", "pan", "pan.c"], cwd=folder, check=True)


def pan_arguments(run):
    return (["-m2000000", f"-w{run.bits}"]
            + {"safety": [], "cycles": ["-l"],
               "claim": ["-a", "-f", "-N", run.claim]}[run.kind])


def number(pattern, text):
    found = re.findall(pattern, text, re.M)
    return float(found[-1]) if found else -1


MEANINGS = {
    "one&owed": "a message is marked that was not stored since it was sent",
    "was_paused||": "two tokens of one queue are outstanding",
    "owner==me": "a host acts that does not own the slot",
    "(owed|owed_by_memory)": "a message is marked that was not stored since "
                             "it was sent",
    "may_store": "a message is stored once more than it was sent",
    "told_durably)": "a stored message is forgotten and not confirmed",
    "~(unwanted))==0)) ?": "in the end, a lane is neither complete nor held",
    "~(may_repeat)": "a message is sent twice without a reason",
    "~(l[who].doubts)": "a message overtakes an earlier one of its lane",
    "~(convicted)": "a dead letter, though the outlet may be the cause",
    "~(((confirmed|given_up)|unwanted)))==0": "progress passes a message that "
                                              "is not done",
}


def error_of(output, code):
    """What is wrong with the run, or ''. A search that ended at a limit proves
    nothing."""
    found = re.search(r"^pan:\d+: (.*)$", output, re.M)
    if found:
        meaning = [words for part, words in MEANINGS.items()
                   if part in found.group(1)]
        return ": ".join([*meaning[:1], found.group(1)])[:160]
    for line in ("Search not completed", "max search depth too small",
                 "out of memory", "memory limit", "hash table full",
                 "bit statespace", "Bit statespace"):
        if line in output:
            return f"not exhaustive: {line}"
    if "errors: 0" not in output or code != 0:
        return f"exit code {code}: {output[-300:]}"
    return ""


def trace_of(run, folder):
    trail = [name for name in os.listdir(folder) if name.endswith(".trail")]
    if not trail:
        return []
    claimed = ["-N", run.claim] if run.kind == "claim" else []
    done = subprocess.run(["./pan", *claimed, "-r", trail[0]], cwd=folder,
                          text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    return [line for line in done.stdout.splitlines()
            if line.startswith("| ") or "START OF CYCLE" in line]


def execute(run, build, breadth_first=False):
    folder = os.path.abspath(os.path.join(build, "model", run.name))
    compile_run(run, folder, breadth_first)
    record = os.path.join(folder, "record")
    start = time.monotonic()
    done = subprocess.run(["./pan", *pan_arguments(run)], cwd=folder, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env=dict(os.environ, MODEL_RECORD=record),
                          check=False)
    seconds = time.monotonic() - start
    error = error_of(done.stdout, done.returncode)
    with open(record, encoding="ascii") as file:
        recorded = file.read().splitlines()
    lines = (lines_of(folder, done.stdout) if "COUNT_LINES" in run.defines
             else {})
    return Result(run, error, int(number(r"^\s*(\S+) states, stored",
                                         done.stdout)),
                  int(number(r"depth reached (\d+)", done.stdout)), seconds,
                  number(r"^\s*(\S+)\s+total actual memory", done.stdout),
                  trace_of(run, folder) if error else [], recorded, lines)


# -- Lines that were reached --------------------------------------------------

def arrays_of(text, name):
    """spin's tables of that name, by the number of the process."""
    found = re.findall(rf"{name}(\d+) \[\] = \{{(.*?)\}};", text, re.S)
    return {int(n): body for n, body in found}


def lines_of(folder, output):
    """Returns for each statement whether it was reached. An inline is copied to
    every place that uses it: the copies count as one statement, known by its
    line and its place in that line."""
    with open(os.path.join(folder, "pan.c"), encoding="ascii") as file:
        text = file.read()
    names = re.search(r"char \*procname\[\] = \{(.*?)\};", text, re.S)
    names = re.findall(r'"([^"]*)"', names.group(1))
    unreached = collections.defaultdict(dict)
    for part in re.split(r"unreached in ", output)[1:]:
        name = part.split("\n", 1)[0].split()[-1]
        for state, what in re.findall(r'state (\d+), "(.*)"', part):
            unreached[name.strip(":")][int(state)] = what
    lines = {}
    starts = arrays_of(text, "short src_ln")
    files = arrays_of(text, "S_F_MAP src_file")
    ignored = arrays_of(text, "uchar reached")
    for n, body in starts.items():
        numbers = [int(x) for x in re.findall(r"\d+", body)]
        skipped = [int(x) for x in re.findall(r"\d+", ignored[n])]
        parts = [(os.path.basename(path), int(first), int(last)) for
                 path, first, last in re.findall(
                     r'\{ "([^"]*)", (\d+), (\d+) \}', files[n])]
        mine = unreached[names[n].strip(":")]
        for path, first, last in parts:
            if not path.endswith(".pml"):
                continue
            place = 0
            for state in range(first, last + 1):
                place = (place + 1 if state > first and
                         numbers[state] == numbers[state - 1] else 0)
                if skipped[state] or mine.get(state) in UNREACHED_ALLOWED:
                    continue
                key = (path, numbers[state], place)
                lines[key] = lines.get(key, False) or state not in mine
    return lines


def unreached_lines(results):
    reached = {}
    for result in results:
        for key, value in result.lines.items():
            reached[key] = reached.get(key, False) or value
    return sorted({key[:2] for key, value in reached.items()
                   if not value}), reached


# -- Edges and steps ----------------------------------------------------------

def table_edges():
    with open(os.path.join(HERE, "table.h"), encoding="ascii") as file:
        return set(re.findall(r"^((?:QUEUE|SERVER|LANE)_EDGE\(\w+, \w+\))$",
                              file.read(), re.M))


def steps_of(results):
    return sorted({line for result in results if result.run.name in STEPS
                   for line in result.record if "_EDGE(" not in line})


def steps_known():
    with open(os.path.join(HERE, "steps.h"), encoding="ascii") as file:
        return [line for line in file.read().splitlines() if "_" in line[:9]
                and line[0].isupper()]


def write_steps(steps):
    names = sorted({step.split("(")[0] for step in steps})
    with open(os.path.join(HERE, "steps.h"), "w", encoding="ascii") as file:
        file.write(STEPS_HEAD)
        for name in names:
            file.write(f"#ifndef {name}\n#define {name}(...)\n#endif\n")
        file.write("".join(step + "\n" for step in steps))
        file.write("".join(f"#undef {name}\n" for name in names))


def faults_of(results):
    """What is wrong with the runs as a whole."""
    table = table_edges()
    taken = {line for result in results for line in result.record
             if "_EDGE(" in line}
    for edge in sorted(table - taken):
        yield f"never taken: {edge}"
    for edge in sorted(taken - table):
        yield f"not in table.h: {edge}"
    lines, _ = unreached_lines(results)
    for path, line in lines:
        yield f"never reached: test/model/{path}:{line}"
    steps, known = set(steps_of(results)), set(steps_known())
    if steps != known:
        yield (f"steps.h: {len(steps - known)} steps are missing, "
               f"{len(known - steps)} are not taken: run `make model-steps`")


# -- Reports ------------------------------------------------------------------

def run_all(runs, build):
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        return list(pool.map(lambda run: execute(run, build), runs))


def report(results):
    print(f"{'model':19} {'states':>9} {'errors':>6} {'depth':>7} "
          f"{'time':>6} {'memory':>7}  what was checked")
    for r in results:
        print(f"{r.run.name:19} {r.states:9} {1 if r.error else 0:6} "
              f"{r.depth:7} {r.seconds:5.1f}s {r.megabytes:4.0f} MB  "
              f"{r.run.what}")
    for r in results:
        if r.error:
            print(f"\n{r.run.name}: {r.error}", *r.trace, sep="\n")


def check(runs, build, is_writing):
    start = time.monotonic()
    results = run_all(runs, build)
    if is_writing:
        write_steps(steps_of(results))
    report(results)
    faults = list(faults_of(results))
    print("\n".join(faults))
    errors = sum(1 for r in results if r.error)
    edges = {line for r in results for line in r.record if "_EDGE(" in line}
    lines = unreached_lines(results)[1]
    reached = f"{len(lines)} statements reached, " if lines else ""
    print(f"{sum(r.states for r in results)} states, {errors} errors; "
          f"{len(edges & table_edges())} of {len(table_edges())} edges taken, "
          f"{reached}"
          f"{len(steps_of(results))} steps for C to follow; "
          f"{time.monotonic() - start:.0f} s")
    return 0 if errors == 0 and not faults else 1


def mutant_run(name):
    run = MUTANTS[name]
    return run._replace(name=f"mutant-{name.lower()}",
                        defines=run.defines + [f"MUTANT_{name}"], what=name)


def check_mutants(build):
    results = run_all([mutant_run(name) for name in MUTANTS], build)
    caught = 0
    for r in results:
        is_caught = r.error and not r.error.startswith(("not exh", "exit code"))
        caught += bool(is_caught)
        print(f"{r.run.what:25} {'caught' if is_caught else 'MISSED'}: "
              f"{r.error}")
    print(f"{caught} of {len(results)} mutants caught")
    return 0 if caught == len(results) else 1


def show_mutant(name, build):
    result = execute(mutant_run(name), build, breadth_first=True)
    print(f"{name}: {result.error}", *result.trace, sep="\n")
    return 0 if result.trace else 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default="build")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--write-steps", action="store_true")
    parser.add_argument("--mutants", nargs="?", const="", metavar="NAME",
                        choices=["", *MUTANTS])
    args = parser.parse_args()
    if args.mutants:
        return show_mutant(args.mutants, args.build)
    if args.mutants is not None:
        return check_mutants(args.build)
    is_short = args.short or args.write_steps
    runs = [uncounted(run) for run in SHORT] if is_short else FULL
    return check(runs, args.build, args.write_steps)


if __name__ == "__main__":
    sys.exit(main())
