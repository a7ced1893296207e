"""haplo-sim responds as the real server does, and fails on request."""
import base64
import gzip
import http.client
import json
import os
import re
import shlex
import signal
import socket
import ssl
import subprocess
import time
import urllib.parse

import pytest

from sim import PROGRAM, ROOT, Sim, SimError, wait_for

CAPTURES = ROOT / "test" / "captures"
POLL = "/api/haplo-integration-messages/poll/"


# The wire


class Answer:
    """A response as received."""

    def __init__(self, raw):
        head, _, self.body = raw.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.line = lines[0]
        self.status = int(lines[0].split(" ")[1]) if lines[0] else 0
        self.headers = [tuple(line.split(": ", 1)) for line in lines[1:]]

    def header(self, name):
        return dict(self.headers).get(name)

    def json(self):
        return json.loads(self.body)


def connect(url, ca=None, timeout=10):
    parts = urllib.parse.urlsplit(url)
    plain = socket.create_connection(("127.0.0.1", parts.port), timeout)
    if parts.scheme == "http":
        return plain
    context = ssl.create_default_context(cafile=ca)
    return context.wrap_socket(plain, server_hostname="localhost")


def request_bytes(method, path, host="localhost", key=None, body=None, headers=()):
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}"]
    if key is not None:
        user = base64.b64encode(b"haplo:" + key.encode()).decode()
        lines.append(f"Authorization: Basic {user}")
    lines += headers
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


def receive_all(connection):
    """Bytes until the end; True when it was a reset."""
    data = b""
    try:
        while True:
            part = connection.recv(65536)
            if not part:
                return data, False
            data += part
    except (ConnectionResetError, ssl.SSLEOFError):
        return data, True


def exchange(url, data, ca=None):
    """Sends a request with Connection: close and returns the answer."""
    end = data.index(b"\r\n")
    data = data[:end] + b"\r\nConnection: close" + data[end:]
    with connect(url, ca) as connection:
        connection.sendall(data)
        raw, _ = receive_all(connection)
    answer = Answer(raw)
    assert answer.headers[-1:] == [("Connection", "close")]
    answer.headers.pop()
    return answer


FORM = "Content-Type: application/x-www-form-urlencoded"


def fetch(sim, app="app1", queue="q1", key=None, headers=(), path=None):
    path = path or f"{POLL}{queue}/fetch"
    key = sim.key(app, queue) if key is None else key
    data = request_bytes("GET", path, key=key, headers=headers)
    return exchange(sim.url(app), data, sim.ca)


def mark(sim, token, app="app1", queue="q1", key=None, quote=True):
    body = "token=" + (urllib.parse.quote(token, safe="") if quote else token)
    key = sim.key(app, queue) if key is None else key
    data = request_bytes(
        "POST", f"{POLL}{queue}/mark", key=key, body=body.encode(), headers=[FORM]
    )
    return exchange(sim.url(app), data, sim.ca)


def ids(answer):
    token = answer.json()["token"]
    assert token == "" or base64.b64decode(token, validate=True)
    return [int(i) for i in base64.b64decode(token).split(b",") if i]


# Captures: the same request gives the same answer


class Command:
    """The curl command of a capture."""

    WITH_VALUE = {"-X", "-H", "-d", "-F", "--user", "--data-urlencode"}
    IGNORED_VALUE = {"--cacert", "--connect-to"}

    def __init__(self, text):
        line = [l for l in text.splitlines() if l.startswith("curl ")][0]
        words = shlex.split(line)[1:]
        self.method = None
        self.headers = []
        self.data = self.user = self.form = None
        while words:
            word = words.pop(0)
            if word in self.WITH_VALUE:
                self.take(word, words.pop(0))
            elif word in self.IGNORED_VALUE:
                words.pop(0)
            elif word == "--head":
                self.method = "HEAD"
            elif not word.startswith("-"):
                self.url = word
        self.method = self.method or ("GET" if self.data is None else "POST")
        if self.form:
            self.method = "POST"

    def take(self, word, value):
        if word == "-X":
            self.method = value
        elif word == "-H":
            self.headers.append(value)
        elif word == "-d":
            self.data = value.encode()
        elif word == "--data-urlencode":
            name, _, value = value.partition("=")
            self.data = f"{name}={urllib.parse.quote(value, safe='')}".encode()
        elif word == "-F":
            self.form = value
        elif word == "--user":
            self.user = value

    def request(self, key, path):
        parts = urllib.parse.urlsplit(self.url.replace("${SERVER}", "localhost:1"))
        headers = list(self.headers)
        host = parts.netloc
        for header in self.headers:
            if header.startswith("Host: "):
                host = header[6:]
                headers.remove(header)
        if self.user is not None:
            user = self.user.split(":")[0]
            pair = base64.b64encode(f"{user}:{key}".encode()).decode()
            headers.append(f"Authorization: Basic {pair}")
        body = self.data
        if self.form:
            body = b"--x\r\nContent-Disposition: form-data; name=token\r\n\r\nNA==\r\n--x--\r\n"
            headers.append("Content-Type: multipart/form-data; boundary=x")
        elif body is not None and not any("Content-Type" in h for h in headers):
            headers.append(FORM)
        return request_bytes(
            self.method, path or parts.path, host=host, body=body, headers=headers
        )


