"""The plan of a run with several hosts, derived from one seed: what fails, and
when."""
import collections
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
    def __init__(self, seed, faults, ttl_s, apps=60, queues=3, has_leases=True,
                 gap_s=1.2):
        self.seed = seed
        self.faults = faults
        self.ttl_s = ttl_s
        self.apps = apps
        self.queues = queues
        self.has_leases = has_leases
        self.gap_s = gap_s
        self.random = random.Random(seed)

    def kinds(self):
        weights = WEIGHTS | (WEIGHTS_OF_FLEET if self.has_leases else {})
        return list(weights), list(weights.values())

    def make(self, hosts):
        """Yields the faults. Every kind comes once before any is drawn."""
        kinds, weights = self.kinds()
        first = self.random.sample(kinds, len(kinds))
        for number in range(self.faults):
            kind = (first[number] if number < len(first) else
                    self.random.choices(kinds, weights)[0])
            yield Fault(kind, self.random.randrange(hosts),
                        self.random.uniform(0, 2 * self.gap_s),
                        self.random.uniform(0.1, 2), self.random.random())
