"""The plan of a run, derived from one seed: the servers and their faults, and
for each round the messages that arrive, what fails, and how it ends."""
import random

# Timeouts of the victim. They are short, so that stalls cost little time.
TIMEOUT_MS = 300

# Attempts per mark. With one attempt, a fetch follows soon after a lost mark,
# and messages missing from its batch become leftovers.
MARK_ATTEMPTS = {"app1": 3, "app2": 1, "app3": 1, "app4": 2, "app5": 1,
                 "app6": 1}

# A second consumer polls these queues as well.
SHARED = (("app6", "q1"), ("app6", "q2"))

SERVERS = (
    "latency=1ms latency-jitter=6ms",
    "tls=yes latency-jitter=10ms edge=yes",
    "revision=2019 latency-jitter=4ms edge=yes",
    "revision=mid-2020 tls=yes ties=5",
    "ties=40 shuffle=yes latency-jitter=4ms",
    "ties=3 shuffle=yes latency=2ms limit=5",
)

FAULTS = (
    "on=fetch do=reset at=400",
    "on=fetch do=cut at=300",
    "on=fetch do=json-truncated",
    "on=fetch do=json-trailing",
    "on=fetch do=html",
    "on=fetch do=status code=500",
    "on=fetch do=length by=40",
    "on=fetch do=stall at=200",
    "on=fetch do=drip bytes=400 every=1ms",
    "on=fetch do=hang-up",
    "on=any do=delay for=60ms",
    "on=mark do=reset",
    "on=mark do=reset done=no",
    "on=mark do=cut at=20",
    "on=mark do=half-mark",
    "on=mark do=status code=500",
    "on=mark do=status code=502 done=yes",
    "on=mark do=html done=yes",
    "on=mark do=json-truncated",
    "on=mark do=stall",
    "on=mark do=stall done=no",
    "on=mark do=delay for=400ms",
)

# State transitions in the trace after which the victim is killed.
MOMENTS = {
    "fetch": ("READY -> FETCHING",),
    "deliver": ("FETCHING -> DELIVERING",),
    "stored": ("DELIVERING -> MARK_READY",),
    "mark": ("MARK_READY -> MARKING",),
    "mark lost": ("MARKING -> MARK_WAIT", "MARKING -> BACKOFF"),
    "confirmed": ("MARKING -> READY", "MARKING -> IDLE"),
    "drained": ("FETCHING -> IDLE",),
}
MOMENT_WEIGHTS = (2, 4, 4, 3, 2, 6, 1)


def scenario(seed, queues):
    """Returns a haplo-sim script that creates the servers."""
    lines = [f"set seed={seed}"]
    for number, words in enumerate(SERVERS, 1):
        lines.append(f"app app{number} queues={queues} {words}")
    return "\n".join(lines)


def fault_lines(seed, probability):
    """Returns script lines for all faults, each with its own seed."""
    return [
        f"fault {words} times=0 probability={probability} seed={seed + number}"
        for number, words in enumerate(FAULTS)
    ]


class Round:
    """One life of the victim, from its start to its end."""

    def __init__(self, moments, share):
        self.share = share  # share of the messages that arrive in it
        self.burst = moments.choice((1, 1, 2, 3, 5, 16, 17, 40))
        self.late = moments.random() < 0.5  # they arrive while it runs
        self.admin = moments.random() < 0.5  # unsends some messages
        self.trouble = moments.choices(
            (None, "hang", "crash", "storm"), (82, 5, 5, 8))[0]
        self.is_done = moments.choice(("yes", "no"))  # lost marks
        self.trouble_s = moments.uniform(0.1, 0.6)
        self.app = f"app{moments.randint(1, len(SERVERS))}"  # in trouble
        self.end = moments.choices(
            ("time", "line", "start", "stop", "term-kill", "term-term",
             "term"), (24, 56, 6, 3, 5, 3, 3))[0]
        self.moment = moments.choices(tuple(MOMENTS), MOMENT_WEIGHTS)[0]
        self.nth = moments.choice((1, 1, 2, 3, 5, 8, 13))
        self.wait_s = moments.uniform(0, moments.choice((0.25,) * 19 + (3,)))
        self.delay_s = moments.choice((0, 0, moments.uniform(0, 0.004)))
        self.start_s = moments.uniform(0, 0.02)
        self.stop_s = TIMEOUT_MS / 1000 + moments.uniform(0.1, 0.3)

    @property
    def is_kill(self):
        return self.end not in ("term", "term-term")


class Plan:
    """A run. Yields its rounds one at a time, as many as needed."""

    def __init__(self, seed, kills, messages, queues, probability=0.006):
        self.seed = seed
        self.kills = kills
        self.messages = messages
        self.queues = queues
        self.scenario = scenario(seed, queues)
        self.faults = fault_lines(seed * 1000, probability)
        self.moments = random.Random(f"{seed} moments")
        self.choices = random.Random(f"{seed} choices")

    def next_round(self):
        share = self.messages / (self.kills * 0.9)
        return Round(self.moments, round(self.moments.uniform(0.4, 1.6)
                                         * share))