def shape(body):
    """A body without what differs from run to run: ids, dates, tokens, ports."""
    body = re.sub(rb"\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", b"DATE", body)
    body = re.sub(rb"localhost:\d+", b"localhost:PORT", body)
    body = re.sub(rb'("token": |"ack":|token=)"?[A-Za-z0-9+/=]*"?', b"TOKEN", body)
    body = re.sub(rb"#token,[A-Za-z0-9+/=]*", b"#TOKEN", body)
    body = re.sub(rb'("id": ?|id="|"ref":|ids=)\d+', b"ID", body)
    body = re.sub(rb"^\d+,", b"ID,", body, flags=re.M)
    body = re.sub(rb'"81q\d+"', b"PROJECT", body)
    body = re.sub(rb'"20\d\d-\d\d-\d\d"', b"DAY", body)
    return re.sub(rb'"(change|create|notify)"', b"TYPE", body)


SET_UP = """
app main alias=alias.example.com
app tls tls=yes http-redirect=yes
app old revision=2019
queue main q1
queue main q2
queue main push method=send
queue main one
queue main full
queue main uni
queue main edge
queue main mark
queue main xml formatter=xml
queue main csv formatter=csv
queue main jsonalt formatter=json-other
queue main str formatter=string
queue main xmlnotoken formatter=xml-without-token
queue tls q1
queue old q1 messages=20
message main one data={"type":"change","project":"81q48","date":"2019-01-26"}
message main uni data={"title":"caf\u00e9 \u4e2d\u6587 \U0001f600","\u03a9":"e\u0301 \u2028 \ufeff","rtl":"\u0627\u0644"}
message main edge data={"id":"mine","datetime":"yesterday","type":"overrides"}
message main edge data=["an","array"]
message main edge data={"10":"ten","2":"two","type":"integer keys first"}
message main edge data={"text":"nul \\u0000 \\u0001 quote \\" back \\\\","big":12345678901234567000,"small":1e-7,"lone":"x?y","deep":{"a":[{},[],null,true]}}
message main xml data={"type":"a<b"}
message main csv data={"type":"x"}
message main jsonalt data={"type":"x"}
message main str data={"type":"x"}
message tls q1 count=3
""" + "".join(
    f'message main full data={{"type":"notify","n":{n}}}\n' for n in range(1, 21)
)


def numbered(sim, queue, *data):
    lines = [f"message main {queue} data={json.dumps(d)}" for d in data]
    sim.script(*lines)
    return sim.messages("main", queue)[-len(data) :]


def token_of(messages):
    text = ",".join(str(m["id"]) for m in messages)
    return base64.b64encode(text.encode()).decode()


# What has to be the case before a capture's request, and its token if the one
# of the capture means nothing here: name -> function(sim) -> token or None.


def three_and_one(sim):
    three = numbered(sim, "mark", *({"type": "change", "n": n} for n in (1, 2, 3)))
    numbered(sim, "mark", {"type": "arrived after the fetch"})
    return token_of(three)


def marked_once(sim):
    token = three_and_one(sim)
    assert mark(sim, token, "main", "mark").json()["markedCount"] == 3
    return token


def unsent_one(sim):
    marked_once(sim)
    sim.script(f"unsend main mark {sim.messages('main', 'mark')[1]['id']}")


def fetched_three(sim):
    numbered(sim, "mark", *({"type": "change", "n": n} for n in (1, 2, 3)))


def fails_half_way(sim):
    sim.script("fault app=main queue=full on=mark do=half-mark")
    return fetch(sim, "main", "full").json()["token"]


def failed_half_way(sim):
    token = fetch(sim, "main", "full").json()["token"]
    mark(sim, token_of(sim.messages("main", "full")[:5]), "main", "full")
    return token


def throttled(sim):
    for _ in range(50):
        fetch(sim, "main", "q1", key="0" * 44)


def old_token(sim):
    return fetch(sim, "old", "q1").json()["token"]


def one_unread(sim):
    three_and_one(sim)
    mark(sim, token_of(sim.messages("main", "mark")[:3]), "main", "mark")


def script(*lines):
    return lambda sim: sim.script(*lines) and None


