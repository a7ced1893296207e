"""The outlet of type files: each message of the inbox is in a file, once; after
a crash, a file that comes twice is the same file."""
import fcntl
import os
import random
import threading

import pytest

from files_outlet import HIDDEN, Receiver, files_in, made_lines
from poll import run_program
from sim import Sim, wait_for
from test_once import FORMATS
from test_resends import Steps, check_twice, lost_marks
from test_ties import ties_and_lost_marks

OUT = {"name": "out", "type": "files", "path": "out"}


@pytest.fixture
def files_poll_of(poll_of):
    """A Poll with a files outlet, and its receiver."""

    def make(sim):
        poll = poll_of(sim)
        poll.config["outlets"] = [{**OUT, "backoff": "10ms",
                                   "backoff_max": "20ms"}]
        return poll, Receiver(poll.folder / "out")

    return make


class FileSteps(Steps):
    """The same steps, with files as well."""

    def __init__(self, poll, receiver, restarts):
        super().__init__(poll, restarts)
        self.receiver = receiver

    def check(self, times):
        """Each message was received so often, and nothing was a repeat."""
        super().check(times)
        wait_for(self.is_caught_up, "all files")
        assert self.receiver.repeat_count == 0
        assert self.receiver.received.keys() == made_lines(self.sim).keys()
        for line, count in self.receiver.received.items():
            assert count == times, line

    def is_caught_up(self):
        self.receiver.take()
        return self.receiver.received.total() >= self.poll.inbox_count()


@pytest.fixture(params=["restarted", "running"])
def steps_of(request, files_poll_of):
    def make(sim):
        poll, receiver = files_poll_of(sim)
        return FileSteps(poll, receiver, request.param == "restarted")

    return make


# The files are all that a receiver gets.
def test_each_message_is_a_line_of_one_file(files_poll_of):
    with Sim("--apps=5", "--queues=10", "--messages=40", "--tls") as sim:
        poll, receiver = files_poll_of(sim)
        assert poll.once() == (0, "", "")
        poll.check_all_stored()
        receiver.take()
        receiver.check_each_once(sim)
        assert poll.once() == (0, "", "")
        assert receiver.take() == 0


# All that data may be, with every revision's fetch and mark, twice.
@pytest.mark.parametrize("revision", ["2019", "mid-2020", "2020-07"])
def test_odd_data_is_kept_byte_for_byte(steps_of, revision):
    with Sim("--edge", "--messages=30", f"--revision={revision}") as sim:
        sim.script("fault on=mark do=reset", "fault on=mark do=reset done=no")
        steps = steps_of(sim)
        steps.rest()
        wait_for(steps.is_caught_up, "all files")
        steps.receiver.check_each_once(sim)
        assert steps.receiver.repeat_count == 0


# A message that comes again is no news until its mark is confirmed, and is
# one after that.
@pytest.mark.parametrize("lines", [lost_marks, ties_and_lost_marks])
def test_a_lost_mark_costs_neither_message_nor_resend(steps_of, lines):
    check_twice(steps_of, lines())


# Many queues have formatters: what is no JSON is kept as it is.
@pytest.mark.parametrize("name", ["csv", "xml", "json-other"])
def test_formatters(files_poll_of, name):
    with Sim("--messages=20", f"--formatter={name}") as sim:
        poll, receiver = files_poll_of(sim)
        poll.queue().update(FORMATS[name])
        assert poll.once() == (0, "", "")
        files = files_in(receiver.folder)
        assert sim.unread() == 0
        if name == "json-other":
            assert sum(len(file.lines) for file in files) == 20
            return
        assert {file.path.suffix for file in files} == {".raw"}
        assert len(files) == len([e for e in sim.events()
                                  if e["verb"] == "mark"])
        assert all(len(file.lines) == 1 for file in files)


