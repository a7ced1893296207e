"""The counterpart of the kafka outlet: three brokers of librdkafka's mock
cluster, which keep messages in memory. Alternately one of them is down, and
all three."""
from kafka_cluster import Follower, KafkaCluster
from outlets import Arrived

PARTITIONS = 4


class Counterpart:
    def __init__(self, poll):
        self.cluster = KafkaCluster(3)
        self.is_down = False  # some brokers are
        self.is_quiet = False  # the last fall need not be noticed
        self.falls = 0
        self.cluster.__enter__()
        self.cluster.tell(f"topic haplo {PARTITIONS}")
        self.partitions = [Follower(self.cluster, "haplo", number)
                           for number in range(PARTITIONS)]

    def outlet(self):
        return {"brokers": self.cluster.brokers, "topic": "haplo",
                "delivery_timeout": "2s",
                "properties": ["reconnect.backoff.max.ms=200"]}

    def start(self):
        self.cluster.all_up()
        self.is_down = False

    def kill(self):
        self.is_quiet = self.falls % 2 == 0
        if self.is_quiet:
            self.cluster.tell(f"down {1 + self.falls % 3}")
        else:
            self.cluster.all_down()
        self.is_down = True
        self.falls += 1

    def close(self):
        for partition in self.partitions:
            partition.stop()
        self.cluster.__exit__()

    def read(self):
        for partition in self.partitions:
            partition.read()
            if not self.is_down:
                partition.follow()

    def count(self):
        self.read()
        return sum(len(partition.ids) for partition in self.partitions)

    def arrived(self):
        self.read()
        return [Arrived(message.headers["haplo-id"],
                        message.headers["haplo-server"],
                        message.headers["haplo-queue"], message.data)
                for partition in self.partitions
                for message in partition.messages]
