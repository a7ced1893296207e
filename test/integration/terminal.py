"""Runs haplo-poll on a terminal, as a person sees it."""
import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time

from poll import PROGRAM, RUN_S_MAX
from sim import WAIT_S_MAX

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A program whose standard output and error are a terminal."""

    def __init__(self, arguments, columns=80, lines=24, program=PROGRAM,
                 env=None):
        self.master, own = pty.openpty()
        self.resize(columns, lines)
        self.text = ""
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig=KILL", program, *map(str, arguments)],
            stdin=own, stdout=own, stderr=own,
            env={"TERM": "xterm", **(os.environ if env is None else env)})
        os.close(own)

    def resize(self, columns, lines):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ,
                    struct.pack("HHHH", lines, columns, 0, 0))

    def read_some(self, seconds):
        if not select.select([self.master], [], [], seconds)[0]:
            return False
        data = b""
        with contextlib.suppress(OSError):  # how a terminal ends
            data = os.read(self.master, 1 << 16)
        self.text += data.decode(errors="replace")
        return bool(data)

    def read_until(self, condition, what):
        """Reads until condition(self.text)."""
        end = time.monotonic() + WAIT_S_MAX
        while not condition(self.text):
            assert time.monotonic() < end, (what, self.text)
            self.read_some(0.1)

    def type(self, text):
        os.write(self.master, text.encode())

    def finish(self):
        """Reads to the end; returns the exit code."""
        while self.process.poll() is None:
            self.read_some(0.1)
        while self.read_some(0):
            pass
        os.close(self.master)
        return self.process.wait(RUN_S_MAX)


def run_on_terminal(poll, *arguments, **options):
    """Runs a command to its end: (exit code, what it printed)."""
    options.setdefault("program", poll.program)
    terminal = Terminal(["-c", poll.path, *arguments], **options)
    code = terminal.finish()
    poll.printed.append(terminal.text)
    return code, terminal.text.replace("\r\n", "\n")


def plain(text):
    """Without colours and cursor movements."""
    return ESCAPE.sub("", text)
