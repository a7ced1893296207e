"""What is looked at while several hosts run, and what must be true of it in the
end; see hosts.py."""
import collections
import statistics

from outlets import check_arrived

# A stall of the machine explains what a pause would: see Stalls.
STALL_SHARE = 1 / 6  # of the time that a lease lasts


def percentile(values, share):
    """None if there are none."""
    ordered = sorted(values)
    return ordered[int(share * (len(ordered) - 1))] if ordered else None


class Record:
    def __init__(self, run):
        self.run = run
        self.plan = run.plan
        self.excused = collections.Counter()  # by what explains it

    # The inbox and the outlet

    def check_inbox(self):
        """Each message is stored once, in the order of its queue."""
        server, sim = self.run.server, self.run.sim
        server.check_all_stored(sim)
        order = collections.defaultdict(list)
        for app, queue, body in server.stored():
            order[app, queue].append(body.decode())
        for name, messages in sim.all_messages(exact=True).items():
            assert order[name] == [one["bytes"] for one in messages], name

    def check_outlet(self):
        """Each message has arrived, lane by lane in order; returns how many
        came again."""
        rows = self.run.server.sql("SELECT arrival, server, queue, "
                                   "encode(body, 'hex') FROM haplo.messages")
        stored = {int(arrival): (app, queue, bytes.fromhex(body))
                  for arrival, app, queue, body in rows}
        return check_arrived(stored, self.run.outlet.arrived())

    # The queues' owners

    def explain(self, host, begin, end):
        """What the plan or the machine has done to this host at that time, from
        which a lease cannot protect; None: nothing."""
        ttl_ms = self.plan.ttl_s * 1000
        if host.was_disturbed(begin - ttl_ms, end):
            return "host that was suspended or cut off"
        if max(self.run.stalls.delay_ms(name, begin - ttl_ms, end)
               for name in (host.name, "sim")) > STALL_SHARE * ttl_ms:
            return "machine that was busy"
        return None

    def excuse(self, what, explanations):
        for explanation in explanations:
            if explanation is not None:
                self.excused[what, explanation] += 1
                return True
        return False

    def check_tokens(self):
        """No two hosts have a token of one queue."""
        wrong = []
        for name, one, other in self.run.tokens.pairs:
            spans = sorted((one, other), key=lambda span: span.begin)
            if not self.excuse("two tokens", [
                    self.explain(span.host, span.begin, span.end)
                    for span in spans]):
                wrong.append((name, *map(str, spans)))
        assert not wrong, f"two tokens: {wrong[:5]}"

    def check_owners(self):
        """Whoever fetches or marks owns the slot, and may."""
        audit = self.run.audit
        audit.read()
        wrong = []
        for host, app, verb, begin in self.run.tokens.requests:
            fault = audit.fault_in(host.name, app, begin)
            if fault and not self.excuse("no owner", [
                    self.explain(host, begin, begin)]):
                wrong.append((host.name, app, verb, begin, fault))
        assert not wrong, f"not the owner: {wrong[:5]}"

    # Figures

    def takeovers_ms(self):
        """From a kill to the first fetch by another host."""
        found = []
        for host, when in self.run.faults.kills:
            for _, last, _, end, begin in self.run.tokens.moves:
                if last is host and end <= when + 1000 and begin > when and \
                        not self.was_started_since(host, when, begin):
                    found.append(begin - when)
        return found

    def was_started_since(self, host, when, until):
        return any(when < start < until for start in host.starts)

    def handovers_ms(self):
        """From the last request of one host to the first of the next, where
        nothing has failed."""
        ttl_ms = self.plan.ttl_s * 1000
        troubles = self.run.faults.outages + [
            [when, when] for _, when in self.run.faults.kills]
        return [begin - end for _, last, _, end, begin in self.run.tokens.moves
                if not last.was_disturbed(end - ttl_ms, begin, any_kind=True)
                and not any(since <= begin and until >= end - 2 * ttl_ms
                            for since, until in troubles)]

    def figures(self):
        run = self.run
        return {
            "seed": self.plan.seed, "faults": run.faults.counts.total(),
            "kinds": dict(run.faults.counts),
            "messages": int(run.server.value(
                "SELECT count(*) FROM haplo.stored")),
            "fetches": run.tokens.fetches, "marks": run.tokens.marks,
            "stale": sum(host.refused() for host in run.hosts),
            "restarts": run.restarts,
            "excused": dict(self.excused),
            "takeovers_ms": self.takeovers_ms(),
            "handovers_ms": self.handovers_ms(),
            "slot_moves": run.audit.moves if run.audit else 0,
        }


def times(values):
    """In seconds: the median, the 99th percentile and the longest."""
    if not values:
        return "none"
    parts = statistics.median(values), percentile(values, 0.99), max(values)
    return (" / ".join(f"{value / 1000:.2f}" for value in parts)
            + f" s ({len(values)})")


def lines_of(figures, repeats):
    """What is printed."""
    yield (f"  {figures['faults']} faults: " + ", ".join(
        f"{kind} {count}" for kind, count in sorted(figures["kinds"].items())))
    yield (f"  {figures['messages']} messages, {figures['fetches']} fetches, "
           f"{figures['marks']} marks; lost 0, stored twice 0; "
           f"{figures['stale']} commits were refused since another host had "
           "stored the batch")
    if repeats is None:
        return
    yield (f"  two tokens of a queue 0, requests by another than the owner 0; "
           + (", ".join(f"besides {count} of {what} due to a {why}"
                        for (what, why), count
                        in sorted(figures["excused"].items()))
              or "none to be explained"))
    yield (f"  {figures['slot_moves']} moves of slots; median / p99 / longest:"
           f" takeover {times(figures['takeovers_ms'])}, planned hand-over "
           f"{times(figures['handovers_ms'])}")
    yield f"  the outlet: in order, {repeats} repeats"
