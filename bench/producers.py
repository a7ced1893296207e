"""Measures what a message costs haplo-poll by the type of its outlet, or with
the inbox in PostgreSQL, next to a bare producer that uses the same client
library with the same guarantees: make bench-producers. See README.md here.

Environment variables: BENCH_ONLY, a comma-separated list of types;
BENCH_MESSAGES, of each run (50000); BENCH_ROUNDS (3).
"""
import argparse
import contextlib
import json
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
APPS, QUEUES = 5, 100  # 500 queues
BODY_SIZE = 350
SECRET = "whsec_" + "MDEy" * 10 + "MDE="  # of 32 bytes
LIMIT = 1.5  # times the CPU of the bare producer


def say(line):
    print(line, flush=True)


def run_measured(command, **options):
    """Runs a program: (its output, CPU seconds, seconds)."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.monotonic()
    done = subprocess.run([str(word) for word in command], text=True,
                          check=False, stdin=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, **options)
    seconds = time.monotonic() - begin
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit(f"{command[0]}: exit code {done.returncode}: {done.stderr}")
    return done.stdout, (after.ru_utime + after.ru_stime - before.ru_utime
                         - before.ru_stime), seconds


# Counterparts: each yields the configuration of the outlet, and the destination
# for the bare producer; None where nothing is to be compared


@contextlib.contextmanager
def plain(kind):
    """An outlet without a server. Its bare producer would be write()."""
    with tempfile.TemporaryDirectory(dir=BUILD) as folder:
        yield ({"type": kind, **({"path": f"{folder}/out"} if kind == "files"
                                 else {})}, None)


@contextlib.contextmanager
def nats():
    from nats_server import NatsServer

    with NatsServer() as server:
        server.create_stream()
        yield {"type": "nats", "urls": [server.url]}, server.url


@contextlib.contextmanager
def kafka():
    from kafka_cluster import KafkaCluster

    with KafkaCluster(1) as cluster:
        cluster.tell("topic haplo 8")
        yield ({"type": "kafka", "brokers": cluster.brokers, "topic": "haplo"},
               ",".join(cluster.brokers))


NGINX = """\
daemon off; master_process off; pid {folder}/pid; error_log {folder}/log;
events {{}}
http {{
    access_log off;
    keepalive_requests 1000000;
    client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;
    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u;
    scgi_temp_path {folder}/s;
    server {{ listen 127.0.0.1:{port}; location / {{ return 204; }} }}
}}
"""


@contextlib.contextmanager
def webhook():
    """nginx that accepts everything."""
    from ports import free_port, is_open
    from sim import wait_for

    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        config = pathlib.Path(folder, "conf")
        config.write_text(NGINX.format(folder=folder, port=port))
        process = subprocess.Popen(["nginx", "-c", config],
                                   stderr=subprocess.DEVNULL)
        try:
            wait_for(lambda: is_open(port), "nginx is ready")
            url = f"http://127.0.0.1:{port}/"
            secret = pathlib.Path(folder, "secret")
            secret.write_text(SECRET)
            secret.chmod(0o600)
            yield {"type": "webhook", "url": url,
                   "signing_secret_file": str(secret)}, url
        finally:
            process.kill()
            process.wait()


@contextlib.contextmanager
def exec_():
    """A command that accepts everything. Its CPU time is included."""
    yield {"type": "exec", "command": ["true"]}, None


OUTLETS = {"files": lambda: plain("files"), "stdout": lambda: plain("stdout"),
           "webhook": webhook, "exec": exec_, "nats": nats, "kafka": kafka}


class Bench:
    """A simulator with 500 queues, whose messages are in an inbox already."""

    def __init__(self, sim, messages):
        from poll import Poll

        self.sim = sim
        self.messages = messages
        self.poll = Poll(sim)
        self.filled = sim.dir / "filled"
        self.program = BUILD / "haplo-poll"

    def write(self, polls_all=True, **config):
        """Otherwise it polls one queue: that would take part of the time."""
        servers = self.poll.config["servers"]
        if not polls_all:
            one = {**servers[0], "queues": servers[0]["queues"][:1]}
            config["servers"] = [one]
        self.poll.config.pop("outlets", None)
        self.poll.config |= config
        self.poll.write()
        self.poll.config["servers"] = servers

    def once(self, program=None):
        _, cpu_s, seconds = run_measured(
            [program or self.program, "-q", "-c", self.poll.path, "once"],
            stdout=subprocess.DEVNULL)
        return cpu_s, seconds

    def fill(self):
        self.write()
        self.once()
        rows = self.poll.rows("SELECT count(*), avg(length(body)) FROM messages")
        (self.count, size), = rows
        self.body_size = round(size)
        assert self.count == self.messages, self.count
        self.filled.mkdir()
        for path in sorted(self.sim.dir.glob("inbox.db*")):
            shutil.copy(path, self.filled)
        shutil.copytree(self.sim.dir / "state", self.filled / "state")

    def reset(self):
        for path in self.sim.dir.glob("inbox.db*"):
            path.unlink()
        for path in self.filled.glob("inbox.db*"):
            shutil.copy(path, self.sim.dir)
        shutil.rmtree(self.sim.dir / "state")
        shutil.copytree(self.filled / "state", self.sim.dir / "state")

    def forward(self, outlet):
        """CPU seconds and seconds of forwarding all, besides what starting and
        polling an empty queue takes."""
        self.reset()
        self.write(polls_all=False)
        base_cpu_s, base_s = self.once()
        self.reset()
        self.write(polls_all=False, outlets=[{"name": "out", "start": "beginning", **outlet}])
        cpu_s, seconds = self.once()
        return cpu_s - base_cpu_s, seconds - base_s

    def bare(self, kind, destination):
        out, _, _ = run_measured(
            [BUILD / "bench" / f"produce_{kind}", destination, self.count,
             APPS * QUEUES, self.body_size], stdout=subprocess.PIPE)
        figures = json.loads(out)
        return figures["cpu_s"], figures["seconds"]


def measure_outlet(bench, kind):
    """One round: figures of haplo-poll, and of the bare producer."""
    with OUTLETS[kind]() as (outlet, destination):
        own = bench.forward(outlet)
    if destination is None:
        return own, None
    with OUTLETS[kind]() as (_, destination):
        return own, bench.bare(kind, destination)


def measure_postgres(bench):
    """The way in: what storing messages of queues in memory costs, besides what
    these queues cost, which an inbox that drops its messages shows."""
    from poll import Poll
    from postgres_server import PostgresServer

    def measure(program, destination):
        out, _, _ = run_measured(
            [BUILD / "bench" / program, destination, bench.messages,
             APPS * QUEUES, bench.body_size], stdout=subprocess.PIPE)
        figures = json.loads(out)
        return figures["cpu_s"], figures["seconds"]

    folder = tempfile.mkdtemp(prefix="haplo-bench-")
    os.chmod(folder, 0o755)  # the server runs as another user
    try:
        with PostgresServer(folder) as server:
            server.prepare(Poll(bench.sim))
            stored = measure("postgres_cost", server.conninfo("haplo_owner"))
            dropped = measure("postgres_cost", "null")
            bare = measure("produce_postgres", server.conninfo("postgres"))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return (stored[0] - dropped[0], stored[1]), bare


def row_of(kind, rounds, messages):
    """The medians of its rounds."""
    def median(which, what):
        return statistics.median(one[which][what] for one in rounds)

    row = {"type": kind, "us": median(0, 0) / messages * 1e6,
           "per_s": messages / max(median(0, 1), 1e-3)}
    if rounds[0][1] is not None:
        row |= {"bare_us": median(1, 0) / messages * 1e6,
                "bare_per_s": messages / median(1, 1)}
        row["ratio"] = statistics.median(
            own[0] / bare[0] for own, bare in rounds)
    return row


def show(rows):
    say(f"{'type':10}{'us CPU':>9}{'msg/s':>10}{'bare us':>9}"
        f"{'bare/s':>10}{'ratio':>7}")
    for row in rows:
        line = f"{row['type']:10}{row['us']:9.1f}{row['per_s']:10,.0f}"
        if "ratio" in row:
            line += (f"{row['bare_us']:9.1f}{row['bare_per_s']:10,.0f}"
                     f"{row['ratio']:7.2f}")
            line += "" if row["ratio"] <= LIMIT else f"  above {LIMIT}"
        say(line)


def main():
    from sim import Sim

    messages = int(os.environ.get("BENCH_MESSAGES", 50000))
    count = int(os.environ.get("BENCH_ROUNDS", 3))
    kinds = [*OUTLETS, "postgres"]
    if "BENCH_ONLY" in os.environ:
        kinds = os.environ["BENCH_ONLY"].split(",")
    types = (BUILD / "types").read_text().split()
    kinds = [kind for kind in kinds
             if kind in types or kind in ("files", "stdout", "webhook", "exec")]
    rounds = {kind: [] for kind in kinds}
    with Sim(f"--apps={APPS}", f"--queues={QUEUES}", f"--size={BODY_SIZE}",
             f"--messages={messages // (APPS * QUEUES)}") as sim:
        bench = Bench(sim, messages)
        bench.fill()
        for _ in range(count):
            for kind in kinds:
                rounds[kind].append(measure_postgres(bench)
                                    if kind == "postgres"
                                    else measure_outlet(bench, kind))
    say(f"{APPS * QUEUES} queues, {messages} messages of {bench.body_size} "
        f"bytes, median of {count} rounds")
    show([row_of(kind, rounds[kind], messages) for kind in kinds])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build")
    BUILD = pathlib.Path(parser.parse_args().build).resolve()
    os.environ["HAPLO_BUILD"] = str(BUILD)
    sys.path.insert(0, str(ROOT / "test" / "integration"))
    main()
