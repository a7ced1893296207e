"""Reloads while hundreds of queues are at work: no token is dropped, nothing is
stored twice, and no reload is lost or done too often."""
import collections
import pathlib
import random
import signal

from poll import named
from sim import Sim, wait_for


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


def marks_and_batches(sim):
    """How many batches each queue has sent, and how many tokens came back."""
    counts = collections.Counter()
    for event in sim.events():
        if event["event"] == "answer" and event.get("count"):
            counts[event["kind"]] += 1
    return counts


# What this is about: queues come, go, move and change, all of their own accord,
# while batches are being fetched, stored and marked.
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
        assert run.stop() == 0
        assert "batches left unmarked: 0" in run.err
        stats = [queue for app in sim.stats()["apps"]
                 for queue in app["queues"]]
        assert not run.lines("stored again")
        assert sum(queue["repeated"] for queue in stats) == 0 \
            if "repeated" in stats[0] else True
        poll.check_nothing_lost(poll.folder / "inbox.db",
                                poll.folder / "other.db",
                                stored=sim.all_messages())


# A script that touches the file a hundred times must not keep the process busy
# for a hundred reloads, and the last of them must count.
def test_a_storm_of_hangups_is_one_more_reload(poll_of):
    with Sim("--apps=1", "--queues=1") as sim:
        poll = poll_of(sim)
        poll.config["defaults"]["interval"] = "1h"
        run = poll.start()
        run.wait_for_line("polling; queues: 1")
        run.signal(signal.SIGSTOP)
        for i in range(100):
            run.signal(signal.SIGHUP)
        run.signal(signal.SIGCONT)
        run.wait_for_line("reloaded: generation 2,")
        seen = len(run.lines("reloaded: generation"))
        for i in range(100):
            poll.queue()["interval"] = f"{i + 2}h"
            poll.write()
            run.signal(signal.SIGHUP)
        done = poll.run("reload", write=False)
        assert done.code == 0
        count = len(run.lines("reloaded: generation"))
        assert seen + 1 <= count <= seen + 102
        assert "101h" not in done.out
        out = poll.run("reload", write=False).out
        assert "nothing has changed" in out
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
