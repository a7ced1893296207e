"""Several hosts on one PostgreSQL that come and go as planned."""
import test_crash  # noqa: F401  it says where the next one is
import hosts
from hosts_plan import Plan

SEED = 17
PLANNED = ("come", "leave", "drain")


# Hosts come and go all the time; receivers should not have to notice.
def test_planned_moves_repeat_nothing():
    plan = Plan(SEED, faults=6, ttl_s=300, renewal_s=0.3, apps=20, gap_s=0.6,
                kinds=PLANNED)
    figures = hosts.run(plan, False, print)
    assert figures["faults"] > 0 and figures["slot_moves"] > 1024
    assert figures["stale"] == figures["repeats"] == 0
