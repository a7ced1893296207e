"""Messages of many queues are forwarded to the counterpart of an outlet. Both
are killed (SIGKILL) again and again: haplo-poll at any moment of its work, the
counterpart at any moment of its own. Then each message has arrived there, in
the order of its queue and with its exact bytes, and every repeat can be told by
its identity.

A type takes part with a file counterpart_TYPE.py, which has

    class Counterpart:
        def __init__(self, poll): ...     # not started; poll.folder is its own
        def outlet(self): ...             # its options, besides name and waits
        def start(self): ...              # at first, and after kill()
        def kill(self): ...               # at once
        def count(self): ...              # different messages that it has
        def arrived(self): ...            # Arrived, in the order of arrival
        def close(self): ...              # for good, running or not
        is_quiet = ...                    # optional: the last kill() left it
                                          # able to go on

One that brings an inbox of its own has also

        def messages(self): ...           # (server, queue, body) by arrival
        def check_all_stored(self, sim): ...

Names of the outlet and its waits are added here. arrived() may give a message
several times, or once with the number of times.
"""
import collections
import importlib
import random
import time

from poll import Poll, run_program
from sim import Sim, wait_for

Arrived = collections.namedtuple("Arrived", "id server queue body times",
                                 defaults=[1])

TYPES = ["files", "webhook", "exec", "kafka", "nats"]
INBOX_TYPES = ["postgres"]  # with an outlet of type files

REPORT = ("{type}: {messages} messages of {queues} queues, {kills} kills of "
          "haplo-poll and {falls} of its counterpart; lost {lost}, repeats "
          "{repeats}, all told by their identity; {seconds} s")


class Plan:
    def __init__(self, seed, queues=50, messages=10000, kills=10, falls=5):
        self.seed = seed
        self.queues = queues
        self.messages = messages
        self.kills = kills  # of haplo-poll
        self.falls = falls  # of the counterpart


class OutletTorture:
    def __init__(self, kind, plan, sim, say):
        self.kind = kind
        self.plan = plan
        self.sim = sim
        self.say = say
        self.random = random.Random(plan.seed)
        self.poll = Poll(sim)
        self.falls = 0
        module = importlib.import_module(f"counterpart_{kind}")
        self.counterpart = module.Counterpart(self.poll)
        self.poll.config["defaults"] |= {"interval": "40ms"}
        self.poll.config["outlets"] = [{
            "name": "out", "type": kind, "backoff": "10ms",
            "backoff_max": "100ms", **self.counterpart.outlet()}]

    # The lives

    def feed(self, lives_left):
        """Adds the part of the messages that belongs to this life."""
        made = sum(map(len, self.sim.all_messages().values()))
        per_queue = -(-(self.plan.messages - made)
                      // (lives_left * self.plan.queues))
        if per_queue > 0:
            self.sim.script(f"message app* q* count={per_queue}")

    def live(self):
        """Until some more messages have arrived, then haplo-poll is killed.
        Sometimes the counterpart falls before, and comes back later."""
        begin = self.counterpart.count()
        run = self.poll.start()
        wanted = self.random.randrange(1, self.plan.messages
                                       // (2 * self.plan.kills))
        falls = self.random.random() < self.plan.falls / self.plan.kills
        wait_for(lambda: self.counterpart.count() >= begin + wanted,
                 f"{wanted} more messages")
        if falls:
            self.counterpart.kill()
            self.falls += 1
            self.sim.script("message app* q* count=1")  # it must notice
            if self.random.random() < 0.5:
                if not getattr(self.counterpart, "is_quiet", False):
                    run.wait_for_line("outlet out: ")
                self.counterpart.start()
        self.poll.kill_all()
        if falls:
            self.counterpart.start()

    def last_life(self):
        """Until everything has arrived. Some of it is new: otherwise all may
        have arrived before the process is ready for signals."""
        run = self.poll.start()
        self.sim.script("message app* q* count=1")
        self.sim.wait_until_read()
        total = sum(map(len, self.sim.all_messages().values()))
        wait_for(lambda: self.counterpart.count() >= total,
                 f"all {total} messages to arrive")
        assert run.stop() == 0

    # What arrived

    def stored(self):
        """By arrival."""
        if hasattr(self.counterpart, "messages"):
            return self.counterpart.messages()
        return {arrival: (server, queue, body) for arrival, server, queue, body
                in self.poll.rows("SELECT arrival, server, queue, CAST(body"
                                  " AS BLOB) FROM messages")}

    def check(self):
        """Returns the number of messages and of repeats."""
        stored = self.stored()
        return len(stored), check_arrived(stored, self.counterpart.arrived())

    def run(self):
        """Returns the figures."""
        begin = time.monotonic()
        try:
            self.counterpart.start()
            for life in range(self.plan.kills):
                self.feed(self.plan.kills - life)
                self.live()
            self.last_life()
            messages, repeats = self.check()
            if hasattr(self.counterpart, "check_all_stored"):
                self.counterpart.check_all_stored(self.sim)
            else:
                self.poll.check_all_stored()
        finally:
            self.poll.kill_all()
            self.counterpart.close()
        assert messages >= self.plan.messages
        return {"type": self.kind, "messages": messages, "lost": 0,
                "queues": self.plan.queues, "kills": self.plan.kills,
                "falls": self.falls, "repeats": repeats,
                "seconds": round(time.monotonic() - begin)}


def check_arrived(stored, arrived):
    """Each message that is stored has arrived, in the order of its queue.
    Returns the number of repeats."""
    ids, repeats = {}, 0
    newest = collections.Counter()  # arrival of each queue's newest one
    for one in arrived:
        arrival = int(one.id.split("-")[-2])
        queue = one.server, one.queue
        assert stored.get(arrival) == (*queue, one.body), one.id
        is_first = arrival not in ids
        assert ids.setdefault(arrival, one.id) == one.id
        repeats += one.times - is_first
        assert not is_first or newest[queue] < arrival, (
            f"{one.id}: after {newest[queue]}")
        newest[queue] = max(newest[queue], arrival)
    lost = stored.keys() - ids.keys()
    assert not lost, f"lost: {sorted(lost)[:10]}"
    return repeats


def types_included():
    """Those of both lists that are built in."""
    words = run_program("version").out.split()
    return [kind for kind in TYPES + INBOX_TYPES if kind in words]


def run(kind, plan, say):
    """Returns the figures; an AssertionError tells what went wrong."""
    apps = 5 if plan.queues >= 10 else 1
    with Sim(f"--apps={apps}", f"--queues={plan.queues // apps}") as sim:
        report = OutletTorture(kind, plan, sim, say).run()
    say(REPORT.format(**report))
    return report
