"""Runs the unit tests and the integration tests, several at a time.

A job is one unit test binary or one file of integration tests; nothing inside
a job runs in parallel. Each job has its own temporary folder, and the system
chooses the ports, so jobs do not interfere. Jobs that took longest last time
start first, and in a new build those that are known to be long.

The last line is "N passed, N failed". Exits with 1 if a test failed or none
was run.
"""
import argparse
import concurrent.futures
import fnmatch
import glob
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree

VALGRIND = ["valgrind", "--quiet", "--error-exitcode=99", "--leak-check=full",
            "--errors-for-leak-kinds=definite,indirect"]
# Replaces malloc(), as valgrind does.
NOT_UNDER_VALGRIND = ["test_sweep"]
SLOWEST_SHOWN = 15
# In the order in which a new build starts them; durations are measured later.
LONGEST = ["test_crash_steps.py", "test_inbox_outages",
           "test_outlet_torture.py", "test_postgres_hosts.py",
           "test_postgres_hosts_planned.py",
           "test_sweep", "test_postgres_faults.py", "test_nats.py",
           "test_kafka.py", "test_page.py", "test_files_outlet.py",
           "test_replay.py", "test_page_link.py", "test_key_commands.py",
           "test_log.py", "test_limits.py", "test_postgres_no_memory.py",
           "test_admin_hostile.py", "test_recovery.py",
           "test_postgres_replay.py", "test_run.py", "test_postgres_outlets.py",
           "test_crash.py", "test_trust.py", "test_webhook_replay.py",
           "test_simulation"]
OPTIONAL_TYPES = ["postgres", "kafka", "nats"]


class Job:
    """A program that runs tests and reports their number."""

    def __init__(self, name, command, env=None):
        self.name = name
        self.command = command
        self.env = env or {}
        self.passed = self.failed = 0
        self.seconds = 0.0
        self.tests = []  # (seconds, name) of each, where that is known
        self.output = ""

    def run(self):
        begin = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="haplo-test-",
                                         ignore_cleanup_errors=True) as folder:
            os.chmod(folder, 0o755)  # some tests run as another user
            done = subprocess.run(
                self.command + self.arguments(folder), check=False, text=True,
                env={**os.environ, **self.env, "TMPDIR": folder},
                errors="replace", stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            self.output = done.stdout
            self.count(done, folder)
        if self.failed == 0 and (done.returncode != 0 or self.passed == 0):
            self.failed = 1  # it crashed, or ran no test
        if self.failed > 0:
            self.output += f"{self.name}: exit code {done.returncode}\n"
        self.seconds = time.monotonic() - begin
        return self

    def arguments(self, folder):
        """Further arguments for its command."""
        return []

    def count(self, done, folder):
        """Sets passed and failed."""


class UnitJob(Job):
    """A cmocka binary, which prints TAP."""

    def __init__(self, binary, wrapper):
        env = {"CMOCKA_MESSAGE_OUTPUT": "TAP"}
        if wrapper:
            env["HAPLO_SIM_SEEDS"] = "20"  # the simulation takes its time
        super().__init__(os.path.basename(binary), wrapper + [binary], env)

    def count(self, done, folder):
        text = done.stdout
        self.passed = len(re.findall(r"^ok \d+", text, re.M))
        self.failed = len(re.findall(r"^not ok \d+", text, re.M))
        planned = sum(map(int, re.findall(r"^1\.\.(\d+)", text, re.M)))
        if self.passed + self.failed != planned:
            self.failed += 1  # it ended early


class IntegrationJob(Job):
    """A file of integration tests, run by pytest."""

    def __init__(self, path, build):
        super().__init__(
            os.path.basename(path),
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
             path],
            {"HAPLO_BUILD": os.path.abspath(build),
             "PYTHONDONTWRITEBYTECODE": "1"})

    def arguments(self, folder):
        return [f"--basetemp={folder}/pytest",
                f"--junit-xml={folder}/pytest.xml"]

    def count(self, done, folder):
        report = os.path.join(folder, "pytest.xml")
        if not os.path.exists(report):
            return
        suite = ElementTree.parse(report).getroot().find("testsuite")
        self.tests = [(float(case.get("time")), case.get("name"))
                      for case in suite.iter("testcase")]
        tests, skipped = int(suite.get("tests")), int(suite.get("skipped"))
        bad = int(suite.get("failures")) + int(suite.get("errors"))
        self.passed = tests - bad - skipped
        self.failed = bad + skipped  # a skipped test proves nothing


