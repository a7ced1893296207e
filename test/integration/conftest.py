"""What all integration tests share."""
import os
import pathlib

import pytest

# One folder for all programs, when it is not build/. Set before sim is read.
if "HAPLO_BUILD" in os.environ:
    os.environ.setdefault(
        "HAPLO_SIM", str(pathlib.Path(os.environ["HAPLO_BUILD"], "haplo-sim"))
    )


@pytest.fixture
def poll_of():
    """Makes a Poll of a simulator; nothing that it started outlives the test,
    and nothing that it printed holds an API key."""
    from poll import Poll

    polls = []

    def make(sim):
        polls.append(Poll(sim))
        return polls[-1]

    yield make
    for poll in polls:
        poll.kill_all()
    for poll in polls:
        poll.check_no_key_was_printed()
