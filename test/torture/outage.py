"""Takes the destination of an outlet away for a minute while messages keep
coming. Meanwhile the queues are drained and marked as before; when it is back,
the outlet catches up: nothing is lost, and each queue is in order.
"""
import statistics
import time

from files_outlet import Receiver, files_in
from poll import Poll
from sim import Sim, wait_for

ROUND = "message app1 q* count=50", "message app2 q* count=50"


def drain(sim):
    """Adds messages to all queues; returns how long it takes to mark them."""
    begin = time.monotonic()
    sim.script(*ROUND)
    sim.wait_until_read()
    return time.monotonic() - begin


def drain_for(sim, seconds):
    """Drains again and again; returns the durations."""
    end = time.monotonic() + seconds
    rounds = [drain(sim)]
    while time.monotonic() < end:
        rounds.append(drain(sim))
        time.sleep(0.2)  # of a minute of messages, not a wait for anything
    return rounds


def watch(sim, poll, seconds):
    """Returns the figures of an outage of so many seconds."""
    receiver = Receiver(poll.folder / "out")
    running = poll.start()
    before = drain_for(sim, seconds / 6)
    receiver.folder.rename(poll.folder / "away")
    during = drain_for(sim, seconds)
    running.wait_for_line("outlet out: broken", "no such file or directory")
    assert not files_in(receiver.folder), "written to a missing folder"
    (poll.folder / "away").rename(receiver.folder)
    begin = time.monotonic()

    def has_caught_up():
        receiver.take()
        return (receiver.received.total()
                == sum(map(len, sim.all_messages().values())))

    wait_for(has_caught_up, "the outlet to catch up")
    caught_up_s = time.monotonic() - begin
    assert running.stop() == 0
    receiver.check_each_once(sim)
    assert receiver.repeat_count == 0
    return before, during, caught_up_s, receiver.received.total()


def run(seconds, say):
    """Prints the figures; an AssertionError tells what went wrong."""
    with Sim("--apps=2", "--queues=3") as sim:
        poll = Poll(sim)
        poll.config["defaults"]["interval"] = "20ms"
        poll.config["outlets"] = [
            {"name": "out", "type": "files", "path": "out",
             "backoff": "100ms", "backoff_max": "2s"}]
        (poll.folder / "out").mkdir(exist_ok=True)
        try:
            before, during, caught_up_s, count = watch(sim, poll, seconds)
        finally:
            poll.kill_all()
    say(f"outage of {seconds} s: {count} messages, lost 0, repeats 0, in "
        f"order; a round was drained in {statistics.median(before):.2f} s "
        f"before and {statistics.median(during):.2f} s during it (medians of "
        f"{len(before)} and {len(during)}); caught up in {caught_up_s:.1f} s")
