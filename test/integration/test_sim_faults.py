"""haplo-sim fails on request, in every way that its faults name."""
import json
import socket
import urllib.parse

import pytest

from sim import Sim, wait_for
from sim_client import (
    FORM, POLL, Answer, connect, fetch, ids, mark, raw_fetch, raw_mark, receive_all, request_bytes,
)


@pytest.fixture
def sim():
    with Sim("--apps=1", "--queues=2", "--messages=20") as simulator:
        yield simulator


# A client sees the end of the connection instead of an answer.
def test_fault_close(sim):
    sim.script("fault do=close")
    assert raw_fetch(sim)[0] == b""
    assert fetch(sim).status == 200


# A server that is down refuses connects, comes back, and its port stays its own.
def test_fault_refuse(sim):
    open_before = connect(sim.url())
    answer = sim.script("fault do=refuse")
    with pytest.raises(ConnectionRefusedError):
        connect(sim.url())
    assert receive_all(open_before) == (b"", True)
    sim.script(f"clear fault {answer['fault']}")
    assert fetch(sim).status == 200
    seen = False
    while not seen:  # it may be over before somebody looks
        sim.script("fault do=refuse for=300ms")
        seen = sim.app_stats()["refusing"]
        wait_for(lambda: not sim.app_stats()["refusing"])
    assert fetch(sim).status == 200
    open_before.close()


# Silence, at once or in the middle of an answer, must end by the client's clock.
@pytest.mark.parametrize("at", [0, 100])
def test_fault_stall(sim, at):
    sim.script(f"fault do=stall at={at}")

    def read(connection):
        data = connection.recv(at, socket.MSG_WAITALL) if at else b""
        connection.settimeout(0.05)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        return data

    assert len(raw_fetch(sim, read)) == at
    event = sim.events()[-1]
    assert (event["fault"], event["status"]) == ("stall", 200 if at else 0)


# A slow sender is not a dead one.
def test_fault_drip(sim):
    sim.script("fault do=drip bytes=500 every=1ms")
    pieces = []

    def read(connection):
        while not b"".join(pieces).endswith(b"\n}"):
            pieces.append(connection.recv(500))
        return b"".join(pieces)

    answer = Answer(raw_fetch(sim, read))
    assert answer.status == 200 and len(ids(answer)) == 16
    assert len(pieces) >= 4


# A body that ends early, with FIN or with RST, is not a batch.
@pytest.mark.parametrize("kind,reset", [("cut", False), ("reset", True)])
def test_fault_cut_and_reset(sim, kind, reset):
    sim.script(f"fault do={kind} at=300")
    data, was_reset = raw_fetch(sim)
    assert (len(data), was_reset) == (300, reset)
    assert fetch(sim).status == 200


# Nobody can tell a mark that was done from one that was not, when the answer is
# lost: only the same token again.
@pytest.mark.parametrize("done,left", [("yes", 4), ("no", 20)])
def test_fault_reset_around_mark(sim, done, left):
    token = fetch(sim).json()["token"]
    sim.script(f"fault on=mark do=reset done={done}")
    assert raw_mark(sim, token) == (b"", True)
    assert sim.unread("app1", "q1") == left
    assert mark(sim, token).json() == {"markedCount": left - 4, "unreadCount": 4}


# Proxies in front send what the server never does.
def test_fault_status(sim):
    sim.script("fault do=status code=503 retry-after=7", "fault do=status code=429")
    answer = fetch(sim)
    assert answer.line == "HTTP/1.1 503 Service Unavailable"
    assert answer.header("Retry-After") == "7"
    answer = fetch(sim)
    assert (answer.status, answer.header("Retry-After")) == (429, None)


def test_fault_html_and_redirect(sim):
    sim.script("fault do=html", "fault do=redirect to=https://other.example/x")
    answer = fetch(sim)
    assert answer.status == 200
    assert answer.header("Content-Type").startswith("text/html")
    assert fetch(sim).header("Location") == "https://other.example/x"


