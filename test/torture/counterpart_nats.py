"""The counterpart of the nats outlet: a cluster of three servers, whose stream
keeps three copies and forgets after a moment what it has already stored, so
that many repeats are beyond its window. Alternately one server falls, to which
haplo-poll is connected, and all three."""
from nats_server import NatsCluster
from outlets import Arrived
from sim import wait_for

WINDOW_S = 0.1


class Counterpart:
    def __init__(self, poll):
        self.cluster = NatsCluster(3)
        self.stored = []
        self.ids = set()
        self.is_made = False
        self.is_quiet = False  # the last fall need not be noticed
        self.falls = 0

    @property
    def servers(self):
        return self.cluster.servers

    def outlet(self):
        return {"urls": self.cluster.urls, "ack_timeout": "2s"}

    def start(self):
        for server in self.servers:
            if server.process is None:
                server.launch()
        for server in self.servers:
            wait_for(server.is_ready, f"{server.name} is ready")
        if not self.is_made:
            self.servers[0].create_stream(num_replicas=3, window_s=WINDOW_S)
            self.is_made = True

    def kill(self):
        self.is_quiet = self.falls % 2 == 0
        for server in self.servers[:1] if self.is_quiet else self.servers:
            server.kill()
        self.falls += 1

    def close(self):
        self.cluster.__exit__()

    def read(self):
        """Reads what is new, if there is a server to ask."""
        server = self.servers[-1]
        if server.process is not None:
            first = self.stored[-1].sequence + 1 if self.stored else 1
            new = server.stored(first=first)
            self.stored += new
            self.ids |= {message.headers["haplo-id"] for message in new}

    def count(self):
        self.read()
        return len(self.ids)

    def arrived(self):
        self.read()
        return [Arrived(message.headers["haplo-id"],
                        message.headers["haplo-server"],
                        message.headers["haplo-queue"], message.data)
                for message in self.stored]
