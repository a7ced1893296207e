"""haplo-sim speaks the real server's protocol, and is told what to do."""
import base64
import gzip
import json
import re
import signal
import socket
import ssl
import subprocess
import time

import pytest

from sim import PROGRAM, ROOT, Sim, SimError, wait_for
from poll import RUN_S_MAX, run_program
from sim_client import (
    FORM, POLL, connect, exchange, fetch, ids, mark, receive_all, request_bytes,
)


@pytest.fixture
def sim():
    with Sim("--apps=1", "--queues=2", "--messages=20") as simulator:
        yield simulator


# Two ways to be throttled: by guessing, and by one retry too many.
def test_throttle():
    with Sim("--apps=1", "--queues=2", "--throttle-after=3", "--throttle=60s") as sim:
        bad = "x" * 44
        fetch(sim, key=bad), fetch(sim, key=bad)
        assert fetch(sim).status == 200  # a success below the limit clears
        fetch(sim, key="short")  # never looked up, never counted
        for _ in range(3):
            assert fetch(sim, key=bad).json()["kind"] == "INVALID-API-KEY"
        assert fetch(sim).json()["kind"] == "THROTTLE"
        assert mark(sim, "MQ==").status == 403
        stats = sim.app_stats()
        assert stats["failed_logins"] == 5 and stats["throttled"] == 2
        assert stats["throttle"][0]["throttled"]
        assert 0 < stats["throttle"][0]["remaining_ms"] <= 60000
        sim.script("set throttle=0")
        wait_for(lambda: fetch(sim).status == 200)
        sim.script("set throttle=60s")
        for _ in range(3):
            fetch(sim, key=bad)
        sim.script("clear throttle")
        assert fetch(sim).status == 200


# Servers are apart, applications on one port are not.
def test_throttle_is_of_the_port():
    scenario = "app a queues=1\napp b port=a host=b.localhost queues=1\napp c queues=1"
    with Sim("--throttle-after=2", scenario=scenario) as sim:
        for _ in range(2):
            fetch(sim, "a", key="x" * 44)
        data = request_bytes("GET", f"{POLL}q1/fetch", "b.localhost", sim.key("b"))
        assert exchange(sim.url("a"), data).json()["kind"] == "THROTTLE"
        assert fetch(sim, "c").status == 200


# An administrator's resend has the old id, date and bytes.
def test_unsend(sim):
    first = fetch(sim)
    mark(sim, first.json()["token"])
    assert ids(fetch(sim)) == [17, 18, 19, 20]
    assert sim.script("unsend app1 q1 3")["count"] == 1
    again = fetch(sim)
    assert ids(again) == [3, 17, 18, 19, 20]
    exact = sim.messages(exact=True)[2]["bytes"].encode()
    assert exact in again.body and exact in first.body
    message = sim.messages()[2]
    assert (message["returned"], message["marked"], message["unsent"]) == (2, 1, 1)
    assert sim.script("unsend app1 q1 all")["count"] == 15
    assert sim.events()[-1]["verb"] == "unsend"


@pytest.mark.parametrize(
    "revision,count,reply",
    [
        ("2019", 20, b"Marked: 20"),
        ("mid-2020", 16, b"Marked: 16, Unread: 4"),
        ("2020-07", 16, b'{"markedCount":16,"unreadCount":4}'),
    ],
)
def test_revisions(revision, count, reply):
    with Sim("--apps=1", "--messages=20", f"--revision={revision}") as sim:
        answer = fetch(sim)
        assert ids(answer) == list(range(1, count + 1))
        answer = mark(sim, answer.json()["token"])
        assert answer.body == reply
        kind = "text/html" if revision == "2019" else "application/json"
        refused = fetch(sim, key="x" * 44)
        assert refused.status == 403
        assert refused.header("Content-Type").startswith(kind)


