"""Where keys must not be: what processes show to others on the machine, what the
admin socket serves, and the files that haplo-poll writes.

All of these return texts, which Poll searches at the end of each test for the
keys that the simulator has planted.
"""
import contextlib
import http.client
import os
import pathlib
import re
import socket

# All that it serves to whoever asks; but events, which do not end.
PATHS = ["/", "/page.js", "/healthz", "/readyz", "/metrics",
         "/metrics?per=queue", "/api/v1/status", "/api/v1/session",
         "/api/v1/servers", "/api/v1/servers/app1",
         "/api/v1/queues", "/api/v1/queues/app1/q1",
         "/api/v1/outlets", "/api/v1/outlets/exec", "/api/v1/inboxes",
         "/api/v1/dead-letters", "/api/v1/dead-letters/exec/1",
         "/api/v1/replays"]
SECONDS_MAX = 2
FILE_SIZE_MAX = 64 << 20


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read(FILE_SIZE_MAX).decode(errors="replace")
    except OSError:
        return ""  # it has ended, or is another user's


def state_of(pid):
    """"R", "S", "T" and so on; "" if there is no such process."""
    return read(f"/proc/{pid}/stat").rpartition(")")[2][1:2]


def tasks_of(pid):
    try:
        return os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []  # the same


def children_of(pid):
    for task in tasks_of(pid):
        for child in read(f"/proc/{pid}/task/{task}/children").split():
            yield int(child)
            yield from children_of(int(child))


def shown_by_process(pid):
    """Its command line, and those of its children with their environment. A child
    that is not yet another program has that of its parent, for root's eyes
    only."""
    own = read(f"/proc/{pid}/cmdline")
    yield own
    yield read(f"/proc/{pid}/comm")
    for child in children_of(pid):
        environment = read(f"/proc/{child}/environ")
        command = read(f"/proc/{child}/cmdline")  # after it
        if command != own:
            yield command
            yield environment


class Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=SECONDS_MAX)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def served_at(path):
    """What the admin socket there responds; nothing if it is stuck or busy."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        for target in PATHS:
            connection = Connection(path)
            connection.request("GET", target)
            yield connection.getresponse().read().decode(errors="replace")
            connection.close()


def memory_of(pid):
    """What it can write to, as a debugger or a swap device has it: bytes."""
    parts = []
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in read(f"/proc/{pid}/maps").splitlines():
            begin, end = re.match(r"(\w+)-(\w+) ", line).groups()
            if " rw" in line and "[v" not in line:
                memory.seek(int(begin, 16))
                parts.append(memory.read(int(end, 16) - int(begin, 16)))
    return b"".join(parts)


def written_below(folder):
    """The files of a state directory or an inbox, and core dumps."""
    for path in pathlib.Path(folder).glob("*"):
        if path.is_file():
            yield read(path)


def cores_in(*folders):
    return [path for folder in folders
            for path in pathlib.Path(folder).glob("core*")
            if path.is_file() and read(path).startswith("\x7fELF")]


def may_be_asked(pid, path):
    return state_of(pid) in ("R", "S") and os.path.exists(path)
