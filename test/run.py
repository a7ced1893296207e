"""Runs the unit tests and the integration tests, and counts them.

The last line is "N passed, N failed". Exits with 1 if one failed or if none
was run.
"""
import argparse
import fnmatch
import glob
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

VALGRIND = ["valgrind", "--quiet", "--error-exitcode=99", "--leak-check=full",
            "--errors-for-leak-kinds=definite,indirect"]
# It brings a malloc() that fails; valgrind would put its own in that place.
NOT_UNDER_VALGRIND = ["test_sweep"]


def run_unit(binary, wrapper):
    """One cmocka binary: counts its TAP lines. A crash is one failure."""
    name = os.path.basename(binary)
    env = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="TAP")
    if wrapper:
        env["HAPLO_SIM_SEEDS"] = "20"  # of the simulation: it takes its time
    done = subprocess.run(wrapper + [binary], env=env, text=True,
                          errors="replace", stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    passed = len(re.findall(r"^ok \d+", done.stdout, re.M))
    failed = len(re.findall(r"^not ok \d+", done.stdout, re.M))
    planned = sum(int(n) for n in re.findall(r"^1\.\.(\d+)", done.stdout, re.M))
    if done.returncode != 0 and failed == 0 or passed + failed != planned:
        failed += 1
    if failed > 0 or passed == 0:
        print(done.stdout)
        print(f"{name}: exit code {done.returncode}")
        failed = max(failed, 1)
    print(f"{name}: {passed} passed, {failed} failed", flush=True)
    return passed, failed


def run_integration(build, files):
    report = os.path.join(build, "pytest.xml")
    if os.path.exists(report):
        os.remove(report)
    env = dict(os.environ, HAPLO_BUILD=os.path.abspath(build),
               PYTHONDONTWRITEBYTECODE="1")
    subprocess.run([sys.executable, "-m", "pytest", "-q", "-p",
                    "no:cacheprovider", "--durations=10",
                    f"--junit-xml={report}", *files],
                   env=env, check=False)
    if not os.path.exists(report):
        return 0, 1
    suite = ElementTree.parse(report).getroot().find("testsuite")
    tests, skipped = int(suite.get("tests")), int(suite.get("skipped"))
    failed = int(suite.get("failures")) + int(suite.get("errors"))
    # A test that was skipped has shown nothing.
    return tests - failed - skipped, failed + skipped


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default="build")
    parser.add_argument("--unit-only", action="store_true")
    parser.add_argument("--valgrind", action="store_true")
    parser.add_argument("--unit", nargs="+", default=["test_*"],
                        help="patterns of unit tests' names")
    parser.add_argument("--integration", nargs="+",
                        default=["test/integration"], help="files")
    args = parser.parse_args()

    passed = failed = 0
    for binary in sorted(glob.glob(os.path.join(args.build, "test", "test_*"))):
        name = os.path.basename(binary)
        if args.valgrind and name in NOT_UNDER_VALGRIND or not any(
                fnmatch.fnmatch(name, pattern) for pattern in args.unit):
            continue
        if os.access(binary, os.X_OK) and os.path.isfile(binary):
            result = run_unit(binary, VALGRIND if args.valgrind else [])
            passed, failed = passed + result[0], failed + result[1]
    if not args.unit_only:
        result = run_integration(args.build, args.integration)
        passed, failed = passed + result[0], failed + result[1]
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 and passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
