"""Runs the daemon for a measurement: its configuration, start and stop, and the
CPU time it uses."""
import contextlib
import os
import pathlib
import sqlite3
import subprocess
import threading
import time

from harness.bench import Failed

KEY = "0123456789012345678901234567890123456789abcd"
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def write_config(folder, urls, queue_count, ca_file=None, in_flight_max=None,
                 max_in_flight=None, interval="100ms", inbox="sqlite",
                 has_files=False):
    """Queue i belongs to server i modulo the number of servers. Options that
    are None keep the daemon's defaults. inbox: "sqlite", or "null", which
    stores nothing. has_files: add an outlet that writes everything into a
    folder."""
    (folder / "key").write_text(KEY)
    (folder / "key").chmod(0o600)
    lines = ["state_dir: state"]
    if in_flight_max is not None:
        lines.append(f"in_flight_max: {in_flight_max}")
    lines.append("inbox: inbox.db" if inbox == "sqlite"
                 else f"inboxes: [{{name: inbox, type: {inbox}}}]")
    if has_files:
        (folder / "out").mkdir()
        lines.append("outlets: [{name: files, type: files, path: out}]")
    lines += ["defaults:", f"  interval: {interval}"]
    if max_in_flight is not None:
        lines.append(f"  max_in_flight: {max_in_flight}")
    if ca_file is not None:
        lines.append(f"  tls_ca_file: {ca_file}")
    lines.append("servers:")
    for i, url in enumerate(urls):
        names = ",".join(f"{{name: q{q}}}"
                         for q in range(i, queue_count, len(urls)))
        if names:
            lines += [f"- name: s{i}", f"  url: {url}",
                      "  api_key_file: key", f"  queues: [{names}]"]
    path = folder / "haplo-poll.yaml"
    path.write_text("\n".join(lines) + "\n")
    return path


def cpu_us(pid):
    """The CPU time of all its threads, in nanoseconds where the kernel offers
    it, otherwise in ticks."""
    total_ns = 0
    try:
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            total_ns += int((task / "schedstat").read_text().split()[0])
        return total_ns / 1000
    except OSError:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
        user, system = stat.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) * 1e6 / TICKS_A_SECOND


def memory_kib(pid, name):
    """The resident memory (VmRSS), or its peak (VmHWM)."""
    for line in open(f"/proc/{pid}/status", encoding="ascii"):
        if line.startswith(name + ":"):
            return int(line.split()[1])
    return 0


class Daemon:
    """haplo-poll run, until close(). pid is the daemon's, not that of the
    command that pins it to a core."""

    def __init__(self, program, config, core):
        pin = [] if core is None else ["taskset", "-c", str(core)]
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [*pin, str(program), "-c", str(config), "run"], text=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.pid = self.process.pid  # taskset becomes the program
        self.log = []
        self.polling_at = None
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stderr:
            if "polling;" in line:
                self.polling_at = time.monotonic()
            else:
                self.log.append(line)

    def check(self):
        if self.process.poll() is not None:
            raise Failed("haplo-poll: ended: " + "".join(self.log)[-500:])
        if self.log:
            raise Failed("haplo-poll: " + "".join(self.log)[-500:])

    def sleep(self, seconds):
        time.sleep(seconds)
        self.check()

    def wait_polling(self, timeout_s):
        """Returns the seconds from its start until it polls."""
        deadline = time.monotonic() + timeout_s
        while self.polling_at is None:
            self.check()
            if time.monotonic() > deadline:
                raise Failed(f"haplo-poll: not started after {timeout_s} s")
            time.sleep(0.005)
        return self.polling_at - self.started

    def wait_requests(self, nginx, count):
        """Waits until nginx has served count requests; returns how many it has
        served."""
        deadline = time.monotonic() + 120
        while True:
            seen = nginx.request_count()
            if seen >= count:
                return seen
            self.check()
            if time.monotonic() > deadline:
                raise Failed("haplo-poll: makes no progress")
            time.sleep(0.02)

    def wait_settled(self, nginx, cycles):
        """Waits until the daemon completes that many cycles without a new
        connection, as opening connections is not to be measured. Returns how
        many requests nginx has served."""
        deadline = time.monotonic() + 120
        connections, begin = nginx.counts()
        while time.monotonic() < deadline:
            end = self.wait_requests(nginx, begin + 2 * cycles)
            now_connections, end = nginx.counts()
            if now_connections == connections:
                return end
            connections, begin = now_connections, end
        raise Failed("haplo-poll: always makes new connections")

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.reader.join()


def stored_count(folder):
    """Returns the number of messages committed to the inbox."""
    with contextlib.closing(sqlite3.connect(folder / "inbox.db")) as inbox:
        newest, = inbox.execute("SELECT max(arrival) FROM messages").fetchone()
    return newest or 0
