"""The examples do what their comments say."""
import os
import signal
import sqlite3
import subprocess

import pytest

from poll import BUILD, RUN_S_MAX
from sim import Sim, wait_for

MINIMAL = BUILD / "examples" / "minimal"
STORE = BUILD / "examples" / "store"


def run_minimal(sim, key):
    return subprocess.run(
        [MINIMAL, sim.url(), "q1"],
        input=key.encode() + b"\n",
        env={**os.environ, "CA_FILE": sim.ca},
        capture_output=True,
        timeout=RUN_S_MAX,
        check=False,
    )


# It is what an application's author copies: it has to be right.
@pytest.mark.parametrize("revision", ["mid-2020", "2020-07"])
def test_minimal_prints_all_messages(revision):
    with Sim(
        "--apps=1",
        "--queues=1",
        "--messages=50",
        "--tls",
        f"--revision={revision}",
    ) as sim:
        done = run_minimal(sim, sim.key())
        assert done.returncode == 0 and done.stderr == b""
        messages = [message["bytes"] for message in sim.messages(exact=True)]
        assert done.stdout.decode() == "".join(f"{m}\n" for m in messages)
        assert sim.unread() == 0
        assert sim.queue_stats()["marked"] == 50


# A key that can be none is refused before anything is sent.
def test_minimal_refuses_a_short_key():
    with Sim("--apps=1", "--queues=1", "--tls") as sim:
        done = run_minimal(sim, "short")
        assert done.returncode == 2
        assert b"the API key: it is too short" in done.stderr
        assert sim.app_stats()["requests"] == 0


def start_store(sim, path):
    process = subprocess.Popen(
        [STORE, sim.url(), "q1", path],
        stdin=subprocess.PIPE,
        env={**os.environ, "CA_FILE": sim.ca},
    )
    process.stdin.write(sim.key().encode() + b"\n")
    process.stdin.close()
    return process


def rows(path):
    with sqlite3.connect(path) as db:
        return sorted(bytes(body).decode() for body, in db.execute(
            "SELECT body FROM messages"))


# The state contract in the hands of somebody who has read the header only:
# marks without an answer, marks half done, and a process that is killed while
# its token is outstanding.
def test_store_stores_each_message_once(tmp_path):
    path = tmp_path / "messages.db"
    with Sim("--apps=1", "--queues=1", "--messages=100", "--ties=20",
             "--shuffle=yes", "--tls") as sim:
        sim.script("fault on=mark do=half-mark times=2",
                   "fault on=mark do=json-truncated done=yes skip=1 times=2",
                   "fault on=mark do=stall done=no skip=4 times=1")
        process = start_store(sim, path)
        wait_for(lambda: any(event.get("fault") for event in sim.events())
                 and len(rows(path)) >= 48)
        process.send_signal(signal.SIGKILL)
        process.wait()
        sim.script("clear faults")
        assert start_store(sim, path).wait(RUN_S_MAX) == 0
        assert sim.unread() == 0
        assert rows(path) == sorted(
            message["bytes"] for message in sim.messages(exact=True))
