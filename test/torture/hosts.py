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
    own record, unless one of them was suspended or cut off by a fault.

Without leases, the hosts know nothing of each other: they poll every queue
several times, and still store each message once.
"""
import collections
import contextlib
import pathlib
import random
import tempfile
import time

import counterpart_webhook
from black_hole import BlackHole
from host import Host, monotonic_ms
from poll import Poll
from postgres_server import PgBouncer, PostgresServer
from sim import WAIT_S_MAX, Sim, wait_for
from tokens import Tokens

NAMES = ("a", "b", "c", "d")  # the last one is not there in the beginning
PROXIED_APPS = 10  # whose connections a black hole can swallow
TURN_S = 0.05  # between two looks at what is due; nothing depends on it
CLOCK_MS = (200, 2000, 60_000, 200_000)  # beyond, webhooks would be refused
YEAR_MS = 365 * 86400 * 1000


def own_network():
    """Addresses of loopback that no other run has at the same time."""
    numbers = random.SystemRandom()
    return f"127.{numbers.randint(1, 254)}.{numbers.randint(1, 254)}"


class Hosts:
    """One run."""

    def __init__(self, plan, server, bouncer, sim, log):
        self.plan = plan
        self.server = server
        self.sim = sim
        self.log = log
        self.counts = collections.Counter()  # of faults
        self.restarts = 0  # of hosts that could not start
        self.due = []  # (time, what ends a fault)
        self.killed = {}  # host -> when, in ms of the simulator
        self.takeovers_ms = []
        self.proxied = {
            "database": [(bouncer or server).port],
            "servers": [app["url"].rsplit(":", 1)[1] for app in
                        list(sim.apps.values())[:PROXIED_APPS]]}
        ports = [int(port) for own in self.proxied.values() for port in own]
        self.proxied["servers"] = [int(p) for p in self.proxied["servers"]]
        names = NAMES if plan.has_leases else NAMES[:3]
        network = own_network()
        self.hosts = [Host(sim, name, f"{network}.{number}", ports,
                           plan.has_leases)
                      for number, name in enumerate(names, 1)]
        self.tokens = Tokens(sim, self.hosts)
        self.outlet = None
        self.hole = None
        self.open_holes = set()
        self.prepare(bouncer)

    # The configuration

    def prepare(self, bouncer):
        """The schema, and one configuration for all."""
        poll = Poll(self.sim)
        poll.config["defaults"] |= {
            "interval": "500ms", "backoff": "50ms", "backoff_max": "500ms",
            "breaker_failures": 1000, "first_byte_timeout": "20s"}
        self.server.use(poll, user="haplo_writer",
                        conninfo=(bouncer or self.server).conninfo(
                            "haplo_writer"))
        if self.plan.has_leases:
            poll.config |= {
                "coordination": "postgres",
                "fleet": {"ttl": f"{self.plan.ttl_s * 1000:.0f}ms",
                          "renewal": f"{self.plan.ttl_s * 1000 / 6:.0f}ms"}}
            self.outlet = counterpart_webhook.Counterpart(poll)
            poll.config["outlets"] = [{
                "name": "out", "type": "webhook", "backoff": "50ms",
                "backoff_max": "500ms", **self.outlet.outlet()}]
        done = poll.run(
            "--writer", "haplo_writer", "--owner",
            f"host={self.server.folder} port={self.server.port} "
            "user=haplo_owner dbname=postgres", "migrate")
        assert done.code == 0, done.err
        for host in self.hosts:
            host.use(poll.config)
            host.secrets |= poll.secrets

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
            assert time.monotonic() < end, what
        self.turn()

    # Faults. Each returns False if there is nothing to do it to.

    def fail(self, fault):
        """It strikes the next host to which it can be done."""
        act = getattr(self, "fault_" + fault.kind.replace(" ", "_"))
        for host in self.hosts[fault.host:] + self.hosts[:fault.host]:
            if act(fault, host) is not False:
                self.counts[fault.kind] += 1
                return

    def fault_kill(self, fault, host):
        if not host.is_running:
            return False
        self.kill(host)
        self.launch(host)
        return True

    def kill(self, host):
        self.end_holes(host)
        host.is_paused = False
        host.kill()

    def launch(self, host):
        if not host.is_running:
            self.killed.pop(host, None)
            host.launch()

    def others_at_work(self, host):
        return [other for other in self.hosts if other is not host
                and other.is_running and not other.is_paused]

    def fault_kill_for_long(self, fault, host):
        if not host.is_running or not self.others_at_work(host):
            return False
        self.kill(host)
        self.killed[host] = monotonic_ms()
        self.later((2.5 + fault.length) * self.plan.ttl_s,
                   lambda: self.launch(host))
        return True

    def fault_pause(self, fault, host):
        """With requests under way, if possible."""
        if not host.is_running or host.is_paused:
            return False
        self.sim.script("message app* q* count=2")
        time.sleep(fault.amount / 10)  # of a moment in its work
        host.pause()
        self.later(2 * self.plan.ttl_s, host.resume)
        return True

    def fault_database_restart(self, fault, host):
        self.server.restart()

    def fault_database_crash(self, fault, host):
        self.server.crash()
        assert self.server.start()

    def fault_sessions_end(self, fault, host):
        self.server.terminate_all()

    def fault_no_database(self, fault, host):
        return self.open_hole(fault, host, "database")

    def fault_no_servers(self, fault, host):
        return self.open_hole(fault, host, "servers")

    def open_hole(self, fault, host, name):
        key = host, name
        if not host.is_running or key in self.open_holes:
            return False
        self.open_holes.add(key)
        host.disturb()
        self.hole.tell("open", host.address, name)
        self.later(fault.length * self.plan.ttl_s, lambda: self.end_hole(
            key, "cut" if fault.amount < 0.5 else "close"))
        return True

    def end_hole(self, key, order):
        if key in self.open_holes:
            self.open_holes.remove(key)
            host, name = key
            self.hole.tell(order, host.address, name)
            host.resume_time()

    def end_holes(self, host=None):
        for key in list(self.open_holes):
            if host in (None, key[0]):
                self.end_hole(key, "close")

    def fault_clock(self, fault, host):
        """Sometimes by years, for a moment."""
        sign = 1 if fault.amount < 0.5 else -1
        if fault.length > 1.8:
            host.set_clock(sign * 20 * YEAR_MS)
            self.later(1, lambda: host.set_clock(0))
        else:
            host.set_clock(sign * CLOCK_MS[int(fault.amount * 8) % 4])

    def fault_burst(self, fault, host):
        self.sim.script(f"message app{fault.host + 1}* q* "
                        f"count={round(50 * fault.amount) + 1}")

    def fault_leave(self, fault, host):
        """Leaves others at work, unless it is the last one."""
        if not host.is_running or host.is_paused or self.holes_of(host):
            return False
        host.terminate()
        self.run_until(host.has_left, f"{host.name} does not stop")
        host.finish()
        return True

    def holes_of(self, host):
        return [key for key in self.open_holes if key[0] is host]

    def fault_come(self, fault, host):
        absent = [one for one in self.hosts if not one.is_running
                  and one not in self.killed]
        for one in absent[:1]:
            self.launch(one)
        return bool(absent)

    # A run

    def start(self):
        if self.outlet is not None:
            self.outlet.start()
        for host in self.hosts[:3]:
            host.launch()
        self.sim.script("queue app* q* rate=15/min")

    def run(self):
        """Returns the figures."""
        begin = time.monotonic()
        with contextlib.ExitStack() as stack:
            self.hole = stack.enter_context(BlackHole({
                host.address: self.proxied for host in self.hosts}))
            stack.callback(self.end)
            self.start()
            for fault in self.plan.make(len(self.hosts)):
                self.run_for(fault.gap_s)
                self.fail(fault)
            self.finish()
            self.check()
        return self.figures(round(time.monotonic() - begin))

    def has_refused(self):
        return any(host.refused() for host in self.hosts)

    def finish(self):
        """All faults end, and the hosts gather what is left."""
        while self.due:
            self.run_for(TURN_S)
        if not self.plan.has_leases:
            self.run_until(self.has_refused, "a commit that comes too late")
        self.end_holes()
        for host in self.hosts:
            host.set_clock(0)
            self.launch(host)
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

    def end(self):
        """Nothing is left, whatever has happened."""
        for host in self.hosts:
            host.kill_all()
        if self.outlet is not None:
            self.outlet.close()

    # What has become of the messages

    def check(self):
        self.tokens.read()
        self.server.check_all_stored(self.sim)
        order = collections.defaultdict(list)
        for server, queue, body in self.server.stored():
            order[server, queue].append(body.decode())
        for name, messages in self.sim.all_messages(exact=True).items():
            assert order[name] == [one["bytes"] for one in messages], name
        for host in self.hosts:
            host.check_no_key_was_printed()

    def figures(self, seconds):
        return {"seed": self.plan.seed, "faults": self.counts.total(),
                "messages": int(self.server.value(
                    "SELECT count(*) FROM haplo.stored")),
                "fetches": self.tokens.fetches, "marks": self.tokens.marks,
                "stale": sum(host.refused() for host in self.hosts),
                "seconds": seconds, "kinds": dict(self.counts)}


REPORT = ("hosts{leases}{through}, seed {seed}: {faults} faults, {messages} "
          "messages, {fetches} fetches, {marks} marks; lost 0, stored twice 0, "
          "{stale} commits were refused because another host had stored the "
          "batch; {seconds} s")


def run(plan, has_bouncer, say):
    """An AssertionError tells what went wrong."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        pathlib.Path(folder).chmod(0o755)  # the server is another user
        server = stack.enter_context(PostgresServer(
            folder, ["max_connections=80", "fsync=off"]))
        bouncer = stack.enter_context(PgBouncer(
            server, ["server_login_retry = 1"])) if has_bouncer \
            else None
        sim = stack.enter_context(Sim(
            f"--apps={plan.apps}", f"--queues={plan.queues}",
            "--latency-jitter=30ms", "--events=1000000"))
        figures = Hosts(plan, server, bouncer, sim, say).run()
    say(REPORT.format(leases="" if plan.has_leases else " without leases",
                      through=" through PgBouncer" if has_bouncer else "",
                      **figures))
    say("  " + ", ".join(f"{kind} {count}" for kind, count
                         in sorted(figures["kinds"].items())))
    return figures
