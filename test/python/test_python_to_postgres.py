"""The example that stores into PostgreSQL is killed again and again, as
test_own_database.py kills its twin in C. HAPLO_KILLS=100: so often."""
import collections
import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from built import PYTHON_ENV, ROOT
from sim import wait_for

EXAMPLE = ROOT / "bindings" / "python" / "examples" / "to_postgres.py"
KILLS = int(os.environ.get("HAPLO_KILLS", 10))
QUEUES = ("q1", "q2")
# It polls often, and does not wait longer each time that something fails.
QUEUE_OPTIONS = json.dumps(
    {"interval_ms": 20, "backoff_ms": 20, "backoff_max_ms": 100})
CONFIRMED_SIZE = 64  # of a state in which nothing is unconfirmed
LOST_MARKS = (
    "fault on=mark do=reset done=yes times=0 probability=0.15 seed=1",
    "fault on=mark do=reset done=no times=0 probability=0.10 seed=2",
    "fault on=mark do=half-mark times=0 probability=0.10 seed=3",
)


class Application:
    """Processes of the example, and their database."""

    def __init__(self, sim, postgres, name):
        self.sim = sim
        self.postgres = postgres
        self.database = name
        self.processes = []
        postgres.sql(f"CREATE DATABASE {name}")

    def start(self):
        process = subprocess.Popen(
            [sys.executable, EXAMPLE, self.sim.url(), *QUEUES],
            stdin=subprocess.PIPE, text=True,
            env={**os.environ, **PYTHON_ENV, "CA_FILE": self.sim.ca,
                 "QUEUE_OPTIONS": QUEUE_OPTIONS,
                 "PGHOST": "127.0.0.1", "PGPORT": str(self.postgres.port),
                 "PGUSER": "postgres", "PGDATABASE": self.database})
        process.stdin.write("\n".join(self.sim.key(queue=queue)
                                      for queue in QUEUES))
        process.stdin.close()
        self.processes.append(process)
        return process

    def kill(self, process):
        process.kill()
        process.wait()

    def sql(self, statement):
        command = self.postgres.psql(database=self.database)
        done = subprocess.run([*command, "-c", statement], check=False,
                              stdin=subprocess.DEVNULL, capture_output=True,
                              text=True)
        return [] if done.returncode != 0 else [
            tuple(line.split("\x1f")) for line in done.stdout.splitlines()]

    def stored(self):
        return collections.Counter(
            (queue, bytes.fromhex(body).decode()) for queue, body in self.sql(
                "SELECT queue, encode(body, 'hex') FROM haplo_messages"))

    def is_confirmed(self):
        """All is marked, and the application knows it."""
        return self.sim.unread() == 0 and self.sql(
            "SELECT 1 FROM haplo_states HAVING count(*) = "
            f"{len(QUEUES)} AND max(length(state)) = {CONFIRMED_SIZE}")

    def fetches(self):
        return sum(self.sim.queue_stats(queue=queue)["fetches"]
                   for queue in QUEUES)

    def run_until_confirmed(self):
        process = self.start()
        wait_for(self.is_confirmed)
        self.kill(process)


@pytest.fixture(name="sim")
def fixture_sim(sim_of):
    return sim_of("--queues=2", "--messages=60", "--ties=20", "--shuffle=yes",
                  "--tls")


@pytest.fixture(name="application")
def fixture_application(sim, postgres, request):
    application = Application(sim, postgres,
                              request.node.originalname.replace("test_", ""))
    yield application
    for process in application.processes:
        process.kill()
        process.wait()


def put_on_queues(sim):
    return collections.Counter(
        (queue, message["bytes"])
        for (_, queue), messages in sim.all_messages(exact=True).items()
        for message in messages)


# Wherever it is killed, whatever becomes of its marks, and although an
# administrator unsends everything in between: each message is stored as often
# as it was put on the queue.
def test_killed_again_and_again(sim, application):
    moments = random.Random(6)
    expected = put_on_queues(sim)
    for kill in range(KILLS):
        if kill % 5 == 4:
            sim.script("clear faults")
            application.run_until_confirmed()
            expected += put_on_queues(sim)
            sim.script(*(f"unsend app1 {queue} all" for queue in QUEUES))
        before = put_on_queues(sim)
        sim.script(*(f"message app1 {queue} count=4" for queue in QUEUES),
                   "clear faults", *LOST_MARKS)
        expected += put_on_queues(sim) - before
        enough = application.fetches() + moments.randrange(1, 12)
        process = application.start()
        wait_for(lambda: application.fetches() >= enough)
        time.sleep(moments.uniform(0, 0.01))
        application.kill(process)
    sim.script("clear faults")
    application.run_until_confirmed()
    assert application.stored() == expected


# Two processes poll the same queues, by mistake or while one replaces the
# other. The row that both lock decides.
def test_two_processes_at_once(sim, application):
    first = application.start()
    second = application.start()
    wait_for(lambda: sim.unread() == 0)
    application.kill(first)
    sim.script(*(f"message app1 {queue} count=20" for queue in QUEUES))
    wait_for(lambda: sim.unread() == 0)
    second.send_signal(signal.SIGTERM)
    assert second.wait() == 0
    assert application.stored() == put_on_queues(sim)


# A restart of the database fails some commits, of which nobody knows whether
# they have succeeded.
def test_the_database_is_restarted(sim, application, postgres):
    process = application.start()
    wait_for(lambda: application.stored())
    postgres.crash()
    assert postgres.start()
    sim.script("message app1 q1 count=4")
    wait_for(lambda: sim.unread() == 0)
    application.kill(process)
    assert application.stored() == put_on_queues(sim)