BEFORE = {
    "app-not-active-get": script("app main active=no"),
    "app-not-active-post": script("app main active=no"),
    "auth-blocked-user-get": script("key main q1 status=blocked"),
    "auth-blocked-user-post": script("key main q1 status=blocked"),
    "auth-not-in-group-is-200-html": script("key main q1 status=unpermitted"),
    "error-mark-fails-half-way-500": fails_half_way,
    "error-mark-repeated-after-that": failed_half_way,
    "mark-0-the-fetch-before": fetched_three,
    "mark-1-ok": three_and_one,
    "mark-2-same-token-again": marked_once,
    "mark-3-empty-token": one_unread,
    "mark-4-no-body": one_unread,
    "mark-5-json-body-is-ignored": one_unread,
    "mark-9-by-get": one_unread,
    "mark-10-ids-of-another-queue": three_and_one,
    "mark-11-fetch-after-unsend": unsent_one,
    "plugin2019-mark": old_token,
    "throttle-get-with-good-key": throttled,
    "throttle-post-with-good-key-is-html": throttled,
}

# Without an HTTP answer, by another client than ours, or of two answers: these
# have tests of their own below.
ELSEWHERE = {
    "docs-script-fetch",
    "docs-script-mark",
    "fault-reset-after-mark",
    "fault-reset-before-mark",
    "fault-truncated-body",
    "redirect-followed-post-becomes-get",
    "redirect-followed-with-auth-marks-nothing",
}

NAMES = sorted(path.stem for path in CAPTURES.glob("*.cmd"))


@pytest.fixture(scope="module")
def set_up_sim():
    with Sim(scenario=SET_UP) as sim:
        yield sim


def target(sim, name):
    """(application, URL) that stands for the capture's server."""
    apps = sim.apps
    if name.startswith("https"):
        return "tls", apps["tls"]["url"]
    if name.startswith("http-redirects"):
        return "tls", apps["tls"]["http_url"]
    if name.startswith("plugin2019"):
        return "old", apps["old"]["url"]
    return "main", apps["main"]["url"]


def key_for(sim, app, command, path):
    key = command.user.split(":")[1]
    if key.startswith("wide"):
        return sim.key(app, "wide")
    if key.startswith("000"):
        return key
    queue = path[len(POLL) :].split("/")[0]
    return sim.key(app, "q1" if queue == "q2" else queue)


def fix_lengths(headers, capture, answer):
    """Lengths follow from the body; a cookie is never the same twice."""
    fixed = []
    for name, value in headers:
        if name == "Content-Length" and len(capture.body) != len(answer.body):
            value = "*"
        value = re.sub(r"s=[A-Za-z0-9_-]{32}", "s=COOKIE", value)
        fixed.append((name, re.sub(r"localhost:\d+", "localhost:PORT", value)))
    return fixed


# The real server's answers are the ground that everything stands on.
@pytest.mark.parametrize("name", [n for n in NAMES if n not in ELSEWHERE])
def test_capture(name, request):
    before = BEFORE.get(name)
    if before is None:
        sim = request.getfixturevalue("set_up_sim")
        check_capture(sim, name, None)
    else:
        with Sim(scenario=SET_UP) as sim:
            check_capture(sim, name, before(sim))


def check_capture(sim, name, token):
    command = Command((CAPTURES / f"{name}.cmd").read_text())
    capture = Answer((CAPTURES / f"{name}.txt").read_bytes())
    app, url = target(sim, name)
    path = urllib.parse.urlsplit(command.url).path
    if token is not None and command.data is not None:
        command.data = b"token=" + urllib.parse.quote(token, safe="").encode()
    if name == "auth-lower-case-basic":
        header = request_bytes("GET", path, key=sim.key(app, "q1"))
        header = header.decode().split("Authorization: Basic ")[1].split("\r\n")[0]
        command.headers = [f"Authorization: basic {header}"]
    key = key_for(sim, app, command, path) if command.user else None
    answer = exchange(url, command.request(key, None), sim.ca)
    assert answer.line == capture.line
    assert fix_lengths(answer.headers, capture, answer) == fix_lengths(
        capture.headers, capture, answer
    )
    if answer.header("Content-Encoding") == "gzip":
        answer.body = gzip.decompress(answer.body)
        capture.body = gzip.decompress(capture.body)
    assert shape(answer.body) == shape(capture.body)


# A 302 answers the POST of a client that follows; its GET then marks nothing.
def test_redirect_followed_marks_nothing(set_up_sim):
    sim = set_up_sim
    path = f"{POLL}one/mark"
    key = sim.key("main", "one")
    data = request_bytes(
        "POST", path, "alias.example.com:1", key, b"token=NA==", [FORM]
    )
    answer = exchange(sim.url("main"), data)
    assert (answer.status, answer.header("Location")) == (302, sim.url("main") + path)
    followed = exchange(sim.url("main"), request_bytes("GET", path))
    assert followed.status == 403 and followed.json()["kind"] == "UNAUTHORISED"
    followed = exchange(sim.url("main"), request_bytes("GET", path, key=key))
    assert followed.json() == {"markedCount": 0, "unreadCount": 1}


