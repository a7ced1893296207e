"""What a cycle (fetch 16 messages, mark them) costs the poller: make bench.

nginx answers from memory on one core, the poller (bench/cycle.c) runs on the
other. The figure is CPU microseconds of the poller for a cycle; next to it
stands what wrk, a bare load generator, needs for the same two requests. The
machine's mood is in both, so compare the ratio, not the microseconds.
"""
import argparse
import json
import pathlib
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

CYCLES = 30000
ROUNDS = 5
POLL = "/api/haplo-integration-messages/poll"

NGINX = """
worker_processes 1;
worker_cpu_affinity 01;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    client_body_temp_path {folder};
    keepalive_requests 100000000;
    default_type application/json;
    open_file_cache max=10;
    server {{
        listen 127.0.0.1:{port};
        location ~ /fetch$ {{ root {folder}; try_files /fetch.json =404; }}
        location ~ /mark$ {{
            return 200 '{{"markedCount":16,"unreadCount":5}}';
        }}
    }}
}}
"""

# Every second request is a mark, as in a cycle.
WRK = """
local n = 0
request = function()
  n = n + 1
  if n % 2 == 1 then return wrk.format("GET", "{poll}/q/fetch") end
  return wrk.format("POST", "{poll}/q/mark", nil, "token=MSwyLDM%3D")
end
done = function(summary) io.write(summary.requests, "\\n") end
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_nginx(folder):
    messages = [{"id": i, "datetime": "2026-01-01T00:00:00Z",
                 "type": "change", "data": "x" * 230} for i in range(16)]
    (folder / "fetch.json").write_text(json.dumps(
        {"version": 0, "token": "MSwyLDM=", "messages": messages}, indent=2))
    port = free_port()
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port))
    server = subprocess.Popen(["nginx", "-c", folder / "nginx.conf", "-g",
                               "daemon off;"], stderr=subprocess.DEVNULL)
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return server, f"http://127.0.0.1:{port}"
        except OSError:
            time.sleep(0.02)
    server.kill()
    sys.exit("nginx does not start")


def cycle_us(build, url, at_once):
    done = subprocess.run(
        ["taskset", "-c", "1", build / "bench" / "cycle", url,
         str(2 * at_once), str(at_once), str(CYCLES)],
        stdout=subprocess.PIPE, text=True, check=True)
    return float(done.stdout)


def wrk_us(folder, url, at_once):
    script = folder / "cycle.lua"
    script.write_text(WRK.format(poll=POLL))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        ["taskset", "-c", "1", "wrk", "-t1", f"-c{at_once}", "-d2s", "-s",
         script, url], stdout=subprocess.PIPE, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = (after.ru_utime + after.ru_stime
           - before.ru_utime - before.ru_stime)
    return cpu * 1e6 / (int(done.stdout.splitlines()[-1]) / 2)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, default="build")
    build = parser.parse_args().build.resolve()
    missing = [name for name in ("nginx", "wrk") if not shutil.which(name)]
    if missing:
        sys.exit(f"apt-get install nginx-light wrk: {missing} not found")
    with tempfile.TemporaryDirectory(prefix="haplo-bench-") as name:
        folder = pathlib.Path(name)
        server, url = start_nginx(folder)
        try:
            print(f"{'at once':>8} {'poller us':>10} {'wrk us':>8} {'ratio':>6}")
            for at_once in (1, 64, 1000):
                pairs = [(cycle_us(build, url, at_once),
                          wrk_us(folder, url, at_once))
                         for _ in range(ROUNDS)]
                own, floor = map(statistics.median, zip(*pairs))
                print(f"{at_once:8} {own:10.1f} {floor:8.1f} "
                      f"{own / floor:6.2f}", flush=True)
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
