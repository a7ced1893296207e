"""Outlets: what holds one of them up holds up nothing else, and what an
operator can do about it."""
import json
import os
import signal
import subprocess

import pytest

from poll import PROGRAM, RUN_S_MAX
from sim import Sim


# One bad message


# The other queues must not feel it, and it must not be passed over.
def test_a_refused_message_blocks_its_queue_alone(picky_of):
    with Sim("--apps=1", "--queues=2") as sim:
        picky = picky_of(sim)
        run = picky.poll.start()
        sim.script("message app1 q* count=5")
        sim.wait_until_read()
        picky.wait_for_count(10)
        picky.poison()
        sim.script("message app1 q1 count=5", "message app1 q2 count=5")
        sim.wait_until_read()
        line = run.wait_for_line("outlet out: app1/q1: blocked")[0]
        assert "it is poison" in line and picky.poll.hint("outlet skip") in line
        picky.wait_for_count(15)
        assert run.stop() == 0
        done = picky.poll.once()
        assert done.code == 1
        assert "app1/q1" in done.err and "it is poison" in done.err
        assert len(picky.delivered("app1/q1")) == 5


# What an operator decides, while it runs and while nothing runs.
@pytest.mark.parametrize("is_running", [True, False])
@pytest.mark.parametrize("what", ["skip", "dead-letter"])
def test_a_refused_message_is_passed_over(picky_of, what, is_running):
    with Sim("--apps=1", "--queues=2") as sim:
        picky = picky_of(sim)
        picky.poison()
        sim.script("message app1 q1 count=5", "message app1 q2 count=5")
        run = picky.poll.start()
        sim.wait_until_read()
        run.wait_for_line("outlet out: app1/q1: blocked")
        if not is_running:
            assert run.stop() == 0
        done = picky.release(what)
        assert done.code == 0 and "outlet out: app1/q1: " in done.err
        picky.wait_for_count(10)
        again = picky.release(what)
        assert again.code == 1 and "neither blocked nor waiting" in again.err
        if is_running:
            assert run.stop() == 0
        assert picky.poll.once() == (0, "", "")
        letters = picky.poll.rows("SELECT why FROM dead_letters")
        assert letters == [("it is poison",)] * (what == "dead-letter")


# Retrying helps where the receiver was at fault; here it is not.
def test_a_retried_message_is_refused_again(picky_of):
    with Sim("--apps=1", "--queues=1") as sim:
        picky = picky_of(sim)
        picky.poison()
        run = picky.poll.start()
        sim.wait_until_read()
        run.wait_for_line("outlet out: app1/q1: blocked")
        assert picky.release("retry").code == 0
        run.wait_for_line("outlet out: app1/q1: blocked", count=2)
        assert run.stop() == 0


# Where dead letters are wanted nobody need be asked, as long as the outlet
# accepts the messages around it.
def test_dead_letters(picky_of):
    with Sim("--apps=1", "--queues=2") as sim:
        picky = picky_of(sim, on_refused="dead_letter")
        run = picky.poll.start()
        sim.script("message app1 q* count=5")
        sim.wait_until_read()
        picky.wait_for_count(10)
        picky.poison(then=5)
        sim.script("message app1 q2 count=5")
        sim.wait_until_read()
        picky.wait_for_count(20)
        run.wait_for_line("outlet out: app1/q1: ", "dead letter", "poison")
        assert run.stop() == 0
        (row,) = picky.poll.rows("SELECT arrival, why FROM dead_letters")
        assert row[1] == "it is poison"
        assert picky.poll.once() == (0, "", "")


# Mistakes


@pytest.mark.parametrize("words,told", [
    (["skip", "in", "app1/q1"], "no outlet named in"),
    (["skip", "out", "app1/q9"], "has no queue app1/q9: "),
    (["retry", "out", "app9/q1"], "has no queue app9/q1: "),
    (["skip", "out", "app1/q2"], "outlet out does not forward app1/q2: "),
    (["skip", "out", "app1/q1"], "app1/q1 is neither blocked nor waiting"),
])
def test_what_cannot_be_released(picky_of, words, told):
    with Sim("--apps=1", "--queues=2") as sim:
        picky = picky_of(sim, queues=["app1/q1"])
        picky.poll.write()
        done = picky.poll.run("outlet", *words)
        assert done.code in (1, 2) and told in done.err
        assert len(done.err.splitlines()) == 1
        run = picky.poll.start()
        run.wait_for_line("polling")
        done = picky.poll.run("outlet", *words)
        assert done.code in (1, 2) and told in done.err
        assert run.stop() == 0


