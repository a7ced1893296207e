"""What can happen to several hosts; see hosts.py. A fault ends by itself: it
leaves behind when, and what is to be done then."""
import collections
import time

from host import monotonic_ms

CLOCK_MS = (200, 2000, 60_000, 200_000)  # beyond, webhooks would be refused
YEAR_MS = 365 * 86400 * 1000


class Faults:
    """Each fault_...() returns False if it cannot be done to that host."""

    def __init__(self, run):
        self.run = run
        self.plan = run.plan
        self.sim = run.sim
        self.server = run.server
        self.hosts = run.hosts
        self.counts = collections.Counter()
        self.open_holes = set()
        self.kills = []  # (host, when)
        self.outages = []  # [begin, end] of the database
        self.killed = set()  # hosts that will be started again later
        self.drained = None  # a host

    def strike(self, fault):
        """The next host to which it can be done."""
        act = getattr(self, "fault_" + fault.kind.replace(" ", "_"))
        for host in self.hosts[fault.host:] + self.hosts[:fault.host]:
            if act(fault, host) is not False:
                self.counts[fault.kind] += 1
                return

    def end(self):
        """Of those that are left."""
        self.end_holes()
        for host in self.hosts:
            host.set_clock(0)
            self.launch(host)

    # Processes

    def fault_kill(self, fault, host):
        if not host.is_running or host.is_leaving:
            return False
        self.kill(host)
        self.launch(host)
        return True

    def kill(self, host):
        self.end_holes(host)
        self.kills.append((host, monotonic_ms()))
        host.kill()

    def launch(self, host):
        self.killed.discard(host)
        if not host.is_running:
            host.launch()

    def others_at_work(self, host):
        return [other for other in self.hosts
                if other is not host and other.is_at_work
                and other is not self.drained]

    def fault_kill_for_long(self, fault, host):
        if not host.is_at_work or not self.others_at_work(host):
            return False
        self.kill(host)
        self.killed.add(host)
        self.run.later((2.5 + fault.length) * self.plan.ttl_s,
                       lambda: self.launch(host))
        return True

    def fault_pause(self, fault, host):
        """With requests under way, if possible."""
        if not host.is_at_work:
            return False
        self.sim.script("message app* q* count=2")
        time.sleep(fault.amount / 10)  # of a moment in its work
        host.pause()
        self.run.later(2 * self.plan.ttl_s, host.resume)
        return True

    # The database

    def fault_database_restart(self, fault, host):
        self.outages.append([monotonic_ms(), None])
        self.server.restart()
        self.outages[-1][1] = monotonic_ms()

    def fault_database_crash(self, fault, host):
        self.outages.append([monotonic_ms(), None])
        self.server.crash()
        assert self.server.start()
        self.outages[-1][1] = monotonic_ms()

    def fault_sessions_end(self, fault, host):
        self.outages.append([monotonic_ms()] * 2)
        self.server.terminate_all()

    # The network

    def fault_no_database(self, fault, host):
        return self.open_hole(fault, host, "database")

    def fault_no_servers(self, fault, host):
        return self.open_hole(fault, host, "servers")

    def open_hole(self, fault, host, name):
        key = host, name
        if not host.is_running or host.is_leaving or key in self.open_holes:
            return False
        self.open_holes.add(key)
        host.disturb(name)
        self.run.hole.tell("open", host.address, name)
        self.run.later(fault.length * self.plan.ttl_s, lambda: self.end_hole(
            key, "cut" if fault.amount < 0.5 else "close"))
        return True

    def end_hole(self, key, order):
        if key in self.open_holes:
            self.open_holes.remove(key)
            host, name = key
            self.run.hole.tell(order, host.address, name)
            host.settle(name)

    def is_cut_off(self, host):
        return any(key[0] is host for key in self.open_holes)

    def end_holes(self, host=None):
        for key in list(self.open_holes):
            if host in (None, key[0]):
                self.end_hole(key, "close")

    # Clocks, and messages

    def fault_clock(self, fault, host):
        """Sometimes by years, for a moment."""
        sign = 1 if fault.amount < 0.5 else -1
        if fault.length > 1.8:
            host.set_clock(sign * 20 * YEAR_MS)
            self.run.later(1, lambda: host.set_clock(0))
        else:
            host.set_clock(sign * CLOCK_MS[int(fault.amount * 8) % 4])

    def fault_burst(self, fault, host):
        self.sim.script(f"message app{fault.host + 1}* q* "
                        f"count={round(50 * fault.amount) + 1}")

    # Planned changes

    def fault_leave(self, fault, host):
        """Somebody is left."""
        if (not host.is_at_work or self.is_cut_off(host)
                or not self.others_at_work(host)):
            return False
        host.terminate()
        self.run.run_until(host.has_left, f"{host.name} does not stop")
        host.finish()
        return True

    def fault_come(self, fault, host):
        if host.is_running or host in self.killed:
            return False
        self.launch(host)
        return True

    def fault_drain(self, fault, host):
        """By an operator, who takes it back some time later."""
        if (self.drained is not None or not host.is_at_work
                or not self.others_at_work(host)):
            return False
        self.drained = host
        self.run.drain(host, True)
        self.run.later(self.plan.drain_s, self.end_drain)
        return True

    def end_drain(self):
        self.run.drain(self.drained, False)
        self.drained = None
