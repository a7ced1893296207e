"""What the simulator knows about its messages, and what must be stored and
forwarded."""
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
    """Of one simulator."""

    def __init__(self, sim, log):
        self.sim = sim
        self.log = log
        self.event = 0  # newest event of the simulator that was seen
        self.hashes = {}  # (app, queue) -> id or body -> hash

    def hash_of(self, name, id):
        """Returns the hash of a message, given its id."""
        known = self.hashes.setdefault(name, {})
        if id not in known:
            for message in self.sim.messages(*name):
                known[message["id"]] = message["hash"]
        return known[id]

    def hash_of_body(self, name, body):
        """Returns the hash of a message, given its exact bytes."""
        known = self.hashes.setdefault(name, {})
        if body not in known:
            for message in self.sim.messages(*name, exact=True):
                known[message["bytes"].encode()] = message["hash"]
        assert body in known, f"{name}: not a message: {body}"
        return known[body]

    def check_marks(self, inbox):
        """Checks that everything haplo-poll asked to be marked is on disk."""
        events = self.sim.events(after=self.event)
        for event in events:
            if event["verb"] == "mark" and "token" in event and not is_shared(
                    (event["app"], event["queue"])):
                self.check_mark(inbox, event)
        self.event = events[-1]["n"] if events else self.event

    def check_mark(self, inbox, event):
        name = (event["app"], event["queue"])
        for id in base64.b64decode(event["token"]).split(b","):
            message = (*name, self.hash_of(name, int(id)))
            assert inbox.stored[message] > 0, (
                f"marked but not stored: {message} by {event}")

    def made(self, form):
        """Counts how often (server, queue, form(body)) must be there."""
        made = collections.Counter()
        for name, messages in self.sim.all_messages(exact=True).items():
            for message in messages:
                assert message["sent"], message
                body = message["bytes"].encode()
                made[(*name, form(body))] += 1 + message["unsent"]
        return made

    def compare(self, record, other):
        """Compares what two haplo-polls have stored and forwarded."""
        figures = collections.Counter()
        for own, others in ((record.inbox, other.inbox),
                            (record.files, other.files)):
            figures.update(self.compare_part(own, others))
        return {
            "messages": sum(app["messages"]
                            for app in self.sim.stats()["apps"]),
            "lost": figures["lost"],
            "repeats": figures["repeats"],
            "explained": figures["explained"],
        }

    def compare_part(self, record, other):
        """Compares byte for byte. Messages of shared queues must be in one of
        the two records. All others must be in the first one, as often as they
        were sent, plus the repeats that kills explain, which a receiver can
        recognise."""
        made = self.made(record.form)
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
        self.log_some(f"{record.name}: lost", lost)
        self.log_some(f"{record.name}: too often", repeats)
        return {"lost": lost.total(), "repeats": repeats.total(),
                "explained": record.repeats.total()}

    def log_some(self, what, messages):
        for message, count in list(messages.items())[:SHOWN_MAX]:
            self.log(f"{what}, {count} times: {message}")
