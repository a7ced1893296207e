"""Servers that answer what no Haplo server would, for tests.

    def endless(peer):
        while True:
            peer.send(b"A: b\\r\\n")

    with Hostile(endless) as server:
        poll.config["servers"].append(server.config("name", "keys/app1-q1"))

The function is called for each request. When it returns, the connection is
closed, unless it returns KEEP; when the client has gone, send() ends it.
"""
import socket
import threading

KEEP = object()


class Gone(Exception):
    """The client has closed the connection."""


class Peer:
    """A connection, and the request on it."""

    def __init__(self, server, connection):
        self.server = server
        self.connection = connection
        self.request = b""

    @property
    def is_mark(self):
        return self.request.startswith(b"POST ")

    def send(self, *pieces):
        for piece in pieces:
            try:
                self.connection.sendall(piece)
            except OSError:
                raise Gone from None
            self.server.sent += len(piece)

    def drip(self, data, seconds):
        """A byte at a time, so far apart."""
        for at in range(len(data)):
            self.send(data[at:at + 1])
            self.wait(seconds)

    def wait(self, seconds):
        """Until the client goes, or the test ends, or so long."""
        self.connection.settimeout(seconds)
        try:
            if not self.connection.recv(1):
                raise Gone
        except TimeoutError:
            pass
        except OSError:
            raise Gone from None
        finally:
            self.connection.settimeout(None)

    def read_request(self):
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._read()
        head, _, body = data.partition(b"\r\n\r\n")
        size = 0
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                size = int(line.split(b":")[1])
        while len(body) < size:
            body += self._read()
        self.request = head + b"\r\n\r\n" + body

    def _read(self):
        try:
            piece = self.connection.recv(65536)
        except OSError:
            piece = b""
        if not piece:
            raise Gone
        return piece


class Hostile:
    """Listens on a port of loopback."""

    def __init__(self, answer):
        self.answer = answer
        self.fetches = 0
        self.marks = 0
        self.sent = 0
        self.listener = None
        self.connections = []

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.close()
        for connection in self.connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # gone already

    @property
    def port(self):
        return self.listener.getsockname()[1]

    def config(self, name, key_file, **queue):
        """Its entry under `servers`, with one queue, q."""
        return {
            "name": name,
            "url": f"http://127.0.0.1:{self.port}",
            "queues": [{"name": "q", "api_key_file": key_file, **queue}],
        }

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            peer = Peer(self, connection)
            threading.Thread(
                target=self._serve, args=(peer,), daemon=True
            ).start()

    def _serve(self, peer):
        try:
            while True:
                peer.read_request()
                self.marks += peer.is_mark
                self.fetches += not peer.is_mark
                if self.answer(peer) is not KEEP:
                    break
        except Gone:
            pass
        finally:
            peer.connection.close()


def answer(body, kind="application/json", status="200 OK", extra=""):
    """A whole answer."""
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {len(body)}\r\n{extra}\r\n"
    )
    return head.encode() + body


CHUNKED = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)
