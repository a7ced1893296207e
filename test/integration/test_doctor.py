"""haplo-poll doctor: what is found out about servers, queues, inboxes and
outlets, and how it is said: golden files in test/config/doctor."""
import json
import re
import socket

import pytest

from golden import CONFIG, assert_golden, codes_in
from hostile import Hostile, answer
from poll import run_program
from ports import free_port
from sim import Sim
from test_once_failures import CASES
from tls_peers import Authority, Proxy, TlsServer, drained

# What no simulated server does, and where it is tested instead.
ELSEWHERE = {
    "HP0726": "the remaining errors of the library",
    "HP0803": "needs PostgreSQL: test_fleet.py",
    "HP0804": "the same",
}


def plain(text, poll):
    """Without what differs from run to run; and where a path is in a paragraph,
    that is one line."""
    text = re.sub(r"(?:^ {10}\S.*\n)+", lambda found: " " * 10 + " ".join(
        found[0].split()) + "\n" if str(poll.folder) in found[0] else found[0],
        text, flags=re.M)
    text = text.replace(str(poll.folder), "DIR")
    text = re.sub(r"localhost:\d+", "localhost:PORT", text)
    text = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", text)
    text = re.sub(r"port \d+", "port PORT", text)
    text = re.sub(r"valid for \d{3,} days", "valid for N days", text)
    text = re.sub(r"port=\d+", "port=PORT", text)
    return re.sub(r"next try in \d+ s", "next try in N s", text)


def found(done, poll):
    return (f"$ haplo-poll doctor\n{plain(done.out, poll)}"
            f"{plain(done.err, poll)}exit code {done.code}\n")


def assert_nothing_changed(sim, unread):
    assert sim.unread() == unread
    assert not any(event["verb"] == "mark" for event in sim.events()
                   if "verb" in event)


# One file for each class of the failure policy: read them as the person who is
# paged.
@pytest.mark.parametrize("name", CASES)
def test_a_failure_is_found(poll_of, name):
    case = CASES[name]
    tls = [] if name == "not the primary host" else ["--tls"]
    with Sim("--apps=2", "--queues=2", "--messages=20", *tls) as sim:
        poll = poll_of(sim)
        if name == "reset":  # with data, these may or may not arrive
            sim.script("fault do=reset at=0 times=0 app=app1 queue=q1")
        elif case.script:
            sim.script(*case.script)
        if case.change:
            case.change(sim, poll)
        unread = sim.unread()
        done = poll.run("doctor")
        assert done.code == 1
        for word in case.words:
            if "next try" not in word:
                assert word in done.out, word
        assert "queue app2/q1: the key is valid" in done.out
        assert sim.unread() == unread and not poll.inbox_path.exists()
        stem = name.replace(" ", "-").lower()
        assert_golden(CONFIG / "doctor" / f"{stem}.txt", found(done, poll))


# The good case, also under its other name.
@pytest.mark.parametrize("words", [["doctor"], ["check", "--deep"]])
def test_all_is_well(poll_of, words):
    with Sim("--apps=2", "--queues=2", "--messages=3", "--tls") as sim:
        poll = poll_of(sim)
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            poll.config["outlets"] = [
                {"name": "copy", "type": "files", "path": "out"},
                {"name": "hook", "type": "webhook",
                 "url": f"http://127.0.0.1:{port}/hook"}]
            done = poll.run(*words)
        assert done.code == 0, done.out
        assert_golden(CONFIG / "doctor" / "all-is-well.txt", found(done, poll))
        assert_nothing_changed(sim, 12)
        assert not (poll.folder / "state").exists()
        assert not (poll.folder / "out").exists()


# What is between here and the server, and is neither.
def test_a_proxy_that_refuses_is_found(poll_of):
    with Sim("--apps=1", "--queues=1") as sim, \
            Proxy(refuse=answer(b"no", status="403 Forbidden")) as proxy:
        poll = poll_of(sim)
        poll.server().update(url="https://far.example", proxy=proxy.url)
        done = poll.run("doctor")
        assert done.code == 1
        assert_golden(CONFIG / "doctor" / "proxy.txt", found(done, poll))


