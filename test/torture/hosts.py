"""Several hosts gather the messages of the same queues into one PostgreSQL,
while everything fails: processes are killed and suspended, the database
restarts, connections go silent, wall clocks jump, hosts come and go.

  - Messages arrive all the time. A fault begins every second or so, and ends by
    itself; several overlap.
  - At the end all faults are over, and the hosts gather what is left. Then each
    message must be stored once, with its exact bytes, in the order of its queue.
  - An outlet that the hosts share has forwarded each message, in the order of
    its lane. What came twice is counted.
  - No two hosts had a token of one queue at the same time, by the simulator's
    own record, and whoever sent a request owned the slot, by the database's,
    unless a host was suspended by a fault, or by the machine.

Without leases, the hosts know nothing of each other: they poll every queue
several times, and still store each message once.
"""
import contextlib
import json
import pathlib
import random
import shutil
import tempfile
import time

import counterpart_webhook
from audit import Audit
from black_hole import BlackHole
from host import Host
from hosts_faults import Faults
from hosts_record import Record, lines_of
from poll import Poll
from postgres_server import PgBouncer, PostgresServer
from sim import WAIT_S_MAX, Sim
from stalls import Stalls
from tokens import Tokens

NAMES = ("a", "b", "c", "d")
FIRST = 3  # of them are there in the beginning
PROXIED_APPS = 10  # whose connections a black hole can swallow
TURN_S = 0.05  # between two looks at what is due; nothing depends on it


def own_network():
    """Addresses of loopback that no other run has at the same time."""
    numbers = random.SystemRandom()
    return f"127.{numbers.randint(1, 254)}.{numbers.randint(1, 254)}"


