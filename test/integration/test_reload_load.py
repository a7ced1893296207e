"""Reloads while hundreds of queues are at work: no token is dropped, nothing is
stored twice, and no reload is lost or done too often."""
import contextlib
import fcntl
import json
import os
import pathlib
import random
import signal

from poll import named, preloaded
from reloading import repeats
from sim import ROOT, Sim, wait_for

BUILD = pathlib.Path(os.environ.get("HAPLO_BUILD", ROOT / "build"))
HELD_FILE = BUILD.resolve() / "held_file.so"


def config_for_load(poll):
    poll.config["defaults"].update(interval="200ms")
    poll.config["inboxes"] = [
        {"name": "inbox", "type": "sqlite", "path": "inbox.db"},
        {"name": "other", "type": "sqlite", "path": "other.db"}]
    del poll.config["inbox"]
    poll.config["defaults"]["inbox"] = "inbox"
    return poll


def change_at_random(poll, chance, away):
    """Any change that leaves the meaning of the whole the same."""
    for server in poll.config["servers"]:
        if chance.random() < 0.2:
            server["total_timeout"] = f"{chance.randrange(60, 90)}s"
        for queue in list(server["queues"]):
            what = chance.random()
            if what < 0.1:
                queue["interval"] = f"{chance.randrange(100, 300)}ms"
            elif what < 0.2:
                queue["inbox"] = chance.choice(["inbox", "other"])
            elif what < 0.25 and len(server["queues"]) > 1:
                server["queues"].remove(queue)
                away.append((server["name"], queue))
    for name, queue in away[:len(away) // 2]:
        named(poll.config["servers"], name)["queues"].append(queue)
    del away[:len(away) // 2]


def put_back(poll, away):
    for name, queue in away:
        named(poll.config["servers"], name)["queues"].append(queue)
    away.clear()


def check_all_marked(poll):
    """The inboxes know of each batch that its mark was confirmed."""
    for name in ("inbox.db", "other.db"):
        (batches, marked), = poll.rows(
            "SELECT count(*), count(marked_at) FROM batches",
            poll.folder / name)
        assert batches == marked > 0, name


# What this is about: queues come, go, move and change, all of their own accord,
# while batches are being fetched, stored and marked. No mark fails, so a message
# that is sent again would be one whose token was dropped.
def test_under_load_no_token_is_dropped(poll_of):
    chance = random.Random(7)
    with Sim("--apps=10", "--queues=50", "--messages=30") as sim:
        poll = config_for_load(poll_of(sim))
        away = []
        run = poll.start()
        run.wait_for_line("polling; queues: 500")
        for i in range(10):
            change_at_random(poll, chance, away)
            done = poll.run("reload")
            assert done.code == 0, done
            assert f"generation {i + 2}, digest" in done.out
            sim.add(f"app{chance.randrange(1, 11)}",
                    f"q{chance.randrange(1, 51)}", [{"i": i}] * 3)
            if i == 5:
                good = pathlib.Path(poll.path).read_text()
                pathlib.Path(poll.path).write_text(good[:-20])
                assert poll.run("reload", write=False).code == 2
        put_back(poll, away)
        assert poll.run("reload").code == 0
        wait_for(lambda: sim.unread() == 0)
        assert repeats(poll) == 0
        assert run.stop() == 0
        assert "batches left unmarked: 0" in run.err
        assert not run.lines("stored again")
        check_all_marked(poll)
        poll.check_nothing_lost(poll.folder / "inbox.db",
                                poll.folder / "other.db",
                                stored=sim.all_messages())


@contextlib.contextmanager
def reading_held_up(poll):
    """Whoever opens the configuration meanwhile reads it only afterwards, as it
    was when it was opened."""
    with (poll.folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def rename_into_place(poll):
    """A new file, so that whoever has the old one open still reads that."""
    new = pathlib.Path(poll.path + ".new")
    new.write_text(json.dumps(poll.config))
    new.rename(poll.path)


def is_stopped(pid):
    return all(status.read_text().rsplit(")", 1)[1].split()[0] == "T"
               for status in pathlib.Path(f"/proc/{pid}/task").glob("*/stat"))


# A script that touches the file a hundred times must not keep the process busy
# for a hundred reloads, and the last of them must count.
def test_a_storm_of_hangups_is_one_more_reload(poll_of):
    with Sim("--apps=1", "--queues=1") as sim:
        poll = poll_of(sim)
        poll.config["defaults"]["interval"] = "1h"
        poll.environment = {
            **preloaded(poll.environment, HELD_FILE),
            "HELD_FILE": poll.path, "HELD_FILE_LOCK": str(poll.folder / "lock")}
        run = poll.start()
        run.wait_for_line("polling; queues: 1")
        with reading_held_up(poll):
            for i in range(101):  # the first one begins a reload
                run.signal(signal.SIGHUP)
                run.wait_for_line("SIGHUP: reading the configuration again",
                                  count=i + 1)
                if i > 0:
                    poll.queue()["interval"] = f"{i + 1}h"
                    rename_into_place(poll)
            assert not run.lines("reloaded: generation")
        run.wait_for_line("reloaded: generation 3,")
        done = poll.run("reload", write=False)
        assert done.out.startswith("generation 4, digest ")
        assert "nothing has changed" in done.out
        first, second, _ = run.lines("reloaded: generation ")
        assert "generation 2," in first and "nothing has changed" in first
        assert "generation 3," in second and "changed: 1" in second
        run.signal(signal.SIGSTOP)  # those that come at once are one
        wait_for(lambda: is_stopped(run.process.pid), "all of its threads")
        for i in range(100):
            run.signal(signal.SIGHUP)
        run.signal(signal.SIGCONT)
        run.wait_for_line("reloaded: generation 5,")
        done = poll.run("reload", write=False)
        assert done.out.startswith("generation 6, digest ")
        assert run.stop() == 0


def resident_kib(run):
    for line in pathlib.Path(f"/proc/{run.process.pid}/status").open():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS")


# A configuration is kept only while something borrows from it: a process that
# is reloaded every hour for a year must not grow.
def test_a_thousand_reloads_need_no_more_memory(poll_of):
    with Sim("--apps=2", "--queues=20") as sim:
        poll = config_for_load(poll_of(sim))
        poll.config["defaults"]["interval"] = "1h"
        poll.config["outlets"] = [
            {"name": name, "type": "files", "path": name, "inbox": "inbox"}
            for name in ("one", "two")]
        run = poll.start()
        run.wait_for_line("polling; queues: 40")
        after = {}
        for i in range(1000):
            poll.queue("app1", "q1")["interval"] = f"{i + 61}m"
            poll.queue("app1", "q2")["inbox"] = ("inbox", "other")[i % 2]
            poll.server("app2")["total_timeout"] = f"{i % 2 + 60}s"
            poll.config["outlets"][1]["backoff"] = f"{i % 3 + 1}s"
            poll.write()
            run.signal(signal.SIGHUP)
            run.wait_for_line(f"reloaded: generation {i + 2},")
            after[i + 1] = resident_kib(run)
        assert after[1000] < after[300] * 1.1 + 1024, after
        assert run.stop() == 0
