"""The counterpart of the webhook outlet: examples/webhook_receiver.py, over TLS,
as a process of its own."""
import base64
import contextlib
import sqlite3
import subprocess
import sys

from ports import free_port, is_open
from outlets import Arrived
from sim import ROOT, wait_for
from tls_peers import Authority

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


class Counterpart:
    def __init__(self, poll):
        self.folder = poll.folder / "receiver"
        self.folder.mkdir()
        self.port = free_port()
        self.ca = Authority(self.folder, "ca")
        self.pair = self.ca.issue("receiver")
        self.secret = self.folder / "secret"
        self.secret.write_text(SECRET)
        self.secret.chmod(0o600)
        poll.secrets.add(SECRET)
        self.database = self.folder / "messages.db"
        self.process = None

    def outlet(self):
        return {"url": f"https://127.0.0.1:{self.port}/",
                "signing_secret_file": str(self.secret),
                "tls_ca_file": str(self.ca.path), "total_timeout": "5s", "batch": 7}

    def start(self):
        if self.process is not None:
            return
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig=KILL", sys.executable,
             ROOT / "examples" / "webhook_receiver.py",
             f"--port={self.port}", f"--database={self.database}",
             f"--secrets={self.secret}", f"--certificate={self.pair.certificate}",
             f"--key={self.pair.key}"], stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        wait_for(lambda: is_open(self.port), "the receiver to listen")

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process = None

    def close(self):
        if self.process is not None:
            self.kill()

    def rows(self, sql):
        uri = f"file:{self.database}"
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=30)) as \
                database:
            return database.execute(sql).fetchall()

    def count(self):
        return self.rows("SELECT count(*) FROM messages")[0][0]

    def arrived(self):
        return [Arrived(*row) for row in self.rows(
            "SELECT id, server, queue, body, times FROM messages"
            " ORDER BY rowid")]
