"""The state contract in an application of Node.js: like test_own_database.py,
with bindings/node/examples/own_database.js."""
import os
import random
import subprocess
import time

import pytest

from sim import BUILD, ROOT, wait_for
from test_own_database import (Application, fixture_sim,  # noqa: F401
                               kill_often, lose_a_mark, put_on_queue)

EXAMPLE = ROOT / "bindings" / "node" / "examples" / "own_database.js"
LIB = ROOT / "test" / "node" / "lib"
# `make test-node` has a hundred of them.
KILLS = int(os.environ.get("HAPLO_NODE_KILLS", "12"))
INCLUDE = "path.resolve(process.execPath, '../../include/node')"


class NodeApplication(Application):
    script = EXAMPLE

    def command(self):
        return ["node", self.script]


def ask_node(expression):
    return subprocess.run(["node", "-p", expression], check=True, text=True,
                          stdout=subprocess.PIPE).stdout.strip()


# Where Node.js has no SQLite of its own, it gets one.
@pytest.fixture(name="application")
def fixture_application(sim, tmp_path, monkeypatch):
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "haplopoll").symlink_to(
        BUILD.resolve() / "bindings" / "node")
    monkeypatch.setenv("NODE_PATH", str(tmp_path / "node_modules"))
    addon = tmp_path / "sqlite.node"
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-o", addon, LIB / "sqlite.c",
         f"-I{ask_node(INCLUDE)}", "-I/usr/include/node", "-lsqlite3"],
        check=True)
    monkeypatch.setenv("SQLITE_ADDON", str(addon))
    if "HAPLO_NODE_SQLITE" not in os.environ:
        monkeypatch.setenv("SQLITE_MODULE", str(LIB / "sqlite.js"))
    return NodeApplication(sim, tmp_path / "own.db")


# As in C: 0 lost, 0 stored twice.
def test_killed_again_and_again(sim, application):
    moments = random.Random(7)

    def wait():
        before = sim.queue_stats()["requests"]
        wait_for(lambda: sim.queue_stats()["requests"] > before)
        time.sleep(moments.uniform(0, 0.05))

    kill_often(sim, application, KILLS, wait)


def test_a_lost_mark_costs_nothing(sim, application):
    lose_a_mark(sim, application)
    application.start()
    wait_for(application.is_confirmed)
    application.kill()
    assert application.stored() == put_on_queue(sim)


# So these tests would see it.
def test_ignoring_repeats_costs_a_batch(sim, application, tmp_path):
    variant = EXAMPLE.read_text().replace("!message.isRepeat", "true")
    application.script = tmp_path / "variant.js"
    application.script.write_text(variant)
    lose_a_mark(sim, application)
    application.start()
    wait_for(application.is_confirmed)
    application.kill()
    twice = application.stored() - put_on_queue(sim)
    assert sum(twice.values()) == 16


def test_the_example_is_short():
    assert len(EXAMPLE.read_text().splitlines()) < 120
