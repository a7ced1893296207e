"""inbox list, count, show and export: what is in the inboxes, without a running
process and next to one, in both types of database."""
import base64
import contextlib
import csv
import datetime
import io
import json
import os
import sqlite3
import subprocess

import pytest

from poll import PROGRAM, RUN_S_MAX, two_inboxes
from sim import WAIT_S_MAX, Sim, wait_for
from terminal import plain, run_on_terminal

KINDS = ["sqlite", "postgres"]


class Stock:
    """A Poll whose inbox has 80 messages of four queues."""

    def __init__(self, sim, poll, postgres):
        self.sim, self.poll, self.postgres = sim, poll, postgres
        poll.config["outlets"] = [{"name": "out", "type": "files",
                                   "path": "out"}]
        if postgres is not None:
            postgres.prepare(poll)
        assert poll.once() == (0, "", "")

    def run(self, *words):
        done = self.poll.run(*words, write=False)
        assert (done.code, done.err) == (0, ""), done
        return done.out

    def lines(self, *words):
        return [json.loads(line) for line in self.run(*words).splitlines()]

    def sent(self):
        """(server, queue, bytes) of all messages, sorted."""
        return sorted(
            (*name, message["bytes"].encode())
            for name, messages in self.sim.all_messages(exact=True).items()
            for message in messages)


@pytest.fixture(params=KINDS)
def stock(request, poll_of):
    postgres = (request.getfixturevalue("postgres")
                if request.param == "postgres" else None)
    with Sim("--apps=2", "--queues=2", "--messages=20") as sim:
        yield Stock(sim, poll_of(sim), postgres)


# The first thing to know: how much there is, and whether it is forwarded.
def test_list_counts_inboxes_and_outlets(stock):
    stock.poll.config["outlets"].append(
        {"name": "new", "type": "files", "path": "new"})
    stock.poll.write()
    (inbox,) = stock.lines("inbox", "list", "--json")
    assert inbox["name"] == "inbox" and inbox["messages"] == 80
    assert inbox["size_bytes"] > 10000
    assert inbox["created_at"] <= inbox["oldest_at"] <= inbox["newest_at"]
    new, out = sorted(inbox["outlets"], key=lambda row: row["name"])
    assert (out["lag_messages"], out["dead_letters"], out["begun"],
            out["configured"]) == (0, 0, True, True)
    assert (new["lag_messages"], new["begun"], new["oldest_pending_at"]) == \
        (80, False, inbox["oldest_at"])


# An outlet that is gone keeps what it has not forwarded from being deleted.
def test_list_shows_an_outlet_that_was_removed(stock):
    del stock.poll.config["outlets"]
    stock.poll.write()
    (inbox,) = stock.lines("inbox", "list", "--json")
    assert [row["configured"] for row in inbox["outlets"]] == [False]
    assert "not configured" in stock.run("inbox", "list")


def test_count_by_queue(stock):
    rows = stock.lines("inbox", "count", "--json")
    assert [(row["server"], row["queue"], row["messages"]) for row in rows] == \
        [(a, q, 20) for a in ("app1", "app2") for q in ("q1", "q2")]
    assert all(row["batches"] == 2 and row["unmarked_batches"] == 0
               for row in rows)
    rows = stock.lines("inbox", "count", "--json", "--queue=*/q2")
    assert [row["server"] for row in rows] == ["app1", "app2"]
    table = [line.split("\t")
             for line in stock.run("inbox", "count").splitlines()]
    assert table[0][:3] == ["QUEUE", "INBOX", "MESSAGES"]
    assert table[4][:3] == ["app2/q2", "inbox", "20"]


# The times are those of the receipt; the boundary belongs to one side only.
@pytest.mark.parametrize("command", ["count", "export"])
def test_times_select(stock, command):
    def total(*words):
        if command == "export":
            return len(stock.run("inbox", "export", *words).splitlines())
        return sum(row["messages"]
                   for row in stock.lines("inbox", "count", "--json", *words))

    newest = max(row["received_at"] for row in stock.lines("inbox", "export"))
    before, after = total(f"--until={newest}"), total(f"--since={newest}")
    assert before + after == 80 and after > 0
    assert total("--since=1h") == 80 and total("--until=1h") == 0


# Exactly what the server sent, line breaks and all, each message once.
def test_export_has_the_exact_bytes(stock):
    stock.sim.add("app1", "q1", [{"id": 900, "x": "\u00e9\u2028 \"\\ \n"}])
    assert stock.poll.once() == (0, "", "")
    rows = stock.lines("inbox", "export")
    assert sorted((row["server"], row["queue"], row["body"].encode())
                  for row in rows) == stock.sent()
    arrivals = [row["arrival"] for row in rows]
    assert arrivals == sorted(arrivals)
    assert len({row["id"] for row in rows}) == 81
    assert all(f"-{row['arrival']}-" in row["id"] for row in rows)


