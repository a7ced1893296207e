"""A reload when the configuration is as before, but files that it names are
not: those of TLS, and the secrets of outlets."""
import signal
import threading

import pytest

from receiver import Receiver, signature
from reloading import quick, reload, started
from sim import Sim, replace_file, wait_for
from tls_peers import Authority, TlsServer, drained

SECRETS = ["whsec_" + 32 * letter for letter in "ab"]


@pytest.fixture
def sim():
    with Sim("--apps=1", "--queues=1", "--messages=3") as sim:
        yield sim


def tls_server_at(poll, server, ca_file, **options):
    """Polled at the start, and then when it is told."""
    config = {**server.config("strict", "keys/app1-q1"),
              "tls_ca_file": str(ca_file), "interval": "1h", "backoff": "1h",
              "backoff_max": "1h", **options}
    poll.config["servers"].append(config)
    return poll


def polled_now(poll, server):
    """Polls it, and returns the subjects that the server has seen by now. Files
    of TLS are looked at once a second: after a moment they are used."""
    done = poll.run("-q", "poll-now", "strict", write=False)
    assert done.code == 0, done
    return server.subjects


# Renewed certificates arrive as files, and a reload is how many are told.
def test_a_renewed_client_certificate_is_presented(sim, poll_of):
    ca = Authority(sim.dir, "test-ca")
    old, new = ca.issue("old"), ca.issue("new")
    with TlsServer(drained, ca.issue("server"), ca) as server:
        poll = tls_server_at(poll_of(sim), server, ca.path,
                             tls_certificate_file=str(old.certificate),
                             tls_key_file=str(old.key))
        run = started(poll)
        wait_for(lambda: polled_now(poll, server)[:1] == ["old"])
        replace_file(old.key, new.key.read_text())
        replace_file(old.certificate, new.certificate.read_text())
        assert "nothing has changed" in reload(poll)
        wait_for(lambda: polled_now(poll, server)[-1] == "new")
        first = server.subjects.index("new")
        assert set(server.subjects[first:]) == {"new"}
        assert run.stop() == 0


# The server has moved to another authority, and its administrator puts that
# one's certificate into the file.
def test_a_corrected_ca_file_is_used(sim, poll_of):
    wrong, right = (Authority(sim.dir, name) for name in ("wrong", "right"))
    trusted = sim.dir / "trusted.pem"
    replace_file(trusted, wrong.path.read_text())
    with TlsServer(drained, right.issue("server")) as server:
        poll = tls_server_at(poll_of(sim), server, trusted)
        run = started(poll)
        polled_now(poll, server)
        run.wait_for_line("strict", "certificate")
        assert not server.subjects
        replace_file(trusted, right.path.read_text())
        assert "nothing has changed" in reload(poll)
        wait_for(lambda: polled_now(poll, server))
        assert run.stop() == 0


# What is in flight is finished with the old secret. Nothing is sent twice, and
# the next one has the new secret, however early it comes.
def test_an_outlet_takes_its_new_secrets(sim, poll_of):
    held, go_on = threading.Event(), threading.Event()

    def answer(request):
        if not held.is_set():
            held.set()
            assert go_on.wait(120)
        return 204

    with Receiver(answer) as receiver:
        poll = quick(poll_of(sim))
        poll.config["outlets"] = [receiver.outlet(
            signing_secret_file="secret", token_file="token")]
        poll.secrets |= {"first", "second", *SECRETS}
        replace_file(poll.folder / "secret", SECRETS[0])
        replace_file(poll.folder / "token", "first")
        run = started(poll)
        wait_for(held.is_set)
        replace_file(poll.folder / "secret", SECRETS[1])
        replace_file(poll.folder / "token", "second")
        run.signal(signal.SIGHUP)
        line, = run.wait_for_line("reloaded: generation 2,")
        assert "waiting: 1" in line
        sim.script("message app1 q1 count=5")
        wait_for(lambda: sim.unread() == 0)
        go_on.set()
        wait_for(lambda: len(receiver.accepted()) == 2)
        for request, token, secret in zip(receiver.accepted(),
                                          ["first", "second"], SECRETS):
            assert request.headers["authorization"] == f"Bearer {token}"
            assert signature(request, secret) in request.signatures
        assert "nothing has changed" in reload(poll)
        assert run.stop() == 0
        assert [len(request.messages) for request in receiver.requests] == \
            [3, 5]