# Messages of one date have no order, not even which of them come first.
def test_ties_change_order():
    with Sim("--apps=1", "--messages=60", "--ties=40", "--shuffle", "--limit=16") as sim:
        seen = [ids(fetch(sim)) for _ in range(4)]
        assert all(len(set(s)) == 16 and max(s) <= 40 for s in seen)
        assert len({tuple(s) for s in seen}) == 4
        assert len({frozenset(s) for s in seen}) > 1


# A message can come with a date before all others.
def test_old_date_comes_first(sim):
    sim.script('message app1 q1 date=2019-02-15T10:32:01Z data={"late":true}')
    body = fetch(sim).json()
    assert body["messages"][0] == {
        "id": 41,
        "datetime": "2019-02-15T10:32:01Z",
        "late": True,
    }


def test_gzip(sim):
    answer = fetch(sim, headers=["Accept-Encoding: deflate, gzip"])
    assert answer.header("Content-Encoding") == "gzip"
    assert json.loads(gzip.decompress(answer.body)) == fetch(sim).json()
    mark(sim, fetch(sim).json()["token"]), mark(sim, fetch(sim).json()["token"])
    answer = fetch(sim, headers=["Accept-Encoding: gzip"])
    assert answer.header("Content-Encoding") is None and ids(answer) == []


def test_chunked(sim):
    sim.script('message app1 q2 raw={"id":1,"big":"' + "x" * 40000 + '"}')
    sim.script("app app1 limit=100")
    answer = fetch(sim, queue="q2")
    assert answer.header("Transfer-Encoding") == "chunked"
    assert answer.body.endswith(b"\r\n0\r\n\r\n")


def test_rate(sim):
    sim.script("queue app1 q1 rate=500/s")
    wait_for(lambda: sim.unread("app1", "q1") >= 30)
    sim.script("queue app1 q1 rate=0")
    count = sim.unread("app1", "q1")
    assert sim.unread("app1", "q1") == count


# Bodies that end the request before any application sees it.
def test_bodies(sim):
    body = b"token=" + b"A" * (1 << 20)
    path = f"{POLL}q1/mark"
    data = request_bytes("POST", path, key=sim.key(), headers=[FORM], body=body)
    answer = exchange(sim.url(), data)
    assert answer.line == "HTTP/1.1 500 Server Error"
    assert mark(sim, "a+b=", quote=False).status == 500
    assert mark(sim, base64.b64encode(b"nonsense,999").decode()).json()["markedCount"] == 0
    assert sim.queue_stats()["marks_empty_token"] == 0
    assert mark(sim, "").json() == {"markedCount": 0, "unreadCount": 20}
    assert sim.queue_stats()["marks_empty_token"] == 1


# Keys can change under a running client.
def test_keys(sim):
    old = sim.key()
    sim.script("key app1 q1 rotate")
    assert sim.key() != old
    assert fetch(sim, key=old).json()["kind"] == "INVALID-API-KEY"
    assert fetch(sim).status == 200
    sim.script("key app1 q1 text=0123456789abcdefg store=no")
    assert sim.key() != "0123456789abcdefg"
    assert fetch(sim, key="0123456789abcdefg").status == 200
    sim.script("key app1 - status=blocked")
    assert fetch(sim, key=sim.key("app1", "wide")).json()["error"]["message"] == "Not authorised"
    mode = (sim.dir / "keys" / "app1-q1").stat().st_mode
    assert mode & 0o777 == 0o600


# One connection serves many requests, also when they are sent ahead.
def test_keep_alive_and_pipeline(sim):
    one = request_bytes("GET", f"{POLL}q1/fetch", key=sim.key())
    size = len(fetch(sim).body)
    with connect(sim.url()) as connection:
        connection.sendall(one * 500)
        count, data = 0, b""
        while count < 500:
            data += connection.recv(1 << 20)
            while len(data) > size and (end := data.find(b"\r\n\r\n")) >= 0:
                if len(data) < end + 4 + size:
                    break
                data = data[end + 4 + size :]
                count += 1
    assert len({e["connection"] for e in sim.events()[1:]}) == 1