# A mark is not atomic: the same token counts only the rest.
def test_fault_half_mark(sim):
    token = fetch(sim).json()["token"]
    sim.script("fault do=half-mark")
    assert fetch(sim).status == 200
    assert mark(sim, token).line == "HTTP/1.1 500 Server Error"
    assert mark(sim, token).json() == {"markedCount": 8, "unreadCount": 4}


# 200 and the right length do not make a document.
def test_fault_bad_json(sim):
    sim.script(*(f"fault do=json-{k}" for k in ("truncated", "trailing", "version", "token")))
    for _ in range(2):
        answer = fetch(sim)
        assert int(answer.header("Content-Length")) == len(answer.body)
        with pytest.raises(ValueError):
            answer.json()
    assert fetch(sim).json()["version"] == 1
    assert fetch(sim).json()["token"] == 5


def test_fault_huge(sim):
    sim.script("fault do=huge size=3m")
    answer = fetch(sim)
    assert answer.header("Transfer-Encoding") == "chunked"
    assert len(answer.body) > 3 << 20


def test_fault_delay(sim):
    sim.script("fault do=delay for=30ms")
    assert fetch(sim).status == 200
    assert sim.events()[-1]["wait_ms"] >= 29


# A test decides when a request goes on, and need not be fast.
def test_fault_delay_until_it_is_cleared(sim):
    fault = sim.script("fault queue=q1 do=delay")["fault"]
    with connect(sim.url()) as held:
        held.sendall(request_bytes("GET", f"{POLL}q1/fetch", key=sim.key()))
        wait_for(lambda: sim.app_stats()["running"] == 1)
        assert fetch(sim, queue="q2").status == 200
        assert sim.app_stats()["running"] == 1
        sim.script(f"clear fault {fault}")
        assert held.recv(15) == b"HTTP/1.1 200 OK"


@pytest.mark.parametrize("by", [50, -50])
def test_fault_length(sim, by):
    sim.script(f"fault do=length by={by}")
    answer = Answer(raw_fetch(sim)[0])
    assert int(answer.header("Content-Length")) == len(answer.body) + by


def test_fault_garbage_and_hang_up(sim):
    sim.script("fault do=garbage", "fault do=hang-up")
    assert not raw_fetch(sim)[0].startswith(b"HTTP")
    answer = Answer(raw_fetch(sim)[0])
    assert answer.status == 200 and answer.header("Connection") is None


# A script must be able to pick its victim and its moment.
def test_fault_choice(sim):
    sim.script("fault queue=q2 on=fetch skip=1 times=2 do=status code=500")
    assert [fetch(sim, queue="q2").status for _ in range(4)] == [200, 500, 500, 200]
    assert fetch(sim).status == 200
    assert sim.control("/faults")["faults"][0]["hits"] == 2


# A random run that fails must be run again from its seed.
def test_fault_probability_repeats():
    outcomes = []
    for _ in range(2):
        with Sim("fault do=status times=0 probability=0.5 seed=7") as simulator:
            outcomes.append([fetch(simulator).status for _ in range(12)])
    assert outcomes[0] == outcomes[1] and set(outcomes[0]) == {200, 503}


# A client that gives up does not undo its mark.
def test_mark_is_done_after_client_left(sim):
    token = fetch(sim).json()["token"]
    sim.script("fault on=mark do=delay")
    with connect(sim.url()) as connection:
        body = b"token=" + urllib.parse.quote(token, safe="").encode()
        data = request_bytes("POST", f"{POLL}q1/mark", key=sim.key(), body=body, headers=[FORM])
        connection.sendall(data)
        wait_for(lambda: sim.app_stats()["running"] == 1)
        assert sim.app_stats()["gone"] == 0
    wait_for(lambda: sim.app_stats()["gone"] == 1)
    assert sim.unread("app1", "q1") == 20
    sim.script("clear faults")
    wait_for(lambda: sim.unread("app1", "q1") == 4)
    assert sim.events()[-1]["gone"]
    assert sim.app_stats()["gone"] == 0
