"""Whenever the process dies, the next one goes on: nothing lost or twice."""
import random

from sim import Sim, wait_for
from test_one_token import check_each_once

KILLS = 25
SEED = 8  # of where it is killed; the machine has a say, too

FAULTS = """
fault on=mark do=reset probability=.05 times=0 seed=1
fault on=mark do=reset done=no probability=.05 times=0 seed=2
fault on=mark do=half-mark probability=.05 times=0 seed=3
fault on=fetch do=reset at=300 probability=.05 times=0 seed=4
fault on=fetch do=cut probability=.05 times=0 seed=5
"""


# Power fails, machines are restarted, the kernel kills for memory.
def test_killed_again_and_again_it_stores_each_message_once(poll_of):
    moments = random.Random(SEED)
    with Sim("--apps=5", "--queues=10", "--messages=60",
             "--ties=20", "--shuffle",
             "--latency=2ms", "--latency-jitter=6ms") as sim:
        sim.script(FAULTS)
        poll = poll_of(sim)
        poll.config["defaults"] |= {"interval": "50ms", "max_in_flight": 2}
        total = sim.unread()
        for kill in range(1, KILLS + 1):
            running = poll.start()
            part = total * (KILLS + 1 - kill) // (KILLS + 1)
            wait_for(lambda part=part: sim.unread() <= part, 20, "progress")
            events = sim.stats()["events"] + moments.randrange(20)
            wait_for(lambda events=events: sim.stats()["events"] >= events,
                     20, "some events")
            running.kill()
        assert sim.unread() > 0
        returned = sum(message["returned"] for messages
                       in sim.all_messages().values() for message in messages)
        assert returned > total  # some came again
        running = poll.start()
        sim.wait_until_read()
        assert running.stop() == 0
        check_each_once(sim, poll)
