"""Demonstrates and checks the main job: make demo.

Starts haplo-sim as 5 servers with 20 queues each, 100 messages in every queue,
over TLS; lets `haplo-poll once` gather them into an SQLite inbox; then compares
the inbox with what the simulator created. Then does the same with an outlet
that forwards everything as files, and compares those as well. Exits with 1 if
anything differs.
"""
import argparse
import collections
import json
import pathlib
import re
import sqlite3
import subprocess
import sys
import tempfile
import urllib.request

SERVERS, QUEUES, MESSAGES = 5, 20, 100
LATENCY = "10ms"  # of each request, as over a network
OUTLETS = """outlets:
  - name: files
    type: files
    path: files
"""


def start_simulator(build, folder):
    """The simulator ends when its standard input is closed, at the latest when
    this process ends."""
    return subprocess.Popen(
        [build / "haplo-sim", "--until-stdin-closes", f"--apps={SERVERS}",
         f"--queues={QUEUES}", f"--messages={MESSAGES}", "--tls",
         f"--latency={LATENCY}", f"--dir={folder}",
         f"--write-config={folder}/haplo-poll.yaml"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def ask(control, path):
    with urllib.request.urlopen(control + path, timeout=60) as answer:
        return json.load(answer)


def made_messages(control):
    """What the simulator made: how often (server, queue, bytes) occurs."""
    made = collections.Counter()
    for app in ask(control, "/messages?bytes=1")["apps"]:
        for queue in app["queues"]:
            for message in queue["messages"]:
                made[app["name"], queue["name"], message["bytes"]] += 1
    return made


def stored_messages(path):
    inbox = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    rows = inbox.execute("SELECT server, queue, body FROM messages")
    stored = collections.Counter(rows)
    inbox.close()
    return stored


def without_white_space(body):
    """JSON as one line: what stands between its tokens is left out."""
    return re.sub(r'("(?:\\.|[^"\\])*")|\s+',
                  lambda found: found.group(1) or "", body)


def forwarded_messages(folder):
    """The lines of all files, by server and queue."""
    lines = collections.Counter()
    for path in pathlib.Path(folder).glob("*/*/*.ndjson"):
        for line in path.read_text().split("\n")[:-1]:
            lines[path.parts[-3], path.parts[-2], line] += 1
    return lines


def compare(what, made, found):
    """Prints what was found; True if it is exactly what must be."""
    print(f"\n{'made by the simulator':25} {made.total():6}\n"
          f"{what:25} {found.total():6}\n"
          f"{'missing, or other bytes':25} {(made - found).total():6}\n"
          f"{'too many, or twice':25} {(found - made).total():6}")
    return made == found


def check(control, folder, has_outlet):
    made = made_messages(control)
    unread = ask(control, "/stats")["unread"]
    fine = compare("in the inbox", made, stored_messages(f"{folder}/inbox.db"))
    if has_outlet:
        lines = collections.Counter()
        for (server, queue, body), count in made.items():
            lines[server, queue, without_white_space(body)] += count
        fine &= compare("in files", lines,
                        forwarded_messages(f"{folder}/files"))
    print(f"{'unread on the simulator':25} {unread:6}")
    expected = SERVERS * QUEUES * MESSAGES
    return fine and made.total() == expected and unread == 0


def show(build, folder, has_outlet):
    """Gathers everything once. True if all is as it must be."""
    simulator = start_simulator(build, folder)
    try:
        control = json.loads(simulator.stdout.readline())["control"]
        config = pathlib.Path(folder, "haplo-poll.yaml")
        if has_outlet:
            config.write_text(config.read_text() + OUTLETS)
        once = subprocess.run([build / "haplo-poll", "-c", config, "once"],
                              check=False)
        fine = check(control, folder, has_outlet)
    finally:
        simulator.communicate()
    return fine and once.returncode == 0 and simulator.returncode == 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, default="build")
    build = parser.parse_args().build.resolve()
    fine = True
    for has_outlet in (False, True):
        print(f"{SERVERS} servers, {QUEUES} queues each, {MESSAGES} messages "
              "in every queue"
              + (", forwarded as files" if has_outlet else ""), flush=True)
        with tempfile.TemporaryDirectory(prefix="haplo-demo-") as folder:
            fine &= show(build, folder, has_outlet)
        print(flush=True)
    print("All messages arrived, each once, byte for byte."
          if fine else "Something went wrong.")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
