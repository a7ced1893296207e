"""One token for each queue at a time, and no mark before the disk has it."""
import base64
import collections
import contextlib
import os
import pathlib
import sqlite3
import subprocess

import pytest

from sim import ROOT, Sim, wait_for

BUILD = pathlib.Path(os.environ.get("HAPLO_BUILD", ROOT / "build"))
STALLED_MS = 2000  # first_byte_timeout where requests stall
HARMLESS = (None, "delay", "drip", "hang-up")


# Running haplo-poll


def configure(sim, name="poll", **defaults):
    """A configuration of all that the simulator has, with its own inbox."""
    folder = sim.dir / name
    folder.mkdir()
    text = sim.config.read_text().replace("keys/", f"{sim.dir}/keys/")
    text = text.replace("tls_ca_file: ", f"tls_ca_file: {sim.dir}/")
    text += "".join(
        ["defaults:\n"]
        + [f"  {key}: {value}\n" for key, value in defaults.items()]
    )
    path = folder / "haplo-poll.yaml"
    path.write_text(text)
    return path


class Poll:
    """haplo-poll as a block; what it says is kept beside its configuration."""

    def __init__(self, config, command="run", *options):
        self.config = config
        self.command = [BUILD / "haplo-poll", *options, "-c", config, command]
        self.process = None

    def __enter__(self):
        with open(self.config.parent / "log", "ab") as log:
            self.process = subprocess.Popen(
                self.command, stdout=log, stderr=log
            )
        return self

    def __exit__(self, *_):
        self.kill()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.terminate()
        assert self.process.wait(40) == 0

    def log(self):
        return (self.config.parent / "log").read_text()


def once(config):
    """Exit code and output of `once`."""
    with Poll(config, "once") as poll:
        code = poll.process.wait(60)
        return code, poll.log()


def rows(config):
    """(server, queue, epoch, body) of the inbox, by a connection of its own."""
    path = config.parent / "inbox.db"
    with contextlib.closing(sqlite3.connect(path)) as inbox:
        return inbox.execute(
            "SELECT server, queue, epoch, CAST(body AS BLOB) FROM messages"
            " ORDER BY arrival"
        ).fetchall()


def stored(config):
    """How often the inbox has each (server, queue, body)."""
    return collections.Counter((s, q, body) for s, q, _, body in rows(config))


def made(sim):
    """How often the simulator made each."""
    return collections.Counter(
        (app, queue, message["bytes"].encode())
        for (app, queue), messages in sim.all_messages(exact=True).items()
        for message in messages
    )


def show_difference(wanted, got):
    return f"missing {list(wanted - got)[:3]}, too many {list(got - wanted)[:3]}"


def assert_each_once(sim, config):
    wanted, got = made(sim), stored(config)
    assert wanted == got, show_difference(wanted, got)


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
    """When a request was under way, at least: a stalled one goes on."""
    end = event["t"]
    if event.get("fault") == "stall":
        end += STALLED_MS // 2
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


