"""Servers that differ from what Haplo documents: behind a reverse proxy that
gives them a path, here nginx, and modified ones with other paths, another user
and another field."""
import pytest

from nginx_server import Nginx, proxy_pass
from sim import Sim
from tls_peers import Authority

API = "/api/haplo-integration-messages/poll"


@pytest.fixture
def sim():
    with Sim("--apps=2", "--queues=2", "--messages=40") as sim:
        yield sim


@pytest.fixture
def nginx_of(sim, tmp_path):
    """Starts nginx with these locations; ends it after the test."""
    started = []

    def start(locations):
        pair = Authority(sim.dir, "nginx-ca").issue("nginx")
        started.append(Nginx(tmp_path, pair, locations=locations).__enter__())
        return started[-1]

    yield start
    for nginx in started:
        nginx.__exit__()


def behind(poll, nginx, **paths):
    """Each of these servers is reached through nginx, under its path."""
    for name, path in paths.items():
        poll.server(name).update(url=nginx.url + path,
                                 tls_ca_file="nginx-ca.pem")


def port_of(sim, app):
    return sim.apps[app]["port"]


# One name, two servers, told apart by the path alone: their queues have the
# same names, and each message must end up as that of its own server.
def test_two_servers_share_a_proxy(sim, poll_of, nginx_of):
    nginx = nginx_of({"/live/": proxy_pass(port_of(sim, "app1")),
                      "/test/x/": proxy_pass(port_of(sim, "app2"))})
    poll = poll_of(sim)
    behind(poll, nginx, app1="/live", app2="/test/x/")
    done = poll.once()
    assert (done.code, done.err) == (0, "")
    poll.check_all_stored()
    requests = set(nginx.log.read_text().splitlines())
    assert requests == {
        f"{method} {path}{API}/{queue}/{verb} 200"
        for path in ("/live", "/test/x") for queue in ("q1", "q2")
        for method, verb in (("GET", "fetch"), ("POST", "mark"))}


# The proxy knows nothing of the path: its own page must not pass for an answer
# of the server, nor for a refused key.
def test_a_wrong_path_is_told(sim, poll_of, nginx_of):
    nginx = nginx_of({"/live/": proxy_pass(port_of(sim, "app1"))})
    poll = poll_of(sim)
    del poll.config["servers"][1]
    behind(poll, nginx, app1="/lve")
    done = poll.once()
    assert done.code == 1
    assert "app1/q1: " in done.err and "404" in done.err
    assert sim.app_stats("app1")["requests"] == 0


# The proxy was reorganised, and redirects: the advice must lead to a URL that
# works.
def test_a_redirect_tells_the_new_url_with_its_path(sim, poll_of, nginx_of):
    nginx = nginx_of({
        "/new/": proxy_pass(port_of(sim, "app1")),
        "/old/": "rewrite ^/old/(.*)$ https://$http_host/new/$1 permanent"})
    poll = poll_of(sim)
    del poll.config["servers"][1]
    behind(poll, nginx, app1="/old")
    done = poll.once()
    assert done.code == 1
    advice = done.err.split("change the server's `url` to ")[1].split()[0]
    assert advice == f"{nginx.url}/new"
    poll.server()["url"] = advice
    assert poll.once().code == 0
    poll.check_nothing_lost(stored=[("app1", "q1"), ("app1", "q2")])


# A server that was modified has all of it in another way, and the simulator
# writes the configuration for it.
def test_a_modified_server(poll_of):
    with Sim("--apps=1", "--queues=2", "--messages=40", "--path=/haplo",
             "--fetch-path=/v2/{queue}", "--mark-path=/v2/{queue}/done",
             "--user=service", "--token-field=batch") as sim:
        poll = poll_of(sim)
        assert poll.server()["url"].endswith("/haplo")
        done = poll.once()  # as documented: nothing is there
        assert done.code == 1 and sim.unread() == 80
        poll.server().update(fetch_path="/v2/{queue}", user="service",
                             mark_path="/v2/{queue}/done", token_field="batch")
        done = poll.once()
        assert (done.code, done.err) == (0, "")
        poll.check_all_stored()


# Without a login, no such server would tell whose messages it marks.
def test_the_user_matters(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=1",
             "--user=service") as sim:
        poll = poll_of(sim)
        assert poll.once().code == 1
        poll.server()["user"] = "service"
        assert poll.once().code == 0
        poll.check_all_stored()


# People see the log and the output of check: a secret in a URL is refused before
# it gets there, by every command.
@pytest.mark.parametrize("path", ["?token=planted", "/x?key=planted",
                                  "/x#planted", "/planted-"])
def test_a_secret_in_a_url_is_refused(poll_of, path):
    secret = "zQ4" * 14
    with Sim("--apps=1", "--queues=1") as sim:
        poll = poll_of(sim)
        poll.server()["url"] += path.replace("planted", secret)
        for command in "check", "once":
            done = poll.run(command)
            assert done.code != 0
            assert "url: (hidden): " in done.err
            assert secret not in done.out + done.err
