"""The outlet of type kafka, against librdkafka's mock cluster, read back with
kcat: a message counts only once the brokers have reported it."""
import collections
import signal
import sqlite3

import pytest

from files_outlet import made
from kafka_cluster import (NOT_AUTHORIZED, PRODUCE, TOO_LARGE, UNKNOWN_TOPIC,
                           KafkaCluster)
from sim import ROOT, Sim, wait_for


def use_kafka(poll, cluster, **options):
    """Adds the outlet to a configuration, with short waits."""
    poll.config["defaults"]["interval"] = "20ms"
    poll.config["outlets"] = [
        {"name": "bus", "type": "kafka", "brokers": cluster.brokers,
         "backoff": "20ms", "backoff_max": "100ms", "topic": "haplo",
         **options}]
    return poll


def received(messages):
    """What a receiver has that drops repeats by their identity; messages that
    are repeats have the same bytes, and those of a queue are in order."""
    by_id = {}
    newest = collections.defaultdict(int)
    for message in messages:
        head = message.headers
        row = head["haplo-server"], head["haplo-queue"], message.data
        assert message.key == f"{row[0]}/{row[1]}"
        if head["haplo-id"] not in by_id:
            assert int(head["haplo-arrival"]) > newest[message.key]
            newest[message.key] = int(head["haplo-arrival"])
        assert by_id.setdefault(head["haplo-id"], row) == row
    return collections.Counter(by_id.values())


def wait_for_all(cluster, sim):
    expected = made(sim)
    wait_for(lambda: received(cluster.messages("haplo")) == expected,
             "all messages in the topic")


# Bytes, key, topic and headers are the interface that haplo-kafka(5) documents.
def test_messages_are_produced_to_the_topics(poll_of):
    with KafkaCluster(3) as cluster, Sim("--apps=2", "--queues=2",
                                         "--messages=20") as sim:
        poll = use_kafka(poll_of(sim), cluster)
        del poll.config["outlets"][0]["topic"]
        assert poll.once() == (0, "", "")
        messages = []
        for app in ("app1", "app2"):
            for queue in ("q1", "q2"):
                own = cluster.messages(f"haplo.{app}.{queue}")
                assert {message.key for message in own} == {f"{app}/{queue}"}
                assert len({message.partition for message in own}) == 1
                messages += own
        assert len(messages) == 80
        assert received(messages) == made(sim)
        for message in messages:
            assert message.headers["haplo-received-at"].endswith("Z")
            assert "haplo-replay" not in message.headers


# All brokers are down midway, one after the other is, and haplo-poll is killed,
# twice. What is stored twice is told apart by its identity.
def test_kills_lose_nothing(poll_of):
    with KafkaCluster(3) as cluster, Sim("--apps=2", "--queues=5") as sim:
        cluster.tell("topic haplo 4")
        poll = use_kafka(poll_of(sim), cluster)
        run = poll.start()
        for part in range(4):
            before = len(cluster.messages("haplo"))
            sim.script("message app* q* count=10")
            wait_for(lambda: len(cluster.messages("haplo")) > before,
                     "it goes on")
            if part == 1:
                cluster.all_down()
                sim.script("message app* q* count=10")
                sim.wait_until_read()
                cluster.all_up()
            elif part == 3:
                cluster.tell("down 2")
            else:
                run.signal(signal.SIGKILL)
                run.wait()
                run = poll.start()
        cluster.all_up()
        wait_for_all(cluster, sim)
        assert run.stop() == 0


# haplo-kafka(5) tells receivers how to recognise repeats.
def test_the_documented_receiver_stores_each_message_once(poll_of):
    page = (ROOT / "man" / "haplo-kafka.5").read_text()
    scope = {}
    exec(page[page.index("def store("):].split(".Ed")[0], scope)
    database = sqlite3.connect(":memory:")
    database.execute(
        "CREATE TABLE messages (id TEXT PRIMARY KEY, arrival, data)")
    with KafkaCluster() as cluster, Sim("--apps=1", "--queues=2",
                                        "--messages=10") as sim:
        assert use_kafka(poll_of(sim), cluster).once() == (0, "", "")
        for message in cluster.messages("haplo") * 2:
            scope["store"](database, message.headers, message.data)
        rows = database.execute("SELECT data FROM messages").fetchall()
        assert sorted(rows) == sorted(
            (data,) for *_, data in made(sim).elements())


# A replay has the same identities, by which receivers drop it, and is marked.
def test_a_replay_is_flagged(poll_of):
    with KafkaCluster() as cluster, Sim("--apps=1", "--queues=2",
                                        "--messages=10") as sim:
        poll = use_kafka(poll_of(sim), cluster)
        assert poll.once() == (0, "", "")
        run = poll.start()
        run.wait_for_line("polling")
        done = poll.run("replay", "--outlet=bus", "--since=1h")
        assert done.code == 0, done.err
        run.wait_for_line("outlet bus: replay 1 is done")
        assert run.stop() == 0
        messages = cluster.messages("haplo")
        assert len(messages) == 40 and received(messages) == made(sim)
        replayed = [one for one in messages if "haplo-replay" in one.headers]
        assert len(replayed) == 20
        assert all(one.headers["haplo-replay"] == "1" for one in replayed)