def test_idle_connections_are_closed(sim):
    sim.script("app app1 keep-alive=20ms")
    with connect(sim.url()) as connection:
        assert receive_all(connection) == (b"", False)


# Eight at a time; the rest wait in the order they came.
def test_fair_queue():
    with Sim("--apps=1", "--queues=20") as sim:
        sim.script("fault do=delay times=8")
        connections = [connect(sim.url()) for _ in range(20)]
        for n, connection in enumerate(connections, 1):
            key = sim.key("app1", f"q{n}")
            connection.sendall(request_bytes("GET", f"{POLL}q{n}/fetch", key=key))
            wait_for(lambda: sim.app_stats()["requests"] == n)
        assert sim.app_stats()["running"] == 8
        sim.script("clear faults")
        for connection in connections:
            assert connection.recv(15) == b"HTTP/1.1 200 OK"
            connection.close()
        assert sim.app_stats()["running_peak"] == 8
        queues = [event["queue"] for event in sim.events()]
        late = [f"q{n}" for n in range(9, 21)]
        assert len(queues) == 20
        assert [queue for queue in queues if queue in late] == late


# Certificates that a client must not trust.
@pytest.mark.parametrize(
    "kind,words",
    [
        ("expired", "expired"),
        ("unknown-ca", "unable to get local issuer|self.signed"),
        ("wrong-name", "match|mismatch"),
    ],
)
def test_certificates(kind, words):
    with Sim("--apps=1", "--tls") as sim:
        assert fetch(sim).status == 200
        sim.script(f"app app1 certificate={kind}")
        with pytest.raises(ssl.SSLCertVerificationError, match=words):
            fetch(sim)
        sim.script("app app1 certificate=good")
        assert fetch(sim).status == 200


def days_left(sim):
    """Of the certificate that the port presents."""
    text = ssl.get_server_certificate(("127.0.0.1", sim.apps["app1"]["port"]))
    end = subprocess.run(["openssl", "x509", "-noout", "-enddate"], input=text,
                         capture_output=True, text=True, check=True).stdout
    at = ssl.cert_time_to_seconds(end.strip().removeprefix("notAfter="))
    return (at - time.time()) / 86400


# How long a certificate is valid, for those who test what happens before the
# end; a new lifetime is a new certificate.
def test_the_lifetime_of_certificates():
    with Sim("--apps=1", "--tls", "--certificate-lifetime=9d") as sim:
        assert 8.9 < days_left(sim) <= 9
        sim.script("app app1 certificate-lifetime=48h")
        assert 1.9 < days_left(sim) <= 2
        sim.script("app app1 certificate=expired")
        assert days_left(sim) < 0


# Sessions are resumed, and TLS 1.2 works as well.
def test_tls_sessions():
    with Sim("--apps=1", "--tls") as sim:
        port = sim.apps["app1"]["port"]
        context = ssl.create_default_context(cafile=sim.ca)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        session = None
        for reused in (False, True):
            plain = socket.create_connection(("127.0.0.1", port))
            with context.wrap_socket(plain, server_hostname="localhost", session=session) as tls:
                tls.sendall(request_bytes("GET", f"{POLL}q1/fetch", key=sim.key()))
                assert tls.recv(15) == b"HTTP/1.1 200 OK"
                session = tls.session
                assert tls.session_reused == reused


def test_faults_over_tls():
    with Sim("--apps=1", "--tls", "--messages=16") as sim:
        sim.script("fault do=reset at=400", "fault do=cut at=400")
        for _ in range(2):
            with connect(sim.url(), sim.ca) as connection:
                connection.sendall(request_bytes("GET", f"{POLL}q1/fetch", key=sim.key()))
                assert len(receive_all(connection)[0]) == 400