def test_export_as_csv(stock):
    text = stock.poll.run("inbox", "export", "--format=csv", "--queue=app2/q1",
                          write=False).out
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert list(rows[0]) == ["inbox", "server", "queue", "arrival", "id",
                             "received_at", "body"]
    assert sorted((row["server"], row["queue"], row["body"].encode())
                  for row in rows) == [
        row for row in stock.sent() if row[:2] == ("app2", "q1")]


def test_show_prints_what_is_known_and_the_bytes(stock):
    (row,) = [row for row in stock.lines("inbox", "export")][16:17]
    head, _, body = stock.run("inbox", "show",
                              row["arrival"]).partition("\n\n")
    fields = dict(line.split(": ", 1) for line in head.splitlines())
    assert fields["queue"] == f"{row['server']}/{row['queue']}"
    assert (fields["id"], fields["fetched"]) == (row["id"], row["received_at"])
    assert fields["fetched"] <= fields["stored"] <= fields["marked"]
    assert body == row["body"]
    # By its identity, as a receiver has logged it; and only the bytes.
    assert stock.run("inbox", "show", "--raw", row["id"]) == row["body"]
    done = stock.poll.run("inbox", "show", 100000, write=False)
    assert done.code == 1 and "message 100000 has not arrived" in done.err


# While messages arrive; what came after its beginning is left out.
def test_export_next_to_a_running_process(stock):
    stock.poll.config["defaults"]["interval"] = "20ms"
    run = stock.poll.start()
    for round in range(5):
        stock.sim.script("message app* q* count=5")
        rows = stock.lines("inbox", "export")
        assert len({row["arrival"] for row in rows}) == len(rows)
    stock.sim.wait_until_read()
    wait_for(lambda: len(stock.lines("inbox", "export")) == 180, "messages")
    assert sorted((row["server"], row["queue"], row["body"].encode())
                  for row in stock.lines("inbox", "export")) == stock.sent()
    assert run.stop() == 0


