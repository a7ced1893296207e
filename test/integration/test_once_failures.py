"""haplo-poll once, with queues, keys and servers that fail: each costs itself
only, and is reported so that an operator knows what to do."""
import pytest

from poll import check_one_line_each, set_queue, set_server
from sim import Sim

# Queues and servers that fail


class Case:
    """What is done to app1/q1, and what must be said of it.

    script: lines for the simulator. change: of the configuration. words: in
    the line on stderr. all: the whole of app1 fails, not only q1.
    """

    def __init__(self, *words, script=(), change=None, all=False):
        self.words = words
        self.script = [script] if isinstance(script, str) else list(script)
        self.change = change
        self.all = all


def fault(words, kind, **options):
    script = f"fault app=app1 queue=q1 on=fetch {kind}"
    return Case(*words, script=script, **options)


def ask_for_unknown_queue(sim, poll):
    poll.queue()["api_key_file"] = "keys/app1-wide"
    poll.queue()["name"] = "qq"


def use_other_key(sim, poll):
    poll.queue()["api_key_file"] = "keys/app1-q2"


def use_own_app(sim, poll, lines, url):
    """Puts a new application behind the name app1."""
    sim.script(lines)
    poll.server()["url"] = url(sim.apps["other"])
    for queue in poll.server()["queues"]:
        queue["api_key_file"] = f"keys/other-{queue['name']}"


def use_alias(sim, poll):
    use_own_app(
        sim,
        poll,
        "app other queues=2 messages=20 alias=127.0.0.1",
        lambda app: app["url"].replace("localhost", "127.0.0.1"),
    )


def use_http(sim, poll):
    use_own_app(
        sim,
        poll,
        "app other queues=2 messages=20 tls=yes http-redirect=yes",
        lambda app: app["http_url"],
    )


HTML = ("expected application/json", "text/html")
LOST = ("lost before the response was complete",)
BAD_JSON = ("not a JSON document",)
CASES = {
    "unknown queue": Case(
        *HTML, "name of the queue", change=ask_for_unknown_queue
    ),
    "queue of method send": Case(
        *HTML, 'method is "poll"', script="queue app1 q1 method=send"
    ),
    "key without permission": Case(
        *HTML, "user of the key may", script="key app1 q1 status=unpermitted"
    ),
    "bad key": Case(
        "403 INVALID-API-KEY", script="key app1 q1 status=revoked"
    ),
    "key of another queue": Case("403 INVALID-API-KEY", change=use_other_key),
    "blocked user": Case(
        "403 UNAUTHORISED", script="key app1 q1 status=blocked"
    ),
    "expired certificate": Case(
        "TLS with localhost", "has expired",
        script="app app1 certificate=expired", all=True,
    ),
    "unknown CA": Case(
        "TLS with localhost", "issuer certificate", "see tls_ca_file",
        script="app app1 certificate=unknown-ca", all=True,
    ),
    "certificate of another": Case(
        "TLS with localhost", "match", "'localhost'",
        script="app app1 certificate=wrong-name", all=True,
    ),
    "not the primary host": Case(
        "302 to http://localhost:", "not followed", "change the server's `url`",
        change=use_alias, all=True,
    ),
    "http to https": Case(
        "302 to https://localhost:", "not followed",
        "change the server's `url` to https://localhost:",
        change=use_http, all=True,
    ),
    "redirect elsewhere": fault(
        ["302 to https://elsewhere.example/", "not followed"],
        "do=redirect times=0",
    ),
    "404": Case(
        "404", "may be inactive", script="app app1 active=no", all=True
    ),
    "body over its cap": fault(
        ["max_body", "1048576"], "do=huge size=8m times=0",
        change=set_queue(max_body="1M"),
    ),
    "batch over its cap": Case(
        "max_body", "1024", change=set_queue(max_body="1K")
    ),
    "cut": fault(LOST, "do=cut at=500 times=0"),
    "cut in the head": fault(
        ["lost before any response"], "do=cut at=0 times=0"
    ),
    "reset": fault(
        ["connection was lost", "reset by peer"], "do=reset at=500 times=0"
    ),
    "length too large": fault(LOST, "do=length by=100 times=0"),
    "HTML with 200": fault([*HTML, "Maintenance"], "do=html times=0"),
    "500": fault(["server responded 500"], "do=status code=500 times=0"),
    "429": fault(
        ["server responded 429"], "do=status code=429 retry-after=0 times=0"
    ),
    "503 for long": fault(
        ["server responded 503", "next try would be in 3600 s"],
        "do=status code=503 retry-after=3600 times=0",
    ),
    "418": fault(
        ["responded 418", "unexpected"], "do=status code=418 times=0"
    ),
    "half a document": fault(BAD_JSON, "do=json-truncated times=0"),
    "garbage behind": fault(BAD_JSON, "do=json-trailing times=0"),
    "other version": fault(["version is 1"], "do=json-version times=0"),
    "token no string": fault(
        ["token", "not a string"], "do=json-token times=0"
    ),
    "not HTTP": fault(["not valid HTTP/1.1"], "do=garbage times=0"),
    "no answer": fault(
        ["no response within 500 ms", "first_byte_timeout"],
        "do=stall at=0 times=0",
        change=set_server(first_byte_timeout="500ms"),
    ),
    "stall": fault(
        ["no data for 500 ms", "stall_timeout"], "do=stall at=500 times=0",
        change=set_server(stall_timeout="500ms"),
    ),
    "drip": fault(
        ["response incomplete after 900 ms", "total_timeout"],
        "do=drip bytes=16 every=100ms times=0",
        change=set_server(total_timeout="900ms"),
    ),
    "refused": Case(
        "connect to localhost port", "connection refused",
        script="fault app=app1 do=refuse", all=True,
    ),
    "no such name": Case(
        "resolve no-such-host.invalid",
        change=set_server(url="https://no-such-host.invalid"), all=True,
    ),
    "another format": Case(
        *HTML[:1], "text/csv", "`format`",
        script="queue app1 q1 formatter=csv",
    ),
}