# Many hosts on one port, one certificate for all.
def test_one_port():
    with Sim("--apps=3", "--queues=1", "--tls", "--one-port", "--messages=1") as sim:
        assert len({a["port"] for a in sim.apps.values()}) == 1
        for name in sim.apps:
            data = request_bytes("GET", f"{POLL}q1/fetch", f"{name}.localhost", sim.key(name))
            assert exchange(sim.url("app1"), data, sim.ca).status == 200
        data = request_bytes("GET", f"{POLL}q1/fetch", "none.localhost", sim.key())
        assert exchange(sim.url("app1"), data, sim.ca).status == 404


# Whoever tries it so gets a configuration that works as it is written.
@pytest.mark.parametrize("tls", [[], ["--tls"]], ids=["http", "https"])
def test_one_port_with_its_configuration(tls):
    with Sim("--apps=3", "--queues=2", "--one-port", "--messages=20", *tls) as sim:
        done = run_program("-c", sim.config, "check")
        assert done.code == 0, done.err
        assert f"{'https' if tls else 'http'}://app3.localhost:" in done.out
        assert run_program("-c", sim.config, "-q", "once") == (0, "", "")
        assert sim.unread() == 0


# Names and folders that mean something else in YAML, another host, and an
# application that has nothing to poll.
def test_a_configuration_of_unusual_names(tmp_path):
    folder = tmp_path / "a: b # c"
    folder.mkdir()
    config = tmp_path / "out" / "poll.yaml"
    config.parent.mkdir()
    with Sim(f"--write-config={config}", dir=folder, scenario="""
        app a: queues=1
        app ~ host=sim.example queues=1
        app send
        queue send s method=send
        """):
        done = run_program("-c", config, "check")
        assert done.code == 0, done.err
        assert "http://sim.example:" in done.out and "send" not in done.out


# Control


# A test compares a client's store with what was really sent, byte for byte.
def test_messages_are_reported_exactly():
    with Sim("--apps=1", "--edge", "--limit=100") as sim:
        body = fetch(sim).body
        for message in sim.messages(exact=True):
            assert body.count(message["bytes"].encode()) >= 1
            assert message["returned"] == 1 and message["marked"] == 0
            assert len(message["hash"]) == 32


# The same command line gives the same server.
def test_same_seed_same_server():
    arguments = ("--apps=2", "--queues=2", "--messages=5", "--seed=9")
    with Sim(*arguments) as a, Sim(*arguments) as b, Sim(*arguments[:3]) as c:
        assert a.all_messages(exact=True) == b.all_messages(exact=True)
        assert a.all_messages(exact=True) != c.all_messages(exact=True)
        assert a.key() == b.key() != c.key()


def test_events_tell_the_story(sim):
    token = fetch(sim).json()["token"]
    mark(sim, token)
    fetch(sim, queue="q2")
    events = sim.events("app1", "q1")
    assert [(e["verb"], e["count"], e["unread"], e["token"]) for e in events] == [
        ("fetch", 16, 20, token),
        ("mark", 16, 4, token),
    ]
    assert sim.events(after=events[-1]["n"])[0]["queue"] == "q2"
    assert events[0]["t"] / 1000 == pytest.approx(time.monotonic(), abs=60)
    assert len(sim.events(limit=1)) == 1
    sim.script("clear events")
    assert sim.events() == []


def test_messages_can_be_added(sim):
    sim.add("app1", "q2", [{"a": 1}, [1, {"b": []}], "text"])
    last = [m["bytes"] for m in sim.messages("app1", "q2", exact=True)[-3:]]
    assert '"a": 1' in last[0] and '"0": 1' in last[1]
    assert json.loads(last[2]).keys() == {"id", "datetime"}


