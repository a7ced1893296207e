"""A name server that does not answer: a look-up cannot be cancelled, and nobody
waits for it."""
import signal

import pytest

from poll import BUILD, preloaded
from sim import Sim, wait_for

HANGING_NAMES = BUILD.resolve() / "hanging_names.so"
BUS = {"nats": {"urls": ["nats://bus.example.ac.uk:4222"]},
       "kafka": {"brokers": ["bus.example.ac.uk:9092"]}}


@pytest.fixture
def sim():
    with Sim("--apps=2", "--queues=1", "--messages=20") as sim:
        yield sim


@pytest.fixture
def poll(sim, poll_of):
    """app1 has a name to be looked up, app2 does not."""
    poll = poll_of(sim)
    poll.environment = preloaded(poll.environment, HANGING_NAMES)
    poll.server()["url"] = "https://server.example.ac.uk"
    poll.server()["connect_timeout"] = "200ms"
    poll.config["defaults"]["interval"] = "20ms"
    return poll


# A service manager would kill it after a while.
def test_run_ends_although_a_name_is_looked_up(sim, poll):
    running = poll.start()
    running.wait_for_line("app1/q1", "resolve server.example.ac.uk")
    wait_for(lambda: sim.unread("app2", "q1") == 0)
    assert running.stop() == 0
    assert running.lines("stopped; batches left unmarked: 0")
    assert running.lines("not waiting for the name server")
    poll.check_nothing_lost(stored={("app2", "q1")})


# The operator insists, while a mark is still waited for.
def test_a_second_signal_ends_it_at_once(sim, poll):
    sim.script("fault app=app2 queue=q1 on=mark do=stall")
    poll.server("app2")["first_byte_timeout"] = "1h"
    poll.server("app2")["total_timeout"] = "1h"
    running = poll.start()
    running.wait_for_line("app1/q1", "resolve server.example.ac.uk")
    wait_for(lambda: poll.inbox_count("app2") > 0)
    running.signal(signal.SIGTERM)
    running.wait_for_line("SIGTERM: finishing outstanding work")
    running.signal(signal.SIGTERM)
    if running.has_finished_at_once():
        assert running.lines("stopped; batches left unmarked: 1")
    poll.check_nothing_lost()


# From cron, processes that never end would pile up.
def test_once_ends_although_a_name_is_looked_up(sim, poll):
    done = poll.once()
    assert done.code == 1
    assert "resolve server.example.ac.uk: no address within 200 ms" in done.err
    assert "not waiting for the name server" in done.err
    poll.check_nothing_lost(stored={("app2", "q1")})


def test_peek_ends_although_a_name_is_looked_up(poll):
    done = poll.run("peek", "app1/q1")
    assert done.code == 1
    assert "resolve server.example.ac.uk: no address within 200 ms" in done.err


# Where nothing hangs, nothing is left behind.
def test_the_usual_end_waits_for_nothing(sim, poll_of):
    done = poll_of(sim).once()
    assert done == (0, "", "")


# The libraries of these outlets look up names by themselves.
@pytest.mark.parametrize("kind", [
    kind for kind in BUS if kind in (BUILD / "types").read_text().split()])
def test_an_outlet_ends_although_a_name_is_looked_up(sim, poll, kind):
    poll.config["outlets"] = [{"name": "bus", "type": kind, **BUS[kind]}]
    running = poll.start()
    wait_for(lambda: sim.unread("app2", "q1") == 0)
    running.signal(signal.SIGTERM)
    running.wait_for_line("SIGTERM: finishing outstanding work")
    running.signal(signal.SIGTERM)
    running.has_finished_at_once()
    poll.check_nothing_lost(stored={("app2", "q1")})
