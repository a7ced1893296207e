"""The main job, shown and checked: make demo.

Starts haplo-sim as 5 servers with 20 queues each, 100 messages in every queue,
over TLS; lets `haplo-poll once` gather them into an SQLite inbox; then compares
the inbox with what the simulator made. Exits with 1 if anything differs.
"""
import argparse
import collections
import json
import pathlib
import sqlite3
import subprocess
import sys
import tempfile
import urllib.request

SERVERS, QUEUES, MESSAGES = 5, 20, 100
LATENCY = "10ms"  # of each request, as over a network


def start_simulator(build, folder):
    """It ends when its standard input does: with this process at the latest."""
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


def check(control, inbox):
    """Says what was found; True if it is exactly what must be."""
    made, stored = made_messages(control), stored_messages(inbox)
    unread = ask(control, "/stats")["unread"]
    expected = SERVERS * QUEUES * MESSAGES
    print(f"\nmade by the simulator     {made.total():6}\n"
          f"in the inbox              {stored.total():6}\n"
          f"missing, or other bytes   {(made - stored).total():6}\n"
          f"too many, or twice        {(stored - made).total():6}\n"
          f"unread on the simulator   {unread:6}")
    return made.total() == expected and made == stored and unread == 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, default="build")
    build = parser.parse_args().build.resolve()
    with tempfile.TemporaryDirectory(prefix="haplo-demo-") as folder:
        simulator = start_simulator(build, folder)
        try:
            control = json.loads(simulator.stdout.readline())["control"]
            print(f"{SERVERS} servers, {QUEUES} queues each, {MESSAGES} "
                  "messages in every queue", flush=True)
            once = subprocess.run(
                [build / "haplo-poll", "-c", f"{folder}/haplo-poll.yaml",
                 "once"], check=False)
            fine = check(control, f"{folder}/inbox.db")
        finally:
            simulator.communicate()
    fine = fine and once.returncode == 0 and simulator.returncode == 0
    print("\nAll messages arrived, each once, byte for byte."
          if fine else "\nSomething went wrong.")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
