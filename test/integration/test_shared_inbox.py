"""Two processes that store the same queues in one inbox, each with a state_dir
of its own. A lock keeps them apart; where that is removed, still nothing is
lost or stored twice, because storing is a compare-and-set."""
import contextlib
import signal
import threading

from poll import two_inboxes
from sim import Sim, wait_for
from test_one_token import check_each_once


def second_process(poll_of, sim, poll):
    """Another haplo-poll on the same inbox."""
    other = poll_of(sim)
    other.path = str(sim.dir / "other.yaml")
    other.config = {**poll.config, "state_dir": "other-state"}
    return other


def remove_lock(poll):
    with contextlib.suppress(FileNotFoundError):
        poll.inbox_path.with_name("inbox.db.lock").unlink()


def start_in_spite_of_the_lock(poll, other):
    """The first process may take the lock again before the other one does."""
    while True:
        remove_lock(poll)
        run = other.start()
        wait_for(lambda: run.lines("polling") or run.process.poll() is not None)
        if run.process.poll() is None:
            return run
        assert run.wait() == 3


@contextlib.contextmanager
def no_lock(poll):
    """Removes the lock again and again, so that both processes store."""
    is_over = threading.Event()

    def remove():
        while not is_over.wait(0.005):
            remove_lock(poll)

    thread = threading.Thread(target=remove)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


