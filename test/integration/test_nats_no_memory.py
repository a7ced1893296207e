"""The outlet of type nats, short of memory at each of haplo-poll's own
allocations."""
import no_memory
from files_outlet import made
from nats_server import NatsServer
from sim import Sim
from test_nats import received, use_nats

STRIDE = 3


# A message without memory for it must be published later, in its turn.
def test_an_allocation_that_fails_loses_nothing(poll_of):
    with NatsServer() as server, Sim("--apps=1", "--queues=1",
                                     "--messages=2") as sim:
        server.create_stream()
        poll = use_nats(poll_of(sim), [server.url])
        failed = list(no_memory.sweep(poll, sim, STRIDE))
        assert failed
        assert poll.once(write=False).code == 0
        assert received(server.stored()) == made(sim)
