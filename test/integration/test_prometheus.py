"""A real Prometheus scrapes a running haplo-poll; the alert rules and the
dashboard ask for what is there."""
import json
import pathlib
import re
import shutil
import subprocess
import urllib.request

import pytest

from admin_client import admin_of
from poll import RUN_S_MAX
from ports import free_port
from sim import Sim, wait_for
from test_metrics import documented

PACKAGING = pathlib.Path(__file__).parents[2] / "packaging/prometheus"
RULES = PACKAGING / "haplo-poll.rules.yaml"
TOKEN = "read-token-for-tests-0123456789"

pytestmark = pytest.mark.skipif(shutil.which("prometheus") is None,
                                reason="prometheus is not installed")


def names_in(text):
    """The metrics that a text asks for, without the suffixes of histograms."""
    return {re.sub(r"_(bucket|sum|count)$", "", name)
            for name in re.findall(r"\bhaplo_poll_\w+", text)}


# A rule about a metric that is not there never fires, and nobody notices.
def test_the_rules_ask_for_metrics_that_exist():
    asked = names_in(RULES.read_text())
    assert len(asked) > 10
    assert asked <= set(documented())
    for words in (["check", "rules", RULES.name],
                  ["test", "rules", "haplo-poll.test.yaml"]):
        done = subprocess.run(["promtool", *words], cwd=PACKAGING,
                              capture_output=True, text=True,
                              timeout=RUN_S_MAX)
        assert done.returncode == 0, done.stdout + done.stderr


# The same for a plot that stays empty.
def test_the_dashboard_asks_for_metrics_that_exist():
    text = (PACKAGING / "haplo-poll.dashboard.json").read_text()
    dashboard = json.loads(text)
    targets = [target["expr"] for panel in dashboard["panels"]
               for target in panel.get("targets", [])]
    assert len(targets) > 20
    assert names_in(text) <= set(documented())
    places = [tuple(panel["gridPos"].values())
              for panel in dashboard["panels"]]
    assert len(set(places)) == len(places)


class Prometheus:
    """A Prometheus of its own, with short intervals."""

    def __init__(self, folder, target):
        self.folder = folder
        self.port = free_port()
        # As it is shipped, but it need not last for a quarter of an hour.
        rules = re.sub(r"\bfor: \w+", "for: 0s", RULES.read_text())
        (folder / "rules.yaml").write_text(rules)
        (folder / "prometheus.yaml").write_text(json.dumps({
            "global": {"scrape_interval": "200ms",
                       "evaluation_interval": "200ms"},
            "rule_files": [str(folder / "rules.yaml")],
            "scrape_configs": [{
                "job_name": "haplo-poll",
                "authorization": {"credentials": TOKEN},
                "static_configs": [{"targets": [f"127.0.0.1:{target}"]}],
            }],
        }))

    def __enter__(self):
        self.log = open(self.folder / "prometheus.log", "w")
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig=KILL", "prometheus",
             f"--config.file={self.folder}/prometheus.yaml",
             f"--storage.tsdb.path={self.folder}/tsdb",
             f"--web.listen-address=127.0.0.1:{self.port}"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.log.close()

    def get(self, path):
        """The data of a response, or None while it starts."""
        try:
            with urllib.request.urlopen(
                    f"http://127.0.0.1:{self.port}/api/v1/{path}") as reply:
                return json.load(reply)["data"]
        except OSError:
            return None

    def value(self, query):
        found = self.get("query?query=" + urllib.request.quote(query))
        return (float(found["result"][0]["value"][1])
                if found and found["result"] else None)

    def health(self):
        """Whether the last scrape has succeeded, and its error."""
        (target,) = self.get("targets")["activeTargets"]
        return target["health"], target["lastError"]

    def firing(self):
        found = self.get("alerts")
        return {(alert["labels"]["alertname"], alert["labels"].get("server"))
                for alert in (found or {"alerts": []})["alerts"]
                if alert["state"] == "firing"}


# What is shipped must work with the program that it is for: it scrapes, the
# rules load, and one fires when a server goes down, and ends when it is back.
def test_a_real_prometheus_scrapes_and_alerts(poll_of, tmp_path):
    with Sim("--apps=2", "--queues=2", "--messages=5") as sim:
        poll = poll_of(sim)
        port = free_port()
        token = poll.folder / "read-token"
        token.write_text(TOKEN + "\n")
        token.chmod(0o600)
        poll.config["admin"] = {"listen": f"127.0.0.1:{port}",
                                "read_token_file": str(token)}
        poll.config["defaults"].update(interval="30ms", backoff="100ms",
                                       backoff_max="200ms",
                                       breaker_failures=3)
        run = poll.start()
        sim.wait_until_read()
        admin_of(poll)
        with Prometheus(tmp_path, port) as prometheus:
            wait_for(lambda: prometheus.value(
                'haplo_poll_server_stored_messages_total{server="app1"}')
                == 10)
            wait_for(lambda: prometheus.health() == ("up", ""))
            rules = prometheus.get("rules")["groups"][0]["rules"]
            assert len(rules) == RULES.read_text().count("alert:")
            sim.script("fault app=app1 do=refuse")
            wait_for(lambda: ("HaploPollServerDown", "app1") in
                     prometheus.firing())
            assert ("HaploPollServerDown", "app2") not in prometheus.firing()
            wait_for(lambda: all(
                rule["health"] == "ok" for rule in
                prometheus.get("rules")["groups"][0]["rules"]))
            sim.script("clear faults")
            wait_for(lambda: ("HaploPollServerDown", "app1") not in
                     prometheus.firing())
        assert run.stop() == 0
