"""Starts nats-server for a test, and reads back what a stream has stored.

    with NatsServer() as server:
        server.create_stream(subjects=["haplo.>"])
        ...
        for message in server.stored():
            print(message.subject, message.headers["haplo-id"], message.data)

    with NatsCluster(3) as cluster:
        cluster.servers[0].kill()

Each server listens on a loopback address of its own, so that its port is free
again when it is restarted, whatever else the machine does. It ends with the
block, or with the test process.
"""
import base64
import collections
import contextlib
import json
import pathlib
import random
import shutil
import socket
import ssl
import subprocess
import tempfile

from sim import wait_for

PORT = 4222
CLUSTER_PORT = 6222
ANSWER_S_MAX = 3  # in a cluster, some requests are never answered
STREAM = "HAPLO"

Stored = collections.namedtuple("Stored", "sequence subject headers data")


def own_address():
    dice = random.SystemRandom()
    return "127." + ".".join(str(dice.randrange(2, 250)) for _ in range(3))


def headers_of(block):
    """The headers of a message, from their bytes on the wire."""
    lines = block.decode().split("\r\n")[1:]
    return dict(line.split(": ", 1) for line in lines if ": " in line)


class Client:
    """The text protocol of NATS: publishes, and receives on one inbox."""

    def __init__(self, address, **login):
        self.socket = socket.create_connection((address, PORT), ANSWER_S_MAX)
        info = b""
        while not info.endswith(b"\n"):  # no more: TLS may follow
            info += self.socket.recv(1) or b"\n"
        if b'"tls_required":true' in info:
            # The server of a test need not be verified.
            self.socket = ssl._create_unverified_context().wrap_socket(
                self.socket)
        self.file = self.socket.makefile("rb")
        self.inbox = f"_TEST.{random.SystemRandom().getrandbits(64):x}"
        self.count = 0
        self.send("CONNECT " + json.dumps(
            {"verbose": False, "headers": True, "no_responders": True,
             **login}), f"SUB {self.inbox}.* 1")

    def close(self):
        self.file.close()
        self.socket.close()

    def send(self, *lines):
        self.socket.sendall("".join(f"{line}\r\n" for line in lines).encode())

    def publish(self, subject, data, reply=""):
        self.send(f"PUB {subject} {reply} {len(data)}\r\n{data}")

    def next(self):
        """The next message: (subject, headers, data)."""
        while True:
            line = self.file.readline()
            words = line.decode().split()
            if not words:
                raise ConnectionError("the server has closed the connection")
            if words[0] == "PING":
                self.send("PONG")
            elif words[0] == "-ERR":
                raise ConnectionError(line.decode())
            elif words[0] in ("MSG", "HMSG"):
                total = int(words[-1])
                head = int(words[-2]) if words[0] == "HMSG" else 0
                body = self.file.read(total + 2)[:total]
                return words[1], body[:head], body[head:]

    def request_all(self, requests):
        """Answers, in the order of the requests: (subject, data)."""
        first = self.count
        requests = list(requests)
        for subject, data in requests:
            self.publish(subject, data, f"{self.inbox}.{self.count}")
            self.count += 1
        answers = {}
        while len(answers) < len(requests):
            subject, head, data = self.next()
            number = int(subject.rsplit(".", 1)[1])
            answers[number] = None if b" 503" in head else json.loads(data)
        return [answers[first + i] for i in range(len(requests))]

    def request(self, subject, **data):
        """The answer of the JetStream API; None: nobody is there to answer."""
        return self.request_all([(f"$JS.API.{subject}",
                                  json.dumps(data) if data else "")])[0]


