"""Pollers of a simulator, for tests."""
import asyncio
import collections

import haplopoll


def servers_of(sim, queues=("q1",), **options):
    """For Poller(servers=...): one server."""
    return [{
        "name": "server", "url": sim.url(),
        "tls_ca_file": sim.ca, "in_flight_max": 4,
        "queues": [{"name": name, "api_key": sim.key(queue=name),
                    "interval_ms": 20, "backoff_ms": 20, "backoff_max_ms": 20,
                    **options} for name in queues]}]


def queue_of(poller, name="q1"):
    return poller.servers["server"].queues[name]


def on_server(sim):
    """How often each message was put on a queue."""
    return collections.Counter(
        (queue, message["bytes"].encode())
        for (_, queue), messages in sim.all_messages(exact=True).items()
        for message in messages)


def of_batch(batch):
    return collections.Counter(
        (batch.queue.name, message.body) for message in batch.messages)


async def until(condition):
    """Polls often. How long that may take is not for a test to say."""
    while not condition():
        await asyncio.sleep(0.005)


def poller_of(sim, queues=("q1",), queue_options=None, **options):
    return haplopoll.Poller(
        servers=servers_of(sim, queues, **(queue_options or {})), **options)
