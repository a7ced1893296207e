"""examples/threads.c: batches are stored in threads. Whenever it is killed, what
is marked on the server is durable; when it is told to stop, what is durable is
marked."""
import collections
import os
import random
import signal
import subprocess
import threading
import time

import pytest

from poll import preloaded
from sim import BUILD, Sim, wait_for

PROGRAM = BUILD / "examples" / "threads"
CRASH_AT = BUILD.resolve() / "crash_at.so"
KILLS = 10


class Application:
    """A process of the example, and its folder."""

    running = []

    def __init__(self, sim, folder, *queues):
        self.sim = sim
        self.folder = folder
        self.queues = queues
        self.process = None
        folder.mkdir(exist_ok=True)

    def start(self, environment=None):
        self.process = subprocess.Popen(
            [PROGRAM, self.folder, self.sim.url(), *self.queues],
            stdin=subprocess.PIPE, stderr=subprocess.PIPE,
            env=environment or os.environ)
        self.process.stdin.write(self.sim.key(queue="wide").encode() + b"\n")
        self.process.stdin.close()
        self.running.append(self.process)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        """SIGTERM; returns what it prints."""
        self.process.terminate()
        return self.end()

    def end(self):
        printed = self.process.stderr.read().decode()
        assert self.process.wait() == 0
        return printed

    def stored(self):
        """How often each message is stored; what is cut off would be one that
        nobody has sent."""
        files = [path for path in self.folder.iterdir()
                 if path.suffix != ".part"]
        return collections.Counter(
            message for path in files
            for message in path.read_text().split("\0") if message)


@pytest.fixture(autouse=True)
def fixture_end():
    yield
    for process in Application.running:
        process.kill()
        process.wait()
        process.stderr.close()
    Application.running.clear()


def on_queues(sim, is_marked=False):
    return collections.Counter(
        message["bytes"] for messages in sim.all_messages(exact=True).values()
        for message in messages if message["marked"] or not is_marked)


def check_stored(sim, application):
    stored = application.stored()
    assert not on_queues(sim, is_marked=True) - stored  # lost
    assert set(stored) <= set(on_queues(sim))


# Three queues at work in three threads; told to stop when they are empty.
def test_all_are_stored_once(tmp_path):
    with Sim("--apps=1", "--queues=3", "--messages=50") as sim:
        application = Application(sim, tmp_path, "q1", "q2", "q3")
        application.start()
        sim.wait_until_read()
        assert application.stop() == "0 batches will come again\n"
        assert application.stored() == on_queues(sim)
        assert not list(tmp_path.glob("*.part"))


# Told to stop at any moment, it marks all that it has stored.
def test_what_is_stored_is_marked_before_it_ends(tmp_path):
    moments = random.Random(7)
    with Sim("--apps=1", "--queues=3") as sim:
        application = Application(sim, tmp_path, "q1", "q2", "q3")
        for _ in range(8):
            sim.script(*[f"message app1 q{i} count=60" for i in (1, 2, 3)])
            before = sim.unread()
            application.start()
            wait_for(lambda: sim.unread() < before)
            time.sleep(moments.uniform(0, 0.02))
            assert application.stop() == "0 batches will come again\n"
            assert application.stored() == on_queues(sim, is_marked=True)


# Killed at any moment, while marks are lost as well.
def test_killed_again_and_again(tmp_path):
    moments = random.Random(6)
    with Sim("--apps=1", "--queues=3", "--messages=5") as sim:
        application = Application(sim, tmp_path, "q1", "q2", "q3")
        sim.script(
            "fault on=mark do=reset done=yes times=0 probability=0.2 seed=1",
            "fault on=mark do=reset done=no times=0 probability=0.2 seed=2")
        for _ in range(KILLS):
            sim.script("message app1 q1 count=3", "message app1 q2 count=3")
            before = sum(application.stored().values())
            application.start()
            wait_for(lambda: sum(application.stored().values()) > before)
            time.sleep(moments.uniform(0, 0.05))
            application.kill()
            check_stored(sim, application)
        sim.script("clear faults")
        application.start()
        sim.wait_until_read()
        application.stop()
        assert set(application.stored()) == set(on_queues(sim))


# Each system call on which it depends that something is durable: the process
# dies before it, or the power fails, and what was not synced is gone.
@pytest.mark.parametrize("grave", [False, True], ids=["process", "power"])
def test_killed_at_each_step(tmp_path, grave):
    step = 0
    is_over = False
    while not is_over:
        step += 1
        with Sim("--apps=1", "--queues=1", "--messages=20") as sim:
            application = Application(sim, tmp_path / f"step{step}", "q1")
            environment = {
                **os.environ, "CRASH_BELOW": str(application.folder),
                "CRASH_AT": str(step)}
            if grave:
                (tmp_path / f"grave{step}").mkdir()
                environment["CRASH_GRAVE"] = str(tmp_path / f"grave{step}")
            application.start(preloaded(environment, CRASH_AT))
            wait_for(lambda: application.process.poll() is not None
                     or sim.unread() == 0)
            is_over = application.process.poll() is None
            application.kill()
            check_stored(sim, application)
            application.start()
            sim.wait_until_read()
            application.kill()
            assert set(application.stored()) == set(on_queues(sim))
    assert step > 6  # three for each batch


def release(path):
    """Reads a FIFO that somebody writes, to its end."""
    thread = threading.Thread(target=path.read_bytes)
    thread.start()
    return thread


# The only thread is held up: its file is a FIFO, which cannot be synced either.
# Told to stop, the program waits for it. That batch is not accepted; the next
# one, which no thread had begun to store, is stored and marked.
def test_told_to_stop_while_a_thread_works(tmp_path):
    with Sim("--apps=1", "--queues=3", "--host=127.0.0.1") as sim:
        application = Application(sim, tmp_path, "q1", "q2", "q3")
        os.mkfifo(tmp_path / "q1.part")
        sim.script("message app1 q1 count=3")
        application.start({**os.environ, "UV_THREADPOOL_SIZE": "1"})
        wait_for(lambda: sim.queue_stats(queue="q1")["returned"] == 3)
        sim.script("message app1 q2 count=3")
        wait_for(lambda: sim.queue_stats(queue="q2")["returned"] == 3)
        # When another request follows, the response of q2 has been read.
        sim.script("fault queue=q3 on=fetch do=delay times=0")
        wait_for(lambda: sim.app_stats()["running"] == 1)
        application.process.terminate()
        wait_for(lambda: sim.app_stats()["gone"] == 1)
        assert application.process.poll() is None
        thread = release(tmp_path / "q1.part")
        assert application.end() == "1 batches will come again\n"
        thread.join()
        assert sim.unread("app1", "q1") == 3
        assert sim.unread("app1", "q2") == 0
        assert application.stored() == on_queues(sim, is_marked=True)