# Each outlet has its own part of the queues, and its own cursor.
def test_outlets_with_queues_of_their_own(poll_of):
    with Sim("--apps=2", "--queues=2", "--messages=40") as sim:
        poll = poll_of(sim)
        poll.config["outlets"] = [
            {**OUT, "queues": ["app1/*"]},
            {**OUT, "name": "out2", "path": "out2", "queues": ["*/q2"]}]
        sim.script("fault on=mark do=reset times=3")
        done = poll.once()
        assert done.code == 0
        assert "unrouted messages" in done.err and "app2/q1" in done.err
        wanted = {"out": {("app1", "q1"), ("app1", "q2")},
                  "out2": {("app1", "q2"), ("app2", "q2")}}
        made = made_lines(sim)
        for folder, queues in wanted.items():
            receiver = Receiver(poll.folder / folder)
            receiver.take()
            assert receiver.received == {
                line: count for line, count in made.items()
                if line[:2] in queues}


# An outlet that is added later begins with the oldest message.
def test_an_outlet_that_is_added_later_gets_everything(files_poll_of):
    with Sim("--queues=2", "--messages=40") as sim:
        poll, receiver = files_poll_of(sim)
        outlets = poll.config.pop("outlets")
        assert poll.once() == (0, "", "")
        poll.config["outlets"] = outlets
        sim.script("message app1 q1 count=20")
        assert poll.once() == (0, "", "")
        receiver.take()
        receiver.check_each_once(sim)


# A name may begin with a dot, as the hidden file's does.
def test_a_server_called_like_the_hidden_file(files_poll_of):
    with Sim("--queues=2", "--messages=20") as sim:
        poll, _ = files_poll_of(sim)
        poll.server()["name"] = HIDDEN
        assert poll.once() == (0, "", "")
        for queue in ("q1", "q2"):
            names = {path.name for path in
                     (poll.folder / "out" / HIDDEN / queue).iterdir()}
            assert len(names) == 2 and HIDDEN not in names


# A server of 2019 sends all it has as one batch: nobody wants it as one file.
def test_a_huge_batch_is_several_files(files_poll_of):
    with Sim("--messages=5000", "--revision=2019") as sim:
        poll, receiver = files_poll_of(sim)
        assert poll.once() == (0, "", "")
        files = files_in(receiver.folder)
        assert len(files) > 1
        assert max(len(file.lines) for file in files) < 5000
        receiver.take()
        receiver.check_each_once(sim)


# Crashes


class Taking:
    """A receiver that takes files all the time, in the background."""

    def __init__(self, receiver):
        self.receiver = receiver
        self.is_over = threading.Event()
        self.error = None
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        try:
            while not self.is_over.is_set():
                self.receiver.take()
                self.is_over.wait(0.002)
        except BaseException as error:  # told by end()
            self.error = error

    def end(self):
        self.is_over.set()
        self.thread.join()
        if self.error is not None:
            raise self.error


KILLS = 15
SEED = 8  # of where it is killed; the machine has a say, too


# Power fails, machines are restarted, the kernel kills for memory. What comes
# twice then is the same file.
def test_killed_again_and_again_each_message_is_received_once(files_poll_of):
    moments = random.Random(SEED)
    with Sim("--apps=2", "--queues=10", "--ties=20", "--shuffle",
             "--latency=4ms", "--latency-jitter=8ms") as sim:
        sim.script("fault on=mark do=reset probability=.05 times=0 seed=1",
                   "fault on=mark do=reset done=no probability=.05 times=0 "
                   "seed=2")
        poll, receiver = files_poll_of(sim)
        poll.config["defaults"] |= {"interval": "50ms", "max_in_flight": 2}
        taking = Taking(receiver)
        try:
            for _ in range(KILLS):
                sim.script("message app* q* count=20")
                total = sim.unread()
                running = poll.start()
                wait_for(lambda: sim.unread() < total, "progress")
                events = sim.stats()["events"] + moments.randrange(20)
                wait_for(lambda events=events:
                         sim.stats()["events"] >= events, "some events")
                running.kill()
            sim.script("message app* q* count=20")
            running = poll.start()
            sim.wait_until_read()
            assert running.stop() == 0
            poll.once()
        finally:
            taking.end()
        receiver.take()
        receiver.check_each_once(sim)


# What goes wrong


def check_failed(poll, *words):
    """`once` stores everything, and names the outlet."""
    done = poll.once()
    assert done.code == 1
    lines = done.err.splitlines()
    assert len(lines) == 1, done.err
    assert lines[0].startswith("haplo-poll: outlet out: ")
    for word in words:
        assert word in lines[0], (word, lines[0])
    assert poll.sim.unread() == 0
    poll.check_all_stored()


