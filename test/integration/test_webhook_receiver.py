"""examples/webhook_receiver.py is what somebody who receives messages starts
from: it must accept what is genuine, once, and nothing else."""
import base64
import contextlib
import http.client
import sqlite3
import subprocess
import sys
import time

import pytest

from ports import free_port, is_open
from receiver import signature_of
from sim import ROOT, WAIT_S_MAX, Sim, wait_for

OLD = "whsec_" + base64.b64encode(b"the old secret, 24 bytes").decode()
NEW = "whsec_" + base64.b64encode(bytes(range(32))).decode()
UUID = "550e8400-e29b-41d4-a716-446655440000"


class Example:
    def __init__(self, folder):
        self.port = free_port()
        self.database = folder / "messages.db"
        (folder / "secrets").write_text(f"{NEW}\n{OLD}\n")
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig=KILL", sys.executable,
             ROOT / "examples" / "webhook_receiver.py",
             f"--port={self.port}", f"--database={self.database}",
             f"--secrets={folder / 'secrets'}"],
            stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: is_open(self.port), "the receiver to listen")

    def post(self, body, secret=NEW, at=None, ids=(f"{UUID}-1-a",), **extra):
        """The status for a request as haplo-poll would send it."""
        headers = {"webhook-id": ids[0],
                   "webhook-timestamp": str(int(at or time.time())),
                   "haplo-server": "app1", "haplo-queue": "q1",
                   "haplo-id": ",".join(ids)}
        headers["webhook-signature"] = signature_of(headers, body, secret)
        headers |= extra
        with contextlib.closing(http.client.HTTPConnection(
                "127.0.0.1", self.port, timeout=WAIT_S_MAX)) as client:
            client.request("POST", "/", body, headers)
            return client.getresponse().status

    def rows(self):
        with contextlib.closing(sqlite3.connect(self.database)) as database:
            return database.execute("SELECT id, server, queue, body, times FROM"
                                    " messages ORDER BY rowid").fetchall()


@pytest.fixture
def example(tmp_path):
    example = Example(tmp_path)
    yield example
    example.process.kill()
    example.process.wait()


# Two messages of different spacing, with brackets and commas inside.
BODY = b'{"version":0,"messages":[{"a" : "],[{"},{\n"b":[1, 2]}]}'
IDS = (f"{UUID}-7-b", f"{UUID}-8-c")


# Each message is stored with its exact bytes, under its own identity.
def test_messages_are_taken_out_of_their_document(example):
    assert example.post(BODY, ids=IDS) == 200
    assert example.rows() == [
        (IDS[0], "app1", "q1", b'{"a" : "],[{"}', 1),
        (IDS[1], "app1", "q1", b'{\n"b":[1, 2]}', 1)]


# Whole or in parts, a repeat changes nothing but a number.
def test_repeats_are_stored_once(example):
    for _ in range(3):
        assert example.post(BODY, ids=IDS) == 200
    assert example.post(b'{"a" : "],[{"}', ids=IDS[:1]) == 200
    assert [(row[0], row[4]) for row in example.rows()] == [
        (IDS[0], 4), (IDS[1], 3)]


# Either secret is good while one replaces the other; nothing else is.
def test_only_what_is_signed_is_accepted(example):
    assert example.post(b"{}", secret=OLD) == 200
    assert example.post(b"{}", secret=NEW) == 200
    wrong = "whsec_" + base64.b64encode(bytes(24)).decode()
    assert example.post(b"{}", secret=wrong) == 401
    assert example.post(b"{}", **{"webhook-signature": ""}) == 401
    assert example.post(b"{}", **{"webhook-signature": "v1,\xe9"}) == 401
    assert example.post(b"{}", **{"webhook-timestamp": "soon"}) == 401
    assert len(example.rows()) == 1


# A recorded request is no use later, nor one from the future.
def test_an_old_request_is_refused(example):
    now = time.time()
    assert example.post(b"{}", at=now - 250) == 200
    assert example.post(b"{}", at=now - 1000) == 401
    assert example.post(b"{}", at=now + 1000) == 401


# And with haplo-poll: all messages, exact, raw ones too.
def test_everything_arrives(example, poll_of):
    with Sim("--apps=1", "--queues=2", "--messages=40", "--edge") as sim:
        poll = poll_of(sim)
        secret = poll.folder / "secret"
        secret.write_text(NEW)
        secret.chmod(0o600)
        poll.queue(name="q2").update(
            format="raw", token_pattern='"token": "([^"]*)"')
        poll.config["outlets"] = [{
            "name": "hook", "type": "webhook",
            "signing_secret_file": "secret",
            "url": f"http://127.0.0.1:{example.port}/"}]
        assert poll.once() == (0, "", "")
        stored = poll.rows("SELECT server, queue, CAST(body AS BLOB) FROM"
                           " messages ORDER BY arrival")
        assert sorted(row[1:4] for row in example.rows()) == sorted(stored)
