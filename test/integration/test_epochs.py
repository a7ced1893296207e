"""A message seen again before its mark was confirmed is a repeat, and stored
once; seen again after that it was unsent by an administrator, and is stored
again. Whatever happens to marks and to the process."""
import collections

import pytest

from sim import Sim, wait_for
from test_one_token import check_each_once


class Steps:
    """Lets haplo-poll come to rest, step by step: one process for all steps,
    or each a new one."""

    def __init__(self, poll, restarts):
        self.sim = poll.sim
        self.poll = poll
        self.restarts = restarts
        poll.config["defaults"] |= {
            "interval": "20ms", "mark_attempts_max": 2, "max_in_flight": 8,
            "first_byte_timeout": "500ms", "breaker_failures": 100,
        }

    def rest(self):
        """All is marked, and haplo-poll knows it."""
        if self.restarts:
            wait_for(lambda: self.poll.once().code == 0, 30, "exit code 0")
            assert self.sim.unread() == 0
            return
        if not self.poll.running:
            self.poll.start()
        wait_for(self.is_at_rest, 20, "rest")

    def is_at_rest(self):
        """The newest event of each queue is an empty fetch."""
        newest = {(e["app"], e["queue"]): e for e in self.sim.events()}
        return len(newest) == len(self.sim.all_messages()) and all(
            e["verb"] == "fetch" and e["status"] == 200 and e["count"] == 0
            for e in newest.values())

    def check(self, times):
        """Each message is stored so often, each time in another epoch."""
        wanted = {
            (*name, message["bytes"])
            for name, messages in self.sim.all_messages(exact=True).items()
            for message in messages
        }
        epochs = collections.defaultdict(list)
        for *message, epoch in self.poll.rows(
                "SELECT server, queue, body, epoch FROM messages"):
            epochs[tuple(message)].append(epoch)
        assert epochs.keys() == wanted
        for message, own in epochs.items():
            assert len(own) == times, message
            assert len(set(own)) == times, message


@pytest.fixture(params=["restarted", "running"])
def steps_of(request, poll_of):
    return lambda sim: Steps(poll_of(sim), request.param == "restarted")


# Who unsends a message wants it to be delivered again.
def test_an_unsent_message_is_delivered_again(steps_of):
    with Sim("--messages=20") as sim:
        steps = steps_of(sim)
        steps.rest()
        for times in (2, 3):
            sim.script("unsend app1 q1 all")
            steps.rest()
            steps.check(times)


LOST_MARKS = {
    "reset-before": "do=reset done=no",
    "reset-after": "do=reset",
    "half-done": "do=half-mark",
    "failed": "do=status code=500",
    "failed-after": "do=status code=502 done=yes",
    "page": "do=html",
    "page-after": "do=html done=yes",
    "half-answer": "do=json-truncated",
    "stalled": "do=stall done=no",
    "stalled-after": "do=stall",
}


def lost_marks():
    """A queue for each way in which one to three marks can be lost. The order
    of its messages is another one in each fetch."""
    for name, fault in LOST_MARKS.items():
        for times in (1, 2, 3):
            queue = f"{name}-{times}"
            yield f"queue app1 {queue} messages=12 ties=12 shuffle=yes"
            yield f"fault queue={queue} on=mark {fault} times={times}"


# Confirmed by a repeated mark, by the mark of a new batch after all attempts
# were in vain, or by an empty fetch: after that it is no repeat.
def test_a_lost_mark_costs_neither_message_nor_resend(steps_of):
    with Sim(scenario="\n".join(["app app1", *lost_marks()])) as sim:
        steps = steps_of(sim)
        steps.rest()
        steps.check(1)
        sim.script(*[f"unsend app1 {queue} all" for _, queue
                     in sim.all_messages()])
        steps.rest()
        steps.check(2)
