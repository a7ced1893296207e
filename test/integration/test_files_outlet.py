"""The sink of type files: each message is in a file, once; after a crash those
that are there twice can be told."""
import contextlib
import random
import re
import sqlite3
import threading

import pytest

from files_sink import HIDDEN, Receiver, files_in, made_lines
from poll import run_program
from sim import Sim, wait_for
from test_epochs import Steps, check_twice, lost_marks
from test_once import FORMATS, check_one_line_each
from test_ties import ties_and_lost_marks

OUT = {"name": "out", "type": "files", "path": "out"}


@pytest.fixture
def files_poll_of(poll_of):
    """A Poll with a files sink in place of the inbox, and its receiver."""

    def make(sim):
        poll = poll_of(sim)
        poll.config["sinks"] = [OUT]
        return poll, Receiver(poll.folder / "out")

    return make


class FileSteps(Steps):
    """The same steps, with files in place of the inbox."""

    def __init__(self, poll, receiver, restarts):
        super().__init__(poll, restarts)
        self.receiver = receiver

    def check(self, times):
        """Each message was received so often, each time in another epoch, and
        nothing was a repeat."""
        self.receiver.take()
        assert self.receiver.repeat_count == 0
        assert self.receiver.epochs.keys() == made_lines(self.sim).keys()
        for line, epochs in self.receiver.epochs.items():
            assert len(epochs) == times, line
            assert len(set(epochs)) == times, line


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
        done = poll.run("once")
        assert done.code == 0 and re.search(r"\b2000\b", done.out), done
        receiver.take()
        receiver.check_each_once(sim)
        assert receiver.repeat_count == 0
        assert poll.once() == (0, "", "")
        assert receiver.take() == 0
        assert [path.name for path in poll.folder.glob("state/*")
                if path.name != "lock"] == ["out.ledger"]


# All that data may be, with every revision's fetch and mark, twice.
@pytest.mark.parametrize("revision", ["2019", "mid-2020", "2020-07"])
def test_odd_data_is_kept_byte_for_byte(steps_of, revision):
    with Sim("--edge", "--messages=30", f"--revision={revision}") as sim:
        sim.script("fault on=mark do=reset", "fault on=mark do=reset done=no")
        steps = steps_of(sim)
        steps.rest()
        steps.receiver.take()
        steps.receiver.check_each_once(sim)
        assert steps.receiver.repeat_count == 0


# A message that comes again is no news until its mark is confirmed, and is
# one after that.
@pytest.mark.parametrize("lines", [lost_marks, ties_and_lost_marks])
def test_a_lost_mark_costs_neither_message_nor_resend(steps_of, lines):
    check_twice(steps_of, lines())


# A message's data can override its id and date: two of the same bytes are
# still two messages, also where a mark was lost between them.
def test_equal_messages_all_go_out(steps_of):
    with Sim() as sim:
        sim.add("app1", "q1", [{"id": 7, "datetime": "", "x": 1}] * 5
                + [{"id": 8, "datetime": ""}] * 3)
        sim.script("fault on=mark do=half-mark times=3")
        steps = steps_of(sim)
        steps.rest()
        steps.receiver.take()
        steps.receiver.check_each_once(sim)
        assert steps.receiver.repeat_count == 0


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


# One configuration may have both.
def test_files_and_an_inbox(poll_of):
    with Sim("--apps=2", "--queues=2", "--messages=40") as sim:
        poll = poll_of(sim)
        poll.config["sinks"] += [OUT, {**OUT, "name": "out2", "path": "out2"}]
        poll.config["defaults"]["sink"] = "out"
        poll.server("app2")["sink"] = "inbox"
        poll.queue("app1", "q2")["sink"] = "out2"
        sim.script("fault on=mark do=reset times=3")
        assert poll.once() == (0, "", "")
        made = {name: len(messages)
                for name, messages in sim.all_messages().items()}
        found = {("app2", queue): count for queue, count in poll.rows(
            "SELECT queue, count(*) FROM messages GROUP BY queue")}
        for folder in ("out", "out2"):
            receiver = Receiver(poll.folder / folder)
            receiver.take()
            assert receiver.repeat_count == 0
            for (server, queue, _), count in receiver.received.items():
                found[server, queue] = found.get((server, queue), 0) + count
        assert found == made
        assert sorted(path.name for path in poll.folder.glob("state/*.ledger")
                      ) == ["out.ledger", "out2.ledger"]


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
# twice then is told by its place, also if it comes in another batch, or in a
# later epoch.
def test_killed_again_and_again_each_message_is_received_once(files_poll_of):
    moments = random.Random(SEED)
    with Sim("--apps=2", "--queues=10", "--messages=120", "--ties=20",
             "--shuffle", "--latency=4ms", "--latency-jitter=8ms") as sim:
        sim.script("fault on=mark do=reset probability=.05 times=0 seed=1",
                   "fault on=mark do=reset done=no probability=.05 times=0 "
                   "seed=2")
        poll, receiver = files_poll_of(sim)
        poll.config["defaults"] |= {"interval": "50ms", "max_in_flight": 2}
        total = sim.unread()
        taking = Taking(receiver)
        try:
            for kill in range(1, KILLS + 1):
                running = poll.start()
                part = total * (KILLS + 1 - kill) // (KILLS + 1)
                wait_for(lambda part=part: sim.unread() <= part, 20,
                         "progress")
                events = sim.stats()["events"] + moments.randrange(20)
                wait_for(lambda events=events:
                         sim.stats()["events"] >= events, 20, "some events")
                running.kill()
            assert sim.unread() > 0
            running = poll.start()
            sim.wait_until_read()
            assert running.stop() == 0
        finally:
            taking.end()
        receiver.take()
        receiver.check_each_once(sim)


