"""Whom haplo-poll trusts: tls_ca_file, of each server."""
import shutil
import subprocess

import pytest

from poll import BUILD, preloaded
from sim import Sim

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
        assert "no certificates could be read from " in done.err
        assert "/empty.pem; see tls_ca_file" in done.err
        poll.check_nothing_lost(stored={("app2", "q1")})


# With so many files, servers of different ones come to share libcurl's
# connections, which must not make one trust what another does.
def test_more_files_than_multi_handles(poll_of):
    count = MULTI_COUNT_MAX + 40
    with Sim("--apps=1", f"--queues={count}", "--messages=1", "--tls") as sim:
        poll = poll_of(sim)
        server = poll.server()
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
        assert all("issuer certificate" in line for line in lines)
        assert sim.unread() == 20
