"""Reads what an outlet of type files writes, as haplo-files(5) advises.

    receiver = Receiver(poll.folder / "out")
    receiver.take()
    receiver.check_each_once(sim)
"""
import collections
import json
import re

NAME = re.compile(r"(\d{16,})-([0-9a-f]{16})\.(ndjson|raw)")
HIDDEN = ".writing"

File = collections.namedtuple("File", "server queue arrival path lines")


def packed(body):
    """JSON bytes without the white space between tokens."""
    return re.sub(
        rb'("(?:\\.|[^"\\])*")|\s+', lambda found: found.group(1) or b"", body
    )


def as_bytes(text):
    return text.encode() if isinstance(text, str) else text


def made(sim):
    """How often (server, queue, bytes) was made."""
    return collections.Counter(
        (*name, as_bytes(message["bytes"]))
        for name, messages in sim.all_messages(exact=True).items()
        for message in messages)


def made_lines(sim):
    """How often (server, queue, line) was made."""
    return collections.Counter(
        (*name, packed(as_bytes(message["bytes"])))
        for name, messages in sim.all_messages(exact=True).items()
        for message in messages
    )


def read(path, kind):
    """The messages of a file, which must be complete."""
    data = path.read_bytes()
    if kind == "raw":
        return [data]
    assert data.endswith(b"\n"), path
    lines = data[:-1].split(b"\n")
    for line in lines:
        json.loads(line)
        assert packed(line) == line, path
    return lines


def files_in(folder):
    """The files of all queues, in the order of their names."""
    files = []
    for path in sorted(folder.glob("*/*/*")) if folder.exists() else []:
        if path.name == HIDDEN:
            continue
        arrival, _, kind = NAME.fullmatch(path.name).groups()
        files.append(File(path.parts[-3], path.parts[-2], int(arrival), path,
                          read(path, kind)))
    return files


class Receiver:
    """Takes files away, and drops those whose name it had already."""

    def __init__(self, folder):
        self.folder = folder
        self.received = collections.Counter()  # (server, queue, line)
        self.had = {}  # lines, by server, queue and name of a file
        self.newest = collections.defaultdict(int)  # arrival, by queue
        self.repeat_count = 0  # files

    def take(self):
        """Returns how many files there were."""
        files = files_in(self.folder)
        for file in files:
            self.receive(file)
            file.path.unlink()
        return len(files)

    def receive(self, file):
        queue = file.server, file.queue
        name = (*queue, file.path.name)
        if name in self.had:
            assert self.had[name] == file.lines, "another file of that name"
            self.repeat_count += 1
            return
        assert file.arrival > self.newest[queue], "out of order"
        self.newest[queue] = file.arrival
        self.had[name] = file.lines
        self.received.update((*queue, line) for line in file.lines)

    def check_each_once(self, sim):
        made = made_lines(sim)
        assert not made - self.received, "lost"
        assert not self.received - made, "received twice"
