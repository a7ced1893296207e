"""Starts a mock cluster of Kafka for a test, and reads back with kcat.

    with KafkaCluster(3) as cluster:
        cluster.tell("topic haplo 4")
        ...
        for message in cluster.messages("haplo"):
            print(message.headers["haplo-id"], message.key, message.data)

The brokers are librdkafka's: they keep messages in memory, so nothing is said
about how durable they are elsewhere. test/outlet/kafka_mock.c lists what can
be told to them.
"""
import collections
import json
import os
import select
import subprocess
import tempfile

from sim import BUILD, WAIT_S_MAX

PROGRAM = str(BUILD.resolve() / "test" / "kafka-mock")

# Errors and requests of the protocol.
UNKNOWN_TOPIC = 3
TOO_LARGE = 10
NOT_AUTHORIZED = 29
PRODUCE = 0

Message = collections.namedtuple(
    "Message", "topic partition offset key headers data")


def message_of(line):
    fields = json.loads(line)
    names = fields["headers"]
    return Message(fields["topic"], fields["partition"], fields["offset"],
                   fields["key"], dict(zip(names[::2], names[1::2])),
                   fields["payload"].encode())


class KafkaCluster:
    """Brokers 1 to `count`."""

    def __init__(self, count=1):
        self.count = count

    def __enter__(self):
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig=KILL", PROGRAM, str(self.count)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.brokers = self.line().split(",")
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def line(self):
        output = self.process.stdout
        assert select.select([output], [], [], WAIT_S_MAX)[0]
        return output.readline().strip()

    def tell(self, *commands):
        for command in commands:
            self.process.stdin.write(command + "\n")
            self.process.stdin.flush()
            answer = self.line()
            assert answer == "ok", (command, answer)

    def all_down(self):
        self.tell(*(f"down {i}" for i in range(1, self.count + 1)))

    def all_up(self):
        self.tell(*(f"up {i}" for i in range(1, self.count + 1)))

    def messages(self, topic):
        """All messages of a topic; those of a partition in their order."""
        done = subprocess.run(
            ["kcat", "-b", ",".join(self.brokers), "-C", "-t", topic, "-J",
             "-e", "-q", "-o", "beginning"],
            capture_output=True, check=False, timeout=WAIT_S_MAX)
        assert done.returncode == 0, done.stderr
        return [message_of(line) for line in done.stdout.splitlines()]


class Follower:
    """Reads a partition while it grows. It ends when all brokers are down:
    follow() again when they are up."""

    def __init__(self, cluster, topic, partition):
        self.command = ["kcat", "-b", ",".join(cluster.brokers), "-C", "-t",
                        topic, "-p", str(partition), "-J", "-u", "-q"]
        self.messages = []
        self.ids = set()
        self.process = None

    def follow(self):
        if self.process is not None and self.process.poll() is None:
            return
        self.stop()
        first = self.messages[-1].offset + 1 if self.messages else 0
        self.output = tempfile.TemporaryFile()
        self.at = 0  # what has been read of it
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig=KILL", *self.command, "-o", str(first)],
            stdin=subprocess.DEVNULL, stdout=self.output,
            stderr=subprocess.DEVNULL)

    def read(self):
        """Takes the new messages."""
        if self.process is None:
            return
        size = os.fstat(self.output.fileno()).st_size - self.at
        data = os.pread(self.output.fileno(), size, self.at)
        whole = data[:data.rfind(b"\n") + 1]
        self.at += len(whole)
        new = [message_of(line) for line in whole.splitlines()]
        self.messages += new
        self.ids |= {message.headers["haplo-id"] for message in new}

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.read()
            self.output.close()
            self.process = None