# A body that is not text survives both formats.
def test_raw_bytes_are_exported(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=3") as sim:
        poll = poll_of(sim)
        poll.queue().update(format="raw", token_pattern='"token": "([^"]*)"')
        assert poll.once() == (0, "", "")
        stored = [row[0] for row in poll.rows("SELECT body FROM stored")]
        stored = [body if isinstance(body, bytes) else body.encode()
                  for body in stored]
        rows = [json.loads(line) for line in
                poll.run("inbox", "export").out.splitlines()]
        assert [base64.b64decode(row["body_base64"])
                if "body_base64" in row else row["body"].encode()
                for row in rows] == stored


# `inbox export | less` overnight must not make the WAL grow: it can be copied
# as a whole, which no open transaction allows.
def test_a_slow_reader_keeps_no_transaction_open(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=2000", "--limit=1000",
             "--size=1000") as sim:
        poll = poll_of(sim)
        assert poll.once() == (0, "", "")
        with subprocess.Popen([PROGRAM, "-c", poll.path, "inbox", "export"],
                              stdout=subprocess.PIPE) as reader:
            reader.stdout.readline()  # and no more: the pipe fills
            sim.script("message app1 q1 count=100")
            assert poll.once() == (0, "", "")
            with contextlib.closing(sqlite3.connect(
                    poll.inbox_path, timeout=WAIT_S_MAX)) as db:
                wait_for(lambda: db.execute(
                    "PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0,
                         "a checkpoint")
            rest = reader.stdout.read().splitlines()
            assert reader.wait() == 0
        assert len(rest) + 1 == 2000


def test_a_closed_pipe_ends_the_export(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=2000",
             "--size=1000") as sim:
        poll = poll_of(sim)
        assert poll.once() == (0, "", "")
        done = subprocess.run(
            f"{PROGRAM} -c {poll.path} inbox export | head -n 1",
            shell=True, capture_output=True, check=True, timeout=RUN_S_MAX)
        assert len(done.stdout.splitlines()) == 1
        assert done.stderr.count(b"\n") <= 1


# Half an export must not pass for a whole one.
@pytest.mark.parametrize("words", [
    "inbox list", "inbox list --json", "inbox count", "inbox show 1",
    "inbox export", "inbox export --format=csv", "trace 1", "trace 1 --json"])
def test_a_full_disk(poll_of, words):
    with Sim("--apps=1", "--queues=1", "--messages=3") as sim:
        poll = poll_of(sim)
        assert poll.once() == (0, "", "")
        with open("/dev/full", "wb") as full:
            done = subprocess.run(
                [PROGRAM, "-c", poll.path, *words.split()], stdout=full,
                stderr=subprocess.PIPE, check=False, timeout=RUN_S_MAX)
        assert done.returncode == 1
        assert done.stderr.count(b"standard output cannot be written") == 1


# Ten times the messages take no more memory.
def test_export_takes_constant_memory(poll_of):
    def peak_of(poll):
        command = [PROGRAM, "-c", poll.path, "inbox", "export"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        return usage.ru_maxrss

    with Sim("--apps=1", "--queues=1", "--messages=2000", "--limit=1000",
             "--size=2000") as sim:
        poll = poll_of(sim)
        assert poll.once() == (0, "", "")
        small = peak_of(poll)
        sim.script("message app1 q1 count=18000")
        assert poll.once() == (0, "", "")
        assert peak_of(poll) < small + 4096  # KB; the messages are 40 MB


def test_several_inboxes(poll_of):
    with Sim("--apps=1", "--queues=2", "--messages=5") as sim:
        poll = poll_of(sim)
        two_inboxes(poll)
        assert poll.once() == (0, "", "")
        rows = [json.loads(line) for line in
                poll.run("inbox", "list", "--json").out.splitlines()]
        assert [row["name"] for row in rows] == ["inbox", "other"]
        done = poll.run("inbox", "show", 1)
        assert done.code == 2 and "name one with --inbox" in done.err
        assert "app1/q2" in poll.run("inbox", "show", 1, "--inbox=other").out
        done = poll.run("inbox", "count", "--json", "--inbox=other")
        assert [json.loads(line)["queue"]
                for line in done.out.splitlines()] == ["q2"]
        # One that cannot be read does not hide the other.
        (poll.folder / "inbox.db").write_bytes(b"no database" * 1000)
        done = poll.run("inbox", "list", "--json")
        assert done.code == 1 and "inbox inbox: " in done.err
        assert json.loads(done.out)["name"] == "other"


@pytest.mark.parametrize("words, told", [
    (["inbox", "export", "--format=xml"], "--format takes ndjson or csv"),
    (["inbox", "show", "x"], "x is neither the arrival"),
    (["inbox", "show", "0"], "0 is neither the arrival"),
    (["inbox", "count", "--inbox=none"], "no inbox named none"),
    (["inbox", "count", "--since=never"], "--since takes a time"),
    (["inbox", "list", "--queue=a/b"], "not of inbox list"),
])
def test_mistakes_are_told(poll_of, words, told):
    with Sim("--apps=1", "--queues=1") as sim:
        done = poll_of(sim).run(*words)
        assert (done.code, done.out) == (2, "") and told in done.err


# Asking creates nothing.
def test_without_an_inbox(poll_of):
    with Sim("--apps=1", "--queues=1") as sim:
        poll = poll_of(sim)
        done = poll.run("inbox", "list")
        assert done.code == 1 and "is missing or empty" in done.err
        assert not poll.inbox_path.exists()
        assert not (poll.folder / "state").exists()


# What a person sees.


@pytest.mark.parametrize("columns", [80, 132])
def test_lists_fit_the_terminal(poll_of, columns):
    with Sim("--apps=1", "--queues=1", "--messages=3") as sim:
        poll = poll_of(sim)
        poll.config["outlets"] = [
            {"name": "an-outlet-with-a-long-name", "type": "files",
             "path": "out"}]
        assert poll.once() == (0, "", "")
        for words in (["inbox", "list"], ["inbox", "count"]):
            code, text = run_on_terminal(poll, *words, columns=columns)
            assert code == 0 and "\x1b[1m" in text
            assert max(map(len, plain(text).splitlines())) <= columns, text


def test_no_color(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=3") as sim:
        poll = poll_of(sim)
        assert poll.once() == (0, "", "")
        for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
            code, text = run_on_terminal(poll, "inbox", "count",
                                         env={**os.environ, **env})
            assert code == 0 and "app1/q1" in text and "\x1b" not in text


# It can be read there; elsewhere nothing may change.
def test_a_message_on_a_terminal(poll_of):
    with Sim("--apps=1", "--queues=1") as sim:
        sim.add("app1", "q1", [{"id": 1, "x": "\u009b2J"}])
        poll = poll_of(sim)
        assert poll.once() == (0, "", "")
        code, text = run_on_terminal(poll, "inbox", "show", 1)
        assert code == 0
        assert text.endswith('  "x": "\\u009b2J"\n}\n')
        assert '\n\n{\n  "id": 1,\n' in text


def test_progress_of_an_export(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=30000", "--limit=10000",
             "--size=1000") as sim:
        poll = poll_of(sim)
        assert poll.once() == (0, "", "")
        code, text = run_on_terminal(poll, "inbox", "export",
                                     "--queue=other/*")
        assert code == 0
        code, text = run_on_terminal(poll, "-q", "inbox", "export",
                                     "--queue=other/*")
        assert code == 0 and "%" not in text


def test_the_times_of_a_day(stock):
    today = datetime.datetime.now(datetime.timezone.utc).date()
    day = datetime.timedelta(days=1)
    rows = stock.lines("inbox", "count", "--json", f"--since={today - day}",
                       f"--until={today + day}")
    assert sum(row["messages"] for row in rows) == 80