def random_faults(seed):
    lines = FAULTS.strip().splitlines()
    return "\n".join(
        line
        + ("" if "times=" in line else " times=8")
        + f" probability=.02 seed={seed + i}"
        for i, line in enumerate(lines)
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
    for _ in range(20):
        wait_for(lambda: sim.unread() == 0, 60, "all messages read")
        if not faults_left(sim):
            return
        for app in sim.apps:
            sim.script(*[f"message {app} q{i} count=5" for i in range(1, 21)])
    raise AssertionError(f"never struck: {faults_left(sim)}")


# Two tokens of a queue at once could mark what was never stored.
@pytest.mark.parametrize("seed", [1])
def test_a_queue_has_one_token_at_a_time_whatever_fails(seed):
    with Sim(
        "--apps=10", "--queues=20", "--messages=40", "--tls", "--latency=1ms",
        "--latency-jitter=3ms", "--edge",
        f"--seed={seed}",
    ) as sim:
        sim.script("app app2 revision=2019", "app app3 revision=mid-2020",
                   "app app4 gzip=no", "app app5 chunked=200",
                   random_faults(seed))
        config = configure(
            sim, interval="300ms", backoff="20ms", backoff_max="200ms",
            first_byte_timeout=f"{STALLED_MS}ms", max_in_flight=3,
            stall_timeout=f"{STALLED_MS}ms", breaker_failures=8,
        )
        with Poll(config) as poll:
            drain_through_faults(sim)
            poll.stop()
        events = sim.events()
        check_tokens(events)
        for app in sim.apps:
            own = [event for event in events if event["app"] == app]
            assert peak(own) <= 3, app
            assert sim.app_stats(app)["running_peak"] <= 3, app
        assert_each_once(sim, config)
        assert not [m for ms in sim.all_messages().values() for m in ms
                    if m["marked"] != 1]


# Before the disk has it a mark loses messages when the power goes


def token_ids(event):
    return [int(i) for i in base64.b64decode(event["token"]).split(b",")]


class DiskCheck:
    """Looks into the inbox for the messages of each mark that arrives."""

    def __init__(self, sim, config):
        self.sim = sim
        self.config = config
        self.last = 0
        self.marks = []
        self.bytes = {
            (app, message["id"]): message["bytes"].encode()
            for (app, _), messages in sim.all_messages(exact=True).items()
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
        there = stored(self.config)
        for mark in marks:
            for id in token_ids(mark):
                body = self.bytes[mark["app"], id]
                assert there[mark["app"], mark["queue"], body] == 1, mark


# The mark is on its way, and the disk is asked: it must have the messages.
def test_every_mark_that_arrives_finds_its_messages_on_disk():
    with Sim("--apps=4", "--queues=50", "--messages=16", "--latency=1ms",
             "--latency-jitter=20ms") as sim:
        sim.script("fault on=mark do=stall times=0")
        config = configure(sim, interval="1s", max_in_flight=50)
        check = DiskCheck(sim, config)
        with Poll(config) as poll:
            wait_for(lambda: check.look() == 200, 30, "200 marks")
            poll.kill()
        check.check(check.marks)
        sim.script("clear faults")
        assert once(config)[0] == 0
        assert_each_once(sim, config)


# The same, with the process killed the moment a mark arrives.
def test_a_kill_at_the_first_mark_finds_its_messages_on_disk():
    with Sim("--apps=1", "--queues=10", "--messages=30") as sim:
        sim.script("fault on=mark do=stall times=0")
        config = configure(sim, interval="10ms")
        check = DiskCheck(sim, config)
        for count in range(1, 21):
            with Poll(config) as poll:
                wait_for(lambda: check.look() == count, 10, "a mark")
                poll.kill()
            check.check(check.marks)
        sim.script("clear faults")
        assert once(config)[0] == 0
        assert_each_once(sim, config)


# Cause and effect: as long as nothing can be written, nothing is marked.
def test_while_the_inbox_is_locked_no_mark_is_sent():
    with Sim("--apps=2", "--queues=5") as sim:
        config = configure(sim, interval="20ms", backoff="20ms",
                           backoff_max="100ms")
        with Poll(config) as poll:
            wait_for(lambda: len(sim.events()) >= 30, 10, "first fetches")
            with lock(config):
                sim.script(*[f"message app{a} q{q} count=20"
                             for a in (1, 2) for q in range(1, 6)])
                wait_for(lambda: "holds a lock" in poll.log(), 20, "a failure")
                wait_for(lambda: fetched_count(sim) == 10, 10, "ten batches")
                assert not [e for e in sim.events() if e["verb"] == "mark"]
            sim.wait_until_read()
            poll.stop()
        check_tokens(sim.events())
        assert_each_once(sim, config)


@contextlib.contextmanager
def lock(config):
    """Holds the inbox's write lock."""
    inbox = sqlite3.connect(config.parent / "inbox.db", isolation_level=None)
    inbox.execute("BEGIN IMMEDIATE")
    yield
    inbox.execute("ROLLBACK")
    inbox.close()



def fetched_count(sim):
    """How many queues have had a batch with messages fetched."""
    return len({(event["app"], event["queue"]) for event in sim.events()
                if event["verb"] == "fetch" and event["count"] > 0})
