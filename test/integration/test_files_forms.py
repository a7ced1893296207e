"""The forms of files: rows of CSV, single messages, gzip, folders for days. Any
program that knows the formats gets back what the server sent."""
import collections
import csv
import datetime
import gzip
import json
import re
import subprocess

import pytest

from sim import Sim, wait_for
from test_exec import made

NAME = re.compile(r"(\d{16})-[0-9a-f]{16}\.(json|csv|raw)(\.gz)?")
COLUMNS = ["number=arrival", "id=id", "ref=/object/ref",
           "title=/object/attributes/dc:attribute:title/0/value",
           "attributes=/object/attributes", "none=/no/thing"]


def files_poll(poll, **options):
    poll.config["defaults"]["interval"] = "20ms"
    poll.config["outlets"] = [{
        "name": "out", "type": "files", "path": "out", "backoff": "10ms",
        "backoff_max": "20ms", **options}]
    return poll.folder / "out"


def student(number, title):
    return {"action": "object:change", "object": {
        "ref": f"80x{number}", "attributes": {
            "dc:attribute:title": [{"value": title, "rank": 1.50}]}}}


# What people and programs type into titles.
TITLES = ["Ada", "a, b", 'the "one"', "two\nlines", "", "=1+1", " x ",
          "\u00e4\u20ac\U0001f600", "a\r\nb", "'", '"']


def rows_of(path):
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
    assert text.endswith("\r\n")
    return list(csv.reader(text.splitlines(keepends=True), strict=True))


# Python's csv module, strictly, gets the same values.
def test_rows_hold_the_values_of_messages(poll_of):
    with Sim("--messages=0") as sim:
        poll = poll_of(sim)
        messages = [student(n, title) for n, title in enumerate(TITLES)]
        sim.add("app1", "q1", messages)
        folder = files_poll(poll, format="csv", columns=COLUMNS)
        assert poll.once() == (0, "", "")
        header, *rows = rows_of(next(folder.glob("*/*/*.csv")))
        assert header == [column.split("=")[0] for column in COLUMNS]
        assert [row[2:4] for row in rows] == [
            [f"80x{n}", title] for n, title in enumerate(TITLES)]
        assert [int(row[0]) for row in rows] == list(range(1, len(rows) + 1))
        assert [json.loads(row[4]) for row in rows] == [
            message["object"]["attributes"] for message in messages]
        assert all(row[1].split("-")[-2] == row[0] and row[5] == ""
                   for row in rows)


# gzip(1) reads a file, and it is in the folder of the day of its fetch.
def test_compressed_files_in_folders_for_days(poll_of):
    with Sim("--queues=2", "--messages=40") as sim:
        poll = poll_of(sim)
        folder = files_poll(poll, gzip=True, folders="date")
        before = datetime.datetime.now(datetime.timezone.utc).date()
        assert poll.once() == (0, "", "")
        after = datetime.datetime.now(datetime.timezone.utc).date()
        files = sorted(folder.glob("app1/*/*/*.ndjson.gz"))
        assert len(files) == len([e for e in sim.events()
                                  if e["verb"] == "mark"])
        assert {path.parts[-2] for path in files} <= {str(before), str(after)}
        done = subprocess.run(["gzip", "-dc", *files], check=True,
                              capture_output=True)
        assert len(done.stdout.splitlines()) == 80


# With everything that data may be.
@pytest.mark.parametrize("is_gzip", [False, True])
def test_single_messages_are_exact_bytes(poll_of, is_gzip):
    with Sim("--edge", "--messages=30") as sim:
        poll = poll_of(sim)
        folder = files_poll(poll, per="message", gzip=is_gzip)
        assert poll.once() == (0, "", "")
        files = sorted(folder.glob("*/*/*"))
        assert all(NAME.fullmatch(path.name) for path in files)
        found = collections.Counter(
            ("app1", "q1", gzip.decompress(path.read_bytes()) if is_gzip
             else path.read_bytes()) for path in files)
        assert found == made(sim)


# A file that comes twice after a crash is the same file, whatever its form.
def test_killed_again_and_again_files_keep_their_names(poll_of):
    with Sim("--apps=2", "--queues=5", "--messages=40") as sim:
        poll = poll_of(sim)
        folder = files_poll(poll, format="csv", columns=["n=arrival", "id=id"],
                            gzip=True, folders="date")
        had = {}

        def take():
            for path in folder.glob("*/*/*/*.gz"):
                data = path.read_bytes()
                assert had.setdefault(path, data) == data
                path.unlink()
            return len(had)

        for _ in range(8):
            begin = take()
            poll.start()
            wait_for(lambda begin=begin: take() >= begin + 3, "some files")
            poll.kill_all()
            sim.script("message app* q* count=10")
        assert poll.once() == (0, "", "")
        take()
        rows = [row for path, data in had.items()
                for row in list(csv.reader(
                    gzip.decompress(data).decode().splitlines()))[1:]]
        stored = poll.rows("SELECT arrival FROM messages")
        assert sorted(int(row[0]) for row in rows) == sorted(
            arrival for (arrival,) in stored)
        poll.check_all_stored()


# What cannot work is told at once.
@pytest.mark.parametrize("options,words", [
    ({"format": "csv"}, "columns is missing"),
    ({"columns": ["a=/a"]}, "these are for format: csv"),
    ({"format": "csv", "columns": ["a"]}, "write NAME=POINTER"),
    ({"format": "csv", "columns": ["a=b"]}, "JSON pointer"),
    ({"per": "hour"}, "batch message"),
])
def test_options_are_checked(poll_of, options, words):
    with Sim("--messages=0") as sim:
        poll = poll_of(sim)
        files_poll(poll, **options)
        done = poll.run("check")
        assert done.code == 2 and words in done.err
