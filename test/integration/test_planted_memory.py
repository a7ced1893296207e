"""API keys in the memory of a running process: who reads that, by a debugger or
from a swap device, finds the keys that are in use, and no others."""
import pytest

import planted
from sim import Sim, wait_for

pytestmark = pytest.mark.needs("memory")


def started(poll_of, sim, **defaults):
    poll = poll_of(sim)
    poll.config["defaults"] |= {"interval": "300ms", **defaults}
    run = poll.start()
    sim.wait_until_read()
    return poll, run


def wait_for_copies(run, counts):
    """Until each key is in memory that often; between requests, that is."""
    found = {}

    def as_expected():
        memory = planted.memory_of(run.process.pid)
        found.update((key, memory.count(key.encode())) for key in counts)
        return found == counts

    try:
        wait_for(as_expected)
    except AssertionError:
        raise AssertionError(f"{found}, and not {counts}") from None


# The next request needs it. A second copy would be one that nobody wipes.
@pytest.mark.parametrize("tls", [[], ["--tls"]])
def test_key_in_use_is_in_memory_once(poll_of, tls):
    with Sim("--apps=1", "--queues=3", "--messages=20", *tls) as sim:
        poll, run = started(poll_of, sim)
        wait_for_copies(run, {sim.key("app1", name): 1
                              for name in ("q1", "q2", "q3")})
        assert run.stop() == 0


# The environment is one more copy, which the search must find; and a reason to
# prefer the others.
def test_key_in_the_environment_is_there_twice(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=20") as sim:
        poll = poll_of(sim)
        del poll.queue()["api_key_file"]
        poll.queue()["api_key_env"] = "KEY_IN_ENVIRONMENT"
        poll.environment["KEY_IN_ENVIRONMENT"] = sim.key()
        poll.config["defaults"]["interval"] = "300ms"
        run = poll.start()
        sim.wait_until_read()
        wait_for_copies(run, {sim.key(): 2})
        assert run.stop() == 0


# Whoever replaces a key does so because somebody may have the old one.
def test_replaced_key_is_wiped(poll_of):
    with Sim("--apps=1", "--queues=2", "--messages=20", "--tls") as sim:
        poll, run = started(poll_of, sim)
        old = sim.key()
        sim.script("key app1 q1 rotate=yes store=yes",
                   "message app1 q1 count=5")
        poll.note_keys()
        sim.wait_until_read()
        wait_for_copies(run, {old: 0, sim.key(): 1})
        assert run.stop() == 0


# A queue that a reload has removed leaves nothing behind, and neither does one
# whose key comes from a command.
def test_key_of_a_removed_queue_is_wiped(poll_of):
    with Sim("--apps=1", "--queues=2", "--messages=20", "--tls") as sim:
        poll = poll_of(sim)
        removed = poll.queue("app1", "q1")
        del removed["api_key_file"]
        removed["api_key_command"] = ["cat", f"{poll.folder}/keys/app1-q1"]
        poll.config["defaults"]["interval"] = "300ms"
        run = poll.start()
        sim.wait_until_read()
        keys = [sim.key("app1", name) for name in ("q1", "q2")]
        wait_for_copies(run, dict.fromkeys(keys, 1))
        poll.queue_list().remove(removed)
        assert poll.run("reload").code == 0
        wait_for_copies(run, {keys[0]: 0, keys[1]: 1})
        assert run.stop() == 0


# It is tried again after 15 minutes, until when it waits in one place.
def test_refused_key_is_in_memory_once(poll_of):
    with Sim("--apps=1", "--queues=2", "--messages=5") as sim:
        sim.script("key app1 q2 status=revoked")
        poll = poll_of(sim)
        poll.config["defaults"]["interval"] = "300ms"
        run = poll.start()
        run.wait_for_line("app1/q2", "INVALID-API-KEY")
        wait_for_copies(run, {sim.key("app1", "q2"): 1})
        assert run.stop() == 0
