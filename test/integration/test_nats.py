"""The outlet of type nats, against nats-server: a message counts only once a
stream has stored it, whatever is killed in between."""
import collections
import contextlib
import signal
import sqlite3
import subprocess

import pytest

from admin_client import admin_of
from files_outlet import made
from nats_server import NatsCluster, NatsServer, own_address
from sim import ROOT, WAIT_S_MAX, Sim, replace_file, wait_for


def use_nats(poll, urls, **options):
    """Adds the outlet to a configuration, with short waits."""
    poll.config["defaults"]["interval"] = "20ms"
    poll.config["outlets"] = [
        {"name": "bus", "type": "nats", "urls": urls, "backoff": "20ms",
         "backoff_max": "100ms", **options}]
    return poll


def received(stored):
    """What a receiver has that drops repeats by their identity; messages that
    are repeats have the same bytes."""
    by_id = {}
    for message in stored:
        head = message.headers
        row = head["haplo-server"], head["haplo-queue"], message.data
        assert head["Nats-Msg-Id"] == head["haplo-id"]
        assert by_id.setdefault(head["haplo-id"], row) == row
    return collections.Counter(by_id.values())


def check_order(stored):
    """Without repeats, the messages of a queue are in the order of arrival."""
    newest = collections.defaultdict(int)
    seen = set()
    for message in stored:
        head = message.headers
        queue = head["haplo-server"], head["haplo-queue"]
        if head["haplo-id"] not in seen:
            assert int(head["haplo-arrival"]) > newest[queue]
            newest[queue] = int(head["haplo-arrival"])
            seen.add(head["haplo-id"])


def wait_for_all(server, sim):
    expected = made(sim)
    wait_for(lambda: server.count() >= expected.total() and
             received(server.stored()) == expected,
             "all messages in the stream")


# Bytes, subject and headers are the interface that haplo-nats(5) documents.
def test_messages_are_stored_in_the_stream(poll_of):
    with NatsServer() as server, Sim("--apps=2", "--queues=2",
                                     "--messages=20") as sim:
        server.create_stream()
        poll = use_nats(poll_of(sim), [server.url])
        assert poll.once() == (0, "", "")
        stored = server.stored()
        assert received(stored) == made(sim)
        assert len(stored) == 80
        check_order(stored)
        for message in stored:
            head = message.headers
            assert message.subject == (
                f"haplo.{head['haplo-server']}.{head['haplo-queue']}")
            assert head["haplo-received-at"].endswith("Z")
            assert "haplo-replay" not in head


def cause_of(poll):
    """Why the outlet does not work, or "". The log has the newest cause when
    it tells of the trouble, and with reminders."""
    outlet = admin_of(poll).get("/api/v1/outlets/bus")["outlet"]
    return outlet["cause"] or ""


# The counterpart is killed midway, and so is haplo-poll, twice. What is stored
# twice is told apart by its identity, even beyond the window in which the
# server itself drops repeats.
@pytest.mark.parametrize("window_s", [120, 0.1])
def test_kills_lose_nothing(poll_of, window_s):
    with NatsServer() as server, Sim("--apps=2", "--queues=5") as sim:
        server.create_stream(window_s=window_s)
        poll = use_nats(poll_of(sim), [server.url], ack_timeout="500ms")
        run = poll.start()
        for part in range(4):
            before = server.count()
            sim.script("message app* q* count=10")
            wait_for(lambda: server.count() > before, "it goes on")
            if part == 1:
                server.kill()
                sim.script("message app* q* count=10")
                # It may have been broken before, because of late answers.
                wait_for(lambda: "cannot connect" in cause_of(poll),
                         "the cause is known")
                run.wait_for_line("outlet bus: broken: ")
                server.start()
            if part in (0, 2):
                run.signal(signal.SIGKILL)
                run.wait()
                run = poll.start()
        wait_for_all(server, sim)
        assert run.stop() == 0
        if window_s > 100:
            assert len(server.stored()) == sum(made(sim).values())


# A stream with three replicas goes on when one server dies, even that to which
# haplo-poll is connected, and so does haplo-poll.
def test_a_cluster_loses_a_server(poll_of):
    with NatsCluster(3) as cluster, Sim("--apps=1", "--queues=5") as sim:
        first, _, third = cluster.servers
        third.create_stream(num_replicas=3)
        poll = use_nats(poll_of(sim), cluster.urls, ack_timeout="2s")
        run = poll.start()
        sim.script("message app1 q* count=20")
        wait_for(lambda: third.count() == 100, "100 messages")
        first.kill()
        sim.script("message app1 q* count=20")
        wait_for_all(third, sim)
        assert run.stop() == 0
        assert len(third.stored()) == sum(made(sim).values())


