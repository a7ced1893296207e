"""haplo-sim gives the response that the real server gave to the same request."""
import base64
import gzip
import json
import os
import re
import shlex
import subprocess
import urllib.parse

import pytest

from sim import ROOT, Sim
from sim_client import (
    FORM, POLL, Answer, connect, exchange, fetch, ids, mark, request_bytes,
)

CAPTURES = ROOT / "test" / "captures"


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