# Nobody else may tell it what to do, and a dead process leaves nothing behind
# that keeps the next one from it.
def test_the_admin_socket_is_private_and_goes_with_its_process(picky_of):
    with Sim("--apps=1", "--queues=1") as sim:
        picky = picky_of(sim)
        path = picky.poll.folder / "state" / "admin.sock"
        run = picky.poll.start()
        run.wait_for_line("polling")
        assert path.stat().st_mode & 0o777 == 0o600
        run.kill()
        run = picky.poll.start()
        run.wait_for_line("polling")
        assert picky.release("skip").code == 1
        assert run.stop() == 0
        assert not path.exists()


# Standard output


def start_stdout(poll, command, **options):
    """haplo-poll with its standard output given to another program."""
    poll.config["outlets"] = [
        {"name": "live", "type": "stdout", "backoff": "10ms",
         "backoff_max": "20ms"}]
    poll.write()
    reader = subprocess.Popen(command, stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE)
    process = subprocess.Popen(
        ["setpriv", "--pdeathsig=KILL", PROGRAM, "-q", "-c", poll.path,
         "once"], stdin=subprocess.DEVNULL, stdout=reader.stdin,
        stderr=subprocess.PIPE)
    reader.stdin.close()
    return process, reader


# A program behind a pipe gets each message with all that it needs to know.
def test_stdout_gives_each_message_an_envelope(poll_of):
    with Sim("--apps=2", "--queues=2", "--messages=40", "--edge") as sim:
        poll = poll_of(sim)
        process, reader = start_stdout(poll, ["cat"])
        lines = reader.stdout.read().splitlines()
        assert process.wait() == 0
        reader.wait()
        rows = poll.rows("SELECT arrival, server, queue, received_at, body"
                         " FROM messages ORDER BY arrival")
        found = sorted((json.loads(line) for line in lines),
                       key=lambda line: line["arrival"])
        assert [(line["arrival"], line["server"], line["queue"])
                for line in found] == [row[:3] for row in rows]
        assert all(line["received_at"][:19] == row[3][:19]
                   for line, row in zip(found, rows))
        assert [line["message"] for line in found] == [
            json.loads(row[4]) for row in rows]


# A reader that ends early is a broken destination: nothing is lost with it.
def test_stdout_whose_reader_ends(poll_of):
    with Sim("--apps=1", "--queues=2", "--messages=1000") as sim:
        poll = poll_of(sim)
        process, reader = start_stdout(poll, ["head", "-1"])
        assert process.wait() == 1
        assert len(reader.stdout.read().splitlines()) == 1
        reader.wait()
        told = process.stderr.read().decode()
        assert "outlet live: its destination is broken" in told
        assert "broken pipe" in told.lower()
        poll.check_all_stored()


# A reader that does not read makes the outlet wait, and nothing else.
def test_stdout_whose_reader_is_slow(poll_of):
    with Sim("--apps=1", "--queues=2", "--messages=1000") as sim:
        poll = poll_of(sim)
        gate = poll.folder / "gate"
        os.mkfifo(gate)
        process, reader = start_stdout(
            poll, ["sh", "-c", 'read -r _ < "$0"; exec cat', str(gate)])
        sim.wait_until_read()
        gate.write_text("read\n")
        lines = reader.stdout.read().splitlines()
        assert process.wait() == 0
        assert len(lines) == 2000
        reader.wait()


# Who wants to go need not wait for a reader that sleeps.
def test_stdout_whose_reader_sleeps_does_not_hold_up_the_end(poll_of):
    with Sim("--apps=1", "--queues=2", "--messages=1000") as sim:
        poll = poll_of(sim)
        process, reader = start_stdout(poll, ["sleep", "1000"])
        sim.wait_until_read()
        process.send_signal(signal.SIGTERM)
        told = process.stderr.readline()
        assert b"SIGTERM" in told
        process.send_signal(signal.SIGTERM)
        assert process.wait(RUN_S_MAX) == 1
        reader.kill()
        reader.wait()
