"""examples/many_servers.c: a file lists the queues, and changes while they are
polled."""
import collections
import contextlib
import signal
import subprocess

from poll import Poll
from sim import BUILD, Sim, replace_file, wait_for

PROGRAM = BUILD / "examples" / "many_servers"
SERVERS, QUEUES = 50, 40  # of each
KEY = "eB_RKYvYlpDbMLrJc7BBBgnd-SsyXh8qPEjXm2ZeRML0"
SHORT_KEY = "too-short"


class Application:
    """A process of the example, and its file."""

    def __init__(self, sim):
        self.path = sim.dir / "queues.csv"
        self.out = sim.dir / "out"
        self.err = sim.dir / "err"
        self.process = None

    def write(self, lines):
        replace_file(self.path, "".join(f"{line}\n" for line in lines))

    def start(self):
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            self.process = subprocess.Popen(
                [PROGRAM, self.path], stdout=out, stderr=err)

    def read_again(self, lines):
        self.write(lines)
        self.process.send_signal(signal.SIGHUP)

    def printed(self):
        """How often each message: (server/queue, bytes)."""
        return collections.Counter(
            tuple(part.split(" ", 1))
            for part in self.out.read_text().split("\0")[:-1])

    def errors(self):
        return self.err.read_text().replace(f"{self.path}:", "").splitlines()

    def removed(self):
        return {line.removeprefix("removed: ") for line in self.errors()
                if line.startswith("removed: ")}


@contextlib.contextmanager
def application(sim):
    example = Application(sim)
    try:
        yield example
        assert example.process.poll() is None
    finally:
        if example.process is not None:
            example.process.kill()
            example.process.wait()
    poll = Poll(sim)
    poll.note_keys()
    poll.check_not_in(poll.secrets | {KEY, SHORT_KEY}, [
        example.out.read_text(), example.err.read_text()])


def line_of(sim, server, queue):
    return f"{server},{sim.url(server)},{queue},{sim.key(server, queue)}"


def put_on_queues(sim):
    """How often each message, as they are printed."""
    return collections.Counter(
        ("/".join(name), message["bytes"])
        for name, messages in sim.all_messages(exact=True).items()
        for message in messages)


# The first reading lists 1,500 queues, the next one 500 others and 1,000 of
# these: what both list is not disturbed, and all messages arrive.
def test_two_thousand_queues():
    with Sim(f"--apps={SERVERS}", f"--queues={QUEUES}",
             "--messages=3") as sim, application(sim) as example:
        lines = {f"{server}/{queue}": line_of(sim, server, queue)
                 for queue in [f"q{i + 1}" for i in range(QUEUES)]
                 for server in sim.apps}
        names = list(lines)
        assert len(names) == 2000
        example.write(lines[name] for name in names[:1500])
        example.start()
        wait_for(lambda: sim.unread() == 500 * 3)
        example.read_again(lines[name] for name in names[500:])
        sim.wait_until_read()
        wait_for(lambda: len(example.removed()) == 500)
        assert example.removed() == set(names[:500])
        assert example.printed() == put_on_queues(sim)
        assert len(example.errors()) == 500


def has_printed(example, name):
    return any(queue == name for queue, _ in example.printed())


@contextlib.contextmanager
def removing():
    """The example removes app1/q1, which has a batch whose mark is held up."""
    with Sim("--apps=2", "--queues=2", "--messages=3") as sim, \
            application(sim) as example:
        sim.script("fault app=app1 on=mark do=delay times=0")
        example.write([line_of(sim, "app1", "q1")])
        example.start()
        wait_for(lambda: has_printed(example, "app1/q1"))
        example.read_again([line_of(sim, "app2", "q1")])
        wait_for(lambda: has_printed(example, "app2/q1"))
        assert example.removed() == set()
        yield sim, example


# What a removed queue has delivered is marked before it goes, and what comes
# later stays on the server.
def test_a_queue_is_drained():
    with removing() as (sim, example):
        sim.script("message app1 q1 count=2", "clear faults")
        wait_for(lambda: example.removed() == {"app1/q1"})
        assert sim.unread("app1", "q1") == 2
        example.read_again([line_of(sim, "app1", "q1")])
        wait_for(lambda: sim.unread("app1", "q1") == 0)


# It may be listed again before it is gone: somebody saved the file twice.
def test_a_queue_comes_back():
    with removing() as (sim, example):
        example.read_again([line_of(sim, "app1", "q1"),
                            line_of(sim, "app2", "q2")])
        wait_for(lambda: has_printed(example, "app2/q2"))
        sim.script("message app1 q1 count=2", "clear faults")
        wait_for(lambda: sim.unread("app1", "q1") == 0)
        wait_for(lambda: example.removed() == {"app1/q1", "app2/q1"})
        assert max(example.printed().values()) == 1


# Each wrong line is named, by number and without its key. Nothing is removed
# then, but what is right is done.
def test_wrong_lines_are_named():
    with Sim("--apps=1", "--queues=3", "--messages=3") as sim, \
            application(sim) as example:
        lines = [line_of(sim, "app1", f"q{i}") for i in (1, 2, 3)]
        example.write(lines[:1])
        example.start()
        wait_for(lambda: sim.unread() == 6)
        url = sim.url()
        example.read_again([
            lines[1], "", f"app1,{url},q3", f"app1,{url},q/3,{KEY}",
            f"app2,ftp://server.test,q1,{KEY}", f"app1,{url},q3,{SHORT_KEY}",
            lines[1].replace(sim.key(queue="q2"), SHORT_KEY)])
        wait_for(lambda: len(example.errors()) == 6)
        assert [line.split(":")[0] for line in example.errors()] == [
            "2", "3", "4", "5", "6", "7"]
        wait_for(lambda: sim.unread() == 3)
        example.read_again(lines)
        sim.wait_until_read()
        assert example.removed() == set()


# Somebody replaces a key: the queue goes on with it.
def test_a_key_is_replaced():
    with Sim("--apps=1", "--queues=1", "--messages=3") as sim, \
            application(sim) as example:
        example.write([line_of(sim, "app1", "q1").replace(sim.key(), KEY)])
        example.start()
        wait_for(lambda: sim.app_stats()["failed_logins"] == 1)
        example.read_again([line_of(sim, "app1", "q1")])
        sim.wait_until_read()
        assert example.errors() == []
