"""/metrics: what Prometheus and people read of it, and that it is documented."""
import pathlib
import re
import subprocess
import time

from admin_client import admin_of
from poll import RUN_S_MAX
from sim import Sim, wait_for
from tls_peers import Authority, TlsServer, drained

ROOT = pathlib.Path(__file__).parents[2]
OPEN_METRICS = "application/openmetrics-text; version=1.0.0"


def page_of(admin, query="", **headers):
    reply = admin.ask("GET", "/metrics" + query, headers=headers)
    assert reply.status == 200, reply.body
    return reply.body.decode()


def samples_of(page):
    """{(name, labels as in the page): value}"""
    found = {}
    for line in page.splitlines():
        if not line.startswith("#"):
            name, labels, value = re.fullmatch(
                r"(\w+)(?:\{(.*)\})? (\S+)", line).groups()
            assert (name, labels or "") not in found, line
            found[name, labels or ""] = float(value)
    return found


def documented():
    """{name: (type, [label, ...])} of docs/metrics.md"""
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| ([\w, ]*) \| (.+) \|$",
                      (ROOT / "docs/metrics.md").read_text(), re.M)
    return {name: (kind, labels.replace(",", "").split(), help)
            for name, kind, labels, help in rows}


def exposed(page):
    """The same of a page."""
    found = {}
    for name, kind in re.findall(r"^# TYPE (\w+) (\w+)$", page, re.M):
        line = re.search(rf"^{name}(?:_bucket)?(?:\{{(.*)\}})? ", page, re.M)
        labels = re.findall(r'(\w+)="', line.group(1) or "") if line else None
        help = re.search(rf"^# HELP {name} (.*)$", page, re.M).group(1)
        found[name] = (kind, labels and [label for label in labels
                                         if label != "le"], help)
    return found