# haplo-nats(5) tells receivers how to recognise repeats.
def test_the_documented_receiver_stores_each_message_once(poll_of):
    page = (ROOT / "man" / "haplo-nats.5").read_text()
    scope = {}
    exec(page[page.index("def store("):].split(".Ed")[0], scope)
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE messages (id TEXT PRIMARY KEY, arrival, data)")
    with NatsServer() as server, Sim("--apps=1", "--queues=2",
                                     "--messages=10") as sim:
        server.create_stream()
        assert use_nats(poll_of(sim), [server.url]).once() == (0, "", "")
        for message in server.stored() * 2:
            scope["store"](database, message.headers, message.data)
        rows = database.execute("SELECT data FROM messages").fetchall()
        assert sorted(rows) == sorted(
            (data,) for *_, data in made(sim).elements())


# A replay is marked as such. Within its window, the stream drops the messages
# of one as repeats, unless they are to be taken for new ones.
def test_a_replay_is_flagged(poll_of):
    with NatsServer() as server, Sim("--apps=1", "--queues=2",
                                     "--messages=10") as sim:
        server.create_stream()
        poll = use_nats(poll_of(sim), [server.url])
        assert poll.once() == (0, "", "")
        run = poll.start()
        run.wait_for_line("polling")
        for number, words in enumerate([(), ("--new-identity",)], 1):
            done = poll.run("replay", "--outlet=bus", "--since=1h", *words)
            assert done.code == 0, done.err
            run.wait_for_line(f"outlet bus: replay {number} is done")
        assert run.stop() == 0
        stored = server.stored()
        assert len(stored) == 40
        assert not any("haplo-replay" in one.headers for one in stored[:20])
        for message in stored[20:]:
            assert message.headers["haplo-replay"] == "2"
            assert message.headers["Nats-Msg-Id"].endswith("-r2")


# Refusals, and what is broken


# Its data are at fault, so it blocks its queue alone, and says what to raise.
def test_a_message_over_max_payload_is_refused(poll_of):
    with NatsServer("max_payload: 4096") as server, Sim(
            "--apps=1", "--queues=2") as sim:
        server.create_stream()
        poll = use_nats(poll_of(sim), [server.url])
        run = poll.start()
        sim.add("app1", "q1", [{"id": 1}, {"id": 2, "x": "y" * 5000}, {"id": 3}])
        sim.script("message app1 q2 count=5")
        line = run.wait_for_line("outlet bus: app1/q1: blocked")[0]
        assert "max_payload" in line and "4096" in line
        wait_for(lambda: server.count() == 6, "six messages")
        assert poll.run("outlet", "dead-letter", "bus", "app1/q1").code == 0
        wait_for(lambda: server.count() == 7, "seven messages")
        assert run.stop() == 0


# The limit of a stream is another one, which only its response tells.
def test_a_message_over_the_streams_limit_is_refused(poll_of):
    with NatsServer() as server, Sim("--apps=1", "--queues=1") as sim:
        server.create_stream(max_msg_size=3000)
        poll = use_nats(poll_of(sim), [server.url], on_refused="dead_letter")
        run = poll.start()
        sim.add("app1", "q1", [{"id": 1}, {"id": 2, "x": "y" * 5000}, {"id": 3}])
        line = run.wait_for_line("outlet bus: app1/q1: ", "dead letter")[0]
        assert "message size exceeds maximum" in line
        wait_for(lambda: server.count() == 2, "two messages")
        assert run.stop() == 0


# Nothing would tell a publisher of plain NATS that nobody keeps its messages.
def test_without_a_stream_the_destination_is_broken(poll_of):
    with NatsServer() as server, Sim("--apps=1", "--queues=2",
                                     "--messages=5") as sim:
        poll = use_nats(poll_of(sim), [server.url])
        run = poll.start()
        run.wait_for_line("outlet bus: ", "broken", "subject haplo.app1.",
                          "no stream takes its messages")
        server.create_stream()
        wait_for_all(server, sim)
        assert run.stop() == 0
        assert len(server.stored()) == 10


