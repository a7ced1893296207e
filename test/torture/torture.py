"""One run:

  - haplo-poll starts, and messages arrive.
  - An administrator unsends some messages whose marks are confirmed.
  - The server hangs, or goes down and comes back. All the time, its responses
    get lost, corrupted and delayed.
  - haplo-poll is killed at a random time or after a certain transition (or it
    is suspended for longer than its timeouts, or asked to stop). Everything it
    had asked to be marked must then be on disk.
  - This repeats until all messages have arrived.
  - The faults end, haplo-poll drains the queues, its outlet catches up, and
    what is stored and forwarded is compared with what the server had.

The number of times each message must be stored is exact: once, plus once for
each time it was unsent. The ambiguous cases of haplo-inbox(5) do not occur: a
message is not unsent if an equal one exists, if its mark is not confirmed on
disk, or while a request of a dead process is in progress, since that request
could still mark the message after it was unsent.
"""
import base64
import collections
import json
import pathlib
import shutil
import signal
import tempfile
import time

from plan import MARK_ATTEMPTS, MOMENTS, SHARED, TIMEOUT_MS
from poll import config_of, named, run_program
from record import Record
from sim import Sim
from truth import Truth
from victim import Victim

BACKLOG_MAX = 800  # unread messages; no more are added above it
ADMIN_TURNS = 4  # see Torture.no_stale_marks
MOMENT_S_MAX = 0.5
DRAIN_S_MAX = 120
FETCHING = ("FETCHING",)
DELIVERING = ("DELIVERING", "LAST_DELIVERING", "DELIVER_WAIT")
MARKING = ("MARK_READY", "MARKING", "MARK_WAIT", "LAST_MARK_READY",
           "LAST_MARKING", "LAST_MARK_WAIT")

REPORT = (
    "{kills} kills (at work on: {at}), {ended} ended as told; "
    "{messages} messages, {resends} resends; lost {lost}, repeats {repeats}"
    "{explanation}; {seconds} s"
)


class Report(dict):
    """The figures of a run."""

    def __str__(self):
        at = ", ".join(f"{name} {count}" for name, count
                       in sorted(self["phases"].items()))
        explanation = ""
        if self["explained"]:
            explanation = (f" besides {self['explained']} that a kill explains"
                           " and a receiver can tell")
        return REPORT.format(at=at, explanation=explanation, **self)