class NatsServer:
    """One server, alone or in a cluster. `options` are lines of its
    configuration; `login` is for the client of the test."""

    def __init__(self, *options, name="n1", folder=None, login=None):
        self.name = name
        self.own_folder = folder is None
        self.folder = pathlib.Path(
            folder or tempfile.mkdtemp(prefix="haplo-nats-"))
        self.address = own_address()
        self.options = options
        self.login = login or {}
        self.process = None

    @property
    def url(self):
        return f"nats://{self.address}:{PORT}"

    @property
    def config(self):
        return "\n".join([
            f"server_name: {self.name}",
            f"host: {self.address}",
            f"port: {PORT}",
            f'jetstream {{ store_dir: "{self.folder}/{self.name}",'
            " max_mem: 64MB, max_file: 512MB }",
            *self.options, ""])

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()
        if self.own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    # The process

    def launch(self):
        path = self.folder / f"{self.name}.conf"
        path.write_text(self.config)
        with open(self.folder / f"{self.name}.log", "ab") as log:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig=KILL", "nats-server", "-c", str(path)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def is_ready(self):
        log = (self.folder / f"{self.name}.log").read_text()
        assert self.process.poll() is None, log
        try:
            with self.client() as client:
                return client.request("INFO") is not None
        except OSError:
            return False

    def start(self):
        self.launch()
        wait_for(self.is_ready, f"{self.name} is ready")

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    # Its streams

    def client(self):
        return contextlib.closing(Client(self.address, **self.login))

    def create_stream(self, name=STREAM, window_s=120, **options):
        request = {"name": name, "subjects": ["haplo.>"], "storage": "file",
                   "duplicate_window": int(window_s * 1e9), **options}

        def create():
            answer = self.ask(lambda client: client.request(
                f"STREAM.CREATE.{name}", **request))
            return answer and "error" not in answer

        wait_for(create, f"stream {name} is created")

    def update_stream(self, name=STREAM, **options):
        def update(client):
            config = client.request(f"STREAM.INFO.{name}")["config"]
            return client.request(f"STREAM.UPDATE.{name}",
                                  **{**config, **options})

        answer = self.ask(update)
        assert "error" not in answer, answer

    def ask(self, question):
        """question(client), asked again until it is answered."""
        def answer():
            with contextlib.suppress(OSError), self.client() as client:
                return [question(client)]

        return wait_for(answer, "an answer")[0]

    def state(self, name=STREAM):
        """What the stream has; None: there is none, or it has no leader."""
        answer = self.ask(lambda client: client.request(f"STREAM.INFO.{name}"))
        return None if answer is None else answer.get("state")

    def count(self, name=STREAM):
        state = self.state(name)
        return 0 if state is None else state["messages"]

    def stored(self, name=STREAM, first=0):
        """The messages of a stream from a sequence on, in their order."""
        state = wait_for(lambda: self.state(name), "the stream")
        requests = [
            (f"$JS.API.STREAM.MSG.GET.{name}", json.dumps({"seq": number}))
            for number in range(max(first, state["first_seq"]),
                                state["last_seq"] + 1)]
        answers = self.ask(lambda client: client.request_all(requests))
        messages = [answer["message"] for answer in answers
                    if answer is not None and "message" in answer]
        return [Stored(message["seq"], message["subject"],
                       headers_of(base64.b64decode(message.get("hdrs", ""))),
                       base64.b64decode(message.get("data", "")))
                for message in messages]


class NatsCluster:
    """Servers that replicate their streams."""

    def __init__(self, count):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="haplo-nats-"))
        self.servers = [NatsServer(name=f"n{i}", folder=self.folder)
                        for i in range(1, count + 1)]
        routes = ", ".join(f'"nats://{server.address}:{CLUSTER_PORT}"'
                           for server in self.servers)
        for server in self.servers:
            server.options = (
                f'cluster {{ name: haplo, listen: "{server.address}:'
                f'{CLUSTER_PORT}", routes: [{routes}] }}',)

    @property
    def urls(self):
        return [server.url for server in self.servers]

    def __enter__(self):
        for server in self.servers:
            server.launch()
        for server in self.servers:
            wait_for(server.is_ready, f"{server.name} is ready")
        return self

    def __exit__(self, *_):
        for server in self.servers:
            server.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