class NodeJob(Job):
    """A file of tests of the binding for Node.js, run by its test runner. An
    addon with AddressSanitizer needs its runtime in the process."""

    def __init__(self, path, build):
        env = {"HAPLO_BUILD": os.path.abspath(build)}
        addon = pathlib.Path(build, "bindings/node/haplopoll.node")
        if addon.exists() and b"__asan_init" in addon.read_bytes():
            env |= {"LD_PRELOAD": asan_runtime(),
                    "ASAN_OPTIONS": "detect_leaks=0"}
        super().__init__(os.path.basename(path),
                         ["node", "--test", "--test-reporter=tap", path], env)

    def count(self, done, folder):
        totals = dict(re.findall(r"^# (\w+) (\d+)$", done.stdout, re.M))
        self.passed = int(totals.get("pass", 0))
        # A test that was skipped, or left for later, proves nothing.
        self.failed = sum(int(totals.get(word, 0)) for word in (
            "fail", "cancelled", "skipped", "todo"))


def asan_runtime():
    return subprocess.run(["cc", "-print-file-name=libasan.so"], text=True,
                          check=True, stdout=subprocess.PIPE).stdout.strip()


def unit_jobs(build, patterns, valgrind):
    for binary in sorted(glob.glob(os.path.join(build, "test", "test_*"))):
        name = os.path.basename(binary)
        if not (os.path.isfile(binary) and os.access(binary, os.X_OK)):
            continue
        if valgrind and name in NOT_UNDER_VALGRIND:
            continue
        if any(fnmatch.fnmatch(name, pattern) for pattern in patterns):
            yield UnitJob(binary, VALGRIND if valgrind else [])


def is_left_out(build, path):
    """True for the tests of a type that the build does not include."""
    types = pathlib.Path(build, "types").read_text().split()
    return any(os.path.basename(path).startswith(f"test_{name}")
               for name in OPTIONAL_TYPES if name not in types)


def integration_jobs(build, paths):
    for path in paths:
        files = (sorted(glob.glob(os.path.join(path, "test_*.py")) +
                        glob.glob(os.path.join(path, "test_*.js")))
                 if os.path.isdir(path) else [path])
        for file in files:
            if file.endswith(".js"):
                yield NodeJob(file, build)
            elif not is_left_out(build, file):
                yield IntegrationJob(file, build)


def read_durations(path):
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return {}


def report(job):
    """Prints one line for each job, and its whole output if a test failed."""
    if job.failed > 0:
        print(job.output)
    for line in job.output.splitlines():
        if line.startswith("left out"):
            print(line)
    print(f"{job.name}: {job.passed} passed, {job.failed} failed "
          f"({job.seconds:.1f} s)", flush=True)


def order(jobs, durations):
    """Those known to be long, others of unknown duration, then those that took
    longest."""
    unknown = {name: 1e9 + len(LONGEST) - i for i, name in enumerate(LONGEST)}
    jobs.sort(key=lambda job: -durations.get(job.name,
                                             unknown.get(job.name, 1e9)))


def run_all(jobs, parallel):
    """Starts them in their order."""
    with concurrent.futures.ThreadPoolExecutor(parallel) as pool:
        running = [pool.submit(job.run) for job in jobs]
        for done in concurrent.futures.as_completed(running):
            report(done.result())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build")
    parser.add_argument("--unit-only", action="store_true")
    parser.add_argument("--valgrind", action="store_true")
    parser.add_argument("--unit", nargs="+", default=["test_*"],
                        help="patterns of unit tests' names")
    parser.add_argument("--integration", nargs="+",
                        default=["test/integration", "test/browser",
                                 "test/node", "test/python"],
                        help="files or folders")
    # Most integration tests wait more than they compute.
    parser.add_argument("--jobs", type=int,
                        default=len(os.sched_getaffinity(0)) + 4,
                        help="how many at once")
    args = parser.parse_args()

    begin = time.monotonic()
    jobs = []
    if not args.unit_only:
        jobs += integration_jobs(args.build, args.integration)
    jobs += unit_jobs(args.build, args.unit, args.valgrind)
    path = pathlib.Path(args.build, "test", "durations.json")
    durations = read_durations(path)
    order(jobs, durations)
    run_all(jobs, args.jobs)
    durations.update((job.name, round(job.seconds, 1)) for job in jobs)
    if jobs:
        path.write_text(json.dumps(durations, indent=1))

    jobs.sort(key=lambda job: -job.seconds)
    slowest = (f"{job.name} {job.seconds:.1f}" for job in jobs[:SLOWEST_SHOWN])
    print(f"slowest, in seconds: {', '.join(slowest)}")
    tests = sorted((test for job in jobs for test in job.tests), reverse=True)
    slowest = (f"{name} {seconds:.1f}"
               for seconds, name in tests[:SLOWEST_SHOWN])
    print(f"slowest tests: {', '.join(slowest)}")
    failed = [job.name for job in jobs if job.failed > 0]
    if failed:
        print(f"failed: {', '.join(failed)}")
    print(f"{len(jobs)} jobs, {args.jobs} at once, in "
          f"{time.monotonic() - begin:.0f} s")
    passed = sum(job.passed for job in jobs)
    print(f"{passed} passed, {sum(job.failed for job in jobs)} failed")
    return 0 if passed > 0 and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
