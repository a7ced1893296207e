"""The API of the admin socket: what it tells is what goes on. admin_client.py
holds every response to docs/openapi.yaml."""
import re

import openapi
import pytest

from admin_client import admin_of
from poll import run_program
from sim import ROOT, Sim, wait_for

SIZES = "--apps=2", "--queues=3", "--messages=20"


@pytest.fixture
def scene(poll_of):
    """A poller that has drained all queues but one that is refused and one
    that is held; a server that is down; an outlet."""
    with Sim(*SIZES) as sim:
        poll = poll_of(sim)
        poll.config["defaults"]["interval"] = "100ms"
        poll.config["defaults"]["refused_wait"] = "1h"
        poll.config["outlets"] = [{"name": "archive", "type": "files",
                                   "path": "archive"}]
        poll.queue("app1", "q2")["api_key_file"] = "keys/app1-q3"
        del poll.queue("app2", "q2")["api_key_file"]
        poll.config["servers"].append({
            "name": "nowhere", "url": "http://127.0.0.1:9",
            "queues": [{"name": "q", "api_key_file": "keys/app1-q1"}]})
        poll.start()
        admin = admin_of(poll)
        wait_for(lambda: admin.ask("GET", "/api/v1/status").status == 200)
        yield sim, poll, admin


def queue_of(admin, name):
    return admin.get(f"/api/v1/queues/{name}")["queue"]


def health_of(admin, name):
    return queue_of(admin, name)["health"]


def test_status_counts_what_works_and_what_does_not(scene):
    _, _, admin = scene
    def counted():
        status = admin.get("/api/v1/status")
        return status["queues"] == {
            "total": 7, "ok": 4, "paused": 0, "not_tried": 0, "failing": 1,
            "refused": 1, "blocked": 0, "held": 1, "elsewhere": 0} and status
    status = wait_for(counted)
    assert status["phase"] == "open" and status["role"] == "full"
    assert status["configuration"]["generation"] == 1
    wait_for(lambda: admin.get("/api/v1/status")["servers"]["failing"] == 1)
    wait_for(lambda: admin.get("/api/v1/status")["totals"]["stored_messages"]
             == 80)


def test_a_queue_tells_its_story(scene):
    """What `explain` and the page show: the state, why, and what is next."""
    _, poll, admin = scene
    wait_for(lambda: health_of(admin, "app1/q2") == "refused")
    story = admin.get("/api/v1/queues/app1/q2")
    queue = story["queue"]
    assert queue["state"] == "REFUSED" and queue["error"] == "HAPLO_EREFUSED"
    assert "key" in queue["cause"] and queue["next_at"] is not None
    assert queue["failures_total"] >= 1 and queue["last_success_at"] is None
    assert story["transitions"][-1]["to"] == "refused"
    assert story["outlets"] == ["archive"]
    assert story["api_key"] == {"from": "file",
                                "name": str(poll.folder / "keys/app1-q3")}
    assert story["place"]["path"] == poll.path
    held = admin.get("/api/v1/queues/app2/q2")["queue"]
    assert held["health"] == "held" and "api_key" in held["cause"]
    waiting = wait_for(lambda: (
        lambda q: q["health"] == "failing" and q)(
            queue_of(admin, "nowhere/q")))
    assert "refused" in waiting["cause"]


def test_queues_that_do_not_exist_are_not_found(scene):
    _, _, admin = scene
    for path in "queues/app1/nothing", "queues/no/q1", "servers/no", \
            "outlets/no":
        assert "there is no" in admin.get(f"/api/v1/{path}", 404)["error"][
            "message"]


def names(admin, query):
    return [queue["name"]
            for queue in admin.get(f"/api/v1/queues?{query}")["queues"]]