# A path that cannot be used costs its outlet only; with another, all that is
# stored is forwarded.
@pytest.mark.parametrize("path,words", [
    ("no/out", ["no/out"]),
    ("poll.yaml", ["poll.yaml"]),
    ("/proc/1", ["/proc/1"]),
])
def test_a_path_that_cannot_be_used(files_poll_of, path, words):
    with Sim("--messages=20") as sim:
        poll, receiver = files_poll_of(sim)
        outlet = poll.config["outlets"][0]
        poll.config["outlets"] = [{**outlet, "path": path}]
        check_failed(poll, *words)
        poll.config["outlets"] = [outlet]
        assert poll.once() == (0, "", "")
        receiver.take()
        receiver.check_each_once(sim)


# Two outlets, or two haplo-polls, would take each other's files.
def test_a_folder_has_one_outlet(files_poll_of):
    with Sim("--messages=20") as sim:
        poll, receiver = files_poll_of(sim)
        (poll.folder / "out").mkdir()
        folder = os.open(poll.folder / "out", os.O_RDONLY)
        fcntl.flock(folder, fcntl.LOCK_EX)  # as another haplo-poll does
        check_failed(poll, "in use")
        os.close(folder)
        assert poll.once() == (0, "", "")
        receiver.take()
        receiver.check_each_once(sim)


# A queue whose folder cannot be written must not hold up the others.
def test_a_queue_in_trouble_waits_alone(files_poll_of):
    with Sim("--apps=2", "--queues=2", "--messages=40") as sim:
        poll, receiver = files_poll_of(sim)
        (poll.folder / "out" / "app1").mkdir(parents=True)
        (poll.folder / "out" / "app1" / "q1").write_text("in the way")
        check_failed(poll, "a file is in the place of a folder")
        (poll.folder / "out" / "app1" / "q1").unlink()
        lines = receiver.received
        receiver.take()
        assert {line[:2] for line in lines} == {
            ("app1", "q2"), ("app2", "q1"), ("app2", "q2")}
        assert poll.once() == (0, "", "")
        receiver.take()
        receiver.check_each_once(sim)
        assert receiver.repeat_count == 0


# The disk of the folder is unmounted while it runs, and comes back: the queues
# are drained and marked all the time, and then all is there, in order.
def test_a_folder_that_is_away_for_a_while(files_poll_of):
    with Sim("--apps=2", "--queues=3", "--messages=20") as sim:
        poll, receiver = files_poll_of(sim)
        poll.config["defaults"]["interval"] = "20ms"
        running = poll.start()
        sim.wait_until_read()
        folder = poll.folder / "out"
        wait_for(lambda: len(files_in(folder)) == 12, "all files")
        folder.rename(poll.folder / "away")
        for _ in range(5):
            sim.script("message app1 q* count=20", "message app2 q* count=20")
            sim.wait_until_read()  # no outlet holds that up
        wait_for(lambda: running.lines(
            "outlet out: broken: ", "no such file or directory")
            or running.lines("outlet out: broken: ", "while in use"),
                 "the line")
        assert len(running.lines("outlet out: broken")) == 1, running.err
        assert not folder.exists()
        (poll.folder / "away").rename(folder)
        running.wait_for_line("outlet out: works again")
        wait_for(lambda: sum(len(file.lines) for file in files_in(folder))
                 == 2 * 3 * 120, "all files")
        assert running.stop() == 0
        receiver.take()
        receiver.check_each_once(sim)
        assert receiver.repeat_count == 0


# With room again it goes on where it was, with nothing half done.
def test_a_full_disk(files_poll_of, small_disk):
    with Sim("--messages=300", "--size=2k") as sim:
        poll, receiver = files_poll_of(sim)
        if small_disk is None:
            return  # no mounts here: the unit tests have it
        poll.config["outlets"][0]["path"] = str(small_disk / "out")
        receiver.folder = small_disk / "out"
        check_failed(poll, "no space left")
        for _ in range(20):
            assert receiver.take() > 0  # makes room
            if poll.once().code == 0:
                break
        receiver.take()
        receiver.check_each_once(sim)
        assert receiver.repeat_count == 0


def test_help_names_the_types():
    done = run_program("help", "config")
    assert "files" in done.out and "stdout" in done.out
