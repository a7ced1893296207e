"""The counterpart of the files outlet: a receiver that takes files away, one for
each message. While it is down the folder is not there, as if its disk were
unmounted."""
from outlets import Arrived


class Counterpart:
    def __init__(self, poll):
        self.folder = poll.folder / "out"
        self.away = poll.folder / "away"
        self.taken = []  # (server, queue, name, bytes), in the order of taking
        self.names = set()

    def outlet(self):
        return {"path": str(self.folder), "per": "message", "folders": "date"}

    def start(self):
        if self.away.exists():
            self.away.rename(self.folder)

    def kill(self):
        self.folder.rename(self.away)

    def close(self):
        pass

    def take(self):
        for path in sorted(self.folder.glob("*/*/*/*.json"),
                           key=lambda path: path.name):
            server, queue, _, name = path.parts[-4:]
            self.taken.append((server, queue, name, path.read_bytes()))
            self.names.add((server, queue, name))
            path.unlink()

    def count(self):
        self.take()
        return len(self.names)

    def arrived(self):
        """The name of a file is the identity of its message."""
        self.take()
        assert len(set(self.taken)) == len(self.names), "one name, two files"
        return [Arrived(name.removesuffix(".json"), server, queue, body)
                for server, queue, name, body in self.taken]
