"""examples/push_server.c: what its clients do, slowly or not at all, is what it
takes from the Haplo server, and no message is lost on the way."""
import contextlib
import socket
import subprocess

import pytest

from ports import free_port, is_open
from sim import BUILD, Sim, wait_for

PROGRAM = BUILD / "examples" / "push_server"
QUEUES = ["q1", "q2", "q3"]
BATCH = 16  # messages at most
HUGE = 8 << 20  # bytes; more than the buffers of a connection hold


@contextlib.contextmanager
def pushing(sim):
    """A running example. Gives its port."""
    port = free_port()
    with subprocess.Popen([PROGRAM, str(port), sim.url(), *QUEUES],
                          stdin=subprocess.PIPE) as process:
        process.stdin.write(sim.key(queue="wide").encode() + b"\n")
        process.stdin.close()
        try:
            wait_for(lambda: is_open(port))
            yield port
            assert process.poll() is None
        finally:
            process.kill()


class Client:
    """Reads messages, and answers them when it is told to."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.received = b""

    def message(self):
        """The next one; what has come of it, if the server hangs up."""
        while b"\0" not in self.received:
            part = self.socket.recv(1 << 20)
            if part == b"":
                break
            self.received += part
        message, _, self.received = self.received.partition(b"\0")
        return message.decode()

    def answer(self):
        self.socket.sendall(b"stored\n")

    def messages(self, count):
        """Reads and answers so many."""
        found = []
        for _ in range(count):
            found.append(self.message())
            self.answer()
        return found

    def vanish(self):
        """Without a good-bye: the connection is reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                               b"\1\0\0\0\0\0\0\0")
        self.socket.close()


def client_of(port):
    """A client that is served: the one before it may not be gone yet."""
    def connected():
        client = Client(port)
        try:
            if client.socket.recv(1, socket.MSG_PEEK):
                return client
        except OSError:
            pass
        client.vanish()
        return None
    return wait_for(connected)


def put_on_queues(sim):
    return {queue: [message["bytes"] for message in
                    sim.messages(queue=queue, exact=True)] for queue in QUEUES}


def unread(sim):
    return {queue: sim.unread("app1", queue) for queue in QUEUES}


def fetches(sim):
    return [sim.queue_stats(queue=queue)["fetches"] for queue in QUEUES]


def of_queue(found, messages):
    return [message for message in found if message in messages]


@pytest.fixture(name="sim")
def fixture_sim():
    with Sim("--apps=1", "--queues=3", "--messages=40") as sim:
        yield sim


# Without a client, each queue waits with the one batch that it has fetched.
def test_nobody_is_there(sim):
    with pushing(sim) as port:
        wait_for(lambda: fetches(sim) == [1, 1, 1])
        assert unread(sim) == {"q1": 40, "q2": 40, "q3": 40}
        client = client_of(port)
        found = client.messages(120)
        sim.wait_until_read()
    for queue, messages in put_on_queues(sim).items():
        assert of_queue(found, messages) == messages, queue
    assert len(found) == 120


# A batch is marked when its last message has been answered, and not before.
def test_a_batch_waits_for_its_last_answer(sim):
    with pushing(sim) as port:
        wait_for(lambda: fetches(sim) == [1, 1, 1])
        client = client_of(port)
        client.messages(BATCH - 1)
        client.message()
        assert sim.unread() == 120
        client.answer()
        wait_for(lambda: sim.unread() == 120 - BATCH)
        client.message()
        assert sim.unread() == 120 - BATCH


# Whoever takes over gets the batch of the one that vanished, from its start.
@pytest.mark.parametrize("answered", [0, 5, BATCH, BATCH + 1])
def test_clients_vanish(sim, answered):
    with pushing(sim) as port:
        wait_for(lambda: fetches(sim) == [1, 1, 1])
        first = client_of(port)
        found = first.messages(answered)
        first.vanish()
        second = client_of(port)
        again = answered % BATCH
        assert second.messages(again) == found[answered - again:]
        found += second.messages(120 - answered)
        sim.wait_until_read()
    for queue, messages in put_on_queues(sim).items():
        assert of_queue(found, messages) == messages, queue


# The server is in the middle of sending, from a body that it borrows.
def test_a_client_vanishes_without_reading():
    with Sim("--apps=1", "--queues=3", "--messages=1",
             f"--size={HUGE}") as sim, pushing(sim) as port:
        wait_for(lambda: fetches(sim) == [1, 1, 1])
        for _ in range(3):
            client_of(port).vanish()
        client = client_of(port)
        found = client.messages(3)
        sim.wait_until_read()
        messages = put_on_queues(sim)
        assert sorted(found) == sorted(sum(messages.values(), []))


# An answer to what has not been sent yet, as a broken client may give, is no
# reason to mark it, nor to free what is being sent.
def test_answers_that_come_too_early():
    with Sim("--apps=1", "--queues=3", "--messages=1",
             f"--size={HUGE}") as sim, pushing(sim) as port:
        wait_for(lambda: fetches(sim) == [1, 1, 1])
        client = client_of(port)
        client.socket.sendall(b"\n" * 4000)
        assert client.socket.recv(1) == b"{"
        assert sim.unread() == 3
        client.vanish()
        found = client_of(port).messages(3)
        sim.wait_until_read()
        assert len(set(found)) == 3


# There is one client at a time.
def test_a_second_client_is_refused(sim):
    with pushing(sim) as port:
        first = client_of(port)
        second = Client(port)
        assert second.message() == ""
        assert len(set(first.messages(120))) == 120
