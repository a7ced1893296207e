"""A cache between haplo-poll and the server that answers with what it has kept,
although it was told not to."""
import http.client
import http.server
import threading
import urllib.parse

import pytest

from poll import RUN_S_MAX
from sim import Sim, wait_for

KEPT = ("content-type", "content-length", "content-encoding")


class Cache:
    """A proxy of one application. While `is_stuck`, it answers each fetch with
    the first batch that went through it."""

    def __init__(self, url):
        self.target = urllib.parse.urlsplit(url)
        self.is_stuck = True
        self.kept = None
        self.replay_count = 0
        cache = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                cache.answer_fetch(self)

            def do_POST(self):
                cache.send(self, *cache.forward(self))

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0),
                                                      Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever,
                         daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def forward(self, handler):
        size = int(handler.headers.get("Content-Length", 0))
        body = handler.rfile.read(size)
        headers = {name: value for name, value in handler.headers.items()
                   if name.lower() != "host"}
        headers["Host"] = self.target.netloc
        client = http.client.HTTPConnection("127.0.0.1", self.target.port,
                                            timeout=RUN_S_MAX)
        client.request(handler.command, handler.path, body, headers)
        response = client.getresponse()
        answer = response.status, response.getheaders(), response.read()
        client.close()
        return answer

    def answer_fetch(self, handler):
        if self.is_stuck and self.kept is not None:
            self.replay_count += 1
            self.send(handler, *self.kept)
            return
        answer = self.forward(handler)
        if answer[0] == 200:
            self.kept = answer
        self.send(handler, *answer)

    @staticmethod
    def send(handler, status, headers, body):
        handler.send_response(status)
        for name, value in headers:
            if name.lower() in KEPT and name.lower() != "content-length":
                handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)


@pytest.fixture
def poll_through(poll_of):
    def make(sim, cache, **defaults):
        poll = poll_of(sim)
        poll.server().update(url=cache.url)
        poll.config["defaults"].update(interval="20ms", **defaults)
        return poll
    return make


# Nothing tells such a batch from a resend, so it is stored once more; but not
# every minute, for months.
def test_a_batch_from_a_cache_is_not_stored_again_and_again(poll_through):
    with Sim("--apps=1", "--queues=1", "--messages=10") as sim, \
            Cache(sim.url()) as cache:
        poll = poll_through(sim, cache, backoff="10ms", backoff_max="1h")
        run = poll.start()
        line = run.wait_for_line("the same batch again")[0]
        assert "app1/q1" in line and "cache" in line
        wait_for(lambda: cache.replay_count >= 6)
        assert poll.inbox_count() == 20
        cache.is_stuck = False
        sim.script("message app1 q1 count=3")
        sim.wait_until_read()
        wait_for(lambda: poll.inbox_count() == 23)
        assert run.stop() == 0


# With a backlog, the same batch looks as if its mark had had no effect.
def test_a_batch_from_a_cache_in_front_of_a_backlog(poll_through):
    with Sim("--apps=1", "--queues=1", "--messages=40") as sim, \
            Cache(sim.url()) as cache:
        poll = poll_through(sim, cache)
        done = poll.once()
        assert done.code == 1
        assert "mark app1/q1: the server marked none of the messages: does " \
            "a cache answer" in done.err
        assert poll.inbox_count() == 32
        cache.is_stuck = False
        assert poll.once() == (0, "", "")
        assert poll.inbox_count() == 16 + 40
        assert sim.unread() == 0


# An administrator may resend exactly these messages: they arrive, if late.
def test_it_is_stored_again_after_the_longest_wait(poll_through):
    with Sim("--apps=1", "--queues=1", "--messages=10") as sim, \
            Cache(sim.url()) as cache:
        poll = poll_through(sim, cache, backoff="10ms", backoff_max="300ms")
        run = poll.start()
        wait_for(lambda: poll.inbox_count() >= 50)
        run.wait_for_line("the same batch again")
        assert run.stop() == 0