class Torture:
    """A run with an inbox, and an outlet that forwards everything as files."""

    def __init__(self, plan, log=lambda line: None):
        self.plan = plan
        self.log = log
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="haplo-torture-"))
        self.copy = self.folder / "copy"
        self.copy.mkdir()
        self.sim = Sim(scenario=plan.scenario, dir=self.folder)
        self.truth = Truth(self.sim, log)
        self.record = Record(self.folder, self.truth.hash_of_body)
        self.other_record = Record(self.folder / "other",
                                   self.truth.hash_of_body)
        self.victim = None
        self.others = []  # second consumer; the last one runs
        self.fed = 0  # messages that have arrived
        self.kills = 0
        self.ends = 0  # lives that ended when asked to
        self.resends = 0
        self.phases = collections.Counter()

    # Configuration

    def write_config(self, name, queues, folder):
        config = config_of(self.sim)
        config["state_dir"] = f"{folder}state"
        config["inbox"] = f"{folder}inbox.db"
        config["outlets"] = [{
            "name": "files", "type": "files", "path": f"{folder}files",
            "backoff": "10ms", "backoff_max": "40ms"}]
        config["defaults"] = {
            "interval": "40ms", "backoff": "10ms", "backoff_max": "40ms",
            "max_in_flight": 4,
            "breaker_failures": 1000, "connect_timeout": "1s",
            "first_byte_timeout": f"{TIMEOUT_MS}ms",
            "stall_timeout": f"{TIMEOUT_MS}ms",
        }
        for server in config["servers"]:
            server["mark_attempts_max"] = MARK_ATTEMPTS[server["name"]]
        if queues:
            config["servers"] = [named(config["servers"], queues[0][0])]
            config["servers"][0]["queues"] = [
                queue for queue in config["servers"][0]["queues"]
                if queue["name"] in [name for _, name in queues]]
        (self.folder / name).write_text(json.dumps(config, indent=1))

    def secrets(self):
        keys = [path.read_text().strip().encode()
                for path in (self.folder / "keys").iterdir()]
        return keys + [base64.b64encode(b"haplo:" + key) for key in keys]

    def start(self):
        return Victim(str(self.folder / "poll.yaml"), self.keys)

    def start_other(self):
        """Starts the second consumer, which has its own inbox."""
        self.others.append(Victim(str(self.folder / "other.yaml"), self.keys))

    # Messages arrive

    def feed(self, own, count):
        lines = []
        while count > 0:
            part = min(own.burst, count)
            app = self.plan.choices.choice(list(self.sim.apps))
            queue = self.plan.choices.choice(self.sim.apps[app]["queues"])
            lines.append(f"message {app} {queue} count={part}")
            count -= part
        if lines:
            self.fed += self.sim.script(*lines)["count"]

    def share(self, own):
        if self.sim.unread() > BACKLOG_MAX:
            return 0
        return min(own.share, self.plan.messages - self.fed)

    # An administrator unsends messages

    def no_stale_marks(self):
        """Returns true if no request of a dead process is in progress. Its
        bytes may be unread, its connection not accepted yet, or its end
        unnoticed. Each of these takes the simulator one iteration of its loop,
        and so does each request here."""
        return all(
            app["gone"] == 0
            for _ in range(ADMIN_TURNS)
            for app in self.sim.stats()["apps"])

    def unsend(self):
        """Unsends some messages of one queue, which must then arrive again."""
        app = self.plan.choices.choice(list(self.sim.apps))
        queue = self.plan.choices.choice(self.sim.apps[app]["queues"])
        count = self.plan.choices.choice((1, 2, 5, 20))
        if (app, queue) in SHARED:
            return
        messages = self.sim.messages(app, queue)
        times = collections.Counter(message["hash"] for message in messages)
        is_confirmed = self.record.inbox.is_confirmed(app, queue)
        ids = [str(message["id"]) for message in messages
               if message["sent"] and times[message["hash"]] == 1
               and is_confirmed(message["hash"])][-count:]
        if ids and self.no_stale_marks():
            answer = self.sim.script(f"unsend {app} {queue} {' '.join(ids)}")
            assert answer["count"] == len(ids)
            self.resends += len(ids)

    # The server fails

    def trouble(self, own):
        if own.trouble == "hang":
            self.sim.process.send_signal(signal.SIGSTOP)
            self.victim.watch(own.trouble_s)
            self.sim.process.send_signal(signal.SIGCONT)
        elif own.trouble == "crash":
            self.sim.script(
                f"fault app={own.app} do=refuse drop=yes "
                f"for={round(own.trouble_s * 1000)}ms")
        elif own.trouble == "storm":
            fault = self.sim.script(
                f"fault app={own.app} on=mark do=reset times=0 "
                f"done={own.is_done}")["fault"]
            self.victim.watch(own.trouble_s)
            self.sim.script(f"clear fault {fault}")

    # A life ends

    def wait_for_end(self, own):
        victim = self.victim
        if own.end == "start":
            victim.watch(own.start_s)
        elif own.end == "line":
            changes = MOMENTS[own.moment]
            goal = victim.count(changes) + own.nth
            victim.watch(MOMENT_S_MAX, lambda: victim.count(changes) >= goal)
            time.sleep(own.delay_s)
        else:
            victim.watch(own.wait_s)

    def end(self, own):
        victim = self.victim
        if own.end == "stop":
            victim.signal(signal.SIGSTOP)
            time.sleep(own.stop_s)
            victim.signal(signal.SIGCONT)
            victim.watch(own.wait_s)
        if own.end.startswith("term"):
            victim.signal(signal.SIGTERM)
        if own.end in ("term-term", "term-kill"):
            time.sleep(own.delay_s)
        if own.end == "term-term":
            victim.signal(signal.SIGTERM)
        if own.is_kill:
            was_killed = victim.kill(is_ending=own.end == "term-kill")
        else:
            was_killed = False
            victim.end()
        self.kills += was_killed
        self.ends += not was_killed
        self.record.look(self.copy, was_killed or own.end == "term-term")
        if was_killed:
            self.note_phases()

    def note_phases(self):
        """Counts what the process was doing when it was killed; with many
        queues that is usually several things."""
        victim = self.victim
        states = victim.states.values()
        at = {
            "fetch": any(state in FETCHING for state in states),
            "deliver": any(state in DELIVERING for state in states),
            "mark": any(state in MARKING for state in states),
            "state": bool(victim.confirmed & self.record.inbox.unconfirmed),
        }
        self.phases.update(name for name, is_so in at.items() if is_so)
        self.phases["nothing"] += not any(at.values())

    # A round

    def live(self, own):
        """Runs one life of haplo-poll, from its start to its end."""
        count = self.share(own)
        self.feed(own, 0 if own.late else count)
        self.victim = self.start()
        if own.end != "start":
            self.victim.watch(own.wait_s / 4)
            self.feed(own, count if own.late else 0)
            if own.admin:
                self.unsend()
            self.trouble(own)
        self.wait_for_end(own)
        self.end(own)
        self.truth.check_marks(self.record.inbox)
        self.others[-1].watch(0)
        if self.kills % 10 == 0 and own.is_kill:
            self.others[-1].kill()
            self.other_record.look(self.copy, True)
            self.start_other()

    def is_done(self):
        return self.kills >= self.plan.kills and self.fed >= self.plan.messages

    # The end of the run

    def watch_until(self, is_reached):
        end = time.monotonic() + DRAIN_S_MAX
        while not is_reached():
            self.victim.watch(0.05)
            self.others[-1].watch(0.01)
            assert time.monotonic() < end, "the queues do not drain in time"

    @staticmethod
    def be_patient(path):
        """From then on, no good request exceeds a limit."""
        config = json.loads(path.read_text())
        for limit in ("connect", "first_byte", "stall"):
            config["defaults"][f"{limit}_timeout"] = "10m"
        path.write_text(json.dumps(config, indent=1))

    def drain(self):
        """Drains the queues without faults: in the end every message is marked,
        and the disk knows it."""
        self.sim.script("clear faults")
        self.victim = self.start()
        self.watch_until(lambda: self.sim.unread() == 0
                         and self.no_stale_marks())
        self.victim.empty.clear()
        self.watch_until(lambda: len(self.victim.empty) == self.queue_count)
        for one in (self.victim, self.others[-1]):
            one.signal(signal.SIGTERM)
            one.end()
        for name in ("poll.yaml", "other.yaml"):  # the outlets catch up
            self.be_patient(self.folder / name)
            done = run_program("-q", "-c", self.folder / name, "once")
            assert done.code == 0, done.err
        for record in (self.record, self.other_record):
            record.look(self.copy, False)
        self.truth.check_marks(self.record.inbox)
        unconfirmed = self.record.inbox.unconfirmed
        assert not unconfirmed, f"drained, and not confirmed: {unconfirmed}"

    def run(self):
        """Returns the figures. Raises AssertionError if a check fails, and
        keeps the folder in that case."""
        begin = time.monotonic()
        self.sim.start()
        try:
            report = self.run_with_sim()
        except BaseException:
            self.log(f"the files of the failed run are in {self.folder}")
            raise
        finally:
            self.kill_all()
            self.sim.stop()
        report["seconds"] = round(time.monotonic() - begin)
        shutil.rmtree(self.folder)
        return report

    def run_with_sim(self):
        self.keys = self.secrets()
        self.queue_count = sum(len(app["queues"])
                               for app in self.sim.apps.values())
        (self.folder / "other").mkdir()
        self.write_config("poll.yaml", (), "")
        self.write_config("other.yaml", SHARED, "other/")
        self.sim.script(*self.plan.faults)
        self.start_other()
        while not self.is_done():
            self.live(self.plan.next_round())
        self.drain()
        return Report(kills=self.kills, phases=dict(self.phases),
                      ended=self.ends, resends=self.resends,
                      **self.truth.compare(self.record, self.other_record))

    def kill_all(self):
        self.sim.process.send_signal(signal.SIGCONT)
        for one in (self.victim, *self.others[-1:]):
            if one is not None:
                one.process.kill()
                one.process.wait()