# Alerts and searches are written with these names.
def test_every_state_is_documented(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=3") as sim:
        poll = poll_of(sim)
        poll.config["outlets"] = [{"name": "out", "type": "files",
                                   "path": "out"}]
        run = poll.start()
        run.wait_for_line("polling")
        page = page_of(admin_of(poll), "?queues=all")
        assert run.stop() == 0
    text = (ROOT / "docs/metrics.md").read_text()
    for kind, title in (("server", "Servers"), ("outlet", "Outlets"),
                        ("inbox", "Inboxes"), ("queue", "Queues")):
        states = set(re.findall(
            rf'^haplo_poll_{kind}_state\{{.*state="(\w+)"', page, re.M))
        part = re.search(rf"^## {title}$(.*?)(?=^## |\Z)", text, re.M | re.S)
        assert len(states) >= 3
        assert states <= set(re.findall(r"`(\w+)`", part.group(1))), kind


def promtool(*words, **options):
    return subprocess.run(["promtool", *words], capture_output=True, text=True,
                          timeout=RUN_S_MAX, **options)


# What an operator reads in the documentation must be what is there, and all of
# it.
def test_every_metric_is_documented(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=3") as sim:
        poll = poll_of(sim)
        sim.script("fault app=app1 on=fetch do=html times=1")
        poll.config["defaults"].update(interval="30ms", backoff="10ms")
        poll.config["outlets"] = [{"name": "out", "type": "files",
                                   "path": "out"}]
        run = poll.start()
        sim.wait_until_read()
        admin = admin_of(poll)
        wait_for(lambda: "haplo_poll_queue_failures_total{" in
                 page_of(admin, "?queues=all"))
        there = exposed(page_of(admin, "?queues=all"))
        listed = documented()
        assert sorted(there) == sorted(listed)
        for name, (kind, labels, help) in there.items():
            assert listed[name][0] == kind, name
            assert listed[name][2] == help, name
            if labels is not None:
                assert listed[name][1] == labels, name
        assert run.stop() == 0


# Debian's own checker of names, types and help texts must have nothing to say.
def test_promtool_has_nothing_to_say(poll_of):
    with Sim("--apps=2", "--queues=3", "--messages=3") as sim:
        poll = poll_of(sim)
        poll.config["defaults"].update(interval="30ms")
        run = poll.start()
        sim.wait_until_read()
        admin = admin_of(poll)
        for query in "", "?queues=all", "?queues=app1":
            done = promtool("check", "metrics", input=page_of(admin, query))
            assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert run.stop() == 0


# A client that prefers OpenMetrics gets it, with its type and its end.
def test_open_metrics_are_negotiated(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=3") as sim:
        poll = poll_of(sim)
        poll.config["defaults"].update(interval="30ms")
        run = poll.start()
        sim.wait_until_read()
        admin = admin_of(poll)
        plain = admin.ask("GET", "/metrics")
        assert plain.headers["Content-Type"] == (
            "text/plain; version=0.0.4; charset=utf-8")
        other = admin.ask("GET", "/metrics", headers={"Accept": OPEN_METRICS})
        assert other.headers["Content-Type"] == OPEN_METRICS + "; charset=utf-8"
        page = other.body.decode()
        assert page.endswith("\n# EOF\n")
        counters = re.findall(r"^# TYPE (\w+) counter$", page, re.M)
        assert counters and not [n for n in counters if n.endswith("_total")]
        named = [name for name in counters
                 if re.search(rf"^{name}[ {{_]", page, re.M)]
        assert len(named) > 10
        assert all(re.search(rf"^{name}_total[ {{]", page, re.M)
                   for name in named)
        assert run.stop() == 0


# Numbers must be those of the messages, and say what has failed and how.
def test_numbers_are_those_of_the_messages(poll_of):
    with Sim("--apps=2", "--queues=2", "--messages=20") as sim:
        poll = poll_of(sim)
        sim.script("fault app=app2 queue=q2 on=fetch do=html times=0")
        poll.config["defaults"].update(interval="30ms", backoff="10ms")
        run = poll.start()
        run.wait_for_line("fetch app2/q2")
        admin = admin_of(poll)

        def samples():
            return samples_of(page_of(admin, "?queues=all"))

        wait_for(lambda: samples()["haplo_poll_server_marked_messages_total",
                                   'server="app1"'] == 40)
        now = samples()
        assert now["haplo_poll_server_stored_messages_total",
                   'server="app1"'] == 40
        assert now["haplo_poll_queue_stored_messages_total",
                   'server="app1",queue="q1"'] == 20
        assert now["haplo_poll_queue_up", 'server="app1",queue="q1"'] == 1
        assert now["haplo_poll_queue_up", 'server="app2",queue="q2"'] == 0
        assert now["haplo_poll_queue_state",
                   'server="app2",queue="q2",state="failing"'] == 1
        assert now["haplo_poll_server_queues",
                   'server="app2",state="failing"'] == 1
        assert now["haplo_poll_server_failures_total",
                   'server="app2",class="protocol"'] > 0
        assert now["haplo_poll_inbox_commit_seconds_count",
                   'inbox="inbox"'] > 0
        assert now["haplo_poll_inbox_free_bytes", 'inbox="inbox"'] > 0
        assert now["haplo_poll_inbox_wal_bytes", 'inbox="inbox"'] > 0
        reply = admin.ask("GET", "/metrics?queues=app3")
        assert reply.status == 400 and b"no such server" in reply.body
        assert run.stop() == 0


# A destination that is down shows how far the outlet is behind.
def test_the_lag_of_an_outlet(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=30") as sim:
        poll = poll_of(sim)
        folder = poll.folder / "out"
        folder.write_text("not a folder")
        poll.config["defaults"].update(interval="30ms")
        poll.config["outlets"] = [{"name": "out", "type": "exec",
                                   "command": ["/bin/false"],
                                   "backoff": "10ms", "backoff_max": "50ms"}]
        run = poll.start()
        sim.wait_until_read()
        admin = admin_of(poll)

        def lag():
            return samples_of(page_of(admin))["haplo_poll_outlet_lag_messages",
                                              'outlet="out"']

        wait_for(lambda: lag() == 30)
        wait_for(lambda: samples_of(page_of(admin))[
            "haplo_poll_outlet_lag_seconds", 'outlet="out"'] > 0.01)
        assert run.stop() == 0


DAY_S = 86400


# Certificates are renewed in time only if somebody sees when they end; without
# TLS there is nothing to see. Nothing breaks when one ends that a server
# presents needlessly.
def test_the_expiry_of_certificates_is_a_metric(poll_of):
    def expiry(page, kind, server):
        return samples_of(page).get(
            (f"haplo_poll_server_{kind}_expiry_timestamp_seconds",
             f'server="{server}"'))

    with Sim("--apps=1", "--queues=1", "--messages=1") as sim:
        ca = Authority(sim.dir, "ca", days=20)
        own = ca.issue("own", days=50)
        poll = poll_of(sim)
        pair = ca.issue("server", days=12)
        needless = ca.issue("needless", days=3).certificate.read_text()
        with pair.certificate.open("a") as file:
            file.write(needless)
        with TlsServer(drained, pair, ca) as server:
            config = server.config("strict", "keys/app1-q1")
            config.update(interval="20ms", tls_ca_file=str(ca.path),
                          tls_certificate_file=str(own.certificate),
                          tls_key_file=str(own.key))
            poll.config["servers"].append(config)
            run = poll.start()
            run.wait_for_line("polling; queues")
            admin = admin_of(poll)
            wait_for(lambda: expiry(page_of(admin), "certificate", "strict"))
            page = page_of(admin)
            for kind, days in [("certificate", 12), ("ca_certificate", 20),
                               ("client_certificate", 50)]:
                left_s = expiry(page, kind, "strict") - time.time()
                assert (days - 1) * DAY_S < left_s <= days * DAY_S
                assert expiry(page, kind, "app1") is None
            assert run.stop() == 0