def test_a_cache_is_found(poll_of):
    def old(peer):
        peer.send(answer(b"{}", extra="Age: 3600\r\n"))

    with Sim("--apps=1", "--queues=1") as sim, Hostile(old) as server:
        poll = poll_of(sim)
        poll.server()["url"] = f"http://127.0.0.1:{server.port}"
        done = poll.run("doctor")
        assert done.code == 1
        assert_golden(CONFIG / "doctor" / "cache.txt", found(done, poll))


# A server that asks for fewer requests gets no more than it has to, however many
# queues there are; and what is not known of these is said.
@pytest.mark.parametrize("fault", [
    "do=status code=429", "do=status code=503 retry-after=600", "do=html"])
def test_a_server_that_has_failed_is_asked_no_more(poll_of, fault):
    with Sim("--apps=1", "--queues=30", "--messages=1") as sim:
        poll = poll_of(sim)
        sim.script(f"fault {fault} times=0")
        done = poll.run("doctor", "--json")
        document = json.loads(done.out)
        is_of_server = "html" not in fault
        assert sim.app_stats()["requests"] == (1 if is_of_server else 30)
        assert document["errors"] == (1 if is_of_server else 30)
        assert document["queues_not_examined"] == (29 if is_of_server else 0)


# One after the other, or several at a time: each is fetched once.
@pytest.mark.parametrize("in_flight", [1, 4])
def test_each_queue_is_examined_once(poll_of, in_flight):
    with Sim("--apps=1", "--queues=30", "--messages=1") as sim:
        poll = poll_of(sim)
        poll.server()["max_in_flight"] = in_flight
        done = poll.run("doctor")
        assert done.code == 0
        assert done.out.count("the key is valid") == 30
        assert sim.app_stats()["requests"] == 30
        assert sim.app_stats()["running_peak"] <= in_flight


