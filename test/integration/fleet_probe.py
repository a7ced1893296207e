"""A host of a fleet on PostgreSQL: test/fleet/fleet_probe.c, with the product's
inbox, and with its fleet where a test wants that.

    with Host(postgres.conninfo(), "a") as a:
        term = a.ask("join")["term"]
        assert a.ask("renew", term, (5, 0, "a"))["moved"] == 1
"""
import json
import subprocess
import threading
import uuid

from sim import BUILD

PROBE = BUILD / "test" / "fleet-probe"
SLOTS = 1024
TTL_MS = 60_000  # longer than any test that does not wait for its end
LIMIT_MS = 100_000
NOBODY = None


class Host:
    def __init__(self, conninfo, name, instance=None, ttl_ms=TTL_MS,
                 grace_ms=0, limit_ms=LIMIT_MS, channel=None):
        self.name = name
        self.process = subprocess.Popen(
            [PROBE, conninfo, name, instance or str(uuid.uuid4()),
             str(ttl_ms), str(grace_ms), str(limit_ms)]
            + ([channel] if channel else []),
            text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.opened = self.read()

    def __enter__(self):
        assert self.opened["error"] == "", self.opened
        return self

    def __exit__(self, *_):
        self.kill()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        """As the product does it."""
        self.send("close")
        assert self.process.wait() == 0

    def send(self, *words):
        self.process.stdin.write(" ".join(str(word) for word in words) + "\n")
        self.process.stdin.flush()

    def read(self):
        line = self.process.stdout.readline()
        assert line, f"host {self.name} has ended"
        return json.loads(line)

    def begin(self, kind, term=None, *moves):
        """Sends a request; a move is (slot, term, host or NOBODY)."""
        words = [] if term is None else [term]
        self.send(kind, *words, *(f"{slot}:{slot_term}:{to or '-'}"
                                  for slot, slot_term, to in moves))

    def ask(self, kind, term=None, *moves):
        """The same, and returns the reply, which may be an error."""
        self.begin(kind, term, *moves)
        return self.read()

    def join(self):
        reply = self.ask("join")
        assert reply["error"] == "", reply
        return reply["term"]

    def state(self, server, queue):
        self.send("state", server, queue)
        return bytes.fromhex(self.read()["state"])

    def outlet(self, name, start_ms):
        self.send("outlet", name, start_ms)
        return self.read()

    def lanes(self, *slots):
        """Of the outlet that was opened."""
        self.send("lanes", *slots)
        return self.read()

    def refresh(self, *servers):
        self.send("refresh", *servers)
        return self.read()


def members(reply):
    return {member["host"]: member for member in reply["members"]}


def owned(reply, host):
    """The numbers of its slots."""
    return {slot for slot, (owner, _) in enumerate(reply["slots"])
            if owner == host}


class Runner:
    """A host with the product's fleet at work. It has slots while it says so,
    and may begin something there until its deadline."""

    def __init__(self, host):
        self.host = host
        self.name = host.name
        self.events = []  # as they were written
        self.own = set()
        self.reader = threading.Thread(target=self.read_all, daemon=True)
        self.host.send("run")
        self.reader.start()

    def read_all(self):
        for line in self.host.process.stdout:
            event = json.loads(line)
            if event["event"] == "gain":
                self.own.add(event["slot"])
            elif event["event"] in ("drain", "lose"):
                self.own.discard(event["slot"])
            self.events.append(event)

    def has(self, name):
        return any(event["event"] == name for event in list(self.events))

    def leave(self):
        self.host.send("stop")

    def kill(self):
        self.host.kill()
        self.reader.join()
        self.own.clear()

    def spans(self):
        """When it might begin something: {slot: [(from, to)]}."""
        spans = {slot: [] for slot in range(SLOTS)}
        begun = {}  # slot: since when it may
        deadline = 0

        def end(slot, at):
            begin = begun.pop(slot, None)
            if begin is not None and begin < at:
                spans[slot].append((begin, at))

        for event in self.events:
            if event["event"] == "gain":
                begun.setdefault(event["slot"], event["at"])
            elif event["event"] in ("drain", "lose"):
                end(event["slot"], min(event["at"], deadline))
            elif event["event"] == "asked":
                if event["at"] > deadline:  # it was over in between
                    for slot in list(begun):
                        end(slot, deadline)
                        begun[slot] = event["at"]
                deadline = event["deadline"]
        for slot in list(begun):
            end(slot, deadline)
        return spans


def check_no_overlap(runners):
    """No slot had two hosts that might begin something there."""
    spans = [(runner.name, runner.spans()) for runner in runners]
    for slot in range(SLOTS):
        own = sorted((*span, name) for name, of in spans
                     for span in of[slot])
        for before, after in zip(own, own[1:]):
            assert before[1] <= after[0], (slot, before, after)
