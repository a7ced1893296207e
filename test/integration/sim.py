"""Starts build/haplo-sim for a test and talks to its control port.

    with Sim("--apps=1", "--queues=2", "--messages=20", "--tls") as sim:
        sim.script("fault app=app1 queue=q1 on=fetch do=stall")
        ...
        assert sim.unread("app1", "q1") == 0

The simulator ends with the block, or with the test process: it watches a pipe
that only this process holds open.
"""
import http.client
import json
import os
import pathlib
import select
import shutil
import subprocess
import tempfile
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("HAPLO_BUILD", ROOT / "build"))
PROGRAM = str(BUILD / "haplo-sim")
WAIT_S_MAX = 120  # only a test that fails waits so long
PAUSE_S_MIN, PAUSE_S_MAX = 0.005, 0.05  # between two looks


class SimError(Exception):
    """The simulator refused a request or did not start."""


def wait_for(condition, what="the condition"):
    """Returns the first true value of condition(), polled often, and less often
    what takes its time. How long that may take is not for a test to say: other
    programs may use the machine."""
    begin = time.monotonic()
    while True:
        value = condition()
        if value:
            return value
        passed = time.monotonic() - begin
        if passed > WAIT_S_MAX:
            raise AssertionError(f"{what} did not come true in {WAIT_S_MAX} s")
        time.sleep(min(PAUSE_S_MIN + passed / 50, PAUSE_S_MAX))


def replace_file(path, text, mode=0o600):
    """Written beside and renamed: nobody ever reads a part of it."""
    beside = path.with_name(path.name + ".new")
    beside.write_text(text)
    beside.chmod(mode)
    beside.rename(path)


class Sim:
    """A running simulator in a directory of its own.

    Arguments are those of haplo-sim(1); `scenario` is the text of a script.
    `dir` holds ca.pem, keys/ and haplo-poll.yaml.
    """

    def __init__(self, *arguments, scenario=None, dir=None):
        self.arguments = list(arguments)
        self.scenario = scenario
        self.dir = pathlib.Path(dir) if dir else None
        self.own_dir = dir is None
        self.process = None
        self.client = None
        self.ready = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, *_):
        status = self.stop()
        if kind is None and status not in (0, None):
            raise SimError(f"haplo-sim ended with status {status}")

    def start(self):
        if self.own_dir:
            self.dir = pathlib.Path(tempfile.mkdtemp(prefix="haplo-sim-"))
        command = [
            # Where it is stopped it does not see the end of its input.
            *["setpriv", "--pdeathsig=KILL"],
            *os.environ.get("HAPLO_SIM_WRAPPER", "").split(),
            PROGRAM,
            "--until-stdin-closes",
            f"--dir={self.dir}",
            f"--write-config={self.dir}/haplo-poll.yaml",
        ]
        if self.scenario is not None:
            path = self.dir / "scenario"
            path.write_text(self.scenario)
            command.append(f"--script={path}")
        command += [str(argument) for argument in self.arguments]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        try:
            self.ready = json.loads(self._first_line())
        except BaseException:
            self.stop()
            raise
        control = urllib.parse.urlsplit(self.ready["control"])
        self.client = http.client.HTTPConnection(
            control.hostname, control.port, timeout=WAIT_S_MAX
        )

    def _first_line(self):
        output = self.process.stdout
        if not select.select([output], [], [], WAIT_S_MAX)[0]:
            raise SimError("haplo-sim does not get ready")
        line = output.readline()
        if not line:
            raise SimError(f"haplo-sim ended: {self.process.wait(WAIT_S_MAX)}")
        return line

    def stop(self):
        """Ends it and returns its exit status."""
        if self.client is not None:
            self.client.close()
        if self.process is None:
            return None
        self.process.stdin.close()
        try:
            status = self.process.wait(WAIT_S_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        self.process.stdout.close()
        self.process = None
        if self.own_dir:
            shutil.rmtree(self.dir, ignore_errors=True)
        return status

    @property
    def pid(self):
        return self.process.pid

    @property
    def apps(self):
        """The applications as the ready line lists them, by name."""
        return {app["name"]: app for app in self.ready["apps"]}

    @property
    def ca(self):
        return str(self.dir / "ca.pem")

    @property
    def config(self):
        """A haplo-poll configuration for all of it."""
        return self.dir / "haplo-poll.yaml"

    def url(self, app="app1", queue=None, verb="fetch"):
        base = self.apps[app]["url"]
        if queue is None:
            return base
        return f"{base}/api/haplo-integration-messages/poll/{queue}/{verb}"

    def key(self, app="app1", queue="q1"):
        """The API key of a queue; queue "wide" is the administrator's."""
        return (self.dir / "keys" / f"{app}-{queue}").read_text().strip()

    def control(self, path, method="GET", body=None, **query):
        """Answers of the control port as Python values."""
        query = {k: v for k, v in query.items() if v is not None}
        if query:
            path += "?" + urllib.parse.urlencode(query)
        self.client.request(method, path, body=body)
        response = self.client.getresponse()
        answer = json.loads(response.read())
        if response.status != 200:
            raise SimError(answer.get("error", answer))
        return answer

    def script(self, *lines):
        """Runs script lines: strings, or one with several lines."""
        answer = self.control(
            "/script", method="POST", body="\n".join(lines).encode()
        )
        if any(line.lstrip().startswith("app") for line in lines):
            self.ready = self.control("/ready")
        return answer

    def add(self, app, queue, messages):
        """Adds messages with these data (Python values)."""
        return self.control(
            "/messages",
            method="POST",
            body=json.dumps(messages).encode(),
            app=app,
            queue=queue,
        )

    def stats(self, app=None, queue=None):
        return self.control("/stats", app=app, queue=queue)

    def app_stats(self, app="app1"):
        return self.stats(app)["apps"][0]

    def queue_stats(self, app="app1", queue="q1"):
        return self.stats(app, queue)["apps"][0]["queues"][0]

    def unread(self, app=None, queue=None):
        """Unread messages of a queue, of an application or of all."""
        if app is None:
            return self.stats()["unread"]
        if queue is None:
            return self.app_stats(app)["unread"]
        return self.queue_stats(app, queue)["unread"]

    def messages(self, app="app1", queue="q1", exact=False):
        """What became of each message; exact: with its bytes."""
        answer = self.control(
            "/messages", app=app, queue=queue, bytes=1 if exact else None
        )
        return answer["apps"][0]["queues"][0]["messages"]

    def all_messages(self, exact=False):
        """The same for the whole server, by (app, queue)."""
        answer = self.control("/messages", bytes=1 if exact else None)
        return {
            (app["name"], queue["name"]): queue["messages"]
            for app in answer["apps"]
            for queue in app["queues"]
        }

    def events(self, app=None, queue=None, after=None, limit=None):
        return self.control(
            "/events", app=app, queue=queue, after=after, limit=limit
        )["events"]

    def wait_until_read(self):
        """Waits until no message is unread."""
        wait_for(lambda: self.unread() == 0, "all messages read")
