"""Runs build/haplo-poll for a test, on what a Sim simulates.

    def test_something(poll_of):
        with Sim("--apps=1", "--queues=2", "--messages=20") as sim:
            poll = poll_of(sim)
            poll.queue("app1", "q2")["name"] = "q3"
            done = poll.once()
            assert done.code == 1 and "app1/q3" in done.err
            poll.check_nothing_lost()

The fixture poll_of kills what was started, and searches for API keys: all that
was printed, served or written, and what processes have shown of themselves; see
planted.py. What is started ends with this process, too.
"""
import base64
import collections
import contextlib
import json
import os
import pathlib
import re
import signal
import sqlite3
import subprocess
import tempfile

import planted
from files_outlet import files_in, packed
from sim import ROOT, WAIT_S_MAX, wait_for

BUILD = pathlib.Path(os.environ.get("HAPLO_BUILD", str(ROOT / "build")))
PROGRAM = str(BUILD.resolve() / "haplo-poll")
RUN_S_MAX = 300  # only a test that fails waits so long
LOG_SIZE_MAX = 1 << 26
KEY_SIZE_MIN = 16

Done = collections.namedtuple("Done", "code out err")


def untimed(text):
    """Log lines without their times."""
    return re.sub(r"(?m)^\d{4}-\d\d-\d\dT[\d:.]+Z (?=haplo-poll: )", "", text)


def errors_in(text):
    """The errors in a configuration, each without its source line."""
    return [line for line in text.splitlines()
            if re.search(r": (error|warning): .* \[HP\d{4}\]$", line)]


def run_program(*arguments, program=PROGRAM, **options):
    """Runs haplo-poll to its end."""
    done = subprocess.run(
        [program, *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=RUN_S_MAX,
        check=False,
        **options,
    )
    return Done(
        done.returncode,
        done.stdout.decode(errors="replace"),
        done.stderr.decode(errors="replace"),
    )


def config_of(sim):
    """The configuration for all of a simulator, with short waits."""
    return {
        "state_dir": "state",
        "inbox": "inbox.db",
        "defaults": {"backoff": "10ms", "backoff_max": "20ms"},
        "servers": [
            {
                "name": name,
                "url": app["url"],
                "tls_ca_file": "ca.pem",
                "queues": [
                    {"name": queue, "api_key_file": f"keys/{name}-{queue}"}
                    for queue in app["queues"]
                ],
            }
            for name, app in sim.apps.items()
        ],
    }


def two_inboxes(poll, path="inbox.db"):
    """app1/q1 goes to `inbox`, all other queues to other.db."""
    del poll.config["inbox"]
    poll.config["inboxes"] = [
        {"name": "inbox", "type": "sqlite", "path": path},
        {"name": "other", "type": "sqlite", "path": "other.db"},
    ]
    poll.config["defaults"]["inbox"] = "other"
    poll.queue()["inbox"] = "inbox"
    return [poll.folder / path, poll.folder / "other.db"]


def set_queue(**options):
    return lambda sim, poll: poll.queue().update(options)


def set_server(**options):
    return lambda sim, poll: poll.server().update(options)


def check_one_line_each(done, names, words):
    """For each failed queue one line, which names it and the cause."""
    lines = done.err.splitlines()
    assert len(lines) == len(names), done.err
    for name in names:
        own = [line for line in lines if f"{name}: " in line.split(", ")[0]]
        assert own, (name, done.err)
    for line in lines:
        assert line.startswith("haplo-poll: ")
        assert len(line) < 500
        for word in words:
            assert word in line, (word, line)


def named(items, name):
    return next(item for item in items if item["name"] == name)


class Running:
    """A haplo-poll in the background."""

    def __init__(self, poll, arguments):
        self.poll = poll
        self.log = tempfile.TemporaryFile()
        # setpriv: it ends with this process, however that ends.
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig=KILL", poll.program, "-c", poll.path]
            + list(arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self.log,
            env=poll.environment,
        )

    @property
    def err(self):
        """All that it has printed on stderr until now."""
        size = os.fstat(self.log.fileno()).st_size
        text = os.pread(self.log.fileno(), size, 0)
        return text.decode(errors="replace")

    def lines(self, *words):
        """Its lines on stderr that hold all of the words."""
        return [
            line
            for line in self.err.splitlines()
            if all(word in line for word in words)
        ]

    def wait_for_line(self, *words, count=1):
        found, position = [], 0  # of the first line that was not looked at

        def look():
            nonlocal position
            data = os.pread(self.log.fileno(), LOG_SIZE_MAX, position)
            whole = data[:data.rfind(b"\n") + 1]
            position += len(whole)
            found.extend(
                line for line in whole.decode(errors="replace").splitlines()
                if all(word in line for word in words))
            return len(found) >= count and found

        return wait_for(look, f"{count} lines with {words}")

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, seconds=RUN_S_MAX):
        return self.process.wait(seconds)

    def has_finished_at_once(self):
        """Waits for the end after it was told to exit at once. False if its disk
        was too slow for the two seconds that it waits then: it has said so."""
        code = self.wait()
        if code == 1 and self.lines("exiting although an inbox has not"):
            return False
        assert code == 0, self.err
        return True

    def look(self):
        """Notes what others can see of it; not once it is being waited for."""
        pid = self.process.pid
        if self.process.returncode is None and planted.state_of(pid):
            socket = self.poll.state_dir / "admin.sock"
            self.poll.seen += planted.shown_by_process(pid)
            if planted.may_be_asked(pid, socket):
                self.poll.seen += planted.served_at(socket)

    def stop(self):
        """SIGTERM; returns the exit code."""
        self.look()
        self.signal(signal.SIGTERM)
        return self.wait()

    def kill(self):
        self.look()
        self.process.kill()
        self.process.wait()


