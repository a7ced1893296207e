"""The whole program with an inbox in PostgreSQL, short of memory at each of its
own allocations, and at those of libpq."""
import no_memory
import pytest
from sim import Sim

LIMIT = "2s"  # libpq may wait for ever for what it had no memory for


# What is marked must be stored, whatever there was no room for: once, a state
# was committed without the messages that it stood for.
@pytest.mark.parametrize("asker, stride", [(no_memory.OURS, 4),
                                           (no_memory.OTHERS, 16)],
                         ids=["ours", "libpq"])
def test_an_allocation_that_fails_loses_nothing(
        postgres, poll_of, asker, stride):
    with Sim("--apps=1", "--queues=1", "--messages=2") as sim:
        poll = poll_of(sim)
        poll.config["outlets"] = [{"name": "out", "type": "files",
                                   "path": "out"}]
        postgres.prepare(poll, timeout=LIMIT)
        for failed in no_memory.sweep(poll, sim, stride, asker):
            assert poll.once(write=False).code == 0, failed
        assert poll.once(write=False).code == 0
        postgres.check_all_stored(sim)
