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
