"""The whole program, short of memory at any moment of its life. All moments:
`make sweep`."""
import sys

from sim import ROOT

sys.path.insert(0, str(ROOT / "test" / "inject"))

from process_sweep import count, sweep  # noqa: E402

POINTS = 60


# Memory runs out when it runs out: also while libraries are being set up.
def test_an_allocation_that_fails_loses_nothing():
    total = count()
    found = sweep(range(1, total, max(1, total // POINTS)))
    assert sum(found.values()) > POINTS // 2
    assert found["exit code 0"] > 0  # it goes on without
    assert found["exit code 1"] + found["exit code 2"] > 0  # or says so
