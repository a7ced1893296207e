"""A cold start: 1,000 servers, all contacted over TLS for the first time at the
same moment. The second round reuses the connections, so the difference between
the two is the cost of new ones. Then the server closes them all, and the third
round resumes their sessions."""
import json
import statistics
import subprocess
import time

from harness.bench import CLIENT_CORE, Failed
from harness.nginx import Nginx, Site

SERVERS = 1000
ROUNDS = 5
# Until the old worker has closed idle connections and a new one runs.
CLOSE_S = 1.0


class Cold:
    """One client, which runs a round on request."""

    def __init__(self, bench, nginx, site, command):
        self.nginx = nginx
        self.process = subprocess.Popen(
            [str(word) for word in
             ["taskset", "-c", CLIENT_CORE, *command, "-c", 3,
              bench.hosts_file(site.urls()), SERVERS, 0, 1, nginx.ca_file]],
            text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def read_round(self):
        line = self.process.stdout.readline()
        if not line:
            raise Failed("a cold start's client ended early")
        return json.loads(line)

    def next_round(self):
        self.process.stdin.write("again\n")
        self.process.stdin.flush()
        return self.read_round()

    def measure(self):
        try:
            first = self.read_round()
            second = self.next_round()
            self.nginx.close_connections()
            time.sleep(CLOSE_S)
            self.nginx.tls_reused()
            third = self.next_round()
            time.sleep(0.1)  # until the last lines are logged
            resumed, full = self.nginx.tls_reused()
            if self.process.wait(20) != 0:
                raise Failed("a cold start's client failed")
        finally:
            self.process.kill()
            self.process.wait()
        return {
            "new_us": (first["cpu_us"] - second["cpu_us"]) / SERVERS,
            "resumed_us": (third["cpu_us"] - second["cpu_us"]) / SERVERS,
            "resumed_part": resumed / max(1, resumed + full),
            "resident_mib": first["resident_kib"] / 1024,
            "seconds": first["wall_us"] / 1e6,
        }


def measure(bench, say):
    clients = {
        "library, verified": [bench.programs / "cycle"],
        "bare, verified": [bench.programs / "bare"],
        "bare, unverified": [bench.programs / "bare", "-u"],
    }
    runs = {name: [] for name in clients}
    site = Site(SERVERS, tls=True, unread=0, log_tls=True)
    nginx = Nginx(bench.new_folder("nginx"), [site])
    try:
        for _ in range(ROUNDS):
            for name, command in clients.items():
                run = Cold(bench, nginx, site, command).measure()
                runs[name].append(run)
                say(f"    {name:18} {run['new_us']:7.0f} us a new connection")
    finally:
        nginx.close()
    return {name: {what: statistics.median(run[what] for run in of_client)
                   for what in of_client[0]}
            for name, of_client in runs.items()}
