"""An answer that is cut, wherever that is, must never pass for a whole one."""
import base64
import socket
import urllib.parse

import pytest

from sim import Sim

# One of each way in which a response can mark its end.
WAYS = ["--gzip=no", "--gzip=yes", "--chunked=1"]
MESSAGE = {"type": "change", "number": 12345678901234, "text": "e" * 100}


def answer_size(sim, verb):
    """Of the answer that haplo-poll gets, head and all."""
    url = urllib.parse.urlsplit(sim.url(queue="q1", verb=verb))
    method = "POST" if verb == "mark" else "GET"
    key = base64.b64encode(f"haplo:{sim.key()}".encode()).decode()
    request = (
        f"{method} {url.path} HTTP/1.1\r\nHost: {url.netloc}\r\n"
        f"Authorization: Basic {key}\r\nAccept-Encoding: gzip\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n"
        "Content-Length: 0\r\nConnection: close\r\n\r\n"
    )
    size = 0
    with socket.create_connection(("127.0.0.1", url.port)) as connection:
        connection.sendall(request.encode())
        while piece := connection.recv(65536):
            size += len(piece)
    return size


def sweep(poll_of, verb, kind, *options):
    """Each answer is cut a byte later than the one before, until one comes
    that is whole."""
    with Sim("--apps=1", "--queues=1", *options) as sim:
        sim.add("app1", "q1", [MESSAGE])
        size = answer_size(sim, verb)
        assert size > 150
        sim.script(*[f"fault on={verb} do={kind} at={at} done=no"
                     for at in range(size)])
        poll = poll_of(sim)
        poll.config["defaults"] |= {
            "backoff": "1ms", "backoff_max": "1ms", "interval": "10ms",
            "breaker_failures": 1000, "mark_attempts_max": 1,
        }
        run = poll.start("run")
        sim.wait_until_read()
        assert run.stop() == 0
        poll.check_all_stored()
        faults = sim.control("/faults")["faults"]
        assert [fault["hits"] for fault in faults] == [1] * size
        assert sim.messages()[0]["marked"] == 1


# A batch that lacks its end must not be delivered, and still less be marked.
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["cut", "reset"])
def test_fetch_is_cut_at_each_byte(poll_of, way, kind):
    sweep(poll_of, "fetch", kind, way)


# Half a confirmation is none: the messages would be taken for resends.
@pytest.mark.parametrize("revision", ["2019", "mid-2020", "2020-07"])
@pytest.mark.parametrize("way", ["--chunked=1", "--gzip=no"])
def test_mark_is_cut_at_each_byte(poll_of, revision, way):
    sweep(poll_of, "mark", "cut", way, f"--revision={revision}")
