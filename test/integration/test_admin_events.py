"""Server-sent events: what changes is told, to as many as listen, and nobody
who does not read holds up anything."""
import contextlib
import json
import socket
import time

import openapi
import pytest

from admin_client import admin_of
from sim import Sim, wait_for

EVENTS = "/api/v1/events"
SCHEMAS = {"queue": "Queue", "server": "Server", "outlet": "Outlet",
           "status": "Status"}


class Listener:
    """Reads events, and holds them to the description of their objects."""

    def __init__(self, admin, path=EVENTS, **headers):
        self.connection = admin.connect()
        self.connection.request("GET", path, headers=headers)
        self.response = self.connection.getresponse()
        assert self.response.status == 200, self.response.status
        assert self.response.headers["Content-Type"] == "text/event-stream"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def next(self):
        event = {}
        while True:
            line = self.response.readline().decode()
            assert line, "the stream has ended"
            if line == "\n":
                if "event" in event:
                    break
                continue
            name, value = line.rstrip("\n").split(": ", 1)
            event[name] = value
        data = json.loads(event["data"])
        if event["event"] in SCHEMAS:
            schema = openapi.DOCUMENT["components"]["schemas"][
                SCHEMAS[event["event"]]]
            assert openapi.faults(schema, data, event["event"]) == []
        return event["event"], data, event["id"]

    def until(self, condition):
        """An event that does not come ends it by the limit of a response."""
        while True:
            kind, data, number = self.next()
            if condition(kind, data):
                return data, number


@pytest.fixture
def scene(poll_of):
    with Sim("--apps=1", "--queues=2", "--messages=20") as sim:
        poll = poll_of(sim)
        poll.config["defaults"]["interval"] = "50ms"
        running = poll.start()
        running.wait_for_line("polling;")
        yield sim, running, admin_of(poll)


def is_about(name, health):
    return lambda kind, data: (kind == "queue" and data["name"] == name
                               and data["health"] == health)


def test_a_change_is_told(scene):
    """The page shows a failure without being reloaded."""
    sim, _, admin = scene
    with Listener(admin) as listener:
        kind, status, _ = listener.next()
        assert kind == "status" and status["queues"]["total"] == 2
        sim.script("fault app=app1 queue=q1 on=fetch do=status code=500 times=0")
        failing, _ = listener.until(is_about("app1/q1", "failing"))
        assert "500" in failing["cause"]
        sim.script("clear faults")
        listener.until(is_about("app1/q1", "ok"))
        admin.post("/api/v1/queues/app1/q2/pause", {"reason": "why"})
        paused, _ = listener.until(is_about("app1/q2", "paused"))
        assert paused["pause"]["reason"] == "why"


def test_what_was_missed_is_told_again(scene):
    """A browser that has lost the connection continues where it was."""
    sim, _, admin = scene
    with Listener(admin) as listener:
        _, _, number = listener.next()
    admin.post("/api/v1/queues/app1/q2/pause")
    with Listener(admin, **{"Last-Event-ID": number}) as listener:
        listener.until(is_about("app1/q2", "paused"))
    for other in "1-1", "x", "", number.split("-")[0] + "-999999":
        with Listener(admin, **{"Last-Event-ID": other}) as listener:
            assert listener.next()[0] == "gap"


def test_a_queue_can_be_watched_closely(scene):
    sim, _, admin = scene
    with Listener(admin, EVENTS + "?queue=app1/q1") as listener:
        first, _ = listener.until(lambda kind, _: kind == "queue")
        listener.until(lambda kind, data: kind == "queue"
                       and data["fetches_total"] > first["fetches_total"])
    assert admin.get(EVENTS + "?queue=app1", 400)


def test_a_status_shows_that_the_connection_is_alive(scene):
    _, _, admin = scene
    with Listener(admin) as listener:
        for _ in range(2):
            listener.until(lambda kind, _: kind == "status")


def test_the_number_of_listeners_is_limited(scene):
    _, _, admin = scene
    with contextlib.ExitStack() as stack:
        for _ in range(32):
            stack.enter_context(Listener(admin)).next()
        assert admin.get(EVENTS, 429)["error"]["code"] == "too_many"


def test_a_listener_that_has_gone_makes_room(scene):
    """It is noticed when the next event cannot be sent."""
    _, _, admin = scene
    with contextlib.ExitStack() as stack:
        for _ in range(32):
            stack.enter_context(Listener(admin)).next()
    def is_free():
        with contextlib.suppress(AssertionError), Listener(admin) as listener:
            return listener.next()
        return False
    wait_for(is_free)


def test_streams_end_when_the_process_does(scene):
    _, running, admin = scene
    with Listener(admin) as listener:
        listener.next()
        assert running.stop() == 0
        with pytest.raises((AssertionError, OSError)):
            while True:
                listener.next()


def test_who_reads_nothing_holds_up_nobody(scene):
    """Its socket fills, and then nothing more is made for it."""
    sim, running, admin = scene
    with socket.socket(socket.AF_UNIX) as deaf, Listener(admin) as listener:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        deaf.connect(str(admin.where))
        deaf.sendall(b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        for i in range(300):
            admin.post("/api/v1/queues/app1/q2/"
                       + ("pause" if i % 2 == 0 else "resume"))
        listener.until(is_about("app1/q2", "paused"))
        begin = time.monotonic()
        sim.script("message app1 q1 count=3")
        wait_for(lambda: sim.unread("app1", "q1") == 0)
        # Not only when the connection was given up, after a minute.
        assert time.monotonic() - begin < 50
