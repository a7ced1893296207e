"""explain, for what happens rarely; and whether there is a golden file for each
class of the failure policy."""
import re
import sqlite3

import pytest

from explain_scene import CLASSES, GOLDEN, Scene
from hostile import Hostile, answer
from poll import two_inboxes
from ports import free_port
from sim import ROOT, WAIT_S_MAX, Sim, wait_for
from test_cache import Cache
from test_free_space import fill_up_to
from tls_peers import Proxy

# Classes without a golden file, and why.
ELSEWHERE = {
    "HAPLO_EREJECTED": "takes a message of 1 GB; test_advice.c has its advice",
    "blocked": "the health of a queue whose error is HAPLO_EREJECTED",
    "elsewhere": "takes several hosts: test_fleet.py",
}


@pytest.fixture
def scene_of(poll_of):
    return lambda sim: Scene(sim, poll_of(sim))


# -- Something in between --


def test_a_proxy_that_refuses(scene_of):
    with Sim("--apps=1", "--queues=1") as sim, \
            Proxy(refuse=answer(b"no", status="403 Forbidden")) as proxy:
        scene = scene_of(sim)
        scene.poll.server().update(url="https://far.example", proxy=proxy.url)
        scene.start()
        scene.check("app1/q1", "proxy")


def test_a_cache_that_says_so(scene_of):
    def old(peer):
        peer.send(answer(b"{}", extra="Age: 3600\r\n"))

    with Sim("--apps=1", "--queues=1") as sim, Hostile(old) as server:
        scene = scene_of(sim)
        scene.poll.server()["url"] = f"http://127.0.0.1:{server.port}"
        scene.start()
        scene.check("app1/q1", "cached")


def test_a_cache_that_repeats_batches(scene_of):
    with Sim("--apps=1", "--queues=1", "--messages=40") as sim, \
            Cache(sim.url()) as cache:
        scene = scene_of(sim)
        scene.poll.server()["url"] = cache.url
        scene.start()
        scene.run.wait_for_line("marked none of the messages")
        scene.check("app1/q1", "no-progress")


# -- Its server --


# Of the last queue nothing is known to be wrong, but it does not work either.
def test_a_queue_of_a_server_that_is_down(scene_of):
    with Sim("--apps=1", "--queues=6") as sim:
        scene = scene_of(sim)
        scene.poll.server()["url"] = f"http://localhost:{free_port()}"
        scene.start(*[f"app1/q{n}" for n in range(1, 6)])
        wait_for(lambda: scene.document("app1/q1")["server"]["state"] in (
            "DOWN", "PROBING"))
        scene.check("app1/q6", "server-down")


def test_a_queue_of_a_server_that_is_silent(scene_of):
    with Sim("--apps=1", "--queues=3", "--throttle-after=1") as sim:
        scene = scene_of(sim)
        sim.script("key app1 q1 status=revoked")
        scene.start("app1/q1")
        scene.run.wait_for_line("INVALID-API-KEY")
        scene.poll.run("poll-now", "app1/q2", write=False)
        scene.run.wait_for_line("refuses all logins")
        scene.check("app1/q3", "server-silent")


def test_a_key_that_is_not_tried_to_spare_the_server(scene_of):
    with Sim("--apps=1", "--queues=6") as sim:
        scene = scene_of(sim)
        sim.script(*[f"key app1 q{n} status=revoked" for n in range(1, 6)])
        scene.start(*[f"app1/q{n}" for n in range(1, 6)])
        wait_for(lambda: scene.document("app1/q6")["server"]["logins_held"])
        scene.poll.run("poll-now", "app1/q6", write=False)
        scene.check("app1/q6", "logins-held")


# -- What happens here --


@pytest.mark.needs("mount")
def test_a_disk_that_is_nearly_full(scene_of, disk_of):
    with Sim("--apps=1", "--queues=1", "--messages=1") as sim:
        disk = disk_of(size="40m")
        scene = scene_of(sim)
        scene.poll.config["inbox"] = str(disk.folder / "inbox.db")
        fill_up_to(disk, 1500)
        scene.run = scene.poll.start()
        scene.run.wait_for_line("no more messages are fetched")
        scene.check("app1/q1", "paused-disk", str(disk.folder))


