"""Tests the package of the addon for Node on nodes that are not Debian's.

    make test-node [NODE_MAJORS="16 24"] [NODE_LONG=1]

For each major, in an empty directory: the tarball is installed without a
compiler. Then the scripts of this folder run with what was installed, and the
tests of the folder above, where the major's test runner knows what they use.

500 workers are terminated, on all majors together; with NODE_LONG on each of
them, and Node's own HTTPS runs next to the poller's for a minute.

The last line is "N passed, N failed". Exits with 1 if something failed.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from programs import MAJORS, Unavailable, install

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path.insert(0, str(ROOT / "test" / "integration"))

STATES = ["delivering", "fetching", "connecting", "marking", "idle", "closing"]
WORKERS, LONG_S = 500, 60
TEST_RUNNER_SINCE = 18  # whose test runner knows all that the tests use
OF_THE_SOURCE = ["test_package.js"]  # installs that, with a compiler
SQLITE_SINCE = 22  # which brings node:sqlite
POLLED = 200       # messages
BROUGHT = ("libcurl", "libssl", "libcrypto", "libuv", "libhaplopoll", "libyajl")
TEST_S_MAX = 600   # only a test that hangs takes so long
AT_ONCE = 2        # majors
SCENARIO = f"""
set running-max=4096
app plain
app tls tls
queue plain q5 messages={POLLED}
queue tls q1 messages=16
queue tls q2
queue tls q3 messages=16
queue tls q4
queue tls q5 messages={POLLED}
queue tls q6 messages=320
queue tls q7 messages=200000
queue tls q8 messages=200000
fault app=tls queue=q2 on=fetch do=stall times=0
fault app=tls queue=q3 on=mark do=stall times=0 done=no
"""


class Node:
    """A major, with the package installed in a directory of its own."""

    def __init__(self, major, program, folder):
        self.major = major
        self.program = program
        self.folder = folder
        self.package = folder / "node_modules" / "haplopoll"
        self.environment = {}

    def run(self, *command):
        """What it printed, and its status."""
        done = subprocess.run(
            [str(word) for word in command], check=False, text=True,
            cwd=self.folder, env=self.environment, timeout=TEST_S_MAX,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, errors="replace")
        return done.stdout, done.returncode

    def script(self, *arguments, status=0, says=""):
        """Runs one of the scripts. Raises AssertionError if it does not end
        with this status, or does not say this."""
        name, *rest = arguments
        said, ended = self.run(self.program, HERE / name, *rest)
        assert ended == status, f"exit code {ended}\n{said}"
        assert says in said, said
        return said.strip().split("\n")[-1]


def install_package(node, tarball):
    """Without a compiler: npm, node and a shell are all that can be found. The
    npm is the machine's, as those of the majors do not come with them."""
    programs = node.folder / "bin"
    programs.mkdir()
    npm = os.path.realpath(shutil.which("npm"))
    for name in ("node", "sh"):
        (programs / name).symlink_to(os.path.realpath(shutil.which(name)))
    node.environment = {"PATH": str(programs), "HOME": str(node.folder)}
    said, status = node.run("node", npm, "install", "--offline", "--no-audit",
                            "--no-fund", tarball.resolve())
    assert status == 0, said
    said, status = node.run(
        node.program, "-p", "require('haplopoll');"
        "require('fs').readFileSync('/proc/self/maps', 'utf8')")
    loaded = sorted({pathlib.Path(line.split()[-1]).name
                     for line in said.split("\n") if "/" in line})
    assert status == 0 and "haplopoll.node" in loaded, said
    # It brings all but the C library.
    assert not [name for name in loaded if name.startswith(BROUGHT)], loaded
    return ", ".join(loaded)


def own_tests(node, path):
    """A file of tests that `make test` runs with the addon of the build."""
    environment, node.environment = node.environment, {
        **os.environ, "HAPLO_PACKAGE": str(node.package)}
    try:
        said, status = node.run(node.program, "--test",
                                "--test-reporter=tap", path)
    finally:
        node.environment = environment
    assert status == 0, said
    return " ".join(re.findall(r"^# (?:pass|fail) \d+", said, re.M))


