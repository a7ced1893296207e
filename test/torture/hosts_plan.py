"""The plan of a run with several hosts, derived from one seed: what fails, and
when."""
import collections
import itertools
import random

Fault = collections.namedtuple("Fault", "kind host gap_s length amount")

# How often each kind is chosen. Those of the second list need leases.
WEIGHTS = {
    "kill": 5,            # SIGKILL, and started again at once
    "kill for long": 4,   # started again once others have taken its queues over
    "pause": 5,           # SIGSTOP for twice the time that a lease lasts
    "database restart": 2,
    "database crash": 2,  # immediate mode
    "sessions end": 2,
    "no database": 3,     # for one host; what it has sent arrives later, or never
    "no servers": 2,      # likewise
    "clock": 4,           # the wall clock of one host jumps
    "burst": 2,           # many messages at once
}
WEIGHTS_OF_FLEET = {
    "leave": 3,           # SIGTERM
    "come": 4,            # a host that was not there, or was drained
    "drain": 3,           # by an operator
}


class Plan:
    """kinds: only these."""

    def __init__(self, seed, faults, ttl_s, *, renewal_s=None, apps=60,
                 queues=3, has_leases=True, gap_s=1.2, kinds=None):
        self.seed = seed
        self.faults = faults
        self.ttl_s = ttl_s
        self.renewal_s = renewal_s or ttl_s / 6
        self.drain_s = 10 * self.renewal_s
        self.apps = apps
        self.queues = queues
        self.has_leases = has_leases
        self.gap_s = gap_s
        self.hosts = 4 if has_leases else 3
        self.weights = WEIGHTS | (WEIGHTS_OF_FLEET if has_leases else {})
        if kinds:
            self.weights = {kind: self.weights[kind] for kind in kinds}
        self.random = random.Random(seed)

    def make(self):
        """Yields faults without end, since some find nobody to strike. Every
        kind comes once before any is drawn."""
        kinds, weights = list(self.weights), list(self.weights.values())
        first = self.random.sample(kinds, len(kinds))
        for number in itertools.count():
            kind = (first[number] if number < len(first) else
                    self.random.choices(kinds, weights)[0])
            yield Fault(kind, self.random.randrange(self.hosts),
                        self.random.uniform(0, 2 * self.gap_s),
                        self.random.uniform(0.1, 2), self.random.random())
