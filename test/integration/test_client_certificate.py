"""tls_certificate_file and tls_key_file: what is presented to servers."""
import os
import pty
import re
import select
import shutil
import ssl
import time

import pytest

from poll import BUILD, PROGRAM, RUN_S_MAX, preloaded
from sim import Sim, replace_file, wait_for
from tls_peers import Authority, TlsServer, drained, openssl

OTHER_TLS = BUILD.resolve() / "other_tls.so"
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.fixture
def sim():
    with Sim("--apps=1", "--queues=1", "--messages=3") as sim:
        yield sim


@pytest.fixture
def ca(sim):
    return Authority(sim.dir, "test-ca")


@pytest.fixture
def present(sim, poll_of):
    """Configures a server that a certificate is presented to."""
    def make(server, ca, pair=None):
        poll = poll_of(sim)
        config = server.config("strict", "keys/app1-q1")
        config["tls_ca_file"] = str(ca.path)
        config["interval"] = "20ms"
        if pair is not None:
            config["tls_certificate_file"] = str(pair.certificate)
            config["tls_key_file"] = str(pair.key)
        poll.config["servers"].append(config)
        return poll
    return make


def replace(pair, by):
    """As careful programs do it."""
    for old, new in zip(pair, by):
        shutil.copy(new, f"{old}.new")
        os.rename(f"{old}.new", old)


# The old one may have been revoked, while connections and sessions that were
# made with it live on.
@pytest.mark.parametrize("version", VERSIONS)
def test_a_replaced_certificate_is_used_from_then_on(present, ca, version):
    old, new = ca.issue("old"), ca.issue("new")
    with TlsServer(drained, ca.issue("server"), ca, version) as server:
        running = present(server, ca, old).start()
        wait_for(lambda: server.subjects.count("old") >= 2)
        replace(old, new)
        wait_for(lambda: server.subjects.count("new") >= 3)
        assert running.stop() == 0
        first = server.subjects.index("new")
        assert set(server.subjects[first:]) == {"new"}


# Between the two, the files do not fit: the old pair has to do.
def test_a_half_replaced_pair_is_not_used(present, ca):
    old, new = ca.issue("old"), ca.issue("new")
    key = old.key.read_bytes()
    with TlsServer(drained, ca.issue("server"), ca) as server:
        running = present(server, ca, old).start()
        wait_for(lambda: len(server.subjects) >= 2)
        replace_file(old.certificate, new.certificate.read_text())
        running.wait_for_line("is not the key of the certificate in",
                              "the certificate that was read before stays in "
                              "use")
        count = len(server.subjects)
        wait_for(lambda: len(server.subjects) >= count + 2)
        assert set(server.subjects) == {"old"}
        assert key == old.key.read_bytes()
        replace_file(old.key, new.key.read_text())
        wait_for(lambda: "new" in server.subjects)
        assert len(running.lines("stays in use")) == 1
        assert running.stop() == 0


# TLS 1.2 says "handshake failure", and TLS 1.3 says it when the request has
# been sent, if there is still time to read that.
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("which, words", [
    ("none", "does it want a client certificate? See tls_certificate_file"),
    ("stranger", "does it accept the client certificate? See "
                 "tls_certificate_file"),
    ("expired", "tls_certificate_file"),
])
def test_a_refused_certificate_names_its_option(sim, present, ca, version,
                                                which, words):
    other = Authority(sim.dir, "other-ca")
    pair = {"none": lambda: None,
            "stranger": lambda: other.issue("stranger"),
            "expired": lambda: ca.issue("expired", days=-1)}[which]()
    with TlsServer(drained, ca.issue("server"), ca, version) as server:
        done = present(server, ca, pair).once()
        assert done.code == 1
        line = next(line for line in done.err.splitlines() if "strict" in line)
        assert words in line


def encrypt(pair, old_form):
    """The key with a passphrase, in both of OpenSSL's forms."""
    command = ["ec", "-aes256"] if old_form else ["pkcs8", "-topk8"]
    openssl(*command, "-in", pair.key, "-passout", "pass:secret", "-out",
            f"{pair.key}.new")
    os.rename(f"{pair.key}.new", pair.key)


def run_on_terminal(poll, *arguments):
    """Runs it with a terminal of its own: exit code and what it printed."""
    poll.write()
    pid, master = pty.fork()
    if pid == 0:
        os.execve(PROGRAM, [PROGRAM, "-c", poll.path, *arguments],
                  poll.environment)
    printed = b""
    end = time.monotonic() + RUN_S_MAX
    while time.monotonic() < end:
        if select.select([master], [], [], 0.1)[0]:
            try:
                printed += os.read(master, 4096)
            except OSError:
                break  # all of its side is closed
    else:
        os.kill(pid, 9)
    os.close(master)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return code, printed.decode(errors="replace")


# OpenSSL would ask on the terminal, and all queues would wait for the answer.
@pytest.mark.parametrize("old_form", [False, True])
def test_nobody_is_asked_for_a_passphrase(sim, present, ca, old_form):
    pair = ca.issue("client")
    encrypt(pair, old_form)
    with TlsServer(drained, ca.issue("server"), ca) as server:
        poll = present(server, ca, pair)
        code, printed = run_on_terminal(poll, "-q", "once")
        printed = " ".join(printed.split())
        assert code == 1
        assert "pass phrase" not in printed
        assert "client.key is encrypted" in printed
        assert sim.unread("app1", "q1") == 0
        advice = re.search(r"`openssl (pkey -in \S+ -out) NEW_FILE`", printed)
        openssl(*advice.group(1).split(), f"{pair.key}.new", "-passin",
                "pass:secret")
        os.rename(f"{pair.key}.new", pair.key)
        assert poll.once().code == 0
        assert server.subjects == ["client"]


# Without the OpenSSL that is linked here, libcurl reads the files.
def test_libcurl_asks_nobody_either(sim, present, ca):
    pair = ca.issue("client")
    with TlsServer(drained, ca.issue("server"), ca) as server:
        poll = present(server, ca, pair)
        poll.environment = preloaded(poll.environment, OTHER_TLS)
        assert poll.once().code == 0
        assert server.subjects == ["client"]
        encrypt(pair, False)
        code, printed = run_on_terminal(poll, "-q", "once")
        printed = " ".join(printed.split())
        assert code == 1
        assert "pass phrase" not in printed
        assert "see tls_certificate_file and tls_key_file" in printed


# An error that OpenSSL calls "no start line".
def test_a_file_of_another_kind_is_named(present, ca):
    pair = ca.issue("client")
    with TlsServer(drained, ca.issue("server"), ca) as server:
        poll = present(server, ca, pair)
        openssl("x509", "-in", pair.certificate, "-outform", "DER", "-out",
                f"{pair.certificate}.new")
        os.rename(f"{pair.certificate}.new", pair.certificate)
        done = poll.once()
        assert done.code == 1
        assert ("tls_certificate_file: " + str(pair.certificate) +
                " has no certificate in PEM format") in done.err
