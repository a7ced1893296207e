"""What it costs to observe haplo-poll: processor time for each scrape of
/metrics and each request for the status, as a part of one core if they come
every 5 s, and the longest turn of the loop meanwhile, in which nothing else can
happen.

    make all build/bench/loop_turns.so && python3 bench/metrics_cost.py
                 [--queues=2000] [--servers=10] [--requests=200]
"""
import argparse
import os
import pathlib
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "test" / "integration"))

from admin_client import UnixConnection  # noqa: E402
from poll import Poll  # noqa: E402
from reload import SHIM, Turns  # noqa: E402
from sim import Sim, wait_for  # noqa: E402

EVERY_S = 5
PATHS = ("/metrics", "/api/v1/status", "/metrics?queues=all",
         "/api/v1/queues?limit=100")


def cpu_s(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")")[1]
    user, system = fields.split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def ask(socket, path):
    """The size of a response."""
    connection = UnixConnection(socket)
    connection.request("GET", path)
    response = connection.getresponse()
    size = len(response.read())
    connection.close()
    return size if response.status == 200 else 0


def measure(pid, socket, path, count):
    """Processor time and time of one request, and its size."""
    before, began = cpu_s(pid), time.monotonic()
    sizes = {ask(socket, path) for _ in range(count)}
    assert 0 not in sizes, path
    return ((cpu_s(pid) - before) / count,
            (time.monotonic() - began) / count, max(sizes))


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--queues", type=int, default=2000)
    options.add_argument("--servers", type=int, default=10)
    options.add_argument("--requests", type=int, default=200)
    options = options.parse_args()
    with Sim(f"--apps={options.servers}",
             f"--queues={options.queues // options.servers}") as sim:
        poll = Poll(sim)
        poll.config["defaults"]["interval"] = "1h"
        turns = Turns(sim.dir / "turns")
        poll.environment.update(LD_PRELOAD=SHIM,
                                LOOP_TURNS=str(sim.dir / "turns"))
        run = poll.start()
        run.wait_for_line("polling; queues")
        socket = poll.folder / "state/admin.sock"
        wait_for(lambda: socket.exists() and ask(socket, PATHS[0]))
        print(f"{options.queues} queues on {options.servers} servers, "
              f"{options.requests} requests each")
        for path in PATHS:
            turns.reset()
            cpu, wall, size = measure(run.process.pid, socket, path,
                                      options.requests)
            print(f"{path:26}{cpu * 1e3:9.2f} ms of a core {wall * 1e3:9.2f} "
                  f"ms {size:10} bytes; every {EVERY_S} s: "
                  f"{cpu / EVERY_S:.3%} of a core; longest turn "
                  f"{turns.read()[0]:.1f} ms")
        run.kill()


if __name__ == "__main__":
    main()
