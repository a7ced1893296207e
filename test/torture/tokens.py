"""Follows the events of a simulator to see whether two hosts have a token of the
same queue outstanding at the same time.

A token is outstanding from the beginning of the fetch that returns it to the
end of the last mark that posts it; a fetch whose token is never posted, until
its own end. A fetch whose client has gone counts for nothing: nobody has its
token.
"""
import collections

SPANS_KEPT = 4  # of a host and a queue; older ones cannot overlap new ones


class Span:
    def __init__(self, host, event):
        self.host = host
        self.begin = event["t"] - event["wait_ms"]
        self.end = event["t"]
        self.token = event.get("token")

    def __str__(self):
        return (f"{self.host.name} from {self.begin} to {self.end}, token "
                f"{self.token}")

    def overlaps(self, other):
        return self.begin < other.end and other.begin < self.end


class Tokens:
    def __init__(self, sim, hosts):
        self.sim = sim
        self.hosts = {host.address: host for host in hosts}
        self.event = 0  # newest one that was seen
        self.spans = {}  # (app, queue) -> host -> newest spans
        self.last = {}  # (app, queue) -> (host, end of its last request)
        self.pairs = set()  # spans that overlap, each pair once
        self.fetches = self.marks = 0
        self.requests = []  # (host, app, verb, begin)
        self.moves = []  # (queue, from, to, end of the last, begin of the next)

    def read(self):
        """Looks at what has happened since the last time."""
        answer = self.sim.control("/events", after=self.event)
        assert answer["dropped"] == 0, "too many events between two looks"
        for event in answer["events"]:
            self.note(event)
        self.event = answer["last"]

    def note(self, event):
        host = self.hosts.get(event.get("peer"))
        if host is None or event["queue"] is None:
            return
        name = event["app"], event["queue"]
        if not event.get("gone"):
            self.requests.append((host, event["app"], event["verb"],
                                  event["t"] - event["wait_ms"]))
        if event["verb"] == "fetch" and not event.get("gone"):
            self.fetches += 1
            self.note_move(name, host, event)
            self.add(name, Span(host, event))
        elif event["verb"] == "mark":
            self.marks += 1
            self.note_mark(name, host, event)

    def note_move(self, name, host, event):
        """Another host than that of the last request fetches."""
        last, end = self.last.get(name, (None, None))
        if last is not None and last is not host:
            self.moves.append((name, last, host, end,
                               event["t"] - event["wait_ms"]))
        self.last[name] = host, event["t"]

    def add(self, name, span):
        own = self.spans.setdefault(name, {}).setdefault(
            span.host, collections.deque(maxlen=SPANS_KEPT))
        own.append(span)
        self.compare(name, span)

    def note_mark(self, name, host, event):
        self.last[name] = host, event["t"]
        for span in self.spans.get(name, {}).get(host, ()):
            if span.token is not None and span.token == event.get("token"):
                span.end = event["t"]
                self.compare(name, span)
                return
        self.add(name, Span(host, event))

    def compare(self, name, span):
        for host, spans in self.spans[name].items():
            if host is not span.host:
                self.pairs |= {(name, *sorted((span, other), key=id))
                               for other in spans if span.overlaps(other)}