# Refusals, and what is broken


# Its data are at fault, so it blocks its queue alone, and says what to raise.
def test_a_message_over_the_limit_is_refused(poll_of):
    with KafkaCluster() as cluster, Sim("--apps=1", "--queues=2") as sim:
        poll = use_kafka(poll_of(sim), cluster,
                         properties=["message.max.bytes=3000"])
        run = poll.start()
        sim.add("app1", "q1", [{"id": 1}, {"id": 2, "x": "y" * 5000}, {"id": 3}])
        sim.script("message app1 q2 count=5")
        line = run.wait_for_line("outlet bus: app1/q1: blocked")[0]
        assert "message.max.bytes" in line
        wait_for(lambda: len(cluster.messages("haplo")) == 6, "six")
        assert poll.run("outlet", "dead-letter", "bus", "app1/q1").code == 0
        wait_for(lambda: len(cluster.messages("haplo")) == 7, "seven")
        assert run.stop() == 0


# A broker refuses a request as a whole. The messages that happen to be in it
# are not at fault, and must not become dead letters.
def test_a_refused_request_refuses_no_messages(poll_of):
    with KafkaCluster() as cluster, Sim("--apps=1", "--queues=5",
                                        "--messages=20") as sim:
        cluster.tell(f"fail {PRODUCE} {TOO_LARGE} 1")
        poll = use_kafka(poll_of(sim), cluster, on_refused="dead_letter")
        run = poll.start()
        wait_for_all(cluster, sim)
        assert run.stop() == 0
        assert run.lines("essage size too large")
        assert poll.rows("SELECT count(*) FROM dead_letters") == [(0,)]


# Alone in its request, a message is.
def test_a_message_that_the_broker_refuses_is_refused(poll_of):
    with KafkaCluster() as cluster, Sim("--apps=1", "--queues=1",
                                        "--messages=1") as sim:
        cluster.tell(f"fail {PRODUCE} {TOO_LARGE} 2")
        poll = use_kafka(poll_of(sim), cluster)
        run = poll.start()
        run.wait_for_line("outlet bus: app1/q1: blocked", "size too large")
        assert poll.run("outlet", "retry", "bus", "app1/q1").code == 0
        wait_for_all(cluster, sim)
        assert run.stop() == 0


# Until a topic is created, or access to it is granted, no message is to blame.
@pytest.mark.parametrize("refusal,end,told", [
    (f"refuse haplo {UNKNOWN_TOPIC}", "refuse haplo 0", "nknown topic"),
    (f"fail {PRODUCE} {NOT_AUTHORIZED} 1", None, "uthorization failed")])
def test_without_the_topic_the_destination_is_broken(poll_of, refusal, end,
                                                     told):
    with KafkaCluster() as cluster, Sim("--apps=1", "--queues=2",
                                        "--messages=5") as sim:
        cluster.tell("topic haplo 4", refusal)
        poll = use_kafka(
            poll_of(sim), cluster, on_refused="dead_letter",
            properties=["topic.metadata.propagation.max.ms=100",
                        "topic.metadata.refresh.fast.interval.ms=50"])
        run = poll.start()
        run.wait_for_line("outlet bus: ", "broken", told)
        if end:
            cluster.tell(end)
        wait_for_all(cluster, sim)
        assert run.stop() == 0
        assert poll.rows("SELECT count(*) FROM dead_letters") == [(0,)]


# An outage longer than delivery_timeout is told, and outlasted.
def test_brokers_that_are_down_are_a_broken_destination(poll_of):
    with KafkaCluster(2) as cluster, Sim("--apps=1", "--queues=2",
                                         "--messages=5") as sim:
        cluster.tell("topic haplo 4")
        cluster.all_down()
        poll = use_kafka(poll_of(sim), cluster, delivery_timeout="1s",
                         properties=["reconnect.backoff.max.ms=200"])
        run = poll.start()
        run.wait_for_line("outlet bus: ", "broken", "onnect")
        cluster.all_up()
        wait_for_all(cluster, sim)
        assert run.stop() == 0


# Stopping must not wait for brokers that do not respond.
def test_it_stops_while_the_brokers_are_down(poll_of):
    with KafkaCluster() as cluster, Sim("--apps=1", "--queues=2",
                                        "--messages=5") as sim:
        cluster.all_down()
        poll = use_kafka(poll_of(sim), cluster, delivery_timeout="1s")
        run = poll.start()
        sim.wait_until_read()
        assert run.stop() == 0
        cluster.all_up()
        poll.config["outlets"][0].update(delivery_timeout="5m")
        assert poll.once() == (0, "", "")
        assert received(cluster.messages("haplo")) == made(sim)