# What goes wrong


def check_refused(poll, sim, *words):
    """Told before anything is fetched."""
    done = poll.once()
    assert done.code == 2
    check_one_line_each(done, ["sink out"], ["poll.yaml:", *words])
    assert sim.stats()["events"] == 0


# A path that cannot be used is told at once, with what to do.
def test_paths_that_cannot_be_used(files_poll_of):
    with Sim("--messages=20") as sim:
        poll, receiver = files_poll_of(sim)
        poll.config["sinks"] = [{**OUT, "path": "no/out"}]
        check_refused(poll, sim, "no/out: cannot be made",
                      "make its parent folder")
        poll.config["sinks"] = [{**OUT, "path": "poll.yaml"}]
        check_refused(poll, sim, "poll.yaml: cannot be opened",
                      "a file is in the place of a folder")
        poll.config["sinks"] = [{**OUT, "path": "/proc/1"}]
        check_refused(poll, sim, "/proc/1: cannot be written")
        poll.config["sinks"] = [OUT]
        assert poll.once() == (0, "", "")
        receiver.take()
        receiver.check_each_once(sim)


# Two sinks, or two haplo-polls, would take each other's files.
def test_a_folder_has_one_sink(files_poll_of):
    with Sim("--messages=20") as sim:
        poll, _ = files_poll_of(sim)
        poll.config["sinks"] = [OUT, {**OUT, "name": "b", "path": "./out"}]
        poll.config["defaults"]["sink"] = "out"
        done = poll.once()
        assert done.code == 1
        check_one_line_each(done, ["sink b"],
                            ["./out: in use", "a folder of its own"])
        assert sim.stats()["events"] == 0
        poll.config["sinks"][1]["path"] = "out"
        done = poll.once()
        assert done.code == 2
        assert "its path is taken already" in done.err


def make_text(path):
    path.write_text("Dear diary, this is a text and no database. " * 100)


def make_inbox(path):
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.executescript("PRAGMA application_id = 0x4850494e;"
                               "PRAGMA user_version = 1;"
                               "CREATE TABLE messages (x);")


def make_newer(path):
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 7")


def cut_down(path):
    with open(path, "r+b") as ledger:
        ledger.truncate(10000)


# Without its ledger the sink would repeat what it has delivered.
@pytest.mark.parametrize("change,words", [
    (make_text, "not an SQLite database"),
    (make_inbox, "not a ledger of haplo-poll"),
    (make_newer, "a ledger of version 7, made by a newer haplo-poll"),
    (cut_down, "the file is damaged"),
])
def test_a_ledger_that_is_no_good(files_poll_of, change, words):
    with Sim("--messages=20") as sim:
        poll, _ = files_poll_of(sim)
        ledger = poll.folder / "state" / "out.ledger"
        poll.config["sinks"] = [OUT]
        if change in (make_newer, cut_down):
            assert poll.once().code == 0
        else:
            ledger.parent.mkdir()
        change(ledger)
        before = ledger.read_bytes()
        events = sim.stats()["events"]
        done = poll.once()
        assert done.code == 2
        check_one_line_each(done, ["sink out"], ["out.ledger", words])
        assert sim.stats()["events"] == events
        assert ledger.read_bytes() == before


# A queue whose folder is in trouble must not hold up the others, and loses
# nothing.
def test_a_queue_in_trouble_waits_alone(files_poll_of):
    with Sim("--apps=2", "--queues=2", "--messages=40") as sim:
        poll, receiver = files_poll_of(sim)
        (poll.folder / "out" / "app1").mkdir(parents=True)
        (poll.folder / "out" / "app1" / "q1").write_text("in the way")
        done = poll.once()
        assert done.code == 1
        check_one_line_each(done, ["deliver app1/q1"],
                            ["a file is in the place of a folder"])
        assert sim.unread() == sim.unread("app1", "q1") == 40
        assert sim.queue_stats("app1", "q1")["marks"] == 0
        (poll.folder / "out" / "app1" / "q1").unlink()
        assert poll.once() == (0, "", "")
        receiver.take()
        receiver.check_each_once(sim)
        assert receiver.repeat_count == 0


# The disk of the folder is unmounted while it runs, and comes back.
def test_a_folder_that_is_away_for_a_while(files_poll_of):
    with Sim("--messages=20") as sim:
        poll, receiver = files_poll_of(sim)
        poll.config["defaults"]["interval"] = "20ms"
        running = poll.start()
        sim.wait_until_read()
        folder = poll.folder / "out"
        folder.rename(poll.folder / "away")
        sim.script("message app1 q1 count=20")
        running.wait_for_line("deliver app1/q1", "no such file or directory")
        assert sim.unread() == 20 and not folder.exists()
        (poll.folder / "away").rename(folder)
        sim.wait_until_read()
        running.wait_for_line("app1/q1: works again")
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
        poll.config["sinks"] = [{**OUT, "path": str(small_disk / "out")}]
        receiver.folder = small_disk / "out"
        done = poll.once()
        assert done.code == 1
        check_one_line_each(done, ["deliver app1/q1"],
                            ["no space left", "make room on its disk"])
        assert 0 < sim.unread() < 300
        while sim.unread() > 0:
            assert receiver.take() > 0  # makes room
            poll.once()
        receiver.take()
        receiver.check_each_once(sim)
        assert receiver.repeat_count == 0


def test_help_names_both_types():
    done = run_program("help", "config")
    assert "sqlite or files" in done.out