# The commands of the official page must work as they are printed there.
def test_official_script_with_curl(set_up_sim):
    sim = set_up_sim
    for name, verb in (("docs-script-fetch", "fetch"), ("docs-script-mark", "mark")):
        script = (CAPTURES / f"{name}.cmd").read_text().splitlines()
        script[0] = f"API_KEY={sim.key('tls')}"
        script[1] = f"SERVER=localhost:{sim.apps['tls']['port']}"
        if verb == "mark":
            script = [re.sub('"token=.*?"', f'"token={token}"', l) for l in script]
        done = subprocess.run(
            ["sh"],
            input="\n".join(script).encode(),
            capture_output=True,
            env={**os.environ, "CURL_CA_BUNDLE": sim.ca},
            check=True,
        )
        capture = (CAPTURES / f"{name}.txt").read_bytes()
        assert shape(done.stdout) == shape(capture.rstrip(b"\n"))
        if verb == "fetch":
            token = json.loads(done.stdout)["token"]


# Faults


@pytest.fixture
def sim():
    with Sim("--apps=1", "--queues=2", "--messages=20") as simulator:
        yield simulator


def raw_fetch(sim, read=receive_all, queue="q1"):
    """Fetches on a connection that stays open, and reads as told."""
    with connect(sim.url()) as connection:
        data = request_bytes("GET", f"{POLL}{queue}/fetch", key=sim.key("app1", queue))
        connection.sendall(data)
        return read(connection)


def raw_mark(sim, token):
    with connect(sim.url()) as connection:
        body = b"token=" + urllib.parse.quote(token, safe="").encode()
        path = f"{POLL}q1/mark"
        connection.sendall(request_bytes("POST", path, "localhost", sim.key(), body, [FORM]))
        return receive_all(connection)


# A client sees the end of the connection instead of an answer.
def test_fault_close(sim):
    sim.script("fault do=close")
    assert raw_fetch(sim)[0] == b""
    assert fetch(sim).status == 200


# A server that is down refuses connects, comes back, and its port stays its own.
def test_fault_refuse(sim):
    open_before = connect(sim.url())
    answer = sim.script("fault do=refuse")
    with pytest.raises(ConnectionRefusedError):
        connect(sim.url())
    assert receive_all(open_before) == (b"", True)
    sim.script(f"clear fault {answer['fault']}")
    assert fetch(sim).status == 200
    sim.script("fault do=refuse for=30ms")
    assert sim.app_stats()["refusing"]
    wait_for(lambda: not sim.app_stats()["refusing"])
    assert fetch(sim).status == 200
    open_before.close()


# Silence, at once or in the middle of an answer, must end by the client's clock.
@pytest.mark.parametrize("at", [0, 100])
def test_fault_stall(sim, at):
    sim.script(f"fault do=stall at={at}")

    def read(connection):
        data = connection.recv(at, socket.MSG_WAITALL) if at else b""
        connection.settimeout(0.05)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        return data

    assert len(raw_fetch(sim, read)) == at
    event = sim.events()[-1]
    assert (event["fault"], event["status"]) == ("stall", 200 if at else 0)


# A slow sender is not a dead one.
def test_fault_drip(sim):
    sim.script("fault do=drip bytes=500 every=1ms")
    pieces = []

    def read(connection):
        while not b"".join(pieces).endswith(b"\n}"):
            pieces.append(connection.recv(500))
        return b"".join(pieces)

    answer = Answer(raw_fetch(sim, read))
    assert answer.status == 200 and len(ids(answer)) == 16
    assert len(pieces) >= 4


# A body that ends early, with FIN or with RST, is not a batch.
@pytest.mark.parametrize("kind,reset", [("cut", False), ("reset", True)])
def test_fault_cut_and_reset(sim, kind, reset):
    sim.script(f"fault do={kind} at=300")
    data, was_reset = raw_fetch(sim)
    assert (len(data), was_reset) == (300, reset)
    assert fetch(sim).status == 200


# Nobody can tell a mark that was done from one that was not, when the answer is
# lost: only the same token again.
@pytest.mark.parametrize("done,left", [("yes", 4), ("no", 20)])
def test_fault_reset_around_mark(sim, done, left):
    token = fetch(sim).json()["token"]
    sim.script(f"fault on=mark do=reset done={done}")
    assert raw_mark(sim, token) == (b"", True)
    assert sim.unread("app1", "q1") == left
    assert mark(sim, token).json() == {"markedCount": left - 4, "unreadCount": 4}


# Proxies in front send what the server never does.
def test_fault_status(sim):
    sim.script("fault do=status code=503 retry-after=7", "fault do=status code=429")
    answer = fetch(sim)
    assert answer.line == "HTTP/1.1 503 Service Unavailable"
    assert answer.header("Retry-After") == "7"
    answer = fetch(sim)
    assert (answer.status, answer.header("Retry-After")) == (429, None)


def test_fault_html_and_redirect(sim):
    sim.script("fault do=html", "fault do=redirect to=https://other.example/x")
    answer = fetch(sim)
    assert answer.status == 200
    assert answer.header("Content-Type").startswith("text/html")
    assert fetch(sim).header("Location") == "https://other.example/x"


