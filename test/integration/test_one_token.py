"""One token for each queue at a time, and no mark before the disk has it."""
import base64
import collections
import contextlib
import sqlite3

from sim import WAIT_S_MAX, Sim, wait_for

STALLED_MS = 4000  # first_byte_timeout where requests stall
ROUNDS_MAX = 1000  # 10 are usual
HARMLESS = (None, "delay", "drip", "hang-up")


def check_each_once(sim, poll):
    """Each message that the simulator made is stored once, byte for byte, as
    often as it was made."""
    made = collections.Counter(
        (*name, message["bytes"])
        for name, messages in sim.all_messages(exact=True).items()
        for message in messages
    )
    stored = poll.inbox()
    assert not made - stored, "lost"
    assert not stored - made, "stored twice"


# The simulator's log


class TokenCheck:
    """Follows the events of one queue."""

    def __init__(self):
        self.token = None  # of the newest whole fetch, until confirmed
        self.tried = False  # a mark of it has arrived

    def event(self, event):
        is_fine = event["status"] == 200 and event.get("fault") in HARMLESS
        if event["verb"] == "fetch":
            assert self.token is None or self.tried, event
            holds = is_fine and event["count"] > 0
            self.token, self.tried = (event["token"] if holds else None), False
        elif event["verb"] == "mark":
            assert self.token is not None, event
            assert event.get("token", self.token) == self.token, event
            assert "token" in event or event.get("fault"), event
            self.tried = True
            if is_fine:
                self.token = None


def span(event):
    """When a request was under way, at least: a stalled one goes on, but for
    an answer that is shorter than what is sent of it."""
    end = event["t"]
    is_empty = event["verb"] == "fetch" and event["count"] == 0
    if event.get("fault") == "stall" and not is_empty:
        end += STALLED_MS // 4
    return event["t"] - event["wait_ms"], end


def peak(events):
    """The most requests under way at one time."""
    changes = []
    for event in events:
        start, end = span(event)
        changes += [(start, 1), (end, -1)] if start < end else []
    count = highest = 0
    for _, change in sorted(changes):
        count += change
        highest = max(highest, count)
    return highest


def by_queue(events):
    queues = collections.defaultdict(list)
    for event in events:
        queues[event["app"], event["queue"]].append(event)
    return queues


def check_tokens(events):
    for queue, own in by_queue(events).items():
        check = TokenCheck()
        for event in own:
            check.event(event)
        assert peak(own) <= 1, queue


# A mark's answer may be lost before and after the mark was done
FAULTS = """
fault on=mark do=reset done=no
fault on=mark do=reset
fault on=mark do=cut at=30
fault on=mark do=cut done=no
fault on=mark do=stall times=3
fault on=mark do=stall times=3 done=no
fault on=mark do=status code=500
fault on=mark do=status code=502 done=yes
fault on=mark do=half-mark times=40
fault on=mark do=html
fault on=mark do=html done=yes
fault on=mark do=json-truncated
fault on=mark do=json-trailing
fault on=mark do=json-version
fault on=mark do=length
fault on=mark do=garbage
fault on=mark do=garbage done=yes
fault on=mark do=hang-up
fault on=mark do=delay for=30ms
fault on=fetch do=reset
fault on=fetch do=reset at=300
fault on=fetch do=cut
fault on=fetch do=cut at=300
fault on=fetch do=stall times=3
fault on=fetch do=stall times=3 at=300
fault on=fetch do=status code=500
fault on=fetch do=status code=503 retry-after=1 times=3
fault on=fetch do=html
fault on=fetch do=json-truncated
fault on=fetch do=json-trailing
fault on=fetch do=json-version
fault on=fetch do=json-token
fault on=fetch do=length
fault on=fetch do=length by=-20
fault on=fetch do=garbage
fault on=fetch do=hang-up
fault on=fetch do=delay for=30ms
fault on=fetch do=drip bytes=300 every=1ms
"""


def faults():
    """Each with its own luck, and a few times."""
    return "\n".join(
        f"{line} probability=.02 seed={seed}"
        + ("" if "times=" in line else " times=8")
        for seed, line in enumerate(FAULTS.strip().splitlines())
    )


def faults_left(sim):
    return [
        fault
        for fault in sim.control("/faults")["faults"]
        if fault["hits"] < fault["times"]
    ]


def drain_through_faults(sim):
    """Until nothing is unread and every fault has struck as often as it may;
    more messages come while faults of marks are left."""
    for _ in range(ROUNDS_MAX):
        sim.wait_until_read()
        if not faults_left(sim):
            return
        for app in sim.apps:
            sim.script(*[f"message {app} q{q} count=5" for q in range(1, 21)])
    raise AssertionError(f"never struck: {faults_left(sim)}")


