"""A message seen again before its mark was confirmed is a repeat, and stored
once; seen again after that it was unsent by an administrator, and is stored
again. Whatever happens to marks and to the process."""
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
            wait_for(lambda: self.poll.once().code == 0, "exit code 0")
            assert self.sim.unread() == 0
            return
        if not self.poll.running:
            self.poll.start()
        wait_for(self.is_at_rest, "rest")

    def is_at_rest(self):
        """The newest events of each queue are empty fetches; several, as one
        may have been given up before its response was read."""
        own = {name: [] for name in self.sim.all_messages()}
        for event in self.sim.events():
            own[event["app"], event.get("queue")].append(
                event["verb"] == "fetch" and event["status"] == 200
                and event["count"] == 0)
        return all(len(empty) >= 3 and all(empty[-3:])
                   for empty in own.values())

    def check(self, times):
        """Each message is stored so often."""
        wanted = {
            (*name, message["bytes"])
            for name, messages in self.sim.all_messages(exact=True).items()
            for message in messages
        }
        stored = self.poll.inbox()
        assert stored.keys() == wanted
        for message, count in stored.items():
            assert count == times, message


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
    check_twice(steps_of, lost_marks())


def names_of(sim):
    return [f"{app} {queue}" for app, queue in sim.all_messages()]


def check_twice(steps_of, lines):
    """All messages of these queues go out once, and when they are unsent once
    more."""
    with Sim(scenario="\n".join(["app app1", *lines])) as sim:
        steps = steps_of(sim)
        steps.rest()
        steps.check(1)
        sim.script(*[f"unsend {name} all" for name in names_of(sim)])
        steps.rest()
        steps.check(2)


# Killed before it learns of a mark, it does not know more than the disk. One
# restart later everything is there once, and can be unsent.
def test_a_mark_that_is_lost_with_the_process_repeats_nothing(poll_of):
    lines = ["app app1"]
    for name, fault in LOST_MARKS.items():
        lines += [f"queue app1 {name} messages=40",
                  f"fault queue={name} on=mark {fault} times=0"]
    with Sim(scenario="\n".join(lines)) as sim:
        steps = Steps(poll_of(sim), restarts=True)
        running = steps.poll.start()
        wait_for(lambda: marked_queues(sim) == len(LOST_MARKS), "marks")
        running.kill()
        sim.script("clear faults")
        steps.rest()
        steps.check(1)
        sim.script(*[f"unsend {name} all" for name in names_of(sim)])
        steps.rest()
        steps.check(2)


def marked_queues(sim):
    return len({e["queue"] for e in sim.events() if e["verb"] == "mark"})


# Nobody can tell it from a repeat, so it is stored once; but it is marked, and
# the next time it is unsent it goes through.
def test_unsent_before_the_mark_is_known_to_be_done_it_is_a_repeat(poll_of):
    with Sim("--messages=10") as sim:
        sim.script("fault on=mark do=stall")
        steps = Steps(poll_of(sim), restarts=True)
        steps.poll.server()["first_byte_timeout"] = "1h"
        running = steps.poll.start()
        wait_for(lambda: sim.unread() == 0, "the mark")
        running.kill()
        sim.script("unsend app1 q1 all")
        steps.rest()
        steps.check(1)
        sim.script("unsend app1 q1 all")
        steps.rest()
        steps.check(2)


# An empty fetch proves the mark that had no answer: what comes after it is no
# repeat, though no mark was ever answered.
def test_an_empty_fetch_confirms(steps_of):
    with Sim("--messages=10") as sim:
        sim.script("fault on=mark do=reset times=0")
        steps = steps_of(sim)
        for times in (1, 2, 3):
            steps.rest()
            steps.check(times)
            sim.script("unsend app1 q1 all")


# A message's data can override its id and date: two of the same bytes are
# still two messages.
def test_equal_messages_of_a_batch_are_all_stored(steps_of):
    with Sim() as sim:
        sim.add("app1", "q1", [{"id": 7, "datetime": "", "x": 1}] * 5
                + [{"id": 8, "datetime": ""}] * 3)
        sim.script("fault on=mark do=half-mark times=3")
        steps = steps_of(sim)
        steps.rest()
        check_each_once(sim, steps.poll)


# The same over several batches. (Only if no attempt at a mark is ever answered,
# they cannot be told from repeats.)
def test_equal_messages_of_several_batches_are_all_stored(steps_of):
    with Sim() as sim:
        sim.add("app1", "q1", [{"id": 7, "datetime": ""}] * 50)
        sim.script("fault on=mark do=reset", "fault on=mark do=reset done=no")
        steps = steps_of(sim)
        steps.poll.config["defaults"]["mark_attempts_max"] = 10
        steps.rest()
        check_each_once(sim, steps.poll)


# All that data may be, with every revision's fetch and mark, twice.
@pytest.mark.parametrize("revision", ["2019", "mid-2020", "2020-07"])
def test_odd_data_is_stored_byte_for_byte(steps_of, revision):
    with Sim("--edge", "--messages=30", f"--revision={revision}") as sim:
        sim.script("fault on=mark do=reset", "fault on=mark do=reset done=no")
        steps = steps_of(sim)
        steps.rest()
        check_each_once(sim, steps.poll)


# The servers of 2019 send all that is unread at once.
def test_a_batch_of_500_messages_of_2019(steps_of):
    with Sim("--messages=500", "--revision=2019", "--ties=500",
             "--shuffle") as sim:
        sim.script("fault on=mark do=half-mark times=3")
        steps = steps_of(sim)
        steps.rest()
        steps.check(1)
        assert max(e["count"] for e in sim.events()) == 500
        sim.script("unsend app1 q1 all")
        steps.rest()
        steps.check(2)


def second_poll(poll_of, sim):
    """Another haplo-poll, with its own inbox and state."""
    folder = sim.dir / "second"
    folder.mkdir()
    for name in ("keys", "ca.pem"):
        (folder / name).symlink_to(sim.dir / name)
    poll = poll_of(sim)
    poll.folder = folder
    poll.path = str(folder / "poll.yaml")
    poll.inbox_path = folder / "inbox.db"
    return poll


# A test system left running takes marks away, but must break nothing; and who
# looks for a message must learn of it.
def test_two_pollers_of_a_queue_both_go_on_and_it_is_told(poll_of):
    with Sim("--apps=2", "--queues=3", "--messages=100") as sim:
        sim.script("fault on=mark do=delay for=30ms times=0")
        polls = [poll_of(sim), second_poll(poll_of, sim)]
        for poll in polls:
            poll.config["defaults"]["interval"] = "10ms"
        running = [poll.start() for poll in polls]
        sim.wait_until_read()
        for _ in range(5):
            sim.script(*[f"message {name} count=10" for name in names_of(sim)])
            sim.wait_until_read()
        told = "does another program read this queue?"
        wait_for(lambda: any(one.lines(told) for one in running), told)
        assert [one.stop() for one in running] == [0, 0]
        inboxes = [poll.inbox() for poll in polls]
        for inbox in inboxes:
            assert max(inbox.values()) == 1
        made = {(*name, message["bytes"]) for name, messages
                in sim.all_messages(exact=True).items() for message in messages}
        assert (inboxes[0] | inboxes[1]).keys() == made
