"""An API key that somebody has written where it does not belong: in one of the
many places of a configuration, or into a request. No command repeats it, however
wrong the place is: what they print is pasted into mails and tickets.

The fixture poll_of searches for the key in all that was printed and served."""
import json

import pytest

from admin_client import Admin
from sim import Sim, wait_for


def queue_option(name):
    def plant(poll, key):
        poll.queue().pop("api_key_file", None)
        poll.queue()[name] = key

    return plant


def server_option(name, form="{}"):
    def plant(poll, key):
        poll.server()[name] = form.format(key)

    return plant


def top_option(name, form="{}"):
    def plant(poll, key):
        poll.config[name] = form.format(key)

    return plant


def in_url(form):
    def plant(poll, key):
        poll.server()["url"] = poll.server()["url"].replace(
            "://", "://" + form.format(key)) if form.endswith("@") else (
                poll.server()["url"] + form.format(key))

    return plant


def outlet(**options):
    def plant(poll, key):
        poll.config["outlets"] = [{
            "name": "exec", "type": "webhook", "url": "http://127.0.0.1:9/",
            **json.loads(json.dumps(options).replace("KEY", key))}]

    return plant


def command(poll, key):
    del poll.queue()["api_key_file"]
    poll.queue()["api_key_command"] = ["echo", key]


PLACES = {
    "file": queue_option("api_key_file"),
    "variable": queue_option("api_key_env"),
    "credential": queue_option("api_key_credential"),
    "command": command,
    "unknown option": queue_option("api_key"),
    "option of a wrong type": queue_option("interval"),
    "choice": queue_option("format"),
    "CA file": server_option("tls_ca_file"),
    "certificate": server_option("tls_client_certificate"),
    "option of a server": server_option("api_key"),
    "user": server_option("user"),
    "path": server_option("fetch_path", "/fetch?key={}"),
    "user of the URL": in_url("haplo:{}@"),
    "query of the URL": in_url("/?key={}"),
    "path of the URL": in_url("/{}"),
    "top": top_option("api_key"),
    "include": top_option("include"),
    "user of a webhook": outlet(url="http://haplo:KEY@127.0.0.1:9/"),
    "query of a webhook": outlet(url="http://127.0.0.1:9/?key=KEY"),
    "secret of a webhook": outlet(secret="KEY"),
    "file of a secret": outlet(token_file="KEY"),
    "headers of a webhook": outlet(headers={"Authorization": "Bearer KEY"}),
}
COMMANDS = [["check"], ["check", "--json"], ["doctor"], ["doctor", "--json"],
            ["once"], ["-v", "once"], ["explain", "app1/q1"],
            ["explain", "exec"], ["status"], ["peek", "app1/q1"],
            ["outlet", "test", "exec"], ["inbox", "list"]]


@pytest.mark.parametrize("place", PLACES)
def test_key_in_a_wrong_place_is_not_repeated(poll_of, place):
    with Sim("--apps=1", "--queues=2", "--messages=1") as sim:
        poll = poll_of(sim)
        poll.config["defaults"] |= {"interval": "100ms"}
        run = poll.start("-v", "run")  # with what is right
        sim.wait_until_read()
        PLACES[place](poll, sim.key())
        for words in COMMANDS:
            poll.run(*words)
        poll.run("reload")
        run.look()
        if run.process.poll() is None:
            run.stop()
        again = poll.start("-v", "run")
        wait_for(lambda: again.err)
        again.kill()


# A line that is no YAML is quoted by the error, but without a key in it.
@pytest.mark.parametrize("line", [
    "  - {}: [", "api_key: {}\n  : x", "{}", "servers: &{}", "servers: *{}",
    "\t{}", "'{}"])
def test_key_in_a_line_that_is_not_yaml_is_not_repeated(poll_of, line):
    with Sim("--apps=1", "--queues=1") as sim:
        poll = poll_of(sim)
        poll.write()
        with open(poll.path, "w", encoding="utf-8") as file:
            file.write(line.format(sim.key()) + "\n")
        for words in (["check"], ["check", "--json"], ["once"], ["doctor"]):
            assert poll.run(*words, write=False).code == 2


# Clients of the admin socket make mistakes as well: their requests are in the
# responses, and may be in the log.
def test_key_in_a_request_is_not_logged(poll_of):
    with Sim("--apps=1", "--queues=1") as sim:
        poll = poll_of(sim)
        run = poll.start("-v", "run")
        run.wait_for_line("polling; queues: 1")
        admin = Admin(poll.state_dir / "admin.sock",
                      Authorization=f"Bearer {sim.key()}")
        for path in ("/api/v1/status", "/metrics",
                     f"/api/v1/queues/app1/q1?key={sim.key()}"):
            poll.printed.append(repr(admin.ask("GET", path)))
        admin.ask("GET", f"/api/v1/queues/app1/{sim.key()}")
        admin.ask("POST", "/api/v1/session", {"token": sim.key()})
        assert run.stop() == 0
