"""A client of haplo-sim that sees every byte of its responses."""
import base64
import json
import socket
import ssl
import urllib.parse

from sim import WAIT_S_MAX

POLL = "/api/haplo-integration-messages/poll/"


class Answer:
    """A response as received."""

    def __init__(self, raw):
        head, _, self.body = raw.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.line = lines[0]
        self.status = int(lines[0].split(" ")[1]) if lines[0] else 0
        self.headers = [tuple(line.split(": ", 1)) for line in lines[1:]]

    def header(self, name):
        return dict(self.headers).get(name)

    def json(self):
        return json.loads(self.body)


def connect(url, ca=None, timeout=WAIT_S_MAX):
    parts = urllib.parse.urlsplit(url)
    plain = socket.create_connection(("127.0.0.1", parts.port), timeout)
    if parts.scheme == "http":
        return plain
    context = ssl.create_default_context(cafile=ca)
    return context.wrap_socket(plain, server_hostname="localhost")


def request_bytes(method, path, host="localhost", key=None, body=None, headers=()):
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}"]
    if key is not None:
        user = base64.b64encode(b"haplo:" + key.encode()).decode()
        lines.append(f"Authorization: Basic {user}")
    lines += headers
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


def receive_all(connection):
    """Bytes until the end; True when it was a reset."""
    data = b""
    try:
        while True:
            part = connection.recv(65536)
            if not part:
                return data, False
            data += part
    except (ConnectionResetError, ssl.SSLEOFError):
        return data, True


def exchange(url, data, ca=None):
    """Sends a request with Connection: close and returns the answer."""
    end = data.index(b"\r\n")
    data = data[:end] + b"\r\nConnection: close" + data[end:]
    with connect(url, ca) as connection:
        connection.sendall(data)
        raw, _ = receive_all(connection)
    answer = Answer(raw)
    assert answer.headers[-1:] == [("Connection", "close")]
    answer.headers.pop()
    return answer


FORM = "Content-Type: application/x-www-form-urlencoded"


def fetch(sim, app="app1", queue="q1", key=None, headers=(), path=None):
    path = path or f"{POLL}{queue}/fetch"
    key = sim.key(app, queue) if key is None else key
    data = request_bytes("GET", path, key=key, headers=headers)
    return exchange(sim.url(app), data, sim.ca)


def mark(sim, token, app="app1", queue="q1", key=None, quote=True):
    body = "token=" + (urllib.parse.quote(token, safe="") if quote else token)
    key = sim.key(app, queue) if key is None else key
    data = request_bytes(
        "POST", f"{POLL}{queue}/mark", key=key, body=body.encode(), headers=[FORM]
    )
    return exchange(sim.url(app), data, sim.ca)


def ids(answer):
    token = answer.json()["token"]
    assert token == "" or base64.b64decode(token, validate=True)
    return [int(i) for i in base64.b64decode(token).split(b",") if i]


def raw_fetch(sim, read=receive_all, queue="q1"):
    """Fetches on a connection that stays open, and reads as told."""
    with connect(sim.url()) as connection:
        data = request_bytes("GET", f"{POLL}{queue}/fetch", key=sim.key("app1", queue))
        connection.sendall(data)
        return read(connection)


def raw_mark(sim, token):
    with connect(sim.url()) as connection:
        body = b"token=" + urllib.parse.quote(token, safe="").encode()
        path = f"{POLL}q1/mark"
        connection.sendall(request_bytes("POST", path, "localhost", sim.key(), body, [FORM]))
        return receive_all(connection)