# Both would fetch the same messages.
def test_a_second_process_is_told_who_is_in(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=20") as sim:
        poll = poll_of(sim)
        poll.config["defaults"]["interval"] = "20ms"
        run = poll.start()
        run.wait_for_line("polling")
        other = second_process(poll_of, sim, poll)
        for _ in range(2):
            done = other.once()
            assert done.code == 3
            line, = done.err.splitlines()
            assert f"is in use by process {run.process.pid} on " in line
            assert str(sim.dir / "state") in line
            (sim.dir / "state" / "lock").unlink()  # the other lock remains
            other.config["state_dir"] = "state"
        sim.wait_until_read()
        assert run.stop() == 0
        assert other.once() == (0, "", "")
        check_each_once(sim, poll)


# Somebody removed the lock of a state directory, and another process uses that:
# the first one must not remove what belongs to the second.
def test_a_state_directory_that_was_taken_over(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=20") as sim:
        poll = poll_of(sim)
        run = poll.start()
        run.wait_for_line("polling")
        (sim.dir / "state" / "lock").unlink()
        poll.config["inbox"] = "inbox2.db"
        other = poll.start()
        other.wait_for_line("polling")
        assert run.stop() == 0
        assert (sim.dir / "state" / "admin.sock").is_socket()
        assert poll.once().code == 3
        assert other.stop() == 0
        assert not (sim.dir / "state" / "admin.sock").exists()


# Commands that only look, or ask the process that runs, need no lock.
def test_other_commands_work_beside_a_running_process(poll_of, tmp_path):
    with Sim("--apps=1", "--queues=1", "--messages=20") as sim:
        poll = poll_of(sim)
        poll.config["defaults"]["interval"] = "20ms"
        run = poll.start()
        sim.wait_until_read()
        assert poll.run("check").code == 0
        assert poll.run("peek", "app1/q1").code == 0
        assert poll.run("inbox", "backup", tmp_path / "copy.db").code == 0
        assert len(poll.rows("SELECT 1 FROM messages",
                             tmp_path / "copy.db")) == 20
        assert run.stop() == 0


# As by a unit that is enabled twice: SQLite alone would report a lock, or a
# -wal without its inbox.
def test_of_two_that_start_at_once_one_wins(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=20") as sim:
        poll = poll_of(sim)
        poll.config["defaults"]["interval"] = "20ms"
        other = second_process(poll_of, sim, poll)
        for _ in range(10):
            runs = [poll.start(), other.start()]
            wait_for(lambda: any(run.process.poll() is not None
                                 for run in runs))
            loser, winner = sorted(
                runs, key=lambda run: run.process.poll() is None)
            assert loser.wait() == 3
            line, = loser.lines("is in use by process")
            assert f"process {winner.process.pid} on " in line
            winner.wait_for_line("polling")
            assert winner.stop() == 0
            for path in sim.dir.glob("inbox.db*"):
                path.unlink()
            for path in sim.dir.glob("*state/arrivals.*"):
                path.unlink()


# A takeover between hosts that does not wait for the first one to be dead.
def test_two_processes_on_one_inbox_lose_and_repeat_nothing(poll_of):
    with Sim("--apps=2", "--queues=3", "--messages=100", "--ties=30",
             "--shuffle") as sim:
        sim.script("fault on=mark do=delay for=20ms times=0")
        poll = poll_of(sim)
        poll.config["defaults"] |= {"interval": "10ms", "max_in_flight": 3}
        other = second_process(poll_of, sim, poll)
        running = [poll.start()]
        running[0].wait_for_line("polling")  # it has created the inbox
        running.append(start_in_spite_of_the_lock(poll, other))
        with no_lock(poll):
            sim.wait_until_read()
            for _ in range(5):
                sim.script("message app1 q* count=20",
                           "message app2 q* count=20")
                sim.wait_until_read()
        assert [one.stop() for one in running] == [0, 0]
        check_each_once(sim, poll)


# One has a state in memory that the other has passed: an administrator's resend
# is no repeat to it.
def test_a_resend_between_two_processes_is_stored(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=4") as sim:
        poll = poll_of(sim)
        poll.config["defaults"]["interval"] = "20ms"
        run = poll.start()
        sim.wait_until_read()
        other = second_process(poll_of, sim, poll)
        count = 4
        for _ in range(4):
            remove_lock(poll)
            sim.script("unsend app1 q1 1 2")
            while other.once().code == 3:  # the first one was faster
                remove_lock(poll)
            sim.wait_until_read()
            count += 2
            wait_for(lambda: poll.inbox_count() == count, f"{count} rows")
            sim.script("message app1 q1 count=1")
            sim.wait_until_read()
            count += 1
            wait_for(lambda: poll.inbox_count() == count, f"{count} rows")
        assert run.stop() == 0


# A process that was stopped for so long that another one took over goes on
# with what it had: its batch is stale.
def test_a_process_that_was_suspended_stores_nothing_again(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=16") as sim:
        sim.script("fault on=fetch do=drip bytes=50 every=100ms")
        poll = poll_of(sim)
        poll.config["defaults"]["interval"] = "20ms"
        other = second_process(poll_of, sim, poll)
        run = poll.start()
        wait_for(lambda: sim.app_stats()["running_peak"] > 0)
        run.signal(signal.SIGSTOP)
        remove_lock(poll)
        assert other.once() == (0, "", "")
        run.signal(signal.SIGCONT)
        run.wait_for_line("deliver app1/q1", "a different state is stored")
        sim.script("message app1 q1 count=3")
        sim.wait_until_read()
        assert run.stop() == 0
        check_each_once(sim, poll)


# A queue that moves


def move_queue(poll, inbox):
    poll.queue()["inbox"] = inbox


def check_moved(poll, files):
    """Each message is stored once, in whichever inbox."""
    poll.check_nothing_lost(*files, stored=poll.sim.all_messages())


# What was stored and not marked comes again: the new inbox must know it.
def test_a_queue_that_moves_to_another_inbox_repeats_nothing(poll_of):
    with Sim("--apps=1", "--queues=2", "--messages=20") as sim:
        poll = poll_of(sim)
        files = two_inboxes(poll)
        poll.config["defaults"] |= {"interval": "20ms", "max_in_flight": 2}
        sim.script("fault on=mark do=stall done=no times=0")
        run = poll.start("-v", "run")
        run.wait_for_line("app1/q1: MARK_READY -> MARKING")
        run.kill()
        sim.script("clear faults")
        for inbox in ("other", "inbox", "other"):
            move_queue(poll, inbox)
            assert poll.once().code == 0
            check_moved(poll, files)
            sim.script("message app1 q1 count=5")
        assert poll.once().code == 0
        check_moved(poll, files)


# It says so once, and not at every start.
def test_a_move_is_logged_once(poll_of):
    with Sim("--apps=1", "--queues=2", "--messages=20") as sim:
        poll = poll_of(sim)
        two_inboxes(poll)
        assert poll.once() == (0, "", "")
        move_queue(poll, "other")
        done = poll.once()
        assert done.code == 0
        assert done.err == ("haplo-poll: app1/q1: its state has moved from "
                            "inbox inbox to other\n")
        assert poll.once() == (0, "", "")


def once_without_locks(poll, files):
    """The process that holds the locks takes them again if it stores something
    just then, such as the last confirmation."""
    def once():
        for path in files:
            path.with_name(path.name + ".lock").unlink(missing_ok=True)
        done = poll.once()
        return done.code != 3 and done

    return wait_for(once, "a moment without locks")


# A process with the old configuration still stores the queue where it was.
def test_who_still_stores_a_queue_that_has_moved_stops(poll_of):
    with Sim("--apps=1", "--queues=2", "--messages=20") as sim:
        poll = poll_of(sim)
        files = two_inboxes(poll)
        poll.config["defaults"]["interval"] = "20ms"
        run = poll.start()
        sim.wait_until_read()
        other = second_process(poll_of, sim, poll)
        move_queue(other, "other")
        assert once_without_locks(other, files).code == 0
        sim.script("message app1 q1 count=5", "message app1 q2 count=5")
        run.wait_for_line("app1/q1", "the queue is blocked")
        wait_for(lambda: sim.unread("app1", "q2") == 0)
        assert sim.unread("app1", "q1") == 5
        assert run.stop() == 0
        assert other.once().code == 0
        check_moved(other, files)


# The inbox that it moved to is gone from the configuration.
def test_a_queue_whose_new_inbox_is_gone_begins_again(poll_of):
    with Sim("--apps=1", "--queues=2", "--messages=20") as sim:
        poll = poll_of(sim)
        two_inboxes(poll)
        assert poll.once() == (0, "", "")
        move_queue(poll, "other")
        assert poll.once().code == 0
        del poll.config["inboxes"][1]
        poll.config["defaults"]["inbox"] = "inbox"
        move_queue(poll, "inbox")
        sim.script("message app1 q1 count=5")
        done = poll.once()
        assert done.code == 0
        assert "app1/q1: " in done.err and "no longer configured" in done.err
        assert sim.unread() == 0
        assert poll.once() == (0, "", "")