# A mark is not atomic: the same token counts only the rest.
def test_fault_half_mark(sim):
    token = fetch(sim).json()["token"]
    sim.script("fault do=half-mark")
    assert fetch(sim).status == 200
    assert mark(sim, token).line == "HTTP/1.1 500 Server Error"
    assert mark(sim, token).json() == {"markedCount": 8, "unreadCount": 4}


# 200 and the right length do not make a document.
def test_fault_bad_json(sim):
    sim.script(*(f"fault do=json-{k}" for k in ("truncated", "trailing", "version", "token")))
    for _ in range(2):
        answer = fetch(sim)
        assert int(answer.header("Content-Length")) == len(answer.body)
        with pytest.raises(ValueError):
            answer.json()
    assert fetch(sim).json()["version"] == 1
    assert fetch(sim).json()["token"] == 5


def test_fault_huge(sim):
    sim.script("fault do=huge size=3m")
    answer = fetch(sim)
    assert answer.header("Transfer-Encoding") == "chunked"
    assert len(answer.body) > 3 << 20


def test_fault_delay(sim):
    sim.script("fault do=delay for=30ms")
    assert fetch(sim).status == 200
    assert sim.events()[-1]["wait_ms"] >= 29


@pytest.mark.parametrize("by", [50, -50])
def test_fault_length(sim, by):
    sim.script(f"fault do=length by={by}")
    answer = Answer(raw_fetch(sim)[0])
    assert int(answer.header("Content-Length")) == len(answer.body) + by


def test_fault_garbage_and_hang_up(sim):
    sim.script("fault do=garbage", "fault do=hang-up")
    assert not raw_fetch(sim)[0].startswith(b"HTTP")
    answer = Answer(raw_fetch(sim)[0])
    assert answer.status == 200 and answer.header("Connection") is None


# A script must be able to pick its victim and its moment.
def test_fault_choice(sim):
    sim.script("fault queue=q2 on=fetch skip=1 times=2 do=status code=500")
    assert [fetch(sim, queue="q2").status for _ in range(4)] == [200, 500, 500, 200]
    assert fetch(sim).status == 200
    assert sim.control("/faults")["faults"][0]["hits"] == 2


# A random run that fails must be run again from its seed.
def test_fault_probability_repeats():
    outcomes = []
    for _ in range(2):
        with Sim("fault do=status times=0 probability=0.5 seed=7") as simulator:
            outcomes.append([fetch(simulator).status for _ in range(12)])
    assert outcomes[0] == outcomes[1] and set(outcomes[0]) == {200, 503}


# A client that gives up does not undo its mark.
def test_mark_is_done_after_client_left(sim):
    token = fetch(sim).json()["token"]
    sim.script("app app1 latency=200ms")
    with connect(sim.url()) as connection:
        body = b"token=" + urllib.parse.quote(token, safe="").encode()
        data = request_bytes("POST", f"{POLL}q1/mark", key=sim.key(), body=body, headers=[FORM])
        connection.sendall(data)
        wait_for(lambda: sim.app_stats()["running"] == 1)
        assert sim.app_stats()["gone"] == 0
    wait_for(lambda: sim.app_stats()["gone"] == 1)
    wait_for(lambda: sim.unread("app1", "q1") == 4)
    assert sim.events()[-1]["gone"]
    assert sim.app_stats()["gone"] == 0


# Protocol


# Two ways to be throttled: by guessing, and by one retry too many.
def test_throttle():
    with Sim("--apps=1", "--queues=2", "--throttle-after=3", "--throttle=60s") as sim:
        bad = "x" * 44
        fetch(sim, key=bad), fetch(sim, key=bad)
        assert fetch(sim).status == 200  # a success below the limit clears
        fetch(sim, key="short")  # never looked up, never counted
        for _ in range(3):
            assert fetch(sim, key=bad).json()["kind"] == "INVALID-API-KEY"
        assert fetch(sim).json()["kind"] == "THROTTLE"
        assert mark(sim, "MQ==").status == 403
        stats = sim.app_stats()
        assert stats["failed_logins"] == 5 and stats["throttled"] == 2
        assert stats["throttle"][0]["throttled"]
        assert 0 < stats["throttle"][0]["remaining_ms"] <= 60000
        sim.script("set throttle=0")
        wait_for(lambda: fetch(sim).status == 200)
        sim.script("set throttle=60s")
        for _ in range(3):
            fetch(sim, key=bad)
        sim.script("clear throttle")
        assert fetch(sim).status == 200


# Servers are apart, applications on one port are not.
def test_throttle_is_of_the_port():
    scenario = "app a queues=1\napp b port=a host=b.localhost queues=1\napp c queues=1"
    with Sim("--throttle-after=2", scenario=scenario) as sim:
        for _ in range(2):
            fetch(sim, "a", key="x" * 44)
        data = request_bytes("GET", f"{POLL}q1/fetch", "b.localhost", sim.key("b"))
        assert exchange(sim.url("a"), data).json()["kind"] == "THROTTLE"
        assert fetch(sim, "c").status == 200