# As when a backup of the inbox is put in place while a batch is on its way.
def test_a_state_that_somebody_else_has_stored(scene_of):
    with Sim("--apps=1", "--queues=1", "--messages=1") as sim:
        scene = scene_of(sim)

        def state(sql, *values):
            with sqlite3.connect(scene.poll.inbox_path,
                                 timeout=WAIT_S_MAX) as inbox:
                return inbox.execute(sql, values).fetchall()

        assert scene.poll.once().code == 0
        [(older,)] = state("SELECT state FROM queues")
        sim.script("message app1 q1 count=1")
        assert scene.poll.once().code == 0
        sim.script("message app1 q1 count=1",
                   "fault on=fetch do=delay")
        scene.run = scene.poll.start()
        scene.run.wait_for_line("polling;")
        scene.poll.run("-q", "poll-now", "app1", write=False)
        wait_for(lambda: scene.document("app1/q1")["detail"]["queue"]["state"]
                 == "FETCHING")
        state("UPDATE queues SET state = ?", older)
        sim.script("clear faults", "fault on=fetch do=stall times=0")
        scene.run.wait_for_line("an older copy of the database")
        scene.check("app1/q1", "stale")


# It is not in the configuration any more, but has a batch to finish.
def test_a_queue_that_was_removed(scene_of):
    with Sim("--apps=1", "--queues=2", "--messages=1") as sim:
        scene = scene_of(sim)
        sim.script("fault on=mark do=stall times=0 queue=q1")
        scene.start("app1/q1")
        wait_for(lambda: scene.document("app1/q1")["detail"]["queue"]["state"]
                 == "MARKING")
        del scene.poll.queue_list()[0]
        scene.poll.write()
        assert scene.poll.run("reload", write=False).code == 0
        scene.check("app1/q1", "removed")


# -- Outlets --


def test_an_outlet_that_waits(scene_of):
    with Sim("--apps=1", "--queues=1", "--messages=1") as sim, \
            Hostile(lambda peer: peer.send(
                answer(b"later", status="503 Busy"))) as receiver:
        scene = scene_of(sim)
        scene.poll.config["outlets"] = [{
            "name": "out", "type": "webhook", "backoff": "1h",
            "backoff_max": "1h", "url": f"http://127.0.0.1:{receiver.port}/"}]
        scene.start()
        scene.run.wait_for_line("outlet out")
        scene.check("out", "outlet-waits")


def test_an_outlet_whose_inbox_cannot_be_opened(scene_of):
    with Sim("--apps=1", "--queues=1", "--messages=1") as sim:
        scene = scene_of(sim)
        scene.start()
        two_inboxes(scene.poll)[1].write_text("this is no database " * 999)
        scene.poll.config["outlets"] = [{
            "name": "out", "type": "files", "path": "out", "inbox": "other"}]
        assert "waiting" in scene.poll.run("reload").out
        scene.check("out", "outlet-inbox")


# -- All of them --


def words_of(path, pattern):
    return re.findall(pattern, (ROOT / path).read_text())


def enum_after(name):
    """The words of an enum in docs/openapi.yaml that has this one."""
    enums = words_of("docs/openapi.yaml", r"enum: \[([^\]]*)\]")
    return next(enum.replace("\n", " ").replace(" ", "").split(",")
                for enum in enums if name in enum)


# An error, a state or a health that is added needs an explanation, which
# somebody has read.
def test_each_class_has_a_golden_file():
    errors = words_of("include/haplopoll.h", r"X\((E[A-Z]+), (\d+),")
    classes = {f"HAPLO_{name}" for name, number in errors if int(number) >= 10}
    assert len(classes) > 20
    classes |= {f"outlet {state}" for state in enum_after("broken")}
    classes |= set(enum_after("not_tried")) - {"failing", "refused", "not_tried"}
    classes |= {f"server {state}" for state in ("DOWN", "SILENT")}
    assert classes - set(CLASSES.values()) == set(ELSEWHERE)
    assert {path.stem for path in GOLDEN.glob("*.txt")} == set(CLASSES)


# What metrics and the log call a failure is one of these.
def test_each_error_has_a_failure_class():
    cases = words_of("src/daemon/observe/failure_class.c", r"case (HAPLO_\w+):")
    assert {name for name in CLASSES.values() if name.startswith("HAPLO_")} \
        <= set(cases)
    assert set(ELSEWHERE) - {"blocked", "elsewhere"} <= set(cases)
