"""The counterpart is the PostgreSQL server of the inbox itself, which is killed
like any other; what is forwarded goes to an outlet of type files. A file that
is written again has the same name and bytes."""
import tempfile

from files_outlet import files_in, packed
from outlets import Arrived
from postgres_server import PostgresServer, give_away


class Counterpart:
    def __init__(self, poll):
        self.poll = poll
        self.folder = tempfile.TemporaryDirectory()
        give_away(self.folder.name)
        self.server = PostgresServer(self.folder.name)
        self.is_prepared = False

    def outlet(self):
        return {"type": "files", "path": "out"}

    def start(self):
        if not self.is_prepared:
            self.is_prepared = True
            self.server.__enter__()
            self.server.prepare(self.poll)
        elif self.server.process.poll() is not None:
            assert self.server.start()

    def kill(self):
        self.server.crash()

    def close(self):
        self.server.crash()
        self.folder.cleanup()

    def arrived(self):
        found = []
        for file in sorted(files_in(self.poll.folder / "out"),
                           key=lambda file: file.arrival):
            for index, line in enumerate(file.lines):
                arrival = file.arrival + index
                found.append(Arrived(f"{file.path.stem}-{arrival}-0",
                                     file.server, file.queue, line))
        return found

    def count(self):
        return len(self.arrived())

    # The inbox

    def messages(self):
        """By arrival: server, queue, and what an outlet writes."""
        return {int(arrival): (server, queue, packed(bytes.fromhex(body)))
                for arrival, server, queue, body in self.server.sql(
                    "SELECT arrival, server, queue, encode(body, 'hex')"
                    " FROM haplo.messages")}

    def check_all_stored(self, sim):
        self.server.check_all_stored(sim)
