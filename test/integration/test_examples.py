"""The examples do what their comments say."""
import os
import subprocess

import pytest

from poll import BUILD, RUN_S_MAX
from sim import Sim

MINIMAL = BUILD / "examples" / "minimal"


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
