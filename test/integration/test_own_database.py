"""The state contract in an application's own database: examples/own_database.c
is killed again and again, and each plausible shortcut is tried, to see what it
costs. docs/embedding.md says what is seen here."""
import collections
import os
import random
import signal
import sqlite3
import subprocess
import time

import pytest

from sim import BUILD, ROOT, WAIT_S_MAX, Sim, wait_for

SOURCE = (ROOT / "examples" / "own_database.c").read_text()
KILLS = 100
CONFIRMED_SIZE = 64  # of a state in which nothing is unconfirmed
LOST_MARKS = (
    "fault on=mark do=reset done=yes times=0 probability=0.15 seed=1",
    "fault on=mark do=reset done=no times=0 probability=0.10 seed=2",
    "fault on=mark do=half-mark times=0 probability=0.10 seed=3",
)


class Application:
    """A process of the example, or of a variant of it, and its database."""

    running = []

    def __init__(self, sim, path, program=BUILD / "examples" / "own_database"):
        self.sim = sim
        self.path = path
        self.program = program
        self.process = None

    def command(self):
        return [self.program]

    def start(self):
        self.process = subprocess.Popen(
            [*self.command(), self.sim.url(), "q1", self.path],
            stdin=subprocess.PIPE, env={**os.environ, "CA_FILE": self.sim.ca})
        self.process.stdin.write(self.sim.key().encode() + b"\n")
        self.process.stdin.close()
        self.running.append(self.process)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def ask(self, sql):
        with sqlite3.connect(self.path, timeout=WAIT_S_MAX) as db:
            return db.execute(sql).fetchall()

    def stored(self):
        if not self.path.exists() or not self.ask(
                "SELECT 1 FROM sqlite_schema WHERE name = 'messages'"):
            return collections.Counter()
        return collections.Counter(bytes(body).decode() for body, in self.ask(
            "SELECT body FROM messages"))

    def is_confirmed(self):
        """All is marked, and the application knows it."""
        return self.stored() and self.sim.unread() == 0 and self.ask(
            f"SELECT 1 FROM states WHERE length(state) = {CONFIRMED_SIZE}")


def put_on_queue(sim):
    return collections.Counter(
        message["bytes"] for message in sim.messages(exact=True))


@pytest.fixture(name="sim")
def fixture_sim():
    with Sim("--apps=1", "--queues=1", "--messages=60", "--ties=20",
             "--shuffle=yes") as sim:
        yield sim
    for process in Application.running:
        process.kill()
        process.wait()
    Application.running.clear()


def kill_often(sim, application, kills, wait):
    """Kills it after each wait(), and unsends everything a few times. Asserts
    that each message is stored as often as it was put on the queue."""
    expected = put_on_queue(sim)
    for kill in range(kills):
        if kill % (kills // 4) == kills // 4 - 1:
            sim.script("clear faults")
            application.start()
            wait_for(application.is_confirmed)
            application.kill()
            expected += put_on_queue(sim)
            sim.script("unsend app1 q1 all")
        before = put_on_queue(sim)
        sim.script("message app1 q1 count=4", "clear faults", *LOST_MARKS)
        expected += put_on_queue(sim) - before
        application.start()
        wait()
        application.kill()
    sim.script("clear faults")
    application.start()
    wait_for(application.is_confirmed)
    application.kill()
    assert application.stored() == expected


# Wherever it is killed, whatever becomes of its marks, and although an
# administrator unsends everything in between: each message is stored as often
# as it was put on the queue.
def test_killed_a_hundred_times(sim, tmp_path):
    moments = random.Random(6)
    kill_often(sim, Application(sim, tmp_path / "own.db"), KILLS,
               lambda: time.sleep(moments.uniform(0.01, 0.12)))


# A shortcut: what is replaced in the example, and by what.
SHORTCUTS = {
    "state not restored": ("!read_stored(&options.state)", "0"),
    "stored outside the transaction": (
        """        }
    }
    return store(SET_STATE, haplo_batch_state(batch));""",
        """        }
    }
    execute("COMMIT");
    if (getenv("DIE") != NULL) {
        abort(); /* as luck would have it */
    }
    execute("BEGIN");
    return store(SET_STATE, haplo_batch_state(batch));"""),
    "not compared": ("haplo_state_compare(state, now);",
                     "HAPLO_COMPARE_CURRENT;"),
    "is_repeat ignored": ("!messages[i].is_repeat &&", ""),
}


def build(folder, name=None):
    """The example, or a variant that takes a shortcut. It polls often."""
    source = SOURCE
    if name is not None:
        was, now = SHORTCUTS[name]
        assert source.count(was) == 1, was
        source = source.replace(was, now)
    source = source.replace("options.name = argv[2];",
                            "options.name = argv[2]; options.interval_ms = 20;")
    path = folder / "variant.c"
    path.write_text(source)
    program = folder / "variant"
    library, = BUILD.resolve().glob("libhaplopoll.so.*.*.*")
    (folder / "libhaplopoll.so.0").symlink_to(library)
    subprocess.run(["cc", "-o", program, path, f"-I{ROOT / 'include'}", library,
                    f"-Wl,-rpath,{folder}", "-lsqlite3", "-luv"], check=True)
    return program


def lose_a_mark(sim, application):
    """The server marks, and its confirmation is lost with the process."""
    sim.script("fault on=mark do=stall done=no times=0")
    application.start()
    wait_for(lambda: sum(application.stored().values()) >= 16)
    application.kill()
    sim.script("clear faults")


def die_between(sim, application):
    os.environ["DIE"] = "1"
    application.start()
    application.process.wait()
    del os.environ["DIE"]


def run_beside_another(sim, application):
    """Both know the same state. One stores, and its mark is lost; the other one
    fetches the same messages."""
    other = Application(sim, application.path, application.program)
    for each in (application, other):
        each.start()
        wait_for(application.is_confirmed)
    wait_for(lambda: sim.queue_stats()["fetches"] >= 20)
    other.process.send_signal(signal.SIGSTOP)
    sim.script("fault on=mark do=stall done=no times=1",
               "message app1 q1 count=5")
    wait_for(lambda: sum(application.stored().values()) == 65)
    application.kill()
    other.process.send_signal(signal.SIGCONT)
    wait_for(lambda: sim.unread() == 0)
    other.kill()


FAULTS = {
    "state not restored": lose_a_mark,
    "stored outside the transaction": die_between,
    "not compared": run_beside_another,
    "is_repeat ignored": lose_a_mark,
}
# How many messages are stored twice.
COSTS = {
    "state not restored": 0,
    "stored outside the transaction": 16,
    "not compared": 5,
    "is_repeat ignored": 16,
}


def duplicates_after(sim, application, fault):
    fault(sim, application)
    application.start()
    wait_for(application.is_confirmed)
    application.kill()
    stored, expected = application.stored(), put_on_queue(sim)
    assert not expected - stored  # nothing is lost by any of them
    return sum((stored - expected).values())


# What each shortcut costs, at the moment when it matters.
@pytest.mark.parametrize("name", SHORTCUTS)
def test_a_shortcut_costs(sim, tmp_path, name):
    program = build(tmp_path, name)
    application = Application(sim, tmp_path / "own.db", program)
    assert duplicates_after(sim, application, FAULTS[name]) == COSTS[name]


# The example as it is pays nothing at the same moments.
@pytest.mark.parametrize("fault", [lose_a_mark, run_beside_another])
def test_the_example_pays_nothing(sim, tmp_path, fault):
    application = Application(sim, tmp_path / "own.db", build(tmp_path))
    assert duplicates_after(sim, application, fault) == 0