# An administrator's resend has the old id, date and bytes.
def test_unsend(sim):
    first = fetch(sim)
    mark(sim, first.json()["token"])
    assert ids(fetch(sim)) == [17, 18, 19, 20]
    assert sim.script("unsend app1 q1 3")["count"] == 1
    again = fetch(sim)
    assert ids(again) == [3, 17, 18, 19, 20]
    exact = sim.messages(exact=True)[2]["bytes"].encode()
    assert exact in again.body and exact in first.body
    message = sim.messages()[2]
    assert (message["returned"], message["marked"], message["unsent"]) == (2, 1, 1)
    assert sim.script("unsend app1 q1 all")["count"] == 15
    assert sim.events()[-1]["verb"] == "unsend"


@pytest.mark.parametrize(
    "revision,count,reply",
    [
        ("2019", 20, b"Marked: 20"),
        ("mid-2020", 16, b"Marked: 16, Unread: 4"),
        ("2020-07", 16, b'{"markedCount":16,"unreadCount":4}'),
    ],
)
def test_revisions(revision, count, reply):
    with Sim("--apps=1", "--messages=20", f"--revision={revision}") as sim:
        answer = fetch(sim)
        assert ids(answer) == list(range(1, count + 1))
        answer = mark(sim, answer.json()["token"])
        assert answer.body == reply
        kind = "text/html" if revision == "2019" else "application/json"
        refused = fetch(sim, key="x" * 44)
        assert refused.status == 403
        assert refused.header("Content-Type").startswith(kind)


# Messages of one date have no order, not even which of them come first.
def test_ties_change_order():
    with Sim("--apps=1", "--messages=60", "--ties=40", "--shuffle", "--limit=16") as sim:
        seen = [ids(fetch(sim)) for _ in range(4)]
        assert all(len(set(s)) == 16 and max(s) <= 40 for s in seen)
        assert len({tuple(s) for s in seen}) == 4
        assert len({frozenset(s) for s in seen}) > 1


# A message can come with a date before all others.
def test_old_date_comes_first(sim):
    sim.script('message app1 q1 date=2019-02-15T10:32:01Z data={"late":true}')
    body = fetch(sim).json()
    assert body["messages"][0] == {
        "id": 41,
        "datetime": "2019-02-15T10:32:01Z",
        "late": True,
    }


def test_gzip(sim):
    answer = fetch(sim, headers=["Accept-Encoding: deflate, gzip"])
    assert answer.header("Content-Encoding") == "gzip"
    assert json.loads(gzip.decompress(answer.body)) == fetch(sim).json()
    mark(sim, fetch(sim).json()["token"]), mark(sim, fetch(sim).json()["token"])
    answer = fetch(sim, headers=["Accept-Encoding: gzip"])
    assert answer.header("Content-Encoding") is None and ids(answer) == []


def test_chunked(sim):
    sim.script('message app1 q2 raw={"id":1,"big":"' + "x" * 40000 + '"}')
    sim.script("app app1 limit=100")
    answer = fetch(sim, queue="q2")
    assert answer.header("Transfer-Encoding") == "chunked"
    assert answer.body.endswith(b"\r\n0\r\n\r\n")


def test_rate(sim):
    sim.script("queue app1 q1 rate=500/s")
    wait_for(lambda: sim.unread("app1", "q1") >= 30)
    sim.script("queue app1 q1 rate=0")
    count = sim.unread("app1", "q1")
    assert sim.unread("app1", "q1") == count


# Bodies that end the request before any application sees it.
def test_bodies(sim):
    body = b"token=" + b"A" * (1 << 20)
    path = f"{POLL}q1/mark"
    data = request_bytes("POST", path, key=sim.key(), headers=[FORM], body=body)
    answer = exchange(sim.url(), data)
    assert answer.line == "HTTP/1.1 500 Server Error"
    assert mark(sim, "a+b=", quote=False).status == 500
    assert mark(sim, base64.b64encode(b"nonsense,999").decode()).json()["markedCount"] == 0
    assert sim.queue_stats()["marks_empty_token"] == 0
    assert mark(sim, "").json() == {"markedCount": 0, "unreadCount": 20}
    assert sim.queue_stats()["marks_empty_token"] == 1


# Keys can change under a running client.
def test_keys(sim):
    old = sim.key()
    sim.script("key app1 q1 rotate")
    assert sim.key() != old
    assert fetch(sim, key=old).json()["kind"] == "INVALID-API-KEY"
    assert fetch(sim).status == 200
    sim.script("key app1 q1 text=0123456789abcdefg store=no")
    assert sim.key() != "0123456789abcdefg"
    assert fetch(sim, key="0123456789abcdefg").status == 200
    sim.script("key app1 - status=blocked")
    assert fetch(sim, key=sim.key("app1", "wide")).json()["error"]["message"] == "Not authorised"
    mode = (sim.dir / "keys" / "app1-q1").stat().st_mode
    assert mode & 0o777 == 0o600


