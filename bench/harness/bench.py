"""What all measurements share: paths, and running a program while recording
its resource usage."""
import contextlib
import json
import os
import pathlib
import resource
import signal
import subprocess
import sys
import tempfile
import time

PYTHON = "/usr/bin/python3"  # Debian's, which the packaged peers are for
HERE = pathlib.Path(__file__).parent.parent
PEERS = HERE / "peers"
CLIENT_CORE, SERVER_CORE = 0, 1
TIMEOUT_S = 300
DESCRIPTORS = 20000      # for thousands of connections, including nginx's ends
DESCRIPTORS_MIN = 10000


class Failed(Exception):
    """A program misbehaved, so the measurement has no result."""


class Bench:
    """The build, and the temporary folder of a run."""

    def __init__(self, build, folder):
        self.build = pathlib.Path(build).resolve()
        self.folder = folder
        self.programs = self.build / "bench"
        self.node_modules = self.programs / "peers" / "node_modules"
        self.serial = 0

    def new_folder(self, name):
        self.serial += 1
        folder = self.folder / f"{name}-{self.serial}"
        folder.mkdir()
        return folder

    def disk_folder(self, name):
        """A temporary folder on the build's disk."""
        @contextlib.contextmanager
        def folder():
            with tempfile.TemporaryDirectory(prefix=f"{name}-",
                                             dir=self.programs) as path:
                yield pathlib.Path(path)
        return folder()

    def hosts_file(self, urls):
        self.serial += 1
        path = self.folder / f"hosts-{self.serial}"
        path.write_text("\n".join(urls) + "\n")
        return path

    def measure_command(self, report, core, command):
        return [str(word) for word in
                [self.programs / "measure", report,
                 "-" if core is None else core, *command]]

    def run(self, command, core=CLIENT_CORE, env=None):
        """Runs a program until it exits. Returns the last line of its output,
        parsed as JSON ({} if there is none), and the resources it used."""
        self.serial += 1
        report = self.folder / f"report-{self.serial}"
        try:
            done = subprocess.run(self.measure_command(report, core, command),
                                  env=env, text=True, timeout=TIMEOUT_S,
                                  stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, check=False)
        except subprocess.TimeoutExpired:
            raise Failed(f"{command[0]}: not done after {TIMEOUT_S} s")
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip().split("\n")[-1]
            raise Failed(f"{command[0]}: exit code {done.returncode}: {said}")
        lines = [line for line in done.stdout.split("\n")
                 if line.startswith("{")]
        return (json.loads(lines[-1]) if lines else {},
                json.loads(report.read_text()))

    def lines(self, command, core=CLIENT_CORE):
        """Yields the lines that a program prints while it runs. Raises Failed
        if the program fails."""
        command = self.measure_command("/dev/null", core, command)
        with subprocess.Popen(command, text=True,
                              stdout=subprocess.PIPE) as process:
            try:
                yield from process.stdout
            finally:
                if process.wait() != 0:
                    raise Failed(f"{command[3]}: exit code "
                                 f"{process.returncode}")


def prepare():
    """Raises the limits that children inherit, and makes them end with this
    process."""
    if os.cpu_count() < 2:
        sys.exit("the benchmark needs two cores: one for the server")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft = DESCRIPTORS if hard == resource.RLIM_INFINITY \
        else min(hard, DESCRIPTORS)
    if soft < DESCRIPTORS_MIN:
        sys.exit(f"the benchmark needs {DESCRIPTORS_MIN:,} descriptors, and "
                 f"may have {hard:,}: see `ulimit -Hn`")
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


@contextlib.contextmanager
def opened(build):
    """A Bench whose folder is removed afterwards."""
    prepare()
    with tempfile.TemporaryDirectory(prefix="haplo-bench-") as name:
        yield Bench(build, pathlib.Path(name))


def now():
    return time.monotonic()
