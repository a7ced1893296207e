"""Faults of hosts that share the servers; see mutant_table.py."""

FLEET = "src/fleet/fleet.c"
POLLER = "src/poller/poller.c"
QUEUES = "src/daemon/gather/gather_queues.c"
SLOTS = "src/daemon/gather/gather_slots.c"

MUTANTS = [
    ("fleet-cached-time",
     "the deadline is compared with the time that the loop remembers",
     POLLER,
     "           boot_clock_ms() < poller->deadline_ms;\n",
     "           uv_now(poller->loop) < poller->deadline_ms;\n"),
    ("fleet-deadline-from-response",
     "the deadline counts from the response, and not from the request",
     FLEET,
     "    fleet->is_asking = false;\n    if (!reply->is_member) {\n",
     "    fleet->is_asking = false;\n    fleet->asked_ms = now_ms;\n"
     "    if (!reply->is_member) {\n"),
    ("fleet-desired-is-effective",
     "a host works on the slots that it should have",
     FLEET,
     "    bool is_own = fleet->slots[slot].owner == fleet->self;\n",
     "    bool is_own = fleet->desired[slot] == fleet->self;\n"),
    ("fleet-hand-over-before-drain",
     "a slot is handed over while it is still drained",
     FLEET,
     "        bool is_drained = fleet->slot_states[slot] == "
     "FLEET_SLOT_DRAINED;\n",
     "        bool is_drained = fleet->slot_states[slot] >= "
     "FLEET_SLOT_DRAINING;\n"),
    ("fleet-states-not-loaded",
     "the states of queues that come to a host are not loaded",
     SLOTS,
     "    if (!slot->is_loaded && !LIST_EMPTY(&slot->servers)) {\n",
     "    if (slot->is_loaded && !LIST_EMPTY(&slot->servers)) {\n"),
    ("fleet-server-added-twice",
     "a server that has not left the poller yet is added again",
     QUEUES,
     "        server->server == NULL\n            ? gather_queues_add_server(",
     "        server != NULL\n            ? gather_queues_add_server("),
    ("fleet-deadline-while-losing",
     "requests begin while slots are lost",
     "src/daemon/fleet/fleet_host.c",
     "    hold_back(host);\n    fleet_replied(",
     "    fleet_replied("),
]