# One connection serves many requests, also when they are sent ahead.
def test_keep_alive_and_pipeline(sim):
    one = request_bytes("GET", f"{POLL}q1/fetch", key=sim.key())
    size = len(fetch(sim).body)
    with connect(sim.url()) as connection:
        connection.sendall(one * 500)
        count, data = 0, b""
        while count < 500:
            data += connection.recv(1 << 20)
            while len(data) > size and (end := data.find(b"\r\n\r\n")) >= 0:
                if len(data) < end + 4 + size:
                    break
                data = data[end + 4 + size :]
                count += 1
    assert len({e["connection"] for e in sim.events()[1:]}) == 1


def test_idle_connections_are_closed(sim):
    sim.script("app app1 keep-alive=20ms")
    with connect(sim.url()) as connection:
        assert receive_all(connection) == (b"", False)


# Eight at a time; the rest wait in the order they came.
def test_fair_queue():
    with Sim("--apps=1", "--queues=20", "--latency=150ms") as sim:
        connections = [connect(sim.url()) for _ in range(20)]
        for n, connection in enumerate(connections, 1):
            key = sim.key("app1", f"q{n}")
            connection.sendall(request_bytes("GET", f"{POLL}q{n}/fetch", key=key))
            wait_for(lambda: sim.app_stats()["requests"] == n)
        for connection in connections:
            assert connection.recv(15) == b"HTTP/1.1 200 OK"
            connection.close()
        assert sim.app_stats()["running_peak"] == 8
        events = sim.events()
        assert [e["queue"] for e in events] == [f"q{n}" for n in range(1, 21)]
        assert events[-1]["wait_ms"] > 150


# Certificates that a client must not trust.
@pytest.mark.parametrize(
    "kind,words",
    [
        ("expired", "expired"),
        ("unknown-ca", "unable to get local issuer|self.signed"),
        ("wrong-name", "match|mismatch"),
    ],
)
def test_certificates(kind, words):
    with Sim("--apps=1", "--tls") as sim:
        assert fetch(sim).status == 200
        sim.script(f"app app1 certificate={kind}")
        with pytest.raises(ssl.SSLCertVerificationError, match=words):
            fetch(sim)
        sim.script("app app1 certificate=good")
        assert fetch(sim).status == 200


# Sessions are resumed, and TLS 1.2 works as well.
def test_tls_sessions():
    with Sim("--apps=1", "--tls") as sim:
        port = sim.apps["app1"]["port"]
        context = ssl.create_default_context(cafile=sim.ca)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        session = None
        for reused in (False, True):
            plain = socket.create_connection(("127.0.0.1", port))
            with context.wrap_socket(plain, server_hostname="localhost", session=session) as tls:
                tls.sendall(request_bytes("GET", f"{POLL}q1/fetch", key=sim.key()))
                assert tls.recv(15) == b"HTTP/1.1 200 OK"
                session = tls.session
                assert tls.session_reused == reused


def test_faults_over_tls():
    with Sim("--apps=1", "--tls", "--messages=16") as sim:
        sim.script("fault do=reset at=400", "fault do=cut at=400")
        for _ in range(2):
            with connect(sim.url(), sim.ca) as connection:
                connection.sendall(request_bytes("GET", f"{POLL}q1/fetch", key=sim.key()))
                assert len(receive_all(connection)[0]) == 400


# Many hosts on one port, one certificate for all.
def test_one_port():
    with Sim("--apps=3", "--queues=1", "--tls", "--one-port", "--messages=1") as sim:
        assert len({a["port"] for a in sim.apps.values()}) == 1
        for name in sim.apps:
            data = request_bytes("GET", f"{POLL}q1/fetch", f"{name}.localhost", sim.key(name))
            assert exchange(sim.url("app1"), data, sim.ca).status == 200
        data = request_bytes("GET", f"{POLL}q1/fetch", "none.localhost", sim.key())
        assert exchange(sim.url("app1"), data, sim.ca).status == 404


# Control


# A test compares a client's store with what was really sent, byte for byte.
def test_messages_are_reported_exactly():
    with Sim("--apps=1", "--edge", "--limit=100") as sim:
        body = fetch(sim).body
        for message in sim.messages(exact=True):
            assert body.count(message["bytes"].encode()) >= 1
            assert message["returned"] == 1 and message["marked"] == 0
            assert len(message["hash"]) == 32


# The same command line gives the same server.
def test_same_seed_same_server():
    arguments = ("--apps=2", "--queues=2", "--messages=5", "--seed=9")
    with Sim(*arguments) as a, Sim(*arguments) as b, Sim(*arguments[:3]) as c:
        assert a.all_messages(exact=True) == b.all_messages(exact=True)
        assert a.all_messages(exact=True) != c.all_messages(exact=True)
        assert a.key() == b.key() != c.key()


