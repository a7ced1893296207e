"""Servers behind a proxy: whom a line names when something is wrong."""
import pytest

from hostile import answer
from sim import Sim
from tls_peers import Authority, Proxy, TlsServer, drained


@pytest.fixture
def sim():
    with Sim("--apps=1", "--queues=1", "--messages=3") as sim:
        yield sim


def behind(poll, server, ca, proxy_url):
    """Configures a server behind a proxy, at 127.0.0.1."""
    poll.config["servers"].append({**server.config("far", "keys/app1-q1"),
                                   "proxy": proxy_url,
                                   "tls_ca_file": str(ca.path)})


def line_of(done):
    lines = [line for line in done.err.splitlines() if "far/q" in line]
    assert len(lines) == 1, done.err
    return lines[0]


# Both have a certificate, and only one of them is wrong.
@pytest.mark.parametrize("wrong", [None, "proxy", "server"])
@pytest.mark.parametrize("how, words", [
    ("issuer", "if its issuer is to be trusted, see tls_ca_file"),
    ("expired", "certificate has expired"),
    ("host", "no alternative certificate subject name matches"),
])
def test_the_peer_with_the_wrong_certificate_is_named(sim, poll_of, wrong, how,
                                                      words):
    ca = Authority(sim.dir, "test-ca")

    def issue(name):
        if name != wrong:
            return ca.issue(name)
        if how == "issuer":
            return Authority(sim.dir, "other-ca").issue(name)
        if how == "expired":
            return ca.issue(name, days=-1)
        return ca.issue(name, hosts="DNS:elsewhere.example")

    poll = poll_of(sim)
    with (TlsServer(drained, issue("server")) as server,
          Proxy(issue("proxy")) as proxy):
        behind(poll, server, ca, proxy.url)
        done = poll.once()
        if wrong is None:
            assert done.code == 0 and server.fetches == 1
            return
        assert done.code == 1
        expected = (f"TLS with proxy 127.0.0.1 port {proxy.port}: "
                    if wrong == "proxy"
                    else f"TLS with 127.0.0.1 port {server.port}: ")
        assert expected in line_of(done)
        assert words in line_of(done)


# `once` must not try it again and again.
def test_a_login_that_is_missing_names_its_option(sim, poll_of):
    ca = Authority(sim.dir, "test-ca")
    poll = poll_of(sim)
    refusal = answer(b"who?", status="407 Proxy Authentication Required",
                     extra="Proxy-Authenticate: Basic realm=x\r\n")
    with (TlsServer(drained, ca.issue("server")) as server,
          Proxy(refuse=refusal) as proxy):
        behind(poll, server, ca, proxy.url)
        done = poll.once()
        assert done.code == 1
        assert ("requires a user and a password; put them into `proxy`"
                in line_of(done))
        assert len(proxy.connections) == 1


# Nor may it count as a failed login, of which a server allows 50.
def test_a_refusal_of_the_proxy_is_not_a_failed_login(sim, poll_of):
    ca = Authority(sim.dir, "test-ca")
    poll = poll_of(sim)
    with (TlsServer(drained, ca.issue("server")) as server,
          Proxy(refuse=answer(b"no", status="403 Forbidden")) as proxy):
        behind(poll, server, ca, proxy.url)
        done = poll.once()
        assert done.code == 1
        assert (f"proxy 127.0.0.1 port {proxy.port} refuses to connect to "
                f"127.0.0.1 port {server.port}: 403; see `proxy`"
                in line_of(done))
        assert len(proxy.connections) == 1


# A frequent mistake, for which OpenSSL has only "wrong version number".
def test_http_and_https_mixed_up_are_recognised(sim, poll_of):
    ca = Authority(sim.dir, "test-ca")
    poll = poll_of(sim)
    plain_port = sim.url().rsplit(":", 1)[1]
    with TlsServer(drained, ca.issue("server")) as server:
        behind(poll, server, ca, f"https://localhost:{plain_port}")
        key = "keys/app1-q1"
        poll.config["servers"] += [
            {**server.config("plain", key),
             "url": f"https://localhost:{plain_port}"},
            {**server.config("tls", key),
             "url": f"http://127.0.0.1:{server.port}"}]
        done = poll.once()
        assert done.code == 1
        assert ("wrong version number; does the proxy speak plain HTTP?"
                in line_of(done))
        assert "does the server speak plain HTTP? Check the port" in done.err
