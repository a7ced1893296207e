"""How fast each type of inbox stores messages, and each type of outlet forwards
them.

    make all unit-binaries && python3 bench/outlets.py [--messages=100] [TYPE ...]

500 queues of 10 servers have so many messages each. They are fetched, 16 at a
time, into an inbox of each type. From a copy of the SQLite inbox, each type of outlet forwards
all messages to a destination on this machine that only takes them: a folder,
/dev/null, nginx that responds 204, `true`, the mock cluster of librdkafka (in
memory), and a nats-server with a stream on disk.

Both are runs of `haplo-poll once`; that for an outlet polls a single queue,
which is empty, and the time that this takes without an outlet is subtracted.
CPU time is that of haplo-poll alone, for each message.
"""
import argparse
import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "test" / "integration"))

from nginx_server import free_port, is_open  # noqa: E402
from sim import Sim, wait_for  # noqa: E402

PROGRAM = os.environ.get("HAPLO_POLL", ROOT / "build" / "haplo-poll")
SERVERS = 10
QUEUES = 50
SQLITE = {"name": "inbox", "type": "sqlite", "path": "inbox.db"}
NGINX = """\
daemon off; master_process off; pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
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


def config_of(sim, inbox, outlets=()):
    return {
        "state_dir": "state", "inboxes": [inbox], "outlets": list(outlets),
        "servers": [
            {"name": name, "url": app["url"], "max_in_flight": 4,
             "queues": [{"name": queue, "api_key_file": f"keys/{name}-{queue}"}
                        for queue in app["queues"]]}
            for name, app in sim.apps.items()]}


def idle_config_of(sim, outlets=()):
    """Of all queues only one, which is empty, and the SQLite inbox."""
    config = config_of(sim, SQLITE, outlets)
    config["servers"] = config["servers"][:1]
    config["servers"][0]["queues"] = config["servers"][0]["queues"][:1]
    return config


def once(folder, config):
    """Seconds, and those of the CPU."""
    path = folder / "poll.yaml"
    path.write_text(json.dumps(config))
    began = time.monotonic()
    process = subprocess.Popen([PROGRAM, "-q", "-c", path, "once"],
                               stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit("haplo-poll once has failed")
    return time.monotonic() - began, usage.ru_utime + usage.ru_stime


def print_row(name, count, seconds, cpu_s):
    print(f"{name:22}{count / seconds:>12,.0f}{cpu_s / count * 1e6:>12.1f}",
          flush=True)


# Destinations: each yields the options of an outlet.


@contextlib.contextmanager
def files(folder):
    yield {"type": "files", "path": str(folder / "out")}


@contextlib.contextmanager
def files_gzip(folder):
    yield {"type": "files", "path": str(folder / "out"), "gzip": True}


@contextlib.contextmanager
def files_csv(folder):
    yield {"type": "files", "path": str(folder / "out"), "format": "csv",
           "columns": ["id=id", "ref=/object/ref", "action=/action",
                       "title=/object/attributes/dc:attribute:title/0/value"]}


@contextlib.contextmanager
def stdout(_):
    yield {"type": "stdout"}


@contextlib.contextmanager
def webhook(folder):
    port = free_port()
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port))
    process = subprocess.Popen(["nginx", "-c", folder / "nginx.conf"],
                               stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: is_open(port), 20, "nginx is ready")
        yield {"type": "webhook", "url": f"http://127.0.0.1:{port}/"}
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def exec_(_):
    yield {"type": "exec", "command": ["true"]}


@contextlib.contextmanager
def kafka(_):
    from kafka_cluster import KafkaCluster
    with KafkaCluster(1) as cluster:
        cluster.tell("topic haplo 8")
        yield {"type": "kafka", "brokers": cluster.brokers, "topic": "haplo"}


@contextlib.contextmanager
def nats(_):
    from nats_server import NatsServer
    with NatsServer() as server:
        server.create_stream()
        yield {"type": "nats", "urls": [server.url]}


OUTLETS = {"files": files, "files-gzip": files_gzip, "files-csv": files_csv,
           "stdout": stdout, "webhook": webhook, "exec": exec_,
           "kafka": kafka, "nats": nats}


def measure_outlet(sim, filled, name, count, idle):
    with tempfile.TemporaryDirectory(prefix="haplo-bench-") as where:
        folder = pathlib.Path(where)
        shutil.copytree(filled, folder, symlinks=True, dirs_exist_ok=True)
        with OUTLETS[name](folder) as options:
            seconds, cpu_s = once(folder, idle_config_of(
                sim, [{"name": "out", **options}]))
    print_row(f"outlet {name}", count, seconds - idle[0], cpu_s - idle[1])


def measure_postgres(sim, folder, count):
    from postgres_server import PostgresServer
    with tempfile.TemporaryDirectory() as where:
        os.chmod(where, 0o755)  # the server runs as another user
        with PostgresServer(where) as server:
            config = config_of(sim, server.inbox())
            path = folder / "poll.yaml"
            path.write_text(json.dumps(config))
            subprocess.run([PROGRAM, "-q", "-c", path, "migrate"], check=True,
                           stdout=subprocess.DEVNULL)
            print_row("inbox postgres", count, *once(folder, config))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=100)
    parser.add_argument("types", nargs="*")
    args = parser.parse_args()
    types = args.types or ["postgres", *OUTLETS]
    count = SERVERS * QUEUES * args.messages
    print(f"{'':22}{'messages/s':>12}{'us of CPU':>12}")
    arguments = [f"--apps={SERVERS}", f"--queues={QUEUES}", "--size=350",
                 f"--messages={args.messages}"]
    with Sim(*arguments) as sim, \
            tempfile.TemporaryDirectory(prefix="haplo-bench-") as where:
        folder = pathlib.Path(where)
        (folder / "keys").symlink_to(sim.dir / "keys")
        print_row("inbox sqlite", count, *once(folder, config_of(sim, SQLITE)))
        idle = once(folder, idle_config_of(sim))
        for name in OUTLETS:
            if name in types:
                measure_outlet(sim, folder, name, count, idle)
        if "postgres" in types:
            sim.script(*(f"unsend {app} * all" for app in sim.apps))
            (folder / "state").rename(folder / "state.sqlite")
            measure_postgres(sim, folder, count)


if __name__ == "__main__":
    main()
