"""A batch after a lost mark need not hold the messages of the one before:
16 are sent at most, those of one date in any order, and older ones that were
unsent in between come first. What it lacks is still no news when it comes."""
from sim import Sim, wait_for
from test_resends import LOST_MARKS, check_twice, steps_of  # noqa: F401
from test_one_token import check_each_once


# What one batch held and the next does not, is still no news when it comes.
def test_ties_at_the_end_of_a_batch_are_stored_once(steps_of):
    check_twice(steps_of, ties_and_lost_marks())


def ties_and_lost_marks():
    for name, fault in LOST_MARKS.items():
        yield f"queue app1 {name} messages=60 ties=60 shuffle=yes"
        yield f"fault queue={name} on=mark {fault} times=3"


# The same, where the process dies before the mark.
def test_ties_and_kills(poll_of):
    with Sim("--messages=60", "--ties=60", "--shuffle") as sim:
        sim.script("fault on=mark do=stall done=no times=4")
        poll = poll_of(sim)
        poll.config["defaults"]["interval"] = "10ms"
        for n in range(1, 5):
            running = poll.start()
            wait_for(lambda: len([e for e in sim.events()
                                  if e["verb"] == "mark"]) >= n)
            running.kill()
        assert poll.once().code == 0
        check_each_once(sim, poll)


# Older messages come before what was fetched and not marked.
def test_unsent_older_messages_between(steps_of):
    with Sim("--messages=32") as sim:
        steps = steps_of(sim)
        steps.rest()
        sim.script("message app1 q1 count=10",
                   "fault on=mark do=html times=1000")
        if steps.restarts:
            steps.poll.once()
        else:
            wait_for(lambda: len([e for e in sim.events()
                                  if e.get("fault")]) >= 2)
        sim.script("unsend app1 q1 all", "clear faults")
        steps.rest()
        new = {m["bytes"] for m in sim.messages(exact=True) if m["id"] > 32}
        rows = [b for (b,) in steps.poll.rows("SELECT body FROM messages")]
        assert all(rows.count(b) == 1 for b in new)
