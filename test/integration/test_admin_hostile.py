"""Clients that are many, slow, huge or confused: they get little, cost little,
and keep nobody else out."""
import contextlib
import os
import signal
import socket
import time

import pytest

from admin_client import admin_of
from sim import Sim, wait_for

STATUS = "/api/v1/status"
HEAD = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture
def scene(poll_of):
    """A poller that polls all the time."""
    with Sim("--apps=1", "--queues=2", "--messages=20") as sim:
        poll = poll_of(sim)
        poll.config["defaults"]["interval"] = "20ms"
        running = poll.start()
        running.wait_for_line("polling;")
        yield sim, running, admin_of(poll)
        assert running.stop() == 0


def try_connect(client, admin):
    try:
        client.connect(str(admin.where))
    except BlockingIOError:  # others have connected, and are to be served first
        return False
    return True


def connect(admin):
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(40)
    wait_for(lambda: try_connect(client, admin), "it can connect")
    return client


def rest_of(client):
    """What it still gets until it is disconnected."""
    received = b""
    with contextlib.suppress(ConnectionError, TimeoutError):
        while data := client.recv(65536):
            received += data
    return received


def is_polling(sim, admin):
    """Messages that arrive now are stored and marked."""
    sim.script("message app1 q1 count=3")
    wait_for(lambda: sim.unread() == 0, "it polls")
    return admin.ask("GET", "/healthz").status == 200


def test_clients_that_say_nothing_make_room(scene):
    """There are more of them than places, and somebody else is served."""
    sim, _, admin = scene
    with contextlib.ExitStack() as stack:
        for _ in range(300):
            stack.enter_context(connect(admin))
        assert admin.ask("GET", STATUS).status == 200
        assert is_polling(sim, admin)


def test_clients_that_stop_in_the_middle_make_room(scene):
    sim, _, admin = scene
    with contextlib.ExitStack() as stack:
        for number in range(200):
            client = stack.enter_context(connect(admin))
            with contextlib.suppress(BrokenPipeError):
                client.sendall(HEAD[:number % len(HEAD)])
        assert admin.ask("GET", STATUS).status == 200
        assert is_polling(sim, admin)


def test_a_request_that_takes_too_long_is_ended(scene):
    """A byte now and then does not make it last for ever."""
    _, _, admin = scene
    with connect(admin) as client:
        begin = time.monotonic()
        client.sendall(HEAD)
        client.settimeout(0.5)
        while time.monotonic() - begin < 60:
            try:
                client.sendall(b"X: y\r\n")
                if client.recv(1024) == b"":
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        assert 15 < time.monotonic() - begin < 60


NONSENSE = [
    HEAD + b"X: " + b"y" * 100000 + b"\r\n\r\n",
    HEAD + b"X: y\r\n" * 20000 + b"\r\n",
    b"GET /" + b"x" * 100000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"\0" * 5000 + b"\r\n\r\n",
    b"GET\r\n\r\n", b"\r\n" * 5000,
    b"GET / HTTP/9.9\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    HEAD + b"Content-Length: -1\r\n\r\n",
    HEAD + b"Content-Length: 99999999999999999999999\r\n\r\n",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\nzzz\r\n",
    b"POST " + STATUS.encode() + b" HTTP/1.1\r\nHost: localhost\r\n"
    b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
    b"GET /api/v1/queues/%00/%ff HTTP/1.1\r\nHost: localhost\r\n"
    b"Connection: close\r\n\r\n",
    b"GET /api/v1/queues?limit=%%%&after=%00&sort=%ff HTTP/1.1\r\n"
    b"Host: localhost\r\nConnection: close\r\n\r\n",
    b"GET /api/v1/../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n"
    b"Connection: close\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"t" * 500,
]


@pytest.mark.parametrize("number", range(len(NONSENSE)))
def test_a_request_that_is_nonsense_gets_an_error_or_nothing(scene, number):
    sim, _, admin = scene
    with connect(admin) as client:
        with contextlib.suppress(ConnectionError):
            client.sendall(NONSENSE[number])
            client.shutdown(socket.SHUT_WR)
        client.settimeout(1)  # for those that could still become a request
        received = rest_of(client)
        assert received == b"" or received.startswith(b"HTTP/1.")
        assert b"root:" not in received
    assert is_polling(sim, admin)


def test_a_body_that_is_too_large_is_refused(scene):
    """Whether its size is known from the start or not."""
    _, _, admin = scene
    path = "/api/v1/queues/app1/q1/pause"
    with contextlib.suppress(ConnectionError):
        assert admin.ask("POST", path, "x" * 100000).status == 413
    with connect(admin) as client:
        client.sendall(b"POST " + path.encode() + b" HTTP/1.1\r\n"
                       b"Host: localhost\r\nConnection: close\r\n"
                       b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(20):
            client.sendall(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")
        client.sendall(b"0\r\n\r\n")
        assert rest_of(client).startswith(b"HTTP/1.1 413")
    assert admin.get("/api/v1/queues/app1/q1")["queue"]["pause"] is None


def memory_of(running):
    with open(f"/proc/{running.process.pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def test_clients_that_read_nothing_cost_little_memory(scene):
    """Responses are made when there is room for them."""
    sim, running, admin = scene
    admin.get("/api/v1/queues")
    before = memory_of(running)
    with contextlib.ExitStack() as stack:
        for _ in range(60):
            client = stack.enter_context(connect(admin))
            with contextlib.suppress(ConnectionError):
                client.sendall(
                    (HEAD + b"\r\n").replace(b"/healthz", b"/api/v1/queues")
                    * 200)
        assert is_polling(sim, admin)
        assert memory_of(running) - before < 32 << 20


def test_a_process_that_ends_waits_for_no_client(scene):
    _, running, admin = scene
    with contextlib.ExitStack() as stack:
        for path in "/healthz", "/api/v1/events", "/api/v1/queues":
            client = stack.enter_context(connect(admin))
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        stack.enter_context(connect(admin)).sendall(HEAD)
        begin = time.monotonic()
        running.signal(signal.SIGTERM)
        assert running.wait() == 0
        # Not only when they were given up, after 20 seconds.
        assert time.monotonic() - begin < 18
