"""A server whose name moves from one address to another: see moving_name.c.

    with MovingName(poll) as name:
        run = poll.start()
        ...
        name.move()
        name.wait_until_moved()

Each address accepts connections all the time, as the old host does where the
name has moved on.
"""
import contextlib
import os
import selectors
import socket
import threading

from poll import BUILD, preloaded
from ports import free_port
from sim import wait_for

LIBRARY = BUILD.resolve() / "moving_name.so"
NAME = "server.example.ac.uk"
ADDRESSES = ["127.0.0.2", "127.0.0.3"]


class Forwarder(threading.Thread):
    """Passes on what connects to an address."""

    def __init__(self, address, port, target):
        super().__init__(daemon=True)
        self.target = target
        self.bytes = 0  # of requests
        self.peers = {}  # socket -> the other end
        self.wake, self.woken = socket.socketpair()
        self.selector = selectors.DefaultSelector()
        self.listener = socket.create_server((address, port))
        for one in (self.listener, self.woken):
            self.selector.register(one, selectors.EVENT_READ)

    @property
    def connections(self):
        return len(self.peers) // 2

    def accept(self):
        client, _ = self.listener.accept()
        server = socket.create_connection(("127.0.0.1", self.target))
        for one, other in ((client, server), (server, client)):
            self.peers[one] = other
            self.selector.register(one, selectors.EVENT_READ, one is client)

    def drop(self, one):
        for end in (one, self.peers[one]):
            self.selector.unregister(end)
            del self.peers[end]
            end.close()

    def pass_on(self, one, is_client):
        try:
            data = one.recv(1 << 16)
            self.peers[one].sendall(data)
        except OSError:
            data = b""
        self.bytes += len(data) if is_client else 0
        if not data:
            self.drop(one)

    def run(self):
        while True:
            for key, _ in self.selector.select():
                if key.fileobj is self.woken:
                    return
                if key.fileobj is self.listener:
                    self.accept()
                elif key.fileobj in self.peers:
                    self.pass_on(key.fileobj, key.data)

    def stop(self):
        self.wake.send(b"x")
        self.join()
        for one in (self.wake, self.woken, self.listener, *self.peers):
            one.close()


class MovingName:
    """The servers of a Poll, by a name that moves."""

    def __init__(self, poll):
        self.poll = poll
        self.now = 0
        self.forwarders = [[], []]  # by address
        self.path = poll.folder / "address"
        self.stack = contextlib.ExitStack()

    def add(self, app):
        """On the same port of both addresses."""
        target = self.poll.sim.apps[app["name"]]["port"]
        port = free_port(*ADDRESSES)
        for number, address in enumerate(ADDRESSES):
            forwarder = Forwarder(address, port, target)
            forwarder.start()
            self.stack.callback(forwarder.stop)
            self.forwarders[number].append(forwarder)
        app["url"] = f"http://{NAME}:{port}"
        app["allow_http"] = True

    def __enter__(self):
        with contextlib.ExitStack() as on_error:
            on_error.callback(self.stack.close)
            for app in self.poll.config["servers"]:
                self.add(app)
            on_error.pop_all()
        self.write()
        self.poll.environment = {
            **preloaded(self.poll.environment, LIBRARY),
            "MOVING_NAME": str(self.path)}
        return self

    def __exit__(self, *_):
        self.stack.close()

    def write(self):
        new = self.path.with_name("address.new")
        new.write_text(ADDRESSES[self.now])
        os.rename(new, self.path)

    def move(self):
        self.now = 1 - self.now
        self.write()

    def bytes(self, is_new):
        at = self.now if is_new else 1 - self.now
        return sum(forwarder.bytes for forwarder in self.forwarders[at])

    def wait_until_moved(self):
        """Every connection to the old address is closed, and the new one is in
        use."""
        old = self.forwarders[1 - self.now]
        before = self.bytes(True)
        wait_for(lambda: self.bytes(True) > before
                 and not any(one.connections for one in old),
                 "the connections to have moved")