# Two tokens of a queue at once could mark what was never stored.
def test_a_queue_has_one_token_at_a_time_whatever_fails(poll_of):
    with Sim(
        "--apps=10", "--queues=20", "--messages=40", "--tls", "--edge",
        "--latency=1ms", "--latency-jitter=3ms",
    ) as sim:
        sim.script("app app2 revision=2019", "app app3 revision=mid-2020",
                   "app app4 gzip=no", "app app5 chunked=200", faults())
        poll = poll_of(sim)
        poll.config["defaults"] |= {
            "interval": "300ms", "backoff_max": "200ms", "max_in_flight": 3,
            "first_byte_timeout": f"{STALLED_MS}ms", "breaker_failures": 8,
            "stall_timeout": f"{STALLED_MS}ms",
        }
        running = poll.start()
        drain_through_faults(sim)
        assert running.stop() == 0
        events = sim.events()
        check_tokens(events)
        for app in sim.apps:
            own = [event for event in events if event["app"] == app]
            assert peak(own) <= 3, app
            assert sim.app_stats(app)["running_peak"] <= 3, app
        check_each_once(sim, poll)


# What is marked before the disk has it is lost when the power goes


def token_ids(event):
    return [int(i) for i in base64.b64decode(event["token"]).split(b",")]


class DiskCheck:
    """Looks into the inbox for the messages of each mark that arrives."""

    def __init__(self, sim, poll):
        self.sim = sim
        self.poll = poll
        self.last = 0
        self.marks = []
        self.bytes = {
            (*name, message["id"]): message["bytes"]
            for name, messages in sim.all_messages(exact=True).items()
            for message in messages
        }

    def look(self):
        """Returns how many marks have arrived so far."""
        events = self.sim.events(after=self.last)
        marks = [event for event in events if event["verb"] == "mark"]
        if marks:
            self.check(marks)
        self.last = events[-1]["n"] if events else self.last
        self.marks += marks
        return len(self.marks)

    def check(self, marks):
        stored = self.poll.inbox()
        for mark in marks:
            queue = mark["app"], mark["queue"]
            for id in token_ids(mark):
                assert stored[(*queue, self.bytes[(*queue, id)])] == 1, mark


# The mark is on its way, and the disk is asked: it must have the messages.
def test_every_mark_that_arrives_finds_its_messages_on_disk(poll_of):
    with Sim("--apps=4", "--queues=50", "--messages=20", "--latency=1ms",
             "--latency-jitter=20ms") as sim:
        sim.script("fault on=mark do=stall times=200")
        poll = poll_of(sim)
        poll.config["defaults"] |= {"interval": "1s", "max_in_flight": 200}
        check = DiskCheck(sim, poll)
        running = poll.start()
        wait_for(lambda: check.look() == 200, "200 marks")
        running.kill()
        check.check(check.marks)
        assert poll.once().code == 0
        check_each_once(sim, poll)


# The same, with the process killed the moment a mark arrives.
def test_a_kill_at_a_mark_finds_its_messages_on_disk(poll_of):
    with Sim("--apps=1", "--queues=10", "--messages=30") as sim:
        sim.script("fault on=mark do=stall times=20")
        poll = poll_of(sim)
        poll.config["defaults"]["interval"] = "10ms"
        check = DiskCheck(sim, poll)
        while len(check.marks) < 20:
            count = len(check.marks)
            running = poll.start()
            wait_for(lambda count=count: check.look() > count, "a mark")
            running.kill()
            check.check(check.marks)
        assert poll.once().code == 0
        check_each_once(sim, poll)


@contextlib.contextmanager
def write_lock(path):
    inbox = sqlite3.connect(path, isolation_level=None, timeout=WAIT_S_MAX)
    inbox.execute("BEGIN IMMEDIATE")
    yield
    inbox.execute("ROLLBACK")
    inbox.close()


def fetched_count(sim):
    """How many queues have had a batch with messages fetched."""
    return len({(event["app"], event["queue"]) for event in sim.events()
                if event["verb"] == "fetch" and event["count"] > 0})


# Cause and effect: as long as nothing can be written, nothing is marked.
def test_while_the_inbox_is_locked_no_mark_is_sent(poll_of):
    with Sim("--apps=2", "--queues=5") as sim:
        poll = poll_of(sim)
        poll.config["defaults"]["interval"] = "20ms"
        running = poll.start()
        wait_for(lambda: len(sim.events()) >= 30, "first fetches")
        with write_lock(poll.inbox_path):
            sim.script(*[f"message {app} {queue} count=20"
                         for app, queue in sim.all_messages()])
            running.wait_for_line("holds a lock")
            wait_for(lambda: fetched_count(sim) == 10, "ten batches")
            assert not [e for e in sim.events() if e["verb"] == "mark"]
        sim.wait_until_read()
        assert running.stop() == 0
        check_tokens(sim.events())
        check_each_once(sim, poll)
