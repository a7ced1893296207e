"""Whom haplo-poll trusts: tls_ca_file, of each server."""
import os
import pathlib
import shutil
import ssl
import subprocess

import pytest

from poll import BUILD, preloaded
from sim import Sim, replace_file, wait_for
from tls_peers import Authority, TlsServer, drained, drained_and_closed

OTHER_TLS = BUILD.resolve() / "other_tls.so"
MULTI_COUNT_MAX = 512  # of src/http/multi.h


def other_authority(folder):
    """The file of an authority that has signed nothing."""
    path = folder / "other.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=other",
         "-keyout", folder / "other.key", "-out", path],
        check=True, stderr=subprocess.DEVNULL)
    return str(path)


@pytest.fixture(params=["lent", "read by libcurl"])
def poll_either_way(request, poll_of):
    """With the certificates parsed here, and by libcurl."""
    def make(sim):
        poll = poll_of(sim)
        if request.param == "read by libcurl":
            poll.environment = preloaded(poll.environment, OTHER_TLS)
        return poll
    return make


# A server's own authority is that server's.
def test_each_server_is_verified_with_its_own_file(poll_either_way):
    with Sim("--apps=2", "--queues=1", "--messages=3", "--tls") as sim:
        poll = poll_either_way(sim)
        poll.server("app1")["tls_ca_file"] = other_authority(sim.dir)
        done = poll.once()
        assert done.code == 1
        assert "TLS with localhost" in done.err
        assert "issuer certificate" in done.err
        assert "see tls_ca_file" in done.err
        assert "app1/q1" in done.err and "app2" not in done.err
        assert sim.unread("app1", "q1") == 3
        poll.check_nothing_lost(stored={("app2", "q1")})


# An operator can find a file that is empty by mistake.
def test_a_file_without_certificates_is_named(poll_either_way):
    with Sim("--apps=2", "--queues=1", "--messages=3", "--tls") as sim:
        poll = poll_either_way(sim)
        (sim.dir / "empty.pem").write_text("")
        poll.server("app1")["tls_ca_file"] = "empty.pem"
        done = poll.once()
        assert done.code == 1
        assert ("/empty.pem; see tls_ca_file" in done.err or
                "/empty.pem has no certificates in PEM format" in done.err)
        poll.check_nothing_lost(stored={("app2", "q1")})


# With so many files, servers of different ones come to share libcurl's
# connections, which must not make one trust what another does.
def test_more_files_than_multi_handles(poll_of):
    count = MULTI_COUNT_MAX + 40
    with Sim("--apps=1", f"--queues={count}", "--messages=1", "--tls") as sim:
        poll = poll_of(sim)
        server = poll.server()
        server["connect_timeout"] = "10m"  # all of them connect at once
        servers = []
        for i, queue in enumerate(server["queues"]):
            ca_file = sim.dir / f"ca-{i}.pem"
            shutil.copy(sim.ca, ca_file)
            servers.append({**server, "name": f"s{i}", "queues": [queue],
                            "tls_ca_file": str(ca_file)})
        for bad in servers[-20:]:
            bad["tls_ca_file"] = other_authority(sim.dir)
        poll.config["servers"] = servers
        done = poll.once()
        assert done.code == 1
        lines = done.err.splitlines()
        assert len(lines) == 20
        assert all("issuer certificate" in line for line in lines), lines
        assert sim.unread() == 20


def swap_link(path, target):
    """As Kubernetes does it, with a link to the folder."""
    other = path.with_suffix(".new")
    other.symlink_to(target)
    os.rename(other, path)


def overwrite(path, source):
    path.write_bytes(source.read_bytes())


# An operator repairs the file and expects it to be used.
@pytest.mark.parametrize("through_link", [False, True])
def test_a_repaired_file_is_used_at_once(poll_of, through_link):
    with Sim("--apps=1", "--queues=1", "--messages=3", "--tls") as sim:
        poll = poll_of(sim)
        wrong = pathlib.Path(other_authority(sim.dir))
        used = sim.dir / "used.pem"
        if through_link:
            used.symlink_to(wrong)
        else:
            overwrite(used, wrong)
        poll.server()["tls_ca_file"] = str(used)
        poll.server()["interval"] = "20ms"
        running = poll.start()
        running.wait_for_line("issuer certificate", "see tls_ca_file")
        if through_link:
            swap_link(used, sim.ca)
        else:
            overwrite(used, pathlib.Path(sim.ca))
        wait_for(lambda: sim.unread() == 0)
        assert running.stop() == 0
        poll.check_all_stored()


# What is missing would not be noticed until a server needs it.
def test_a_malformed_block_is_named_and_nothing_is_trusted(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=3", "--tls") as sim:
        poll = poll_of(sim)
        good = pathlib.Path(sim.ca).read_text()
        spoiled = sim.dir / "spoiled.pem"
        spoiled.write_text(good + "# cut short\n" + good[:200] + "\n")
        poll.server()["tls_ca_file"] = str(spoiled)
        done = poll.once()
        assert done.code == 1
        line = good.count("\n") + 2
        assert (f"spoiled.pem, line {line}: the block has no line \"-----END "
                "CERTIFICATE-----\"; see tls_ca_file") in done.err
        assert sim.unread() == 3


# It may be half-written, and a working service must not end for that.
def test_a_file_that_is_damaged_later_leaves_the_old_trust(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=1") as sim:
        ca = Authority(sim.dir, "test-ca")
        used = sim.dir / "used.pem"
        overwrite(used, ca.path)
        with TlsServer(drained_and_closed, ca.issue("server")) as server:
            poll = poll_of(sim)
            config = server.config("closing", "keys/app1-q1")
            config["tls_ca_file"] = str(used)
            config["interval"] = "20ms"
            poll.config["servers"].append(config)
            running = poll.start()
            wait_for(lambda: server.fetches >= 2)
            replace_file(used, "half")
            running.wait_for_line("closing/q: tls_ca_file: ",
                                  "stay in use")
            count = server.fetches
            wait_for(lambda: server.fetches >= count + 3)
            assert len(running.lines("stay in use")) == 1
            assert running.stop() == 0


# Connections and TLS sessions that were verified with the old file live on, and
# a resumed session is not verified again.
@pytest.mark.parametrize("answer", [drained, drained_and_closed])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2,
                                     ssl.TLSVersion.TLSv1_3])
def test_what_is_no_longer_trusted_is_left(poll_of, answer, version):
    with Sim("--apps=1", "--queues=1", "--messages=1") as sim:
        ca = Authority(sim.dir, "test-ca")
        used = sim.dir / "used.pem"
        overwrite(used, ca.path)
        with TlsServer(answer, ca.issue("server"), version=version) as server:
            poll = poll_of(sim)
            config = server.config("old", "keys/app1-q1")
            config["tls_ca_file"] = str(used)
            config["interval"] = "20ms"
            poll.config["servers"].append(config)
            running = poll.start("-v", "run")
            wait_for(lambda: server.fetches >= 3)
            overwrite(used, pathlib.Path(other_authority(sim.dir)))
            running.wait_for_line("old/q: TLS with", "issuer certificate")
            count = server.fetches
            running.wait_for_line("old/q: FETCHING -> BACKOFF", count=4)
            assert server.fetches == count
            assert running.stop() == 0
