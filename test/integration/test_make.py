"""What the Makefile does for those who only build."""
import subprocess

from poll import RUN_S_MAX
from sim import ROOT


def test_plain_make_builds_and_installs_no_packages():
    """Whoever types `make` wants the programs, not root's package manager."""
    done = subprocess.run(
        ["make", "-n", "-B", "--no-print-directory", "BUILD=/nonexistent"],
        cwd=ROOT, capture_output=True, text=True, timeout=RUN_S_MAX)
    assert "LD haplo-poll" in done.stdout
    assert "apt-get" not in done.stdout


def test_one_target_builds_what_integration_tests_need():
    """A test that is run by hand must not try what was built last week."""
    done = subprocess.run(
        ["make", "-n", "-B", "--no-print-directory", "BUILD=/nonexistent",
         "test-programs"],
        cwd=ROOT, capture_output=True, text=True, timeout=RUN_S_MAX)
    for name in ("haplo-poll", "haplo-sim", "examples/own_database",
                 "inject/haplo-poll", "test/haplo-poll-picky",
                 "test/kafka-mock"):
        assert f"LD {name}" in done.stdout
    assert "-o /nonexistent/bindings/node/haplopoll.node" in done.stdout
    assert "-o /nonexistent/bindings/lua/5.1/haplopoll.so" in done.stdout
    for source in (ROOT / "test" / "integration").glob("*.c"):
        assert f"LD {source.stem}.so" in done.stdout
