"""The counterpart of the exec outlet: a script that stores each message in a
file of its own. While it is down it is not there, and those of its processes
that were running have been killed."""
import contextlib
import os
import pathlib
import signal

from outlets import Arrived
from sim import wait_for

SCRIPT = """#!/bin/sh
set -e
name="$HAPLO_ARRIVAL.$$"
{ printf '%s\\n%s\\n%s\\n' "$HAPLO_ID" "$HAPLO_SERVER" "$HAPLO_QUEUE"; cat; } \\
    >"writing/$name"
mv "writing/$name" "stored/$name"
"""


class Counterpart:
    def __init__(self, poll):
        self.folder = poll.folder / "commands"
        self.stored = self.folder / "stored"
        self.stored.mkdir(parents=True)
        (self.folder / "writing").mkdir()
        self.script = self.folder / "store"
        self.away = self.folder / "away"
        self.away.write_text(SCRIPT)
        self.away.chmod(0o700)

    def outlet(self):
        return {"command": [str(self.script)], "folder": str(self.folder),
                "per": "message"}

    def start(self):
        if self.away.exists():
            self.away.rename(self.script)

    def running(self):
        """The processes that have the folder as their working directory."""
        pids = []
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if os.readlink(process / "cwd") == str(self.folder):
                    pids.append(int(process.name))
        return pids

    def kill(self):
        self.script.rename(self.away)
        for pid in self.running():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def close(self):
        """Those that haplo-poll has left behind when it was killed end soon."""
        wait_for(lambda: not self.running(), "commands to end")

    def count(self):
        return len({name.split(".")[0] for name in os.listdir(self.stored)})

    def arrived(self):
        found = []
        for path in sorted(self.stored.iterdir(),
                           key=lambda path: path.stat().st_mtime_ns):
            identity, server, queue, body = path.read_bytes().split(b"\n", 3)
            found.append(Arrived(identity.decode(), server.decode(),
                                 queue.decode(), body))
        return found
