"""The webhook outlet against a receiver: what arrives there, byte for byte, and
what becomes of what it does not accept."""
import base64
import email.utils
import os
import re
import threading
import time

import pytest

from nginx_server import Nginx
from poll import errors_in
from receiver import Receiver, signature
from sim import WAIT_S_MAX, Sim, replace_file, wait_for
from tls_peers import Authority

OLD = "whsec_" + base64.b64encode(b"the old secret, 24 bytes").decode()
NEW = "whsec_" + base64.b64encode(bytes(range(32))).decode()


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"), "ca")


@pytest.fixture(scope="module")
def pair(ca):
    return ca.issue("receiver")


def secret_write(poll, name, text):
    """Written beside and renamed, as careful operators do."""
    path = poll.folder / name
    replace_file(path, text)
    poll.secrets |= set(text.split()) | {text.strip()}
    return str(path)


def hook(poll, receiver, **options):
    poll.config["outlets"] = [receiver.outlet(**options)]
    poll.config["defaults"]["interval"] = "20ms"
    return poll


def exact_bytes(sim):
    """(app, queue) -> the bytes of its messages, in the order of the server."""
    return {name: [message["bytes"] for message in messages]
            for name, messages in sim.all_messages(exact=True).items()}


def bodies(receiver):
    """The same as received: each accepted request is a whole document."""
    found = {}
    for request in receiver.accepted():
        text = request.body.decode()
        assert text.startswith('{"version":0,"messages":[')
        assert text.endswith("]}")
        found.setdefault(request.queue, []).append(text[25:-2])
    return found


def check_identities(requests):
    """One identity means one content: a receiver that recognises requests by
    webhook-id, or messages by haplo-id, takes each message exactly once."""
    content, request_of = {}, {}
    for request in requests:
        assert "." not in request.id
        assert content.setdefault(request.id, request.body) == request.body
        for identity in request.ids:
            assert request_of.setdefault(identity, request.id) == request.id
    return request_of


# The happy path


# An endpoint written for Haplo's own push gets the same document, with exact
# bytes; whoever checks signatures finds one for each secret.
def test_batches_arrive_exact_and_signed(poll_of, ca, pair):
    with Sim("--apps=2", "--queues=2", "--messages=40", "--edge") as sim, \
            Receiver(pair=pair) as receiver:
        poll = poll_of(sim)
        path = secret_write(poll, "signing", f"{NEW}\n{OLD}\n")
        hook(poll, receiver, tls_ca_file=str(ca.path), signing_secret_file=path)
        began = int(time.time())
        assert poll.once() == (0, "", "")
        expected = exact_bytes(sim)
        found = bodies(receiver)
        assert found.keys() == expected.keys()
        for name, texts in found.items():
            assert ",".join(texts) == ",".join(expected[name])
        assert len(check_identities(receiver.requests)) == sum(
            len(texts) for texts in expected.values())
        for request in receiver.requests:
            assert request.path == "/hook"
            assert request.signatures == [signature(request, NEW),
                                          signature(request, OLD)]
            assert began <= int(request.headers["webhook-timestamp"]) <= time.time()
            assert request.headers["content-type"] == "application/json"
            assert len(request.ids) == len(request.messages)
            first = request.ids[0].split("-")
            assert request.headers["haplo-arrival"] == first[-2]
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:]+Z",
                                request.headers["haplo-received-at"])
            assert "haplo-replay" not in request.headers
            assert "expect" not in request.headers
            assert len(request.raw_names) == len(set(request.raw_names))
        rows = poll.rows("SELECT arrival FROM messages")
        arrivals = {int(identity.split("-")[-2]) for request
                    in receiver.requests for identity in request.ids}
        assert arrivals == {row[0] for row in rows}


