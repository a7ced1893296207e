"""haplo-poll once: drains all queues, and tells of each that it could not."""
import json
import os
import pathlib
import re
import resource
import signal
import sqlite3
import subprocess

import pytest

from poll import PROGRAM
from sim import Sim, wait_for

# The good case


# The promise of the program: all of it, each message once, byte for byte.
def test_drains_everything(poll_of):
    with Sim("--apps=5", "--queues=4", "--messages=40", "--tls") as sim:
        poll = poll_of(sim)
        done = poll.run("once")
        assert done.code == 0
        poll.check_all_stored()
        assert poll.inbox().total() == 5 * 4 * 40
        rows = [line.split() for line in done.out.splitlines()]
        table = {row[0]: row for row in rows}
        assert table["server"][1:5] == "queues batches messages repeats".split()
        assert table["app3"][1:6] == ["4", "12", "160", "0", "0"]
        assert table["all"][1:6] == ["20", "60", "800", "0", "0"]
        assert sim.app_stats()["running_peak"] == 1  # one request at a time


# What every odd message is for: no byte may change on the way.
def test_every_quirk_arrives_byte_for_byte(poll_of):
    with Sim("--apps=1", "--queues=2", "--edge", "--tls") as sim:
        poll = poll_of(sim)
        assert poll.once().code == 0
        poll.check_all_stored()
        assert poll.inbox_count() > 20


# From cron, nothing that is fine may cause a mail.
def test_quiet_prints_nothing(poll_of):
    with Sim("--apps=1", "--queues=2", "--messages=20") as sim:
        poll = poll_of(sim)
        assert poll.run("-q", "once") == (0, "", "")
        assert poll.run("once", "--quiet") == (0, "", "")
        poll.check_all_stored()


# On a terminal one line tells how far it is, and is out of the way of others.
def test_progress_on_a_terminal(poll_of):
    with Sim("--apps=1", "--queues=2", "--messages=3", "--latency=150ms") as sim:
        sim.script("key app1 q2 status=revoked")
        poll = poll_of(sim)
        poll.write()
        master, terminal = os.openpty()
        with subprocess.Popen(
            [PROGRAM, "-c", poll.path, "once"],
            stdout=subprocess.PIPE, stderr=terminal,
        ) as process:
            os.close(terminal)
            table = process.stdout.read().decode()
            assert process.wait() == 1
        printed = os.read(master, 65536).decode()
        os.close(master)
        poll.printed += [table, printed]
        assert re.search(r"\rhaplo-poll: \d of 2 queues done, \d messages",
                         printed)
        lines = [line.split("\r")[-1] for line in printed.split("\r\n")]
        assert any(line.startswith("haplo-poll: fetch app1/q2: 403")
                   for line in lines)
        assert re.search(r"^all .* 3 ", table, re.M)


# A second run on drained queues must neither fail nor store anything again.
def test_second_run_finds_nothing(poll_of):
    with Sim("--apps=2", "--queues=2", "--messages=20") as sim:
        poll = poll_of(sim)
        assert poll.once().code == 0
        assert poll.once().code == 0
        poll.check_all_stored()