def own_database(node):
    """The example is killed again and again."""
    path = ROOT / "test" / "integration" / "test_node_own_database.py"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
         f"--basetemp={node.folder / 'pytest'}", path], check=False, text=True,
        timeout=TEST_S_MAX, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, env={
            **os.environ, "HAPLO_PACKAGE": str(node.package),
            "HAPLO_NODE": str(node.program), "HAPLO_NODE_SQLITE": "node:sqlite"})
    assert done.returncode == 0, done.stdout
    return done.stdout.strip().split("\n")[-1]


def tests_of(node, tarball, sim, counts):
    """Yields the names of the tests and functions that run them."""
    yield "installation", lambda: install_package(node, tarball)
    for app in ("plain", "tls"):
        yield f"polling, {app}", lambda app=app: node.script(
            "polling.js", app, "q5", POLLED)
        yield f"all of it is marked, {app}", \
            lambda app=app: all_marked(sim, app)
    yield "HTTPS by Node and by the poller", lambda: node.script(
        "together.js", counts["seconds"])
    for name in ("thrown", "rejected", "marked", "drained", "event"):
        yield f"exception: {name}", lambda name=name: node.script(
            "exceptions.js", name)
    yield "exception: fatal", lambda: node.script(
        "exceptions.js", "fatal", status=1, says="Error: fatal")
    for state in STATES:
        for when in ("inside", "later"):
            yield f"process.exit(): {state}, {when}", \
                lambda state=state, when=when: node.script(
                    "exit.js", state, when, status=7)
    yield "worker.terminate()", lambda: node.script(
        "workers.js", counts["workers"])
    if node.major >= TEST_RUNNER_SINCE:
        for path in sorted(HERE.parent.glob("test_*.js")):
            if path.name in OF_THE_SOURCE:
                continue
            yield path.name, lambda path=path: own_tests(node, path)
    if node.major >= SQLITE_SINCE:
        yield "own_database.js with node:sqlite", lambda: own_database(node)


def all_marked(sim, app):
    assert sim.unread(app, "q5") == 0, sim.queue_stats(app, "q5")


def run_tests(node, tests, say):
    """The numbers of tests that passed and failed."""
    passed = failed = 0
    for name, test in tests:
        begin = time.monotonic()
        try:
            told = test()
            passed += 1
        except (AssertionError, OSError, subprocess.TimeoutExpired) as error:
            told = f"FAILED: {error}"
            failed += 1
        say(f"  node {node.major}: {name}: {told or 'passed'} "
            f"({time.monotonic() - begin:.1f} s)")
    return passed, failed


def run_major(major, options, counts, say):
    from sim import Sim  # finds its program when it is imported
    try:
        program = install(major, options.build / "node" / "majors")
    except Unavailable as error:
        say(f"  node {major}: FAILED: it cannot be had: {error}")
        return 0, 1
    with tempfile.TemporaryDirectory(prefix="haplo-node-") as folder, \
            socket.create_server(("127.0.0.1", 0), backlog=4096) as silent, \
            Sim(scenario=SCENARIO) as sim:
        node = Node(major, program.resolve(), pathlib.Path(folder))
        tests = tests_of(node, options.package, sim, counts)
        name, test = next(tests)
        passed, failed = run_tests(node, [(name, test)], say)
        if failed == 0:
            urls = {app: sim.url(app) for app in ("plain", "tls")}
            urls["silent"] = f"https://127.0.0.1:{silent.getsockname()[1]}"
            node.environment |= {
                "HAPLO_PACKAGE": str(node.package),
                "HAPLO_SIM": json.dumps({"dir": str(sim.dir), "urls": urls})}
            more = run_tests(node, tests, say)
            passed, failed = passed + more[0], failed + more[1]
    return passed, failed


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--build", type=pathlib.Path, default="build")
    options.add_argument("--package", type=pathlib.Path, required=True)
    options.add_argument("--long", action="store_true")
    options.add_argument("majors", type=int, nargs="*")
    options = options.parse_args()
    os.environ["HAPLO_BUILD"] = str(options.build.resolve())
    majors = options.majors or list(MAJORS)
    counts = {"workers": WORKERS if options.long
              else -(-WORKERS // len(majors)),
              "seconds": LONG_S if options.long else 0}

    def say(line):
        print(line, flush=True)

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        results = list(pool.map(
            lambda major: run_major(major, options, counts, say), majors))
    passed = sum(result[0] for result in results)
    failed = sum(result[1] for result in results)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
