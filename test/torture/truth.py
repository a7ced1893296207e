"""What the simulator knows about its messages, and what a sink must contain."""
import base64
import collections

from plan import SHARED

SHOWN_MAX = 5
NONE = collections.Counter()


def is_shared(message):
    return message[:2] in SHARED


def part_of(counts, is_wanted):
    return collections.Counter({message: count for message, count
                                in counts.items() if is_wanted(message)})


class Truth:
    """form(body) returns a message as the sink stores it."""

    def __init__(self, sim, form, log):
        self.sim = sim
        self.form = form
        self.log = log
        self.event = 0  # newest event of the simulator that was seen
        self.hashes = {}  # (app, queue) -> id or line of a file -> hash

    def hash_of(self, name, id):
        """Returns the hash of a message, given its id."""
        known = self.hashes.setdefault(name, {})
        if id not in known:
            for message in self.sim.messages(*name):
                known[message["id"]] = message["hash"]
        return known[id]

    def hash_of_line(self, name, line):
        """Returns the hash of a message, given a line of a file."""
        known = self.hashes.setdefault(name, {})
        if line not in known:
            for message in self.sim.messages(*name, exact=True):
                known[self.form(message["bytes"].encode())] = message["hash"]
        assert line in known, f"{name}: not a message: {line}"
        return known[line]

    def check_marks(self, record):
        """Checks that everything haplo-poll asked to be marked is on disk."""
        events = self.sim.events(after=self.event)
        for event in events:
            if event["verb"] == "mark" and "token" in event and not is_shared(
                    (event["app"], event["queue"])):
                self.check_mark(record, event)
        self.event = events[-1]["n"] if events else self.event

    def check_mark(self, record, event):
        name = (event["app"], event["queue"])
        for id in base64.b64decode(event["token"]).split(b","):
            message = (*name, self.hash_of(name, int(id)))
            assert record.stored[message] > 0, (
                f"marked but not stored: {message} by {event}")

    def made(self):
        """Counts how often (server, queue, form) must be stored."""
        made = collections.Counter()
        for name, messages in self.sim.all_messages(exact=True).items():
            for message in messages:
                assert message["sent"], message
                form = self.form(message["bytes"].encode())
                made[(*name, form)] += 1 + message["unsent"]
        return made

    def compare(self, record, other):
        """Compares byte for byte. Messages of shared queues must be in one of
        the two records. All others must be in the first one, as often as they
        were sent, plus the repeats that kills explain, which a receiver can
        recognise."""
        made = self.made()
        shared = part_of(made, is_shared)
        own = made - shared
        lost, repeats = collections.Counter(), collections.Counter()
        for found, found_by_other, explained, explained_of_other in (
                (record.bodies(), other.bodies(), record.repeats,
                 other.repeats),
                (record.received(), other.received(), NONE, NONE)):
            found_shared = part_of(found, is_shared)
            found_own = found - found_shared
            wanted = own + (explained - part_of(explained, is_shared))
            lost += wanted - found_own
            lost += shared - (found_shared | found_by_other)
            repeats += found_own - wanted
            repeats += found_shared - shared - explained
            repeats += found_by_other - shared - explained_of_other
        self.log_some("lost", lost)
        self.log_some("stored too often", repeats)
        return {
            "messages": sum(app["messages"]
                            for app in self.sim.stats()["apps"]),
            "lost": lost.total(),
            "repeats": repeats.total(),
            "explained": record.repeats.total(),
        }

    def log_some(self, what, messages):
        for message, count in list(messages.items())[:SHOWN_MAX]:
            self.log(f"{what}, {count} times: {message}")
