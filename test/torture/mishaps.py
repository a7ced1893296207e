"""What happens besides crashes: a second process on the same inbox, without the
lock that keeps it away; a file that is truncated; an older copy that is
restored; servers that move to another address. All the while messages arrive,
other programs read the inbox, and some of them are killed. Afterwards:

  - Each message that a server counts as read is stored, once. (What a mishap
    has destroyed, an administrator has marked as unsent.)
  - A program that remembers the last arrival has seen each message.
  - Files have each message. What came twice was destroyed in the meantime.
"""
import collections
import contextlib
import random
import shutil
import sqlite3
import subprocess
import threading
import time

from files_outlet import Receiver, as_bytes, packed
from moving_name import NAME, MovingName
from poll import Poll
from sim import Sim, wait_for

QUEUES = [("app1", "q1"), ("app1", "q2"), ("app2", "q1"), ("app2", "q2")]
FEED_MAX = 60  # messages for a queue at a time


class Follower:
    """A program that reads the inbox in order: it opens it, asks for what is
    new, and closes it."""

    def __init__(self, path):
        self.path = path
        self.last = 0
        self.seen = collections.Counter()

    def look(self):
        with contextlib.suppress(sqlite3.Error), contextlib.closing(
                sqlite3.connect(f"file:{self.path}?mode=ro", uri=True,
                                timeout=0.1)) as inbox:
            for arrival, *message in inbox.execute(
                    "SELECT arrival, server, queue, body FROM messages"
                    " WHERE arrival > ? ORDER BY arrival", (self.last,)):
                assert arrival > self.last
                self.last = arrival
                self.seen[tuple(message)] += 1


class Background:
    """Programs that come and go, until the end of the block."""

    def __init__(self, seed, path):
        self.dice = random.Random(seed)
        self.path = path
        self.follower = Follower(path)
        self.is_over = threading.Event()
        self.error = None
        self.count = 0
        self.threads = [threading.Thread(target=self.run, args=(step,))
                        for step in (self.follower.look, self.read_and_die)]

    def read_and_die(self):
        """A reader that is killed within a query that takes long."""
        with subprocess.Popen(
                ["setpriv", "--pdeathsig=KILL", "sqlite3", "-readonly",
                 self.path,
                 "SELECT count(*) FROM stored, stored AS b, stored AS c"],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL) as reader:
            self.is_over.wait(self.dice.random() / 5)
            reader.kill()

    def run(self, step):
        try:
            while not self.is_over.wait(0.01):
                step()
                self.count += 1
        except BaseException as error:  # told at the end
            self.error = error

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, kind, *_):
        self.is_over.set()
        for thread in self.threads:
            thread.join()
        if self.error is not None and kind is None:
            raise self.error