# An admin's resend has the same id and bytes, and must be delivered again.
def test_unsent_messages_are_stored_again(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=20") as sim:
        poll = poll_of(sim)
        assert poll.once().code == 0
        sim.script("unsend app1 q1 all")
        assert poll.once().code == 0
        assert sim.unread() == 0
        assert set(poll.inbox().values()) == {2}
        assert poll.inbox_count() == 40


# Servers of all ages are in the field, and 2019 sends all it has at once.
@pytest.mark.parametrize("revision", ["2019", "mid-2020", "2020-07"])
def test_revisions(poll_of, revision):
    with Sim(
        "--apps=2", "--queues=2", "--messages=50", f"--revision={revision}"
    ) as sim:
        poll = poll_of(sim)
        assert poll.once() == (0, "", "")
        poll.check_all_stored()


# -v is for finding out what happens: a line for each change of state.
def test_verbose_tells_each_change_of_state(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=20") as sim:
        done = poll_of(sim).run("-v", "-q", "once")
        assert done.code == 0
        states = [
            line.split("] ", 1)[1]
            for line in done.err.splitlines()
            if "app1/q1: " in line
        ]
        assert states[:6] == [
            "app1/q1: IDLE -> READY",
            "app1/q1: READY -> FETCHING",
            "app1/q1: FETCHING -> DELIVERING 16",
            "app1/q1: DELIVERING -> MARK_READY 16",
            "app1/q1: MARK_READY -> MARKING 16",
            "app1/q1: MARKING -> READY",
        ]


# Formatters of a queue's own


def raw(pattern, content_type=None):
    keys = {"format": "raw", "token_pattern": pattern}
    return {**keys, "content_type": content_type} if content_type else keys


FORMATS = {
    "csv": raw("#token,([A-Za-z0-9+/=]*)", "text/csv"),
    "xml": raw('token="([^"]*)"', "application/xml"),
    "xml ": raw('token="([^"]*)"'),
    "string": raw("^token=([A-Za-z0-9+/=]*)", "text/html"),
    "json-other": {
        "token_pointer": "/batch/ack",
        "messages_pointer": "/batch/items",
    },
}


# Many queues have formatters: their batches must be kept and marked as well.
@pytest.mark.parametrize("name", FORMATS)
def test_formatters_drain(poll_of, name):
    formatter = name.strip()
    with Sim(
        "--apps=1", "--queues=1", "--messages=20", f"--formatter={formatter}"
    ) as sim:
        poll = poll_of(sim)
        poll.queue().update(FORMATS[name])
        assert poll.once() == (0, "", "")
        assert sim.unread() == 0
        bodies = [body for _, _, body in poll.inbox().elements()]
        if formatter == "json-other":
            refs = [json.loads(body)["ref"] for body in bodies]
            assert refs == list(range(1, 21))
        else:
            assert len(bodies) == 2  # a batch is one message
        for message in sim.messages():
            assert message["marked"] == 1


# Without a token nothing could ever be marked: it has to be said, not tried.
def test_format_without_token_is_refused(poll_of):
    with Sim(
        "--apps=2",
        "--queues=1",
        "--messages=20",
        scenario="set formatter=none\n"
        "app app3 queues=1 messages=3 formatter=xml-without-token\n",
    ) as sim:
        poll = poll_of(sim)
        poll.queue("app3")["format"] = "raw"
        done = poll.once()
        assert done.code == 2
        assert len(done.err.splitlines()) == 1
        assert "poll.yaml:" in done.err and "token_pattern" in done.err
        assert "app3" in done.err and "q1" in done.err

        poll.queue("app3")["token_pattern"] = 'token="([^"]*)"'
        done = poll.once()
        assert done.code == 1
        assert done.err.splitlines() == [
            "haplo-poll: fetch app3/q1: token_pattern found no token"
        ]
        assert sim.queue_stats("app3")["marks"] == 0


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


def set_queue(**options):
    return lambda sim, poll: poll.queue().update(options)


def set_server(**options):
    return lambda sim, poll: poll.server().update(options)


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
        *HTML, "queue's name", change=ask_for_unknown_queue
    ),
    "queue of method send": Case(
        *HTML, 'method is "poll"', script="queue app1 q1 method=send"
    ),
    "key without permission": Case(
        *HTML, "key's user may", script="key app1 q1 status=unpermitted"
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
        "404", "may not be active", script="app app1 active=no", all=True
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
    "500": fault(["server answered 500"], "do=status code=500 times=0"),
    "429": fault(
        ["server answered 429"], "do=status code=429 retry-after=0 times=0"
    ),
    "503 for long": fault(
        ["server answered 503", "next try would be in 3600 s"],
        "do=status code=503 retry-after=3600 times=0",
    ),
    "418": fault(
        ["answered 418", "not expected"], "do=status code=418 times=0"
    ),
    "half a document": fault(BAD_JSON, "do=json-truncated times=0"),
    "garbage behind": fault(BAD_JSON, "do=json-trailing times=0"),
    "other version": fault(["version is 1"], "do=json-version times=0"),
    "token no string": fault(
        ["token", "not a string"], "do=json-token times=0"
    ),
    "not HTTP": fault(["not valid HTTP/1.1"], "do=garbage times=0"),
    "no answer": fault(
        ["no response within 50 ms", "first_byte_timeout"],
        "do=stall at=0 times=0",
        change=set_server(first_byte_timeout="50ms"),
    ),
    "stall": fault(
        ["no data for 50 ms", "stall_timeout"], "do=stall at=500 times=0",
        change=set_server(stall_timeout="50ms"),
    ),
    "drip": fault(
        ["response incomplete after 300 ms", "total_timeout"],
        "do=drip bytes=16 every=20ms times=0",
        change=set_server(total_timeout="300ms"),
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


def check_one_line_each(done, names, words):
    """For each failed queue one line, which names it and the cause."""
    lines = done.err.splitlines()
    assert len(lines) == len(names), done.err
    for name in names:
        own = [line for line in lines if f"{name}: " in line.split(", ")[0]]
        assert own, (name, done.err)
    for line in lines:
        assert line.startswith("haplo-poll: ")
        assert len(line) < 500
        for word in words:
            assert word in line, (word, line)


# Each way to fail costs its own queue only, and is told so that an operator
# knows what to do.
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
        ("do=status code=500", "server answered 500"),
        ("do=html", "expected application/json or text/plain"),
        ("do=redirect", "302 to https://elsewhere.example/"),
        ("do=cut at=20 done=yes", "lost before the response was complete"),
        ("do=reset at=0 done=no", "lost before any response"),
        ("do=garbage done=yes", "not valid HTTP/1.1"),
        ("do=half-mark", "server answered 500"),
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


# What mends itself soon must not be reported as a failure.
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


# The disk and the inbox


def two_sinks(poll, path="inbox.db"):
    """app1/q1 goes to inbox, all other queues to other.db."""
    poll.config["sinks"] = [
        {"name": "inbox", "type": "sqlite", "path": path},
        {"name": "other", "type": "sqlite", "path": "other.db"},
    ]
    poll.config["defaults"]["sink"] = "other"
    poll.queue()["sink"] = "inbox"
    return [poll.folder / path, poll.folder / "other.db"]


def check_disk_full(poll, sim, files, **options):
    done = poll.once(**options)
    assert done.code == 1
    check_one_line_each(done, ["deliver app1/q1"], [str(files[0]), "disk"])
    poll.check_nothing_lost(*files, stored={("app1", "q2"), ("app2", "q1")})
    unread = sim.unread("app1", "q1")
    assert 0 < unread < 300  # some found room
    return unread


# A full disk must stop the marks of what finds no room, and nothing else; with
# room again, it goes on where it was.
def test_disk_full(poll_of, small_disk):
    with Sim(
        "--apps=2", "--queues=2", "--messages=20", "--size=2k", "--tls"
    ) as sim:
        sim.script("message app1 q1 count=280")
        poll = poll_of(sim)
        path = str(small_disk / "inbox.db") if small_disk else "inbox.db"
        files = two_sinks(poll, path)

        def limit_files():
            resource.setrlimit(resource.RLIMIT_FSIZE, (256 << 10, 256 << 10))

        options = {} if small_disk else {"preexec_fn": limit_files}
        check_disk_full(poll, sim, files, **options)
        if small_disk:
            command = ["mount", "-o", "remount,size=16m", small_disk]
            subprocess.run(command, check=True)
        assert poll.once() == (0, "", "")
        poll.check_nothing_lost(*files, stored=sim.all_messages())


# A limit on the size of files kills by a signal, unless that is ignored.
def test_file_size_limit(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=300", "--size=2k") as sim:
        poll = poll_of(sim)
        limit = (256 << 10, 256 << 10)
        done = poll.once(
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        )
        assert done.code == 1
        check_one_line_each(done, ["deliver app1/q1"], ["inbox.db", "disk"])
        poll.check_nothing_lost()
        assert 0 < sim.unread() < 300
        assert poll.once() == (0, "", "")
        poll.check_all_stored()


# Somebody's open sqlite3 shell must cost no message, and be named as the cause.
def test_inbox_locked_the_whole_time(poll_of):
    with Sim("--apps=2", "--queues=2", "--messages=20", "--tls") as sim:
        poll = poll_of(sim)
        files = two_sinks(poll)
        sim.script("fault app=app1 queue=q1 on=fetch do=delay for=200ms")
        once = poll.start("-q", "once")
        wait_for(lambda: sim.app_stats("app1")["requests"] > 0)
        lock = sqlite3.connect(files[0], isolation_level=None)
        lock.execute("BEGIN EXCLUSIVE")
        try:
            assert once.wait() == 1
        finally:
            lock.close()
        lines = once.err.splitlines()
        assert len(lines) == 1
        assert "deliver app1/q1: " in lines[0] and "lock" in lines[0]
        good = set(sim.all_messages()) - {("app1", "q1")}
        poll.check_nothing_lost(*files, stored=good)
        assert sim.queue_stats("app1", "q1")["marks"] == 0
        assert poll.once() == (0, "", "")
        poll.check_nothing_lost(*files, stored=sim.all_messages())


# The same before it starts: told at once, and nothing is fetched.
def test_inbox_locked_at_the_start(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=20") as sim:
        poll = poll_of(sim)
        assert poll.once().code == 0
        sim.script("message app1 q1 count=3")
        lock = sqlite3.connect(poll.inbox_path, isolation_level=None)
        lock.execute("BEGIN EXCLUSIVE")
        try:
            done = poll.once()
        finally:
            lock.close()
        assert done.code == 1
        check_one_line_each(done, ["sink inbox"], ["inbox.db", "lock"])
        assert sim.unread() == 3


def make_text(path):
    path.write_text("Dear diary, this is a text and no database. " * 100)


def make_other_database(path):
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE diary (entry)")
    database.close()


def make_newer(path):
    database = sqlite3.connect(path)
    version = database.execute("PRAGMA user_version").fetchone()[0]
    database.execute(f"PRAGMA user_version = {version + 1}")
    database.close()


# Another file in the inbox's place must neither be written to, nor cost a
# message.
@pytest.mark.parametrize(
    "make,words",
    [
        (pathlib.Path.mkdir, "is a folder"),
        (make_text, "not an SQLite database"),
        (make_other_database, "not an inbox of haplo-poll"),
        (make_newer, "made by a newer haplo-poll"),
    ],
)
def test_inbox_is_something_else(poll_of, make, words):
    with Sim("--apps=1", "--queues=1", "--messages=20") as sim:
        poll = poll_of(sim)
        if make is make_newer:
            assert poll.once().code == 0
            sim.script("message app1 q1 count=20")
        make(poll.inbox_path)
        size = os.path.getsize(poll.inbox_path)
        done = poll.once()
        assert done.code == 2
        check_one_line_each(done, ["sink inbox"], [words, "poll.yaml:4:"])
        assert sim.unread() == 20
        assert os.path.getsize(poll.inbox_path) == size


# Configuration


# A wrong configuration starts nothing; test_check.py has more of them.
@pytest.mark.parametrize(
    "change,words",
    [
        (
            set_server(url="http://192.0.2.1"),
            ["server app1", "http://", "allow_http"],
        ),
        (set_server(intervall="5m"), ['"intervall"', '"interval"']),
        (set_queue(sink="nowhere"), ["app1", "q1", "nowhere"]),
        (set_queue(api_key_file="keys/none"), ["q1", "keys/none"]),
        (set_queue(interval="5 minutes"), ["interval", "5 minutes"]),
    ],
)
def test_configuration_error(poll_of, change, words):
    with Sim("--apps=1", "--queues=2", "--messages=20") as sim:
        poll = poll_of(sim)
        change(sim, poll)
        done = poll.once()
        assert done.code == 2 and done.out == ""
        assert len(done.err.splitlines()) == 1
        assert "poll.yaml:" in done.err
        for word in words:
            assert word in done.err
        assert sim.unread() == 40 and not poll.inbox_path.exists()


# http to another host is allowed where the configuration says so in words.
def test_allow_http(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=3") as sim:
        poll = poll_of(sim)
        poll.server().update(
            url="http://192.0.2.1", allow_http=True, connect_timeout="20ms"
        )
        done = poll.once()
        assert done.code == 1
        check_one_line_each(done, ["app1/q1"], ["connect to 192.0.2.1"])


# A state directory that cannot be made.
def test_state_dir_in_nowhere(poll_of):
    with Sim("--apps=1", "--queues=1") as sim:
        poll = poll_of(sim)
        poll.config["state_dir"] = "nowhere/state"
        done = poll.once()
        assert done.code == 2
        check_one_line_each(
            done, ["haplo-poll"], ["state_dir", "nowhere/state", "parent"]
        )


# Lock and signals


# Two processes on one state directory would mark for each other.
def test_state_dir_in_use(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=20") as sim:
        poll = poll_of(sim)
        run = poll.start()
        run.wait_for_line("polling; queues: 1")
        done = poll.once()
        assert done.code == 3
        check_one_line_each(done, ["haplo-poll"], ["in use by process"])
        assert f"process {run.process.pid}:" in done.err
        second = poll.start()
        assert second.wait() == 3

        run.kill()  # no clean-up: the kernel frees the lock
        assert poll.once().code == 0
        poll.check_all_stored()


# ^C must be told from "all drained" by a script, and lose nothing.
def test_interrupted(poll_of):
    with Sim(
        "--apps=1", "--queues=2", "--messages=400", "--latency=5ms"
    ) as sim:
        poll = poll_of(sim)
        once = poll.start("once")
        wait_for(lambda: sim.queue_stats()["marked"] >= 32)
        once.signal(signal.SIGINT)
        assert once.wait(10) == 1
        assert "SIGINT" in once.err
        poll.check_nothing_lost()
        assert 0 < sim.unread() < 800
        assert sum(message["sent"] for message in sim.messages()) + sum(
            message["sent"] for message in sim.messages(queue="q2")
        ) == poll.inbox_count()  # what was stored was marked
        assert poll.once().code == 0
        poll.check_all_stored()
