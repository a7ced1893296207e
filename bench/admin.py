"""How long the loop is held by requests to the admin socket.

    make all build/bench/loop_turns.so && bench/admin.py --queues 100000

Starts haplo-poll with so many queues on servers that are down, and measures each
turn of its loop (loop_turns.c): first alone, then while clients ask for the
largest responses there are, one after the other. libmicrohttpd's own
epoll_wait() ends a turn as well; what handlers do is never divided by it.
"""
import argparse
import http.client
import mmap
import os
import pathlib
import socket
import struct
import statistics
import subprocess
import tempfile
import threading
import time

HEAVY = ["/api/v1/queues?sort=-failures&limit=1000",
         "/api/v1/queues?match=*7*&limit=1000", "/api/v1/status",
         "/api/v1/servers?limit=1000", "/metrics"]


class Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)

    def get(self, path):
        self.request("GET", path)
        response = self.getresponse()
        return response.status, len(response.read())


def configure(folder, queues, servers):
    (folder / "key").write_text("k" * 44)
    (folder / "key").chmod(0o600)
    lines = ["state_dir: state", "inbox: inbox.db",
             "defaults: {interval: 1h}", "servers:"]
    for server in range(servers):
        lines += [f"  - name: s{server}",
                  f"    url: http://127.{1 + server // 65536}."
                  f"{server // 256 % 256}.{server % 256}:9",
                  "    api_key_file: key", "    queues:"]
        lines += [f"      - {{name: q{queue}}}"
                  for queue in range(queues // servers)]
    (folder / "poll.yaml").write_text("\n".join(lines) + "\n")


class Turns:
    """The figures of loop_turns.c."""

    def __init__(self, path):
        path.write_bytes(bytes(mmap.PAGESIZE))
        with open(path, "r+b") as file:
            self.memory = mmap.mmap(file.fileno(), mmap.PAGESIZE)

    def measure(self, seconds, name):
        self.memory[:32] = bytes(32)
        time.sleep(seconds)
        count, longest, busiest, long_count = struct.unpack(
            "=4Q", self.memory[:32])
        print(f"{name:7} {count:7} turns; longest {busiest / 1e6:5.2f} ms of "
              f"CPU time, {longest / 1e6:6.2f} ms by the clock; above 5 ms of "
              f"CPU time: {long_count}", flush=True)


def load(path, stop, counts):
    connection = Connection(path)
    while not stop.is_set():
        for heavy in HEAVY:
            begin = time.perf_counter()
            status, size = connection.get(heavy)
            if status == 200:
                counts.setdefault(heavy, []).append(
                    (time.perf_counter() - begin, size))


def wait_until_ready(path, process):
    while process.poll() is None:
        try:
            connection = Connection(path)
            if connection.get("/api/v1/status")[0] == 200:
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise SystemExit("haplo-poll has ended")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build")
    parser.add_argument("--queues", type=int, default=100000)
    parser.add_argument("--servers", type=int, default=20)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        build = pathlib.Path(options.build).resolve()
        turns = Turns(folder / "turns")
        configure(folder, options.queues, options.servers)
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig=KILL",
             str(build / "haplo-poll"), "-c",
             str(folder / "poll.yaml"), "run"],
            stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, "LOOP_TURNS": str(folder / "turns"),
                 "LD_PRELOAD": str(build / "bench" / "loop_turns.so")})
        path = folder / "state" / "admin.sock"
        try:
            wait_until_ready(path, process)
            turns.measure(options.seconds, "alone")
            stop, counts = threading.Event(), {}
            threads = [threading.Thread(target=load, args=(path, stop, counts))
                       for _ in range(options.clients)]
            for thread in threads:
                thread.start()
            turns.measure(options.seconds, "loaded")
            stop.set()
            for thread in threads:
                thread.join()
            for heavy, rows in counts.items():
                print(f"  {heavy}: {len(rows)} responses, "
                      f"{1000 * statistics.median(r[0] for r in rows):.0f} ms, "
                      f"{rows[0][1]} bytes")
        finally:
            process.kill()
            process.wait()


if __name__ == "__main__":
    main()