class Mishaps:
    def __init__(self, sim, seed, rounds):
        self.sim = sim
        self.dice = random.Random(seed)
        self.rounds = rounds
        self.poll = Poll(sim)
        self.poll.config["defaults"] |= {"interval": "20ms",
                                         "max_in_flight": 2}
        self.poll.config["outlets"] = [
            {"name": "out", "type": "files", "path": "out",
             "backoff": "20ms", "backoff_max": "100ms"}]
        self.inbox = self.poll.inbox_path
        self.receiver = Receiver(self.poll.folder / "out")
        self.destroyed = collections.Counter()  # messages that came once more
        self.asides = 0
        self.run = None
        self.name = MovingName(self.poll)

    # Common steps

    def start(self):
        self.run = self.poll.start("-v", "run")
        self.run.wait_for_line("polling;")

    def stop(self):
        assert self.run.stop() == 0, self.run.err[-2000:]

    def feed(self):
        for app, queue in QUEUES:
            count = self.dice.randrange(FEED_MAX)
            if count > 0:
                self.sim.script(f"message {app} {queue} count={count}")

    def take_files(self):
        self.receiver.take()
        return True

    def settle(self):
        """All is read, and what was forwarded is taken."""
        self.sim.wait_until_read()
        self.take_files()

    def back_up(self):
        copy = self.poll.folder / "copy.db"
        copy.unlink(missing_ok=True)
        done = self.poll.run("inbox", "backup", str(copy))
        assert done.code == 0, done.err

    def put_back(self):
        """The administrator restores the copy, as docs/recovery.md says, and
        has the servers send once more what it lacks."""
        self.asides += 1
        aside = self.poll.folder / f"aside{self.asides}"
        aside.mkdir()
        for path in self.poll.folder.glob("inbox.db*"):
            path.rename(aside / path.name)
        shutil.copy(self.poll.folder / "copy.db", self.inbox)
        self.start()
        self.unsend_missing()
        self.settle()

    def unsend_missing(self):
        queues = self.sim.all_messages(exact=True)
        stored = self.poll.inbox()  # read later: it may be storing
        for name, messages in queues.items():
            missing = [message for message in messages
                       if message["sent"]
                       and stored[(*name, message["bytes"])] == 0]
            self.destroyed.update((*name, message["bytes"])
                                  for message in missing)
            self.sim.script(*(f"unsend {name[0]} {name[1]} {message['id']}"
                              for message in missing))

    # Mishaps

    def second_process(self):
        """Both store the same queues, as nothing keeps them apart."""
        other = Poll(self.sim)
        other.path = str(self.poll.folder / "other.yaml")
        other.config = {**self.poll.config, "state_dir": "other-state",
                        "outlets": []}
        other.environment = self.poll.environment
        is_over = time.monotonic() + 1.5
        runs = []
        try:
            while time.monotonic() < is_over:
                self.inbox.with_name("inbox.db.lock").unlink(missing_ok=True)
                if not runs or runs[-1].process.poll() is not None:
                    runs.append(other.start())
                if self.dice.random() < 0.1:
                    self.feed()
                time.sleep(0.01)
            if self.dice.random() < 0.5:
                runs[-1].kill()
            else:
                runs[-1].process.terminate()
                assert runs[-1].wait() in (0, 3, -15), runs[-1].err[-2000:]
        finally:
            other.kill_all()
        self.settle()

    def truncation(self):
        """: >inbox.db while it is in use: no mark must follow."""
        self.back_up()
        self.feed()
        self.settle()
        with open(self.inbox, "wb"):
            pass
        self.feed()
        self.sim.script("message app1 q1", "message app2 q2")
        retry = "app1/q1: DELIVERING -> DELIVER_WAIT"
        count = len(self.run.lines(retry))
        self.run.wait_for_line(retry, count=count + 2)
        unread = self.sim.unread()
        self.run.wait_for_line(retry, count=count + 4)
        assert unread == self.sim.unread() > 0, "marked into a truncated file"
        self.stop()
        self.put_back()

    def restore(self):
        """An older copy takes the place of the inbox."""
        self.back_up()
        self.feed()
        self.settle()
        self.stop()
        self.put_back()

    def move(self):
        """The name of the servers gets another address."""
        self.name.move()
        self.feed()
        self.name.wait_until_moved()
        self.settle()

    def play(self):
        kinds = [self.second_process, self.truncation, self.restore, self.move]
        with self.name, Background(self.dice.random(),
                                   self.inbox) as background:
            self.start()
            for number in range(self.rounds):
                self.feed()
                kinds[number % len(kinds)]()
            self.settle()
            self.stop()
            done = self.poll.once()  # the outlets catch up
            assert done.code == 0, done.err
            background.follower.look()
        self.take_files()
        return background

    # What must hold

    def check(self, background):
        self.poll.check_all_stored()
        made = {(*name, message["bytes"])
                for name, messages in self.sim.all_messages(exact=True).items()
                for message in messages}
        seen = background.follower.seen
        received = self.receiver.received
        expected = collections.Counter(
            (*name, packed(as_bytes(body))) for *name, body in made)
        again = collections.Counter(
            {(*name, packed(as_bytes(body))): count
             for (*name, body), count in self.destroyed.items()})
        assert not made - seen.keys(), "never seen by who reads in order"
        assert not expected - received, "never forwarded"
        assert not received - expected - again, "forwarded for no reason"
        assert not (seen - collections.Counter(made) - self.destroyed), (
            "stored twice for no reason")
        return len(made), self.destroyed.total()


def run(seed, rounds, say):
    """Prints the figures; an AssertionError tells what went wrong."""
    begin = time.monotonic()
    with Sim("--apps=2", "--queues=2", "--size=300",
             f"--host={NAME}") as sim:
        mishaps = Mishaps(sim, seed, rounds)
        try:
            background = mishaps.play()
            made, destroyed = mishaps.check(background)
        finally:
            mishaps.poll.kill_all()
        mishaps.poll.check_no_key_was_printed()
    say(f"mishaps, seed {seed}: {rounds} rounds, {made} messages, lost 0, "
        f"unexplained repeats 0; {destroyed} had been destroyed and came "
        f"again; {background.count} readers came and went; "
        f"{round(time.monotonic() - begin)} s")
