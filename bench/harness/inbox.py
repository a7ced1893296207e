"""Measures how many messages per second the daemon commits to its SQLite inbox,
with default settings and nothing pinned to a core, and how fast the disk
syncs."""
import os
import statistics
import time

from harness import daemon
from harness.nginx import Nginx, Site

BUSY = [(16, 16), (1000, 250)]  # queues, servers: one request each at a time
ROUNDS = 3
WARM_S, RUN_S = 1.0, 4.0
FSYNC_S = 1.0


def disk(folder):
    """Returns the syncs per second after appending 4 KiB, and after 256 KiB,
    which a group commit may write."""
    rates = {}
    for kib in (4, 256):
        block = os.urandom(kib * 1024)
        path = folder / "fsync"
        fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        try:
            count, begin = 0, time.monotonic()
            while time.monotonic() - begin < FSYNC_S:
                os.write(fd, block)
                os.fdatasync(fd)
                count += 1
            rates[f"syncs_per_s_{kib}k"] = count / (time.monotonic() - begin)
        finally:
            os.close(fd)
            path.unlink()
    return rates


def run(bench, site, folder, queue_count, servers):
    urls = site.urls()[:servers]
    config = daemon.write_config(folder, urls, queue_count)
    process = daemon.Daemon(bench.build / "haplo-poll", config, None)
    try:
        process.wait_polling(60)
        time.sleep(WARM_S)
        begin, begin_s = daemon.stored_count(folder), time.monotonic()
        begin_us = daemon.cpu_us(process.pid)
        time.sleep(RUN_S)
        end, end_s = daemon.stored_count(folder), time.monotonic()
        end_us = daemon.cpu_us(process.pid)
        process.check()
    finally:
        process.close()
    stored = end - begin
    return {"messages_per_s": stored / (end_s - begin_s),
            "cores": (end_us - begin_us) / 1e6 / (end_s - begin_s),
            "cpu_us_a_message": (end_us - begin_us) / max(1, stored)}


def measure(bench, say):
    """Uses the build's folder, as a temporary one may be in memory."""
    site = Site(max(servers for _, servers in BUSY))
    nginx = Nginx(bench.new_folder("nginx"), [site], core=None)
    runs = {queues: [] for queues, _ in BUSY}
    disks = []
    try:
        for _ in range(ROUNDS):
            with bench.disk_folder("inbox") as folder:
                disks.append(disk(folder))
            for queues, servers in BUSY:
                with bench.disk_folder("inbox") as folder:
                    one = run(bench, site, folder, queues, servers)
                runs[queues].append(one)
                say(f"    {queues:5} queues {one['messages_per_s']:9,.0f} "
                    f"messages a second")
    finally:
        nginx.close()

    def medians(of):
        return {what: statistics.median(one[what] for one in of)
                for what in of[0]}

    return {"disk": medians(disks),
            "queues": {str(queues): medians(of) for queues, of in runs.items()}}