class Hosts:
    """One run."""

    def __init__(self, plan, server, bouncer, sim):
        self.plan = plan
        self.server = server
        self.gate = bouncer or server  # what hosts connect to
        self.sim = sim
        self.restarts = 0  # of hosts that could not start
        self.due = []  # (time, what ends a fault)
        self.ports = {
            "database": [self.gate.port],
            "servers": [int(app["url"].rsplit(":", 1)[1])
                        for app in list(sim.apps.values())[:PROXIED_APPS]]}
        ports = [port for own in self.ports.values() for port in own]
        network = own_network()
        self.hosts = [
            Host(sim, name, f"{network}.{number}", ports, plan.has_leases)
            for number, name in enumerate(NAMES[:plan.hosts], 1)]
        self.operator = Poll(sim)  # whose commands no fault befalls
        self.tokens = Tokens(sim, self.hosts)
        self.faults = Faults(self)
        self.record = Record(self)
        self.outlet = self.audit = self.hole = self.stalls = None

    # The configuration

    def prepare(self):
        """The schema, and one configuration for all."""
        poll = self.operator
        poll.config["defaults"] |= {
            "interval": "500ms", "backoff": "50ms", "backoff_max": "500ms",
            "breaker_failures": 1000, "first_byte_timeout": "20s"}
        self.server.use(poll, conninfo=self.gate.conninfo("haplo_writer"))
        if self.plan.has_leases:
            self.share(poll)
        done = poll.run(
            "--writer", "haplo_writer", "--owner",
            f"host={self.server.folder} port={self.server.port} "
            "user=haplo_owner dbname=postgres", "migrate")
        assert done.code == 0, done.err
        if self.plan.has_leases:
            self.audit = Audit(self.server, self.sim.apps)
        for host in self.hosts:
            host.use(poll.config)
            host.secrets |= poll.secrets

    def share(self, poll):
        ttl_ms = round(self.plan.ttl_s * 1000)
        poll.config |= {"coordination": "postgres", "fleet": {
            "ttl": f"{ttl_ms}ms",
            "renewal": f"{round(self.plan.renewal_s * 1000)}ms"}}
        self.outlet = counterpart_webhook.Counterpart(poll)
        poll.config["outlets"] = [{
            **self.outlet.outlet(), "name": "out", "type": "webhook",
            "backoff": "50ms", "backoff_max": "500ms", "total_timeout": "2m"}]

    # What happens in time

    def later(self, seconds, action):
        self.due.append((time.monotonic() + seconds, action))

    def turn(self):
        """Does what is due, and looks at what has happened."""
        now = time.monotonic()
        for one in [one for one in self.due if one[0] <= now]:
            self.due.remove(one)
            one[1]()
        self.tokens.read()
        for host in self.hosts:
            if host.has_ended():
                self.start_again(host)

    def start_again(self, host):
        """As a supervisor does, if it could not reach the database."""
        assert not host.run_now.lines("polling;"), host.run_now.err[-3000:]
        self.restarts += 1
        host.bury()
        host.launch()

    def run_for(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.turn()
            time.sleep(TURN_S)  # the length of the run, not a wait

    def run_until(self, condition, what):
        end = time.monotonic() + WAIT_S_MAX
        while not condition():
            self.turn()
            time.sleep(TURN_S)
            assert time.monotonic() < end, f"{what}: it takes too long"
        self.turn()

    def drain(self, host, yes):
        """Tried again while the host has not joined yet, or the database is
        not back."""
        arguments = [host.name, *([] if yes else ["--undo"])]
        self.run_until(lambda: self.operator.run(
            "drain-host", *arguments, write=False).code == 0,
            f"drain-host {arguments}")

    # A run

    def run(self):
        """Returns the figures, and the number of repeats that the outlet has
        seen."""
        with contextlib.ExitStack() as stack:
            stack.callback(self.end)
            stack.push(self.keep_evidence)
            self.prepare()
            self.hole = stack.enter_context(BlackHole({
                host.address: self.ports for host in self.hosts}))
            self.stalls = stack.enter_context(Stalls(self.pids))
            self.start()
            faults = self.plan.make()
            while self.faults.counts.total() < self.plan.faults:
                fault = next(faults)
                self.run_for(fault.gap_s)
                self.faults.strike(fault)
            self.finish()
            repeats = self.check()
        return self.record.figures(), repeats

    def pids(self):
        return {"sim": self.sim.pid} | {
            host.name: run.process.pid for host in self.hosts
            if (run := host.run_now) is not None}

    def start(self):
        if self.outlet is not None:
            self.outlet.start()
        for host in self.hosts[:FIRST]:
            host.launch()
        self.sim.script("queue app* q* rate=15/min")

    def has_refused(self):
        return any(host.refused() for host in self.hosts)

    def finish(self):
        """All faults end, and the hosts gather what is left."""
        while self.due:
            self.run_for(TURN_S)
        self.faults.end()
        if not self.plan.has_leases:
            self.run_until(self.has_refused, "a commit that comes too late")
        self.sim.script("queue app* q* rate=0/s", "message app* q*")
        self.run_until(lambda: self.sim.unread() == 0, "unread messages")
        if self.outlet is not None:
            total = sum(map(len, self.sim.all_messages().values()))
            self.run_until(lambda: self.outlet.count() >= total,
                           "messages to forward")
        for host in self.hosts:
            host.terminate()
        for host in self.hosts:
            host.finish()
        self.tokens.read()

    def check(self):
        """Returns how many messages the outlet has seen again."""
        self.record.check_inbox()
        for host in self.hosts:
            host.check_no_key_was_printed()
        if not self.plan.has_leases:
            return None
        self.record.check_tokens()
        self.record.check_owners()
        return self.record.check_outlet()

    def keep_evidence(self, kind, error, _):
        """If a check has failed: logs, events and what became of messages."""
        if kind is None:
            return
        folder = pathlib.Path(tempfile.mkdtemp(prefix="haplo-hosts-"))
        for host in self.hosts:
            if host.is_running:
                host.save_log()
            if host.log_path.exists():
                shutil.copy(host.log_path, folder)
        for path in ("/events", "/messages"):
            (folder / path[1:]).write_text(json.dumps(self.sim.control(path)))
        if self.audit is not None:
            for table in ("haplo.slots", "haplo.members", "seen_slots"):
                (folder / table).write_text("\n".join(map(str, self.server.sql(
                    f"SELECT * FROM {table} ORDER BY 1"))))
        print(f"{error}\nThe files of the failed run are in {folder}")

    def end(self):
        """Nothing is left, whatever has happened."""
        for host in self.hosts:
            host.kill_all()
        if self.outlet is not None:
            self.outlet.close()


def run(plan, has_bouncer, say):
    """An AssertionError tells what went wrong."""
    begin = time.monotonic()
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        pathlib.Path(folder).chmod(0o755)  # the server is another user
        server = stack.enter_context(PostgresServer(
            folder, ["max_connections=80", "fsync=off"]))
        bouncer = stack.enter_context(PgBouncer(
            server, ["server_login_retry = 1"])) if has_bouncer else None
        sim = stack.enter_context(Sim(
            f"--apps={plan.apps}", f"--queues={plan.queues}",
            "--latency-jitter=30ms", "--events=1000000"))
        figures, repeats = Hosts(plan, server, bouncer, sim).run()
    say(f"hosts{'' if plan.has_leases else ' without leases'}"
        f"{' through PgBouncer' if has_bouncer else ''}, seed {plan.seed}: "
        f"{round(time.monotonic() - begin)} s")
    for line in lines_of(figures, repeats):
        say(line)
    return figures | {"repeats": repeats}