def test_queues_are_filtered_sorted_and_paged(scene):
    """The page of 2,000 queues, and commands, show only what was asked for."""
    _, _, admin = scene
    every = ["app1/q1", "app1/q2", "app1/q3", "app2/q1", "app2/q2", "app2/q3",
             "nowhere/q"]
    assert names(admin, "") == every
    assert names(admin, "sort=-name") == every[::-1]
    assert names(admin, "server=app2") == every[3:6]
    assert names(admin, "match=APP1") == every[:3]
    assert names(admin, "match=*/q1") == ["app1/q1", "app2/q1"]
    assert names(admin, "health=held") == ["app2/q2"]
    assert names(admin, "inbox=other") == []
    wait_for(lambda: names(admin, "health=refused,held")
             == ["app1/q2", "app2/q2"])
    wait_for(lambda: names(admin, "sort=health&limit=3")
             == ["app1/q2", "app2/q2", "nowhere/q"])
    wait_for(lambda: names(admin, "state=REFUSED") == ["app1/q2"])
    seen, after = [], ""
    while True:
        page = admin.get(f"/api/v1/queues?sort=-name&limit=2{after}")
        assert page["matched"] == 7
        seen += [queue["name"] for queue in page["queues"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert seen == every[::-1]


@pytest.mark.parametrize("query", [
    "sort=age", "health=ill", "state=idle", "limit=0", "limit=1001",
    "limit=x", "after=x", "after=0123456789abcdefg.app1/q1", "sort=",
])
def test_what_is_not_understood_is_refused(poll_of, query):
    with Sim("--apps=1", "--queues=1", "--messages=0") as sim:
        poll = poll_of(sim)
        poll.start().wait_for_line("polling;")
        error = admin_of(poll).get(f"/api/v1/queues?{query}", 400)["error"]
        assert error["code"] == "bad_request"


def test_servers_outlets_and_inboxes_are_listed(scene):
    _, _, admin = scene
    servers = admin.get("/api/v1/servers")["servers"]
    assert [server["name"] for server in servers] == ["app1", "app2",
                                                      "nowhere"]
    assert servers[0]["queues"]["total"] == 3
    page = admin.get("/api/v1/servers?limit=1")
    assert [s["name"] for s in admin.get(
        f"/api/v1/servers?limit=1&after={page['next']}")["servers"]] == ["app2"]
    wait_for(lambda: admin.get("/api/v1/servers/nowhere")["server"]["state"]
             == "DOWN")
    assert admin.get("/api/v1/servers/nowhere")["transitions"]
    assert admin.get("/api/v1/inboxes")["inboxes"][0]["state"] == "open"
    detail = wait_for(lambda: (lambda d: d["commits_total"] > 0 and d)(
        admin.get("/api/v1/inboxes/inbox")))
    assert detail["inbox"]["state"] == "open"
    assert 0 < detail["free_bytes"] < detail["disk_bytes"]
    assert detail["commit_seconds_total"] > 0
    assert "there is no inbox" in admin.get("/api/v1/inboxes/no", 404)[
        "error"]["message"]
    wait_for(lambda: admin.get("/api/v1/outlets")["outlets"][0]
             ["delivered_total"] == 80)
    assert admin.get("/api/v1/outlets/archive")["outlet"]["state"] == "working"


def test_every_route_is_described_and_every_description_is_served():
    """The file is the contract: neither side may know more than the other."""
    text = (ROOT / "src/daemon/admin/admin_routes.c").read_text()
    defines = dict(re.findall(r'#define (\w+) (.*)', text))
    def path_of(words):
        for name in "QUEUE", "API":
            words = words.replace(f"{name} ", f"{defines.get(name, '')} ")
            words = re.sub(rf"\b{name}\b(?!\")", defines.get(name, name), words) \
                if not words.strip().startswith('"') else words
        return "".join(re.findall(r'"([^"]*)"', words))
    served = {(method, path_of(words)) for method, words in re.findall(
        r'\{"(\w+)",\s*([^,]*),', text)}
    described = {(method.upper(), path)
                 for path, item in openapi.DOCUMENT["paths"].items()
                 for method in item}
    assert served - described == set()
    assert described - served == set()
