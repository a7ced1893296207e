"""Routes from a PostgreSQL inbox, where outlets read each queue by itself."""
import collections
import re

from sim import Sim, wait_for
from test_routes import (
    APPROVED, STUDENTS, delivered, is_approved, is_student, made, outlet,
    unrouted,
)


# The same as from SQLite: what each outlet asks for, and what is left over is
# counted, once, whichever outlet reads it first.
def test_each_outlet_gets_what_it_asks_for(postgres, poll_of):
    with Sim("--apps=1", "--queues=0", "queue app1 nobody messages=9",
             "queue app1 global messages=600 objects=60") as sim:
        poll = poll_of(sim)
        postgres.prepare(poll)
        poll.config["outlets"] = [
            outlet("students", when=STUDENTS, queues=["app1/g*"]),
            outlet("theses", when=[APPROVED], queues=["app1/g*"])]
        done = poll.run("once")
        assert done.code == 0, done.err
        messages = made(sim)
        assert delivered(poll, "students") == [
            m["id"] for m in messages if is_student(m)]
        assert delivered(poll, "theses") == [
            m["id"] for m in messages if is_approved(m)]
        assert unrouted(done.out) == 9 + len(
            [m for m in messages if not is_student(m) and not is_approved(m)])
        assert len(re.findall("unrouted", done.err)) == 1


# Parcels are the same after a crash, so nothing is in two files.
def test_crashes_repeat_parcels_as_they_were(postgres, poll_of):
    with Sim("--apps=1", "--queues=0", "--limit=100",
             "queue app1 global messages=3000 objects=500") as sim:
        poll = poll_of(sim)
        postgres.prepare(poll)
        poll.config["defaults"]["interval"] = "10ms"
        poll.config["outlets"] = [outlet("students", when=STUDENTS)]
        for count in (1, 200, 400):
            run = poll.start()
            wait_for(lambda: len(delivered(poll, "students")) >= count,
                     f"{count} students")
            run.kill()
        assert poll.once().code == 0
        assert collections.Counter(delivered(poll, "students")) == (
            collections.Counter(m["id"] for m in made(sim) if is_student(m)))
