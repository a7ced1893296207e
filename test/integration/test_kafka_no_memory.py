"""The outlet of type kafka, short of memory at each of haplo-poll's own
allocations."""
import no_memory
from files_outlet import made
from kafka_cluster import KafkaCluster
from sim import Sim
from test_kafka import received, use_kafka

STRIDE = 3


# A message without memory for it must be produced later, in its turn.
def test_an_allocation_that_fails_loses_nothing(poll_of):
    with KafkaCluster(1) as cluster, Sim("--apps=1", "--queues=1",
                                         "--messages=2") as sim:
        poll = use_kafka(poll_of(sim), cluster)
        failed = list(no_memory.sweep(poll, sim, STRIDE))
        assert failed
        assert poll.once(write=False).code == 0
        assert received(cluster.messages("haplo")) == made(sim)
