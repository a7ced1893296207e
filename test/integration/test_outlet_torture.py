"""Outlets whose counterparts die, while haplo-poll dies as well: a short run of
`make torture`."""
import pytest

import test_crash  # noqa: F401  it says where the next one is
import outlets

SEED = 4


# Nothing is lost on the way out, whoever dies, and a receiver can tell every
# repeat.
@pytest.mark.parametrize("kind", outlets.types_included())
def test_killed_again_and_again_an_outlet_loses_nothing(kind):
    plan = outlets.Plan(SEED, queues=10, messages=500, kills=4, falls=3)
    report = outlets.run(kind, plan, print)
    assert report["kills"] == 4 and report["falls"] > 0
    assert report["messages"] >= 500