# Inboxes and outlets fail for reasons of their own.
def test_stores_that_fail_are_found(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=1") as sim:
        poll = poll_of(sim)
        poll.inbox_path.write_text("this is no database, but long enough " * 99)
        port = free_port()
        poll.config["outlets"] = [
            {"name": "hook", "type": "webhook",
             "url": f"http://127.0.0.1:{port}/secret-path"},
            {"name": "crm", "type": "webhook",
             "url": "https://no-such-host.invalid/hook"}]
        done = poll.run("doctor")
        assert done.code == 1 and "secret-path" not in done.out
        assert_golden(CONFIG / "doctor" / "stores-that-fail.txt",
                      found(done, poll))


# A certificate that nobody renews is found before it stops everything: that of
# the server, of its CA, or the client's; also where a proxy leads to the server.
@pytest.mark.parametrize("through", [None, "http", "https"])
def test_a_certificate_that_expires_soon_is_found(poll_of, through):
    with Sim("--apps=1", "--queues=1") as sim:
        poll = poll_of(sim)
        ca = Authority(poll.folder, "ca", days=20)
        own = ca.issue("own", days=5)
        with TlsServer(drained, ca.issue("server", days=10), ca) as server, \
                Proxy(ca.issue("proxy", days=2) if through == "https"
                      else None) as proxy:
            config = server.config("other", "keys/app1-q1")
            config.update(tls_ca_file=str(ca.path),
                          tls_certificate_file=str(own.certificate),
                          tls_key_file=str(own.key))
            if through:
                config["proxy"] = proxy.url
            poll.config["servers"] = [config]
            done = poll.run("doctor")
            assert bool(proxy.connections) == bool(through)
        assert done.code == 0, done.out
        text = re.sub(r"valid for (\d+) days",
                      lambda found: f"valid for {int(found[1]) + 1} days",
                      found(done, poll))
        assert_golden(CONFIG / "doctor" / "certificate-expires.txt", text)


# Where all is well, the client's certificate is told as well; the CA's is not,
# as nobody here renews it.
def test_certificates_that_last_are_told(poll_of):
    with Sim("--apps=1", "--queues=1") as sim:
        poll = poll_of(sim)
        ca = Authority(poll.folder, "ca", days=400)
        own = ca.issue("own", days=200)
        with TlsServer(drained, ca.issue("server", days=100), ca) as server:
            config = server.config("other", "keys/app1-q1")
            config.update(tls_ca_file=str(ca.path),
                          tls_certificate_file=str(own.certificate),
                          tls_key_file=str(own.key))
            poll.config["servers"] = [config]
            done = poll.run("doctor")
        assert [line for line in done.out.splitlines() if "valid for" in line] \
            == ["ok       server other: its certificate is valid for 99 days",
                "ok       server other: the client certificate "
                f"{own.certificate} is valid for 199 days"]


# A wrong configuration is told as check tells it; nothing is asked.
def test_a_wrong_configuration_is_not_examined(poll_of):
    with Sim("--apps=1", "--queues=1") as sim:
        poll = poll_of(sim)
        poll.queue()["intervall"] = "5m"
        done = poll.run("doctor")
        assert done.code == 2 and done.out == "" and "HP0201" in done.err
        assert sim.app_stats()["accepted"] == 0


# Whoever runs it while keys are wrong, perhaps again and again, must not lock
# out everybody at this address.
def test_failed_logins_are_counted_over_all_runs(poll_of):
    with Sim("--apps=1", "--queues=9", "--messages=1") as sim:
        poll = poll_of(sim)
        (poll.folder / "state").mkdir(mode=0o700)
        sim.script(*[f"key app1 q{n} status=revoked" for n in range(1, 10)])
        runs = [poll.run("doctor") for _ in range(3)]
        assert sim.app_stats()["failed_logins"] <= 5
        assert_golden(CONFIG / "doctor" / "logins-spared.txt",
                      found(runs[-1], poll))
        assert all("HP0731" in run.out for run in runs)
        # `once` knows of them as well, and does not add to them.
        assert poll.once().code == 1
        assert sim.app_stats()["failed_logins"] <= 5


# At the limit of the server, one more request would prolong the silence.
def test_a_throttled_address_is_found(poll_of):
    with Sim("--apps=1", "--queues=3", "--messages=1") as sim:
        poll = poll_of(sim)
        sim.script("set throttle-after=1", "key app1 q1 status=revoked")
        poll.server()["queues"] = poll.server()["queues"][:2]
        poll.run("doctor")
        done = poll.run("doctor")
        assert done.code == 1
        assert_golden(CONFIG / "doctor" / "throttled.txt", found(done, poll))
        # What `once` has stored of it is not the number of failed logins.
        assert poll.once().code == 1
        again = poll.run("doctor").out
        assert "the server refused all logins from this address" in again
        assert "in a row" not in again


# It can be run while the daemon works, on the same state directory.
def test_works_while_run_works(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=2") as sim:
        poll = poll_of(sim)
        run = poll.start()
        run.wait_for_line("polling; queues: 1")
        done = poll.run("doctor")
        assert done.code == 0 and "inbox inbox: it can be read" in done.out
        assert run.stop() == 0


# Scripts get the same.
def test_json_has_the_same_for_scripts(poll_of):
    with Sim("--apps=1", "--queues=2", "--messages=1") as sim:
        poll = poll_of(sim)
        sim.script("key app1 q1 status=revoked")
        done = poll.run("doctor", "--json")
        document = json.loads(done.out)
        assert done.code == 1
        assert (document["errors"], document["warnings"],
                document["queues_not_examined"]) == (1, 0, 0)
        first = document["findings"][0]
        assert first["subject"] == "queue app1/q1"
        assert first["code"] == "HP0720" and "Copy the key" in first["advice"]
        assert {one["severity"] for one in document["findings"]} == {
            "ok", "error"}


# What nobody has looked at leads nobody to the right fix.
def test_each_code_has_a_golden_file():
    codes = {line.split()[0] for line in run_program("explain").out.splitlines()
             if line >= "HP07"}
    golden = codes_in((CONFIG / "doctor").glob("*.txt"))
    assert golden <= codes
    assert not codes - golden - set(ELSEWHERE)
