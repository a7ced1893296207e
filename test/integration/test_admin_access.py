"""Who may use the TCP port: whoever has a token, and no other site."""
import json

import pytest

from admin_client import Admin
from ports import free_port
from sim import Sim

FULL, READ = "full-token-0123456789abcdef", "read-token-0123456789abcdef"
PAUSE = "/api/v1/queues/app1/q1/pause"


@pytest.fixture
def port(poll_of):
    """Admin of a TCP port, without any headers."""
    with Sim("--apps=1", "--queues=1", "--messages=20") as sim:
        poll = poll_of(sim)
        for name, token in ("full", FULL), ("read", READ):
            path = sim.dir / f"{name}.token"
            path.write_text(token + "\n")
            path.chmod(0o600)
        number = free_port()
        poll.config["defaults"]["interval"] = "1h"
        poll.config["admin"] = {
            "listen": f"127.0.0.1:{number}", "token_file": "full.token",
            "read_token_file": "read.token", "hosts": ["poll.example.ac.uk"]}
        running = poll.start()
        running.wait_for_line("polling;")
        admin = Admin(number).wait()
        admin.folder = sim.dir
        yield admin
        for token in FULL, READ:
            assert token not in running.err


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def test_without_a_token_only_health_and_the_page_are_served(port):
    assert port.ask("GET", "/healthz").status == 200
    assert port.ask("GET", "/readyz").status == 200
    reply = port.ask("GET", "/api/v1/status")
    assert reply.status == 401
    assert reply.headers["WWW-Authenticate"] == "Bearer"
    assert port.ask("GET", "/api/v1/nothing").status == 401
    for wrong in (bearer("x"), bearer(FULL[:-1]), bearer(FULL + "x"),
                  {"Authorization": "Basic " + FULL}, bearer(""),
                  {"Cookie": f"haplo_poll_session={FULL}"},
                  {"Cookie": "haplo_poll_session="}):
        assert port.ask("GET", "/api/v1/status", headers=wrong).status == 401
        assert port.ask("POST", PAUSE, headers=wrong).status == 401


def test_without_a_token_readyz_does_not_say_why(port):
    """Causes name hosts and paths; a supervisor needs neither."""
    (port.folder / "poll.yaml").write_text("servers: [")
    port.ask("POST", "/api/v1/reload", headers=bearer(FULL))

    def causes(**headers):
        reply = port.ask("GET", "/readyz", headers=headers)
        assert reply.status == 503
        return [check["cause"] for check in json.loads(reply.body)["checks"]
                if not check["ok"]]
    assert causes() == [None]
    assert "rejected" in causes(**bearer(READ))[0]


def test_a_token_has_a_role(port):
    assert port.get("/api/v1/status", **bearer(FULL))["role"] == "full"
    assert port.get("/api/v1/status", **bearer(READ))["role"] == "read"
    assert port.post(PAUSE, status=403, **bearer(READ))["error"]["code"] \
        == "forbidden"
    assert port.post(PAUSE, **bearer(FULL))["pause"]["by"] == "operator"


def test_a_token_for_reading_gets_no_body_of_a_message(port):
    """Whoever watches queues need not know what is in messages."""
    body = "/api/v1/dead-letters/some/1?body=true"
    assert port.ask("GET", body, headers=bearer(READ)).status == 403
    assert port.ask("GET", body, headers=bearer(FULL)).status != 403


def test_a_token_that_is_replaced_counts_no_longer(port):
    """After it was seen by the wrong person, without a restart."""
    cookie = login(port, FULL)
    path = port.folder / "full.token"
    path.with_suffix(".new").write_text("another-token-0123456789")
    path.with_suffix(".new").chmod(0o600)
    path.with_suffix(".new").rename(path)
    assert port.ask("GET", "/api/v1/status",
                    headers=bearer(FULL)).status == 401
    assert port.ask("GET", "/api/v1/status",
                    headers=bearer("another-token-0123456789")).status == 200
    assert port.ask("GET", "/api/v1/status", headers=cookie).status == 401
    path.chmod(0o644)
    path.write_text("readable-by-all-0123456789")
    assert port.ask("GET", "/api/v1/status", headers=bearer(
        "readable-by-all-0123456789")).status == 401


