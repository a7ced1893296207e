"""The state contract in an application of Node.js: like test_own_database.py,
with bindings/node/examples/own_database.js."""
import os
import pathlib
import random
import subprocess
import time

import pytest

from sim import BUILD, ROOT, wait_for
from test_own_database import (Application, fixture_sim,  # noqa: F401
                               kill_often, lose_a_mark, put_on_queue)

EXAMPLE = ROOT / "bindings" / "node" / "examples" / "own_database.js"
LIB = ROOT / "test" / "node" / "lib"
# What `make test-node` sets: another program and package, and node:sqlite.
NODE = os.environ.get("HAPLO_NODE", "node")
PACKAGE = pathlib.Path(os.environ.get(
    "HAPLO_PACKAGE", BUILD / "bindings" / "node"))
SQLITE = os.environ.get("HAPLO_NODE_SQLITE", LIB / "sqlite.js")
# A hundred, likewise.
KILLS = int(os.environ.get("HAPLO_NODE_KILLS", "12"))
INCLUDE = "path.resolve(process.execPath, '../../include/node')"


class NodeApplication(Application):
    script = EXAMPLE

    def command(self):
        return [NODE, self.script]


def ask_node(expression):
    return subprocess.run([NODE, "-p", expression], check=True, text=True,
                          stdout=subprocess.PIPE).stdout.strip()


def build_sqlite(path):
    """For a Node.js that has no SQLite of its own."""
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-o", path, LIB / "sqlite.c",
         f"-I{ask_node(INCLUDE)}", "-I/usr/include/node", "-lsqlite3"],
        check=True)


def set_sanitizer(monkeypatch):
    """An addon with AddressSanitizer needs its runtime in the process."""
    if b"__asan_init" in (PACKAGE / "haplopoll.node").read_bytes():
        runtime = subprocess.run(["cc", "-print-file-name=libasan.so"],
                                 check=True, text=True, stdout=subprocess.PIPE)
        monkeypatch.setenv("LD_PRELOAD", runtime.stdout.strip())
        monkeypatch.setenv("ASAN_OPTIONS", "detect_leaks=0")


@pytest.fixture(name="application")
def fixture_application(sim, tmp_path, monkeypatch):
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "haplopoll").symlink_to(PACKAGE.resolve())
    if SQLITE != "node:sqlite":
        build_sqlite(tmp_path / "sqlite.node")
    set_sanitizer(monkeypatch)
    monkeypatch.setenv("NODE_PATH", str(tmp_path / "node_modules"))
    monkeypatch.setenv("SQLITE_ADDON", str(tmp_path / "sqlite.node"))
    monkeypatch.setenv("SQLITE_MODULE", str(SQLITE))
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
