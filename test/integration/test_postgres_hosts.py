"""Several hosts on one PostgreSQL, while they, it and the network fail: a short
run of `make torture-hosts`."""
import test_crash  # noqa: F401  it says where the next one is
import hosts
from hosts_plan import Plan

SEED = 16


# That no message is lost or stored twice must not depend on anything that the
# hosts agree on: storing is a compare-and-set.
def test_hosts_that_know_nothing_of_each_other_store_each_message_once():
    plan = Plan(SEED, faults=10, ttl_s=0.5, apps=10, has_leases=False,
                gap_s=0.2)
    figures = hosts.run(plan, False, print)
    assert figures["faults"] > 0 and figures["stale"] > 0


# Whatever fails, each queue has one owner at a time, and never none for long.
def test_a_fleet_polls_each_queue_once_while_everything_fails():
    plan = Plan(SEED, faults=13, ttl_s=2, apps=20, gap_s=0.5)
    figures = hosts.run(plan, True, print)
    assert figures["faults"] > 0 and figures["slot_moves"] > 0