def login(port, token):
    reply = port.ask("POST", "/api/v1/session", {"token": token})
    assert reply.status == 200
    cookie = reply.headers["Set-Cookie"]
    for attribute in "HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200":
        assert attribute in cookie
    assert "Secure" not in cookie
    return {"Cookie": cookie.split(";")[0]}


def test_a_browser_logs_in_and_out(port):
    """EventSource cannot send a token, but sends cookies."""
    cookie = login(port, FULL)
    session = port.get("/api/v1/session", **cookie)
    assert session["role"] == "full" and session["expires_at"]
    marked = {**cookie, "X-Haplo-Poll": "1"}
    assert port.post(PAUSE, status=403, **cookie)
    assert port.post(PAUSE, **marked)
    reply = port.ask("DELETE", "/api/v1/session", headers=marked)
    assert reply.status == 200 and "Max-Age=0" in reply.headers["Set-Cookie"]
    assert port.ask("GET", "/api/v1/status", headers=cookie).status == 401
    assert port.ask("POST", "/api/v1/session",
                    {"token": "no" * 20}).status == 401
    assert port.ask("POST", "/api/v1/session", "{").status == 400
    reply = port.ask("POST", "/api/v1/session", {"token": READ},
                     {"X-Forwarded-Proto": "https"})
    assert "; Secure" in reply.headers["Set-Cookie"]


def test_a_read_only_session_changes_nothing(port):
    marked = {**login(port, READ), "X-Haplo-Poll": "1"}
    assert port.get("/api/v1/session", **marked)["role"] == "read"
    assert port.post(PAUSE, status=403, **marked)


@pytest.mark.parametrize("headers", [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "http://127.0.0.1"},
])
def test_requests_that_another_site_causes_are_refused(port, headers):
    """Even with a token or a cookie: the browser may have sent it for
    somebody else."""
    cookie = login(port, FULL)
    for own in bearer(FULL), {**cookie, "X-Haplo-Poll": "1"}:
        assert port.ask("POST", PAUSE, headers={**own, **headers}).status == 403
        assert port.ask("GET", "/api/v1/status",
                        headers={**own, **headers}).status == 403
    assert port.ask("POST", "/api/v1/session", {"token": FULL},
                    headers).status == 403
    assert port.ask("GET", "/", headers={
        "Sec-Fetch-Site": "cross-site"}).status == 200  # a link to the page


def test_requests_of_the_page_itself_are_served(port):
    own = {"Origin": f"http://127.0.0.1:{port.where}",
           "Sec-Fetch-Site": "same-origin"}
    marked = {**login(port, FULL), "X-Haplo-Poll": "1", **own}
    assert port.post(PAUSE, **marked)


@pytest.mark.parametrize("host,status", [
    ("evil.example", 403), ("evil.example:8080", 403),
    ("localhost.evil.example", 403), ("", 403), ("127.0.0.1.evil.example", 403),
    ("localhost", 200), ("LOCALHOST:1", 200), ("127.0.0.1:80", 200),
    ("[::1]:80", 200), ("poll.example.ac.uk", 200),
    ("poll.example.ac.uk:443", 200), ("poll.example.ac.uk.", 403),
    ("poll.example.ac.uk:x", 403),
])
def test_only_known_names_are_served(port, host, status):
    """A name of somebody else may be made to point here."""
    assert port.ask("GET", "/api/v1/status", headers={
        "Host": host, **bearer(FULL)}).status == status
    assert port.ask("GET", "/healthz", headers={
        "Host": host}).status == status


def test_no_response_may_be_used_by_others(port):
    for path in "/healthz", "/api/v1/status":
        headers = port.ask("GET", path, headers=bearer(FULL)).headers
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert headers["Access-Control-Allow-Origin"] is None


# The log says to correct the mode, which changes nothing else of the file.
def test_a_token_is_used_when_its_mode_is_corrected(port):
    file = port.folder / "full.token"
    file.chmod(0o644)
    assert port.ask("GET", "/api/v1/status",
                    headers=bearer(FULL)).status == 401
    file.chmod(0o600)
    assert port.ask("GET", "/api/v1/status",
                    headers=bearer(FULL)).status == 200


def test_an_unknown_token_file_lets_nobody_in(port):
    (port.folder / "full.token").unlink()
    assert port.ask("GET", "/api/v1/status",
                    headers=bearer(FULL)).status == 401
    assert port.ask("GET", "/api/v1/status",
                    headers=bearer(READ)).status == 200
