"""A webhook's receiver for tests, over TLS where it has a certificate.

    with Receiver(pair=ca.issue("receiver")) as receiver:
        poll.config["outlets"] = [receiver.outlet(tls_ca_file=str(ca.path))]
        ...
        assert receiver.requests[0].messages == [...]

`answer` decides for each Request: a status, (status, headers), (status,
headers, body), or None to close the connection without a word. It is asked for
one request at a time, unless is_concurrent. A receiver can be killed and started
again on the same port.
"""
import base64
import hashlib
import hmac
import http.server
import json
import threading

from tls_peers import server_context


class Request:
    """One POST as received."""

    def __init__(self, handler, body):
        self.path = handler.path
        self.headers = {name.lower(): value
                        for name, value in handler.headers.items()}
        self.raw_names = [name.lower() for name in handler.headers.keys()]
        self.body = body
        certificate = {}
        if hasattr(handler.connection, "getpeercert"):
            certificate = handler.connection.getpeercert() or {}
        names = dict(pair for (pair,) in certificate.get("subject", ()))
        self.subject = names.get("commonName")

    @property
    def id(self):
        return self.headers["webhook-id"]

    @property
    def ids(self):
        """The identities of its messages."""
        return self.headers["haplo-id"].split(",")

    @property
    def queue(self):
        return self.headers["haplo-server"], self.headers["haplo-queue"]

    @property
    def messages(self):
        return json.loads(self.body)["messages"]

    @property
    def signatures(self):
        return self.headers["webhook-signature"].split(" ")


def signature_of(headers, body, secret):
    """What Standard Webhooks says that it must be."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}."
    digest = hmac.new(key, content.encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def signature(request, secret):
    return signature_of(request.headers, request.body, secret)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self):
        super().setup()
        self.server.receiver.connections.append(self.connection)

    def do_POST(self):
        receiver = self.server.receiver
        body = self.rfile.read(int(self.headers["Content-Length"]))
        request = Request(self, body)
        if receiver.is_concurrent:
            answer = receiver.answer(request)
        with receiver.lock:
            if not receiver.is_concurrent:
                answer = receiver.answer(request)
            receiver.requests.append(request)
            receiver.answers.append(answer)
        if answer is None:
            self.close_connection = True
            return
        status, headers, text = (*(answer if isinstance(answer, tuple)
                                   else (answer,)), {}, b"")[:3]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if receiver.has_length:
            self.send_header("Content-Length", str(len(text)))
        else:
            self.close_connection = True
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *arguments):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, receiver, port):
        self.receiver = receiver
        super().__init__(("127.0.0.1", port), Handler)

    def get_request(self):
        connection, address = super().get_request()
        if self.receiver.context is not None:
            connection = self.receiver.context.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def handle_error(self, request, client_address):
        pass  # clients that go away are part of the tests


class Receiver:
    def __init__(self, answer=lambda request: 204, pair=None, clients_of=None,
                 has_length=True, is_concurrent=False):
        self.answer = answer
        self.has_length = has_length
        self.context = (server_context(pair, clients_of)
                        if pair is not None else None)
        self.lock = threading.Lock()
        self.is_concurrent = is_concurrent
        self.requests = []
        self.answers = []
        self.connections = []
        self.port = 0
        self.start()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.kill()

    def start(self):
        self.server = Server(self, self.port)
        self.port = self.server.server_port
        self.thread = threading.Thread(target=self.server.serve_forever,
                                       args=(0.02,), daemon=True)
        self.thread.start()

    def kill(self):
        """At once, in the middle of whatever it is doing."""
        if self.server is None:
            return
        self.server.shutdown()
        self.server.server_close()
        self.server = None
        for connection in self.connections:
            try:
                connection.close()
            except OSError:
                pass
        self.connections = []

    @property
    def url(self):
        scheme = "http" if self.context is None else "https"
        return f"{scheme}://127.0.0.1:{self.port}/hook"

    def outlet(self, name="hook", **options):
        return {"name": name, "type": "webhook", "url": self.url,
                "backoff": "10ms", "backoff_max": "50ms", **options}

    def accepted(self):
        """The requests that were answered with 2xx, in their order."""
        with self.lock:
            return [request for request, answer
                    in zip(self.requests, self.answers)
                    if isinstance(answer, int) and 200 <= answer <= 299
                    or isinstance(answer, tuple) and 200 <= answer[0] <= 299]
