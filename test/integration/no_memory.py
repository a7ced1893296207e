"""haplo-poll short of memory at one allocation after the other."""
import os
import sys

from poll import run_program
from sim import ROOT

sys.path.insert(0, str(ROOT / "test" / "inject"))

from process_sweep import PROGRAM  # noqa: E402

# Whose allocations, as bits: see FAULT_ASKERS in test/inject/fault.h.
OURS = 1 << 0
OTHERS = 1 << 9  # of libraries without a name there, as libpq


def once(poll, report, asker, point):
    """One run in which this allocation fails; 0: none. Returns what failed or
    was counted, and how it ended."""
    report.write_text("")
    done = run_program(
        "-c", poll.path, "-q", "once", program=PROGRAM,
        env={**os.environ, "HAPLO_INJECT": f"memory:{point}:{asker}",
             "HAPLO_INJECT_REPORT": str(report)})
    poll.printed.append(done.out + done.err)
    return report.read_text(), done


def sweep(poll, sim, stride, asker=OURS):
    """Runs with two new messages each, in which one allocation after the other
    fails. Yields after each run that did not succeed."""
    report = sim.dir / "report"
    poll.write()
    counted, done = once(poll, report, asker, 0)
    assert done.code == 0, done.err
    total = int(counted.split()[-1])
    assert total > 100
    for point in range(stride, total, stride):
        sim.script("message app1 q1 count=2")
        what, done = once(poll, report, asker, point)
        assert done.code in (0, 1, 2, 3), (point, what, done)
        if done.code != 0:
            assert done.err, (point, what)
            yield point, what, done