# A stream may be full for hours: no message is to blame, and none is dropped.
def test_a_full_stream_is_waited_for(poll_of):
    with NatsServer() as server, Sim("--apps=1", "--queues=2",
                                     "--messages=20") as sim:
        server.create_stream(max_msgs=7, discard="new")
        poll = use_nats(poll_of(sim), [server.url])
        run = poll.start()
        run.wait_for_line("outlet bus: ", "maximum messages exceeded")
        server.update_stream(max_msgs=1000)
        wait_for_all(server, sim)
        assert run.stop() == 0
        assert poll.rows("SELECT count(*) FROM dead_letters") == [(0,)]


# Another program may respond to the same subject, but cannot acknowledge.
def test_the_response_of_somebody_else_is_no_acknowledgement(poll_of):
    with NatsServer() as server, Sim("--apps=1", "--queues=1",
                                     "--messages=1") as sim:
        poll = use_nats(poll_of(sim), [server.url], ack_timeout="300ms")
        with server.client() as client:
            client.socket.settimeout(WAIT_S_MAX)
            client.send("SUB haplo.> 2")
            run = poll.start()
            client.next()
            client.send("UNSUB 2")
        run.wait_for_line("outlet bus: ", "no stream takes its messages")
        assert run.stop() == 0
        assert poll.once().code == 1


# Logging in

USERS = """authorization { users: [
  { user: ada, password: "correct horse" },
  { user: eve, password: evil, permissions: {
      publish: "other.>", subscribe: ">" } },
] }"""
ADA = {"user": "ada", "pass": "correct horse"}


def log_in(poll, user, password):
    replace_file(poll.folder / "password", password + "\n")
    poll.secrets.add(password)
    poll.config["outlets"][0] |= {"user": user, "password_file": "password"}


# A new password is used with the next connection.
def test_a_wrong_password_is_a_broken_destination(poll_of):
    with NatsServer(USERS, login=ADA) as server, Sim(
            "--apps=1", "--queues=1", "--messages=5") as sim:
        server.create_stream()
        poll = use_nats(poll_of(sim), [server.url])
        log_in(poll, "ada", "wrong donkey")
        run = poll.start()
        run.wait_for_line("outlet bus: ", "broken", "uthorization")
        log_in(poll, "ada", ADA["pass"])
        wait_for_all(server, sim)
        assert run.stop() == 0


# The server drops such messages without a response to them; its complaint must
# have come before the outlet stops waiting for one.
def test_a_forbidden_subject_is_told(poll_of):
    with NatsServer(USERS, login=ADA) as server, Sim(
            "--apps=1", "--queues=1", "--messages=1") as sim:
        server.create_stream()
        poll = use_nats(poll_of(sim), [server.url], ack_timeout="3s")
        log_in(poll, "eve", "evil")
        run = poll.start()
        run.wait_for_line("outlet bus: ", "broken", "Permissions Violation",
                          "haplo.app1.q1")
        assert run.stop() == 0
        assert server.count() == 0


def make_certificate(server):
    """A certificate for its address, which is its own CA."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=test",
         "-addext", f"subjectAltName=IP:{server.address}",
         "-keyout", "server.key", "-out", "server.crt"],
        check=True, cwd=server.folder, capture_output=True)
    server.options = (f'tls {{ cert_file: "{server.folder}/server.crt",'
                      f' key_file: "{server.folder}/server.key" }}',)


# Whoever redirects a connection has a certificate, too, but not the right one:
# here it is not trusted, or it is that of another address.
@pytest.mark.parametrize("wrong", [
    "", "self-signed certificate", "IP address mismatch"])
def test_certificates_are_verified(poll_of, wrong):
    with contextlib.ExitStack() as stack:
        server = NatsServer()
        stack.callback(server.__exit__)
        make_certificate(server)
        if wrong == "IP address mismatch":
            server.address = own_address()
        server.start()
        sim = stack.enter_context(Sim("--apps=1", "--queues=1",
                                      "--messages=5"))
        server.create_stream()
        poll = use_nats(poll_of(sim),
                        [server.url.replace("nats://", "tls://")],
                        tls_ca_file=str(server.folder / "server.crt"))
        if wrong == "self-signed certificate":
            del poll.config["outlets"][0]["tls_ca_file"]
        run = poll.start()
        if wrong:
            run.wait_for_line("outlet bus: ", "broken", wrong)
            assert server.count() == 0
        else:
            wait_for_all(server, sim)
        assert run.stop() == 0
