"""A host of a fleet on PostgreSQL: test/fleet/fleet_probe.c, with the product's
inbox, and with its fleet where a test wants that.

    with Host(postgres.conninfo(), "a") as a:
        term = a.ask("join")["term"]
        assert a.ask("renew", term, (5, 0, "a"))["moved"] == 1
"""
import json
import subprocess
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


def age(postgres, host, by_ms):
    """Its membership has ended so long ago; or will end, if it is negative."""
    postgres.sql("UPDATE haplo.members SET expires_at ="
                 " (extract(epoch FROM clock_timestamp()) * 1000)::bigint"
                 f" - {by_ms} WHERE host = '{host}'")


def table(postgres):
    """Owners and terms of all slots."""
    return [(owner, int(term)) for owner, term in postgres.sql(
        "SELECT owner, term FROM haplo.slots ORDER BY slot")]
