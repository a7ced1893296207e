"""The whole program with an inbox in PostgreSQL, short of memory at each of its
own allocations."""
import os
import sys

from poll import run_program
from sim import ROOT, Sim

sys.path.insert(0, str(ROOT / "test" / "inject"))

from process_sweep import PROGRAM  # noqa: E402

OURS = 1  # allocations by haplo-poll itself: see ASKERS in test/inject/fault.h
STRIDE = 4


def once(poll, report, point):
    """One run in which this allocation fails; 0: none. Returns what failed or
    was counted, and how it ended."""
    report.write_text("")
    done = run_program(
        "-c", poll.path, "-q", "once", program=PROGRAM,
        env={**os.environ, "HAPLO_INJECT": f"memory:{point}:{OURS}",
             "HAPLO_INJECT_REPORT": str(report)})
    poll.printed.append(done.out + done.err)
    return report.read_text(), done


# What is marked must be stored, whatever there was no room for: once, a state
# was committed without the messages that it stood for.
def test_an_allocation_that_fails_loses_nothing(postgres, poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=2") as sim:
        poll = poll_of(sim)
        poll.config["outlets"] = [{"name": "out", "type": "files",
                                   "path": "out"}]
        postgres.prepare(poll)
        report = sim.dir / "report"
        counted, done = once(poll, report, 0)
        assert done.code == 0, done.err
        total = int(counted.split()[-1])
        assert total > 100
        for point in range(STRIDE, total, STRIDE):
            sim.script("message app1 q1 count=2")
            what, done = once(poll, report, point)
            assert done.code in (0, 1, 2, 3), (point, what, done)
            if done.code != 0:
                assert done.err, (point, what)
                assert poll.once(write=False).code == 0, (point, what, done)
        assert poll.once(write=False).code == 0
        postgres.check_all_stored(sim)
