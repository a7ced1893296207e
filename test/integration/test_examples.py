"""The examples do what their comments say."""
import os
import subprocess

import pytest

from poll import BUILD, RUN_S_MAX, preloaded
from sim import Sim

MINIMAL = BUILD / "examples" / "minimal"
POOR_LIBCURL = BUILD.resolve() / "poor_libcurl.so"


def run_minimal(sim, key, environment=None):
    return subprocess.run(
        [MINIMAL, sim.url(), "q1"],
        input=key.encode() + b"\n",
        env={**(environment or os.environ), "CA_FILE": sim.ca},
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


# A libcurl of somebody's own that lacks what is needed: the application says so
# when it starts, instead of failing at each request.
@pytest.mark.parametrize("lacks, words", [
    ("TLS", b"was built without TLS"),
    ("zlib", b"was built without zlib"),
    ("proxies", b"was built without proxies"),
    ("7.74.0", b"libcurl 7.74.0 is in use, and 7.88.0 or newer is needed"),
])
def test_minimal_refuses_a_poor_libcurl(lacks, words):
    with Sim("--apps=1", "--queues=1", "--messages=1") as sim:
        done = run_minimal(sim, sim.key(), preloaded(
            {**os.environ, "POOR_LIBCURL": lacks}, POOR_LIBCURL))
        assert done.returncode == 2
        assert words in done.stderr
        assert sim.app_stats()["requests"] == 0
        done = run_minimal(sim, sim.key(), preloaded(os.environ, POOR_LIBCURL))
        assert done.returncode == 0  # it lacks nothing else
