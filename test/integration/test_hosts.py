"""Several hosts on one PostgreSQL, while they, it and the network fail: a short
run of `make torture-hosts`."""
import pytest

import test_crash  # noqa: F401  it says where the next one is
import hosts
from hosts_plan import Plan

SEED = 16


# That no message is lost or stored twice must not depend on anything that the
# hosts agree on: storing is a compare-and-set.
@pytest.mark.parametrize("has_bouncer", [False, True],
                         ids=["direct", "PgBouncer"])
def test_hosts_that_know_nothing_of_each_other_store_each_message_once(
        has_bouncer):
    plan = Plan(SEED, faults=10, ttl_s=0.5, apps=10, has_leases=False,
                gap_s=0.2)
    figures = hosts.run(plan, has_bouncer, print)
    assert figures["faults"] > 0 and figures["stale"] > 0