def test_script_errors(sim):
    for line, words in {
        "nonsense": "unknown verb nonsense",
        "fault do=stall colour=red": "unknown word colour=red",
        "fault times=1": "do=KIND",
        "fault do=stall times=many": "times",
        "queue app1 q1 messages=3": "only when a queue is created: messages",
        "message app1 none": "no such queue",
        "message app1 q1 data={": "invalid JSON",
        "unsend app1 q1 99999": "no such message",
        "app a/b": "invalid name",
    }.items():
        with pytest.raises(SimError, match=re.escape(words)):
            sim.script(line)
    with pytest.raises(SimError, match="see haplo-sim"):
        sim.control("/nothing")


def test_new_app_while_running(sim):
    sim.script("app late tls=yes queues=2 messages=3")
    assert fetch(sim, "late").status == 200
    sim.script("queue late * rate=0", "set latency=0", "app * gzip=no")


# A port that is taken must not bring the simulator down.
def test_port_that_is_taken(sim):
    taken = sim.apps["app1"]["port"]
    with pytest.raises(SimError, match="address already in use"):
        sim.script(f"app second port={taken}")
    assert sim.stats("second")["apps"][0]["url"] == ""
    sim.script("app third queues=1")
    assert fetch(sim, "third").status == 200
    done = subprocess.run(
        [PROGRAM, f"--port={taken}"], capture_output=True, text=True
    )
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1


# A client that asks before sending a body gets 100 Continue.
def test_expect_continue(sim):
    with connect(sim.url()) as connection:
        headers = [FORM, "Expect: 100-continue", "Content-Length: 10"]
        connection.sendall(
            request_bytes(
                "POST", f"{POLL}q1/mark", key=sim.key(), headers=headers
            )
        )
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"token=MQ==")
        assert connection.recv(15) == b"HTTP/1.1 200 OK"
    assert sim.unread("app1", "q1") == 19


def test_configuration_is_written():
    with Sim("--apps=2", "--queues=2", "--tls") as sim:
        text = sim.config.read_text()
        assert f"url: {sim.url('app2')}" in text
        assert "api_key_file: keys/app2-q2" in text
        assert json.loads((sim.dir / "ready").read_text()) == sim.ready


# Command line


@pytest.mark.parametrize(
    "arguments",
    [
        ["--nonsense"],
        ["--apps=many"],
        ["--revision=1999"],
        ["--control=0.0.0.0:80"],
        ["--script=/nonexistent"],
        ["--write-config=/tmp/x.yaml"],
        ["unknown line"],
    ],
)
def test_bad_arguments(arguments):
    done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1 and done.stdout == ""


def test_help_lists_everything():
    text = subprocess.run([PROGRAM, "--help"], capture_output=True, text=True).stdout
    page = (ROOT / "man" / "haplo-sim.1").read_text()
    words = re.findall(r"^  (?:--)?([a-z-]+)[=:]", text, re.M)
    assert len(words) > 60
    missing = [w for w in words if not re.search(rf"^\.It Fl -{w}\b|^\.It Cm {w}\b", page, re.M)]
    assert missing == []


# Whoever waits for the ready line would wait for ever.
@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["--apps=1"]])
def test_standard_output_is_full(arguments):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([PROGRAM, *arguments], stdin=subprocess.DEVNULL,
                              stdout=full, stderr=subprocess.PIPE,
                              timeout=RUN_S_MAX)
    assert done.returncode == 1
    assert b"haplo-sim: standard output cannot be written: " in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it(number):
    simulator = Sim("--apps=2", "--tls", "--latency=10s")
    simulator.start()
    busy = connect(simulator.url(), simulator.ca)
    busy.sendall(request_bytes("GET", f"{POLL}q1/fetch", key=simulator.key()))
    wait_for(lambda: simulator.app_stats()["running"] == 1)
    simulator.process.send_signal(number)
    assert simulator.process.wait(RUN_S_MAX) == 0
    busy.close()
    simulator.stop()


def test_shutdown(sim):
    sim.control("/shutdown", method="POST")
    assert sim.process.wait(RUN_S_MAX) == 0