# Simple receivers want a message and nothing around it.
def test_with_batch_1_each_message_is_a_bare_body(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=20") as sim, \
            Receiver() as receiver:
        poll = hook(poll_of(sim), receiver, batch=1)
        assert poll.once() == (0, "", "")
        assert [request.body.decode() for request in receiver.requests] == \
            exact_bytes(sim)["app1", "q1"]
        for request in receiver.requests:
            assert [request.id] == request.ids


# What is not JSON cannot be put into a document.
def test_raw_messages_arrive_one_by_one_as_they_are(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=20") as sim, \
            Receiver() as receiver:
        poll = hook(poll_of(sim), receiver)
        poll.queue().update(format="raw", token_pattern='"token": "([^"]*)"')
        assert poll.once() == (0, "", "")
        stored = poll.rows("SELECT body FROM messages ORDER BY arrival")
        assert len(stored) == 2  # two fetches
        for request, (body,) in zip(receiver.requests, stored, strict=True):
            body = body if isinstance(body, bytes) else body.encode()
            assert request.body == body
            assert request.headers["content-type"] == "application/octet-stream"


# The size of a request is what proxies limit.
def test_a_batch_is_limited_by_count_and_size(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=16") as sim, \
            Receiver() as receiver:
        poll = hook(poll_of(sim), receiver, batch=5)
        assert poll.once() == (0, "", "")
        assert [len(request.messages) for request in receiver.requests] == [
            5, 5, 5, 1]
    with Sim("--apps=1", "--queues=1", "--messages=16") as sim, \
            Receiver() as receiver:
        poll = hook(poll_of(sim), receiver, batch_size_max="1K")
        assert poll.once() == (0, "", "")
        assert ",".join(bodies(receiver)["app1", "q1"]) == ",".join(
            exact_bytes(sim)["app1", "q1"])
        for request in receiver.requests:
            assert len(request.body) < 1024 + 50 + len(request.messages)


# Logging in


@pytest.mark.parametrize("secret,options,header", [
    ("s3cr3t pässword", {"user": "crm", "password_file": "secret"},
     ("authorization", "Basic " + base64.b64encode(
         "crm:s3cr3t pässword".encode()).decode())),
    ("tok-en.123", {"token_file": "secret"},
     ("authorization", "Bearer tok-en.123")),
    ("X-Api-Key: 0123456789", {"secret_headers_file": "secret",
                               "headers": ["X-Plain: yes"]},
     ("x-api-key", "0123456789")),
])
def test_each_way_to_log_in(poll_of, secret, options, header):
    with Sim("--apps=1", "--queues=1", "--messages=5") as sim, \
            Receiver() as receiver:
        poll = poll_of(sim)
        secret_write(poll, "secret", secret + "\n")
        hook(poll, receiver, **options)
        assert poll.once() == (0, "", "")
        (request,) = receiver.requests
        assert request.headers[header[0]] == header[1]
        if "headers" in options:
            assert request.headers["x-plain"] == "yes"
        assert secret not in poll.run("check").out


# Error pages may show what was sent. What is secret in it must not get into a
# log, and from there to everybody who reads logs.
@pytest.mark.parametrize("secret,options,name", [
    ("s3cr3t-password", {"user": "crm", "password_file": "secret"},
     "authorization"),
    ("tok-en.123", {"token_file": "secret"}, "authorization"),
    ("X-Api-Key: 0123456789", {"secret_headers_file": "secret"}, "x-api-key"),
])
def test_a_secret_that_is_echoed_is_not_logged(poll_of, secret, options, name):
    def answer(request):
        shown = request.headers[name].split(" ")[-1]
        poll.secrets.add(shown)
        return 500, {}, f"<b>cannot</b> handle: {shown}".encode()

    with Sim("--apps=1", "--queues=1", "--messages=3") as sim, \
            Receiver(answer) as receiver:
        poll = poll_of(sim)
        secret_write(poll, "secret", secret + "\n")
        hook(poll, receiver, **options)
        done = poll.run("outlet", "test", "hook")
        assert done.code == 1 and "status 500" in done.err
        assert "cannot" not in done.err
        poll.check_no_key_was_printed()


# Nor when it has been replaced by another one that cannot be used, so that it is
# still sent.
def test_a_secret_that_stays_in_use_is_not_logged(poll_of):
    def answer(request):
        shown = request.headers["authorization"].split(" ")[-1]
        return 204 if is_well else (500, {}, f"cannot: {shown}".encode())

    is_well = True
    with Sim("--apps=1", "--queues=1", "--messages=1") as sim, \
            Receiver(answer) as receiver:
        poll = poll_of(sim)
        secret_write(poll, "token", "tok-en.123")
        hook(poll, receiver, token_file="token")
        run = poll.start()
        wait_for(receiver.accepted, "the first request")
        secret_write(poll, "token", "tok-en.456\ntok-en.789")

        def is_told():
            sim.script("message app1 q1")
            return run.lines("outlet hook: token: ", "write it in one line")

        wait_for(is_told, "the warning")
        is_well = False
        sim.script("message app1 q1")
        run.wait_for_line("outlet hook", "status 500")
        assert not run.lines("cannot")
        assert run.stop() == 0
        assert not any("tok-en" in line for line in run.lines())


# Secrets are replaced without a restart. The receiver refuses the old one from
# then on; nothing is lost in between.
def test_a_replaced_secret_is_used_within_a_second(poll_of):
    def answer(request):
        return 204 if request.headers["authorization"] == allowed else 401

    allowed = "Bearer first"
    with Sim("--apps=1", "--queues=1", "--messages=5") as sim, \
            Receiver(answer) as receiver:
        poll = poll_of(sim)
        secret_write(poll, "token", "first")
        hook(poll, receiver, token_file="token")
        run = poll.start()
        wait_for(receiver.accepted, "the first request")
        allowed = "Bearer second"
        sim.script("message app1 q1 count=5")
        run.wait_for_line("outlet hook: broken", "401",
                          "check user, password, token")
        secret_write(poll, "token", "second")
        wait_for(lambda: len(receiver.accepted()) == 2, "the second one")
        assert run.stop() == 0


# Whoever can read a secret can forge requests. Messages go on, but the log
# tells, although the receiver has no complaint.
def test_a_secret_that_others_may_read_is_a_warning(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=1") as sim, \
            Receiver() as receiver:
        poll = poll_of(sim)
        token = secret_write(poll, "token", "first")
        hook(poll, receiver, token_file="token")
        run = poll.start()
        wait_for(receiver.accepted, "the first request")
        os.chmod(token, 0o644)

        def is_told():
            sim.script("message app1 q1")
            return run.lines("outlet hook: token_file",
                             "accessible to others", "run chmod 600")

        wait_for(is_told, "the warning")
        assert run.stop() == 0
        assert len(run.lines("accessible to others")) == 1
        assert len(receiver.accepted()) == len(receiver.requests)


# Some receivers know their clients by certificate.
def test_a_client_certificate_is_presented(poll_of, ca, pair):
    client = ca.issue("haplo-poll client")
    with Sim("--apps=1", "--queues=1", "--messages=5") as sim, \
            Receiver(pair=pair, clients_of=ca) as receiver:
        poll = hook(poll_of(sim), receiver, tls_ca_file=str(ca.path),
                    tls_certificate_file=str(client.certificate),
                    tls_key_file=str(client.key))
        assert poll.once() == (0, "", "")
        assert [request.subject for request in receiver.requests] == [
            "haplo-poll client"]


# Refused


# One poison message costs one message: the others of its batch are accepted,
# each once.
def test_one_poison_message_among_many_is_one_dead_letter(poll_of):
    def answer(request):
        return (422, {}, b'{"error":"no email"}') if b"poison" in request.body \
            else 204

    with Sim("--apps=1", "--queues=2", "--messages=100") as sim, \
            Receiver(answer) as receiver:
        sim.add("app1", "q1", [{"x": "poison"}])
        sim.script("message app1 q1 count=99")
        poll = hook(poll_of(sim), receiver, on_refused="dead_letter")
        assert poll.once().code == 0
        rows = poll.rows("SELECT arrival, why FROM dead_letters")
        assert len(rows) == 1
        assert "status 422" in rows[0][1] and "no email" in rows[0][1]
        accepted = [identity for request in receiver.accepted()
                    for identity in request.ids]
        assert len(accepted) == len(set(accepted)) == 299
        refused = [request for request, code
                   in zip(receiver.requests, receiver.answers) if code != 204]
        assert [len(request.ids) for request in refused][0] == 16
        assert {len(request.ids) for request in refused[1:]} == {1}


# Where nobody decided otherwise, an operator does.
def test_a_poison_message_blocks_its_queue_until_it_is_skipped(poll_of):
    with Sim("--apps=1", "--queues=2", "--messages=10") as sim, \
            Receiver(lambda request:
                     400 if b"poison" in request.body else 200) as receiver:
        sim.add("app1", "q1", [{"x": "poison"}])
        sim.script("message app1 q1 count=3")
        poll = hook(poll_of(sim), receiver)
        run = poll.start()
        run.wait_for_line("outlet hook: app1/q1: blocked", "status 400")
        assert poll.run("outlet", "skip", "hook", "app1/q1",
                        write=False).code == 0
        wait_for(lambda: sum(len(request.ids) for request
                             in receiver.accepted()) == 23, "the rest")
        assert run.stop() == 0


# A deployment that answers 400 to everything is no reason to give up data.
def test_a_receiver_that_refuses_everything_makes_no_dead_letters(poll_of):
    status = 400
    with Sim("--apps=1", "--queues=4", "--messages=40") as sim, \
            Receiver(lambda request: status) as receiver:
        poll = hook(poll_of(sim), receiver, on_refused="dead_letter",
                    backoff="10m", backoff_max="10m")
        done = poll.once()
        assert done.code == 1 and "its destination is broken" in done.err
        status = 200
        assert poll.once() == (0, "", "")
        assert poll.rows("SELECT * FROM dead_letters") == []
        assert len(check_identities(receiver.accepted())) == 160


# Nor is the moment at which that begins, although what was on its way is still
# accepted.
def test_no_dead_letters_when_a_receiver_begins_to_refuse(poll_of):
    def answer(request):
        given = status
        time.sleep(len(request.body) % 5 / 1000)  # responses overtake others
        return given

    status = 204
    with Sim("--apps=1", "--queues=20", "--messages=40") as sim, \
            Receiver(answer, is_concurrent=True) as receiver:
        poll = hook(poll_of(sim), receiver, on_refused="dead_letter", batch=1,
                    backoff="10m", backoff_max="10m")
        run = poll.start()
        wait_for(lambda: len(receiver.requests) >= 20, "some requests")
        status = 400
        run.wait_for_line("outlet hook: broken")
        assert run.stop() == 0
        assert poll.rows("SELECT * FROM dead_letters") == []
        status = 204
        assert poll.once().code == 0
        assert len(check_identities(receiver.accepted())) == 800


# Broken


@pytest.mark.parametrize("answer,words", [
    (401, ["status 401", "check user"]),
    ((403, {}, b"<html><b>No entry</b></html>"), ["status 403", "No entry"]),
    (404, ["status 404", "check the path of url"]),
    ((404, {}, b"Cannot POST /hook"), ["status 404: check"]),
    (405, ["status 405", "POST"]),
    (410, ["status 410"]),
    ((302, {"Location": "/other"}),
     ["302", "/...", "not followed", "set url"]),
    ((308, {"Location": "https://elsewhere.example/"}),
     ["308", "https://elsewhere.example/", "set url"]),
])
def test_a_broken_destination_is_reported_and_waited_for(poll_of, answer, words):
    with Sim("--apps=1", "--queues=3", "--messages=20") as sim, \
            Receiver(lambda request: answer) as receiver:
        poll = hook(poll_of(sim), receiver, on_refused="dead_letter",
                    backoff="10m", backoff_max="10m")
        done = poll.once()
        assert done.code == 1
        for word in ["outlet hook: its destination is broken", *words]:
            assert word in done.err
        assert "/hook" not in done.err  # it may be a secret
        assert poll.rows("SELECT * FROM dead_letters") == []
        assert all(request.path == "/hook" for request in receiver.requests)
        answer = 204
        assert poll.once() == (0, "", "")
        assert ",".join(bodies(receiver)["app1", "q1"]) == ",".join(
            exact_bytes(sim)["app1", "q1"])


# Not now


# A receiver that asks for time gets it, in either of the two forms, and the
# other queues feel nothing.
@pytest.mark.parametrize("value", [
    lambda: "3000",
    lambda: email.utils.formatdate(time.time() + 3000, usegmt=True),
])
def test_retry_after_is_honoured(poll_of, value):
    def answer(request):
        is_busy = request.queue[1] == "q1"
        return (503, {"Retry-After": value()}) if is_busy else 204

    with Sim("--apps=1", "--queues=2", "--messages=3") as sim, \
            Receiver(answer) as receiver:
        poll = hook(poll_of(sim), receiver)
        run = poll.start()
        for count in range(1, 20):
            wait_for(lambda: len(receiver.accepted()) >= count, "q2")
            sim.script("message app1 q1 count=1", "message app1 q2 count=1")
        assert run.stop() == 0
        asked = [request for request in receiver.requests
                 if request.queue[1] == "q1"]
        assert len(asked) == 1


# Whatever the receiver does with a request whose answer is lost, the next one
# has the same identity and the same bytes.
@pytest.mark.parametrize("failure", [500, 503, 429, 408, None])
def test_a_failure_is_repeated_as_it_was(poll_of, failure):
    failures = iter([failure] * 3)
    with Sim("--apps=1", "--queues=1", "--messages=20") as sim, \
            Receiver(lambda request: next(failures, 204)) as receiver:
        poll = hook(poll_of(sim), receiver)
        run = poll.start()
        wait_for(lambda: len(receiver.accepted()) == 2, "both batches")
        assert run.stop() == 0
        first = receiver.requests[:4]
        assert len({(request.id, request.body) for request in first}) == 1
        check_identities(receiver.requests)


# A receiver that hangs is not waited for. Whatever it does with the request
# later, the next one is the same.
def test_a_receiver_that_hangs_is_given_up(poll_of):
    def answer(request):
        if len(receiver.requests) == 0:
            is_over.wait(WAIT_S_MAX)
        return 204

    is_over = threading.Event()
    with Sim("--apps=1", "--queues=1", "--messages=3") as sim, \
            Receiver(answer, is_concurrent=True) as receiver:
        poll = hook(poll_of(sim), receiver, total_timeout="300ms")
        run = poll.start()
        run.wait_for_line("outlet hook: app1/q1: ", "total_timeout")
        is_over.set()
        wait_for(lambda: len(receiver.accepted()) >= 2, "the repeat")
        assert run.stop() == 0
        assert len({request.id for request in receiver.requests}) == 1


# A slow machine may make fewer requests, never more. The burst is a tenth of a
# second's.
def test_requests_are_limited_to_a_rate(poll_of):
    times = []

    def answer(request):
        times.append(time.monotonic())
        return 204

    with Sim("--apps=1", "--queues=4", "--messages=12") as sim, \
            Receiver(answer) as receiver:
        poll = hook(poll_of(sim), receiver, batch=1, rate_limit=60)
        begin = time.monotonic()
        assert poll.once() == (0, "", "")
        assert len(times) == 48
        assert times[-1] - begin > (48 - 6 - 1) / 60


# The head of a response says it all: old servers end the body by closing.
def test_a_success_needs_no_length(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=3") as sim, \
            Receiver(has_length=False) as receiver:
        poll = hook(poll_of(sim), receiver)
        assert poll.once() == (0, "", "")
        assert len(receiver.requests) == 1


# A page of any size may come back. It is neither kept nor waited for.
def test_an_endless_response_is_not_read(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=3") as sim, \
            Receiver(lambda request: (200, {}, b"x" * 10_000_000)) as receiver:
        poll = hook(poll_of(sim), receiver)
        assert poll.once() == (0, "", "")
        assert len(receiver.requests) == 1


# In front of it


# nginx answers 413 by itself to what is too large for it. The batch is then
# sent message by message.
def test_behind_nginx_a_batch_that_is_too_large_is_split(poll_of, ca, pair,
                                                         tmp_path):
    with Sim("--apps=1", "--queues=1", "--messages=16") as sim, \
            Receiver() as receiver, \
            Nginx(tmp_path, pair, receiver.port, "2k") as nginx:
        poll = hook(poll_of(sim), receiver, tls_ca_file=str(ca.path))
        poll.config["outlets"][0]["url"] = f"{nginx.url}/hook"
        assert poll.once() == (0, "", "")
        assert ",".join(bodies(receiver)["app1", "q1"]) == ",".join(
            exact_bytes(sim)["app1", "q1"])
        assert [len(request.messages) for request in receiver.requests] == \
            [1] * 16
        check_identities(receiver.requests)


# Configuration


@pytest.mark.parametrize("options,words", [
    ({"url": "crm.example/hook"}, ["url", "no scheme"]),
    ({"url": "http://crm.example/hook"}, ["url", "allow_http"]),
    ({"token_file": "missing"}, ["token_file", "missing"]),
    ({"token_env": "NO_SUCH_VARIABLE_HERE"}, ["token_env"]),
    ({"user": "x"}, ["user", "password_file"]),
    ({"headers": ["Host: x"]}, ["headers", "Host"]),
    ({"signing_secret_env": "HOME"}, ["signing_secret", "whsec_"]),
    ({"batch": 51}, ["batch", "50"]),
])
def test_what_cannot_work_is_found_by_check(poll_of, options, words):
    with Sim("--apps=1", "--queues=1") as sim, Receiver() as receiver:
        poll = hook(poll_of(sim), receiver, **options)
        done = poll.run("check", "--strict")
        assert done.code == 2
        lines = [line for line in errors_in(done.err) if "outlet" in line]
        assert len(lines) == 1, done.err
        for word in words:
            assert word in lines[0]