# Each failure affects only its own queue, and its report lets an operator know
# what to do.
@pytest.mark.parametrize("name", CASES)
def test_failure(poll_of, name):
    case = CASES[name]
    tls = [] if name == "not the primary host" else ["--tls"]
    with Sim("--apps=2", "--queues=2", "--messages=20", *tls) as sim:
        poll = poll_of(sim)
        if case.script:
            sim.script(*case.script)
        if case.change:
            case.change(sim, poll)
        bad = poll.queue_list() if case.all else poll.queue_list()[:1]
        done = poll.once()
        assert done.code == 1 and done.out == ""
        names = [f"app1/{queue['name']}" for queue in bad]
        check_one_line_each(done, names, case.words)

        good = {("app2", "q1"), ("app2", "q2")}
        good |= set() if case.all else {("app1", "q2")}
        poll.check_nothing_lost(stored=good)
        assert sim.unread("app1", "q1") == 20
        assert sim.queue_stats("app1", "q1")["marks"] == 0
        assert poll.run("-v", "once").code == 1  # printed no key: poll_of
        poll.check_nothing_lost(stored=good)


# A mark that fails leaves stored what is stored; the next run stores no
# message again, and marks it.
@pytest.mark.parametrize(
    "kind,words",
    [
        ("do=status code=500", "server responded 500"),
        ("do=html", "expected application/json or text/plain"),
        ("do=redirect", "302 to https://elsewhere.example/"),
        ("do=cut at=20 done=yes", "lost before the response was complete"),
        ("do=reset at=0 done=no", "lost before any response"),
        ("do=garbage done=yes", "not valid HTTP/1.1"),
        ("do=half-mark", "server responded 500"),
    ],
)
def test_failed_mark(poll_of, kind, words):
    with Sim("--apps=2", "--queues=2", "--messages=10", "--tls") as sim:
        poll = poll_of(sim)
        poll.queue()["mark_attempts_max"] = 1
        sim.script(f"fault app=app1 queue=q1 on=mark {kind} times=0")
        done = poll.once()
        if done.code != 0:  # done=yes: the next fetch is empty, and proves it
            assert done.code == 1
            check_one_line_each(done, ["app1/q1"], [words])
        good = set(sim.all_messages()) - {("app1", "q1")}
        poll.check_nothing_lost(stored=good)
        assert poll.inbox_count("app1") == 20
        sim.script("clear faults")
        assert poll.once() == (0, "", "")
        poll.check_all_stored()


# What soon resolves itself must not be reported as a failure.
@pytest.mark.parametrize(
    "kind",
    [
        "do=status code=503 retry-after=1",
        "do=status code=500 times=2",
        "do=cut at=300 times=2",
        "do=close times=2",
        "do=reset at=0 done=yes on=mark",
        "do=half-mark on=mark",
        "do=hang-up times=4",
    ],
)
def test_what_mends_itself_is_no_failure(poll_of, kind):
    with Sim("--apps=2", "--queues=2", "--messages=20") as sim:
        poll = poll_of(sim)
        sim.script(f"fault app=app1 {kind}")
        assert poll.once() == (0, "", "")
        poll.check_all_stored()


# A server asks for silence when there were too many failed logins: any
# further request would prolong it, for people too.
def test_throttle_ends_the_servers_queues_at_once(poll_of):
    with Sim("--apps=2", "--queues=3", "--messages=20", "--tls") as sim:
        poll = poll_of(sim)
        sim.script("set throttle-after=1", "key app1 q1 status=revoked")
        done = poll.once()
        assert done.code == 1
        lines = done.err.splitlines()
        assert len(lines) == 3
        assert "app1/q1" in lines[0] and "INVALID-API-KEY" in lines[0]
        assert all("THROTTLE" in line for line in lines[1:])
        assert any("app1/q2: " in line for line in lines[1:])
        assert any("app1/q3: " in line for line in lines[1:])
        assert sim.app_stats("app1")["requests"] == 2
        poll.check_nothing_lost(
            stored={("app2", "q1"), ("app2", "q2"), ("app2", "q3")}
        )


# Fifty failed logins lock out an address, its people included.
def test_many_bad_keys_are_not_all_tried(poll_of):
    with Sim("--apps=2", "--queues=60", "--messages=1") as sim:
        poll = poll_of(sim)
        sim.script(*[f"key app1 q{n} status=revoked" for n in range(1, 61)])
        done = poll.once()
        assert done.code == 1
        lines = done.err.splitlines()
        assert len(lines) == 60
        assert len([line for line in lines if "INVALID-API-KEY" in line]) == 5
        assert len([line for line in lines if "was not tried" in line]) == 55
        assert sim.app_stats("app1")["failed_logins"] == 5
        assert sim.unread("app2") == 0
