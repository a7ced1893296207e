"""Talks to the admin socket of a running haplo-poll, as a program would.

    admin = Admin(poll.folder / "state/admin.sock")
    status = admin.get("/api/v1/status")

Responses are checked against docs/openapi.yaml where they belong to it, so
that every test which uses the API is also a test of its description.
"""
import collections
import http.client
import json
import socket

import openapi
from poll import RUN_S_MAX
from sim import wait_for

Reply = collections.namedtuple("Reply", "status headers body")


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=RUN_S_MAX)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        wait_for(self.try_connect, "it can connect")

    def try_connect(self):
        try:
            self.sock.connect(self.path)
        except BlockingIOError:  # the queue of the socket is full
            return False
        return True


class Admin:
    """A client of the unix socket at `where`, or of the port `where`."""

    def __init__(self, where, **headers):
        self.where = where
        self.headers = headers

    def connect(self):
        if isinstance(self.where, int):
            return http.client.HTTPConnection("127.0.0.1", self.where,
                                              timeout=RUN_S_MAX)
        return UnixConnection(self.where)

    def ask(self, method, path, body=None, headers=None):
        """Any request; a Reply, whatever its status."""
        connection = self.connect()
        try:
            if body is not None and not isinstance(body, (bytes, str)):
                body = json.dumps(body)
            connection.request(method, path, body,
                               {**self.headers, **(headers or {})})
            response = connection.getresponse()
            reply = Reply(response.status, response.headers, response.read())
        finally:
            connection.close()
        if openapi.template_of(path) is not None and reply.status != 405:
            self.judge(method, path, reply)
        return reply

    @staticmethod
    def judge(method, path, reply):
        kind = reply.headers["Content-Type"]
        if kind == "application/json":
            openapi.check(method, path, reply.status, kind,
                          json.loads(reply.body))

    def get(self, path, status=200, **headers):
        """The document at a path."""
        reply = self.ask("GET", path, headers=headers)
        assert reply.status == status, (path, reply)
        return json.loads(reply.body)

    def post(self, path, body=None, status=200, **headers):
        reply = self.ask("POST", path, body, headers=headers)
        assert reply.status == status, (path, reply)
        return json.loads(reply.body)

    def wait(self):
        """Until it listens."""
        def answers():
            try:
                return self.ask("GET", "/healthz").status == 200
            except OSError:
                return False
        wait_for(answers, f"{self.where} listens")
        return self


def admin_of(poll):
    """That of a poll that was started."""
    return Admin(poll.folder / "state" / "admin.sock").wait()