def test_events_tell_the_story(sim):
    token = fetch(sim).json()["token"]
    mark(sim, token)
    fetch(sim, queue="q2")
    events = sim.events("app1", "q1")
    assert [(e["verb"], e["count"], e["unread"], e["token"]) for e in events] == [
        ("fetch", 16, 20, token),
        ("mark", 16, 4, token),
    ]
    assert sim.events(after=events[-1]["n"])[0]["queue"] == "q2"
    assert events[0]["t"] / 1000 == pytest.approx(time.monotonic(), abs=60)
    assert len(sim.events(limit=1)) == 1
    sim.script("clear events")
    assert sim.events() == []


def test_messages_can_be_added(sim):
    sim.add("app1", "q2", [{"a": 1}, [1, {"b": []}], "text"])
    last = [m["bytes"] for m in sim.messages("app1", "q2", exact=True)[-3:]]
    assert '"a": 1' in last[0] and '"0": 1' in last[1]
    assert json.loads(last[2]).keys() == {"id", "datetime"}


def test_script_errors(sim):
    for line, words in {
        "nonsense": "unknown verb nonsense",
        "fault do=stall colour=red": "unknown word colour=red",
        "fault times=1": "do=KIND",
        "fault do=stall times=many": "times",
        "queue app1 q1 messages=3": "only when a queue is created: messages",
        "message app1 none": "no such queue",
        "message app1 q1 data={": "invalid JSON",
        "unsend app1 q1 99999": "no such message",
        "app a/b": "invalid name",
    }.items():
        with pytest.raises(SimError, match=re.escape(words)):
            sim.script(line)
    with pytest.raises(SimError, match="see haplo-sim"):
        sim.control("/nothing")


def test_new_app_while_running(sim):
    sim.script("app late tls=yes queues=2 messages=3")
    assert fetch(sim, "late").status == 200
    sim.script("queue late * rate=0", "set latency=0", "app * gzip=no")


# A port that is taken must not bring the simulator down.
def test_port_that_is_taken(sim):
    taken = sim.apps["app1"]["port"]
    with pytest.raises(SimError, match="address already in use"):
        sim.script(f"app second port={taken}")
    assert sim.stats("second")["apps"][0]["url"] == ""
    sim.script("app third queues=1")
    assert fetch(sim, "third").status == 200
    done = subprocess.run(
        [PROGRAM, f"--port={taken}"], capture_output=True, text=True
    )
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1


# A client that asks before sending a body gets 100 Continue.
def test_expect_continue(sim):
    with connect(sim.url()) as connection:
        headers = [FORM, "Expect: 100-continue", "Content-Length: 10"]
        connection.sendall(
            request_bytes(
                "POST", f"{POLL}q1/mark", key=sim.key(), headers=headers
            )
        )
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"token=MQ==")
        assert connection.recv(15) == b"HTTP/1.1 200 OK"
    assert sim.unread("app1", "q1") == 19


def test_configuration_is_written():
    with Sim("--apps=2", "--queues=2", "--tls") as sim:
        text = sim.config.read_text()
        assert f"url: {sim.url('app2')}" in text
        assert "api_key_file: keys/app2-q2" in text
        assert json.loads((sim.dir / "ready").read_text()) == sim.ready


# Command line


@pytest.mark.parametrize(
    "arguments",
    [
        ["--nonsense"],
        ["--apps=many"],
        ["--revision=1999"],
        ["--control=0.0.0.0:80"],
        ["--script=/nonexistent"],
        ["--write-config=/tmp/x.yaml"],
        ["unknown line"],
    ],
)
def test_bad_arguments(arguments):
    done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1 and done.stdout == ""


def test_help_lists_everything():
    text = subprocess.run([PROGRAM, "--help"], capture_output=True, text=True).stdout
    page = (ROOT / "man" / "haplo-sim.1").read_text()
    words = re.findall(r"^  (?:--)?([a-z-]+)[=:]", text, re.M)
    assert len(words) > 60
    missing = [w for w in words if not re.search(rf"^\.It Fl -{w}\b|^\.It Cm {w}\b", page, re.M)]
    assert missing == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it(number):
    simulator = Sim("--apps=2", "--tls", "--latency=10s")
    simulator.start()
    busy = connect(simulator.url(), simulator.ca)
    busy.sendall(request_bytes("GET", f"{POLL}q1/fetch", key=simulator.key()))
    wait_for(lambda: simulator.app_stats()["running"] == 1)
    simulator.process.send_signal(number)
    assert simulator.process.wait(20) == 0
    busy.close()
    simulator.stop()


def test_shutdown(sim):
    sim.control("/shutdown", method="POST")
    assert sim.process.wait(20) == 0