def preloaded(environment, library):
    """The environment for programs that load the library before their own.
    AddressSanitizer would not have anything before it."""
    asan = environment.get("ASAN_OPTIONS", "")
    return {**environment, "LD_PRELOAD": str(library),
            "ASAN_OPTIONS": f"{asan}:verify_asan_link_order=0"}


class Poll:
    """haplo-poll in the simulator's folder.

    `config` is the configuration: change it before a command is run.
    """

    def __init__(self, sim):
        self.sim = sim
        self.folder = sim.dir
        self.path = str(sim.dir / "poll.yaml")
        self.inbox_path = sim.dir / "inbox.db"
        self.config = config_of(sim)
        self.program = PROGRAM
        self.environment = {**os.environ}
        self.running = []
        self.printed = []
        self.seen = []
        self.secrets = set()

    @property
    def state_dir(self):
        return self.folder / self.config.get("state_dir", "state")

    def server(self, name="app1"):
        return named(self.config["servers"], name)

    def queue(self, server="app1", name="q1"):
        return named(self.queue_list(server), name)

    def queue_list(self, server="app1"):
        return self.server(server)["queues"]

    def write(self):
        """JSON is YAML."""
        text = json.dumps(self.config, indent=1)
        pathlib.Path(self.path).write_text(text)
        self.note_keys()

    # Commands

    def run(self, *arguments, write=True, **options):
        """Runs a command to its end: Done(code, out, err)."""
        if write:
            self.write()
        options.setdefault("env", self.environment)
        options.setdefault("program", self.program)
        done = run_program("-c", self.path, *arguments, **options)
        self.printed.append(done.out + done.err)
        return done

    def hint(self, words):
        """A command as messages advise it."""
        return f"haplo-poll -c {self.path} {words}"

    def once(self, *arguments, **options):
        """Done(code, out, err); without the times of the log lines."""
        done = self.run("-q", *arguments, "once", **options)
        return done._replace(err=untimed(done.err))

    def start(self, *arguments):
        """Starts `haplo-poll ARGUMENTS`, or `run`, in the background."""
        self.write()
        running = Running(self, arguments or ["run"])
        self.running.append(running)
        return running

    def kill_all(self):
        for running in self.running:
            running.kill()
            self.printed.append(running.err)
            running.log.close()
        self.running = []

    # Keys

    def note_keys(self):
        """Notes the keys as they are now, in all forms they could be told."""
        for path in (self.folder / "keys").iterdir():
            key = path.read_text().strip()
            if key:
                user = base64.b64encode(b"haplo:" + key.encode()).decode()
                self.secrets |= {key, user}

    def check_no_key_was_printed(self):
        self.check_not_in(self.secrets, self.printed)

    @staticmethod
    def check_not_in(secrets, texts):
        for text in texts:
            for secret in secrets:
                assert secret not in text

    def check_no_key_is_anywhere(self):
        """But in key files, and on the way to the server."""
        self.check_no_key_was_printed()
        keys = {secret for secret in self.secrets
                if len(secret) >= KEY_SIZE_MIN}  # not a word of a page
        self.check_not_in(keys, self.seen)
        self.check_not_in(keys, planted.written_below(self.state_dir))
        self.check_not_in(keys, (
            planted.read(path) for path in
            self.folder.glob(self.inbox_path.name + "*")))
        assert not planted.cores_in(self.folder, os.getcwd())

    # What became of the messages

    def rows(self, sql, path=None):
        """Reads an inbox."""
        uri = f"file:{path or self.inbox_path}?mode=ro"
        with contextlib.closing(sqlite3.connect(
                uri, uri=True, timeout=WAIT_S_MAX)) as inbox:
            return inbox.execute(sql).fetchall()

    def lines(self, folder):
        """How often (server, queue, bytes) is in the files of a folder."""
        exact = {
            (*name, packed(message["bytes"].encode())): message["bytes"]
            for name, messages in self.sim.all_messages(exact=True).items()
            for message in messages}
        return collections.Counter(
            (file.server, file.queue, exact[file.server, file.queue, line])
            for file in files_in(pathlib.Path(folder))
            for line in file.lines)

    def inbox(self, path=None):
        """How often (server, queue, bytes) is stored, in an inbox or in a
        folder of files."""
        if path is not None and pathlib.Path(path).is_dir():
            return self.lines(path)
        try:
            rows = self.rows("SELECT server, queue, body FROM messages", path)
        except sqlite3.OperationalError as error:
            assert "no such table" in str(error)  # it came no further
            rows = []
        return collections.Counter(rows)

    def inbox_count(self, server=None):
        try:
            rows = self.rows("SELECT server FROM messages")
        except sqlite3.OperationalError:
            return 0  # not made yet
        return len([row for row in rows if server in (None, row[0])])

    def check_nothing_lost(self, *paths, stored=None):
        """No message is stored twice, or with other bytes; each one that the
        server holds for read is stored. What `stored` names (app, queue) is
        stored and marked as a whole."""
        found = collections.Counter()
        for path in paths or [self.inbox_path]:
            if pathlib.Path(path).exists():
                found += self.inbox(path)
        made = collections.Counter()
        marked = collections.Counter()
        whole = collections.Counter()
        for name, messages in self.sim.all_messages(exact=True).items():
            for message in messages:
                row = (*name, message["bytes"])
                made[row] += 1
                marked[row] += message["marked"] > 0
                if stored is not None and name in stored:
                    whole[row] += 1
                    assert message["sent"], row
        assert not found - made  # twice, or other bytes
        assert not marked - found  # lost
        assert not whole - found

    def check_all_stored(self):
        self.check_nothing_lost(stored=self.sim.all_messages())
        assert self.sim.unread() == 0
