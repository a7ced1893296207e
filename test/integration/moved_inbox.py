"""Moves an SQLite inbox to PostgreSQL, and compares both.

    move = Move(poll, postgres)       # poll has the SQLite inbox inbox.db
    before = move.source_rows()
    assert move.run().code == 0
    assert move.target_rows() == before
    move.use_target()                 # from now on, poll stores there
"""
import select
import socket
import threading

from postgres_server import PASSWORD

TABLES = {
    "inbox": "{uuid}, environment",
    "queues": "id, server, queue, unconfirmed, unconfirmed_from, newest_batch,"
              " {state}",
    "stored": "arrival, queue, {batch}, position, {body}",
    "batches": "first_arrival, queue, count, format, fetched_at, stored_at,"
               " marked_at",
    "outlets": "id, name",
    "dead_letters": "outlet, arrival, queue, why, attempts, at",
    "purged": "arrival, queue, at, why, {key}",
    "replays": "id, outlet, queue, {letters}, {identity}, since, until,"
               " cursor, last, delivered, refused, state, created_at,"
               " changed_at, why",
}
IN_SQLITE = {"state": "lower(hex(state))", "batch": "arrival - position",
             "body": "lower(hex(body))", "key": "lower(hex(key))",
             "letters": "of_letters", "identity": "new_identity",
             "uuid": "uuid"}
IN_POSTGRES = {"state": "encode(state, 'hex')", "batch": "batch",
               "body": "encode(body, 'hex')", "key": "encode(key, 'hex')",
               "letters": "of_letters::int", "identity": "new_identity::int",
               "uuid": "uuid::text"}


class Move:
    """Of poll.inbox_path, `old` in the configuration, to `new`."""

    def __init__(self, poll, postgres, **options):
        self.poll = poll
        self.postgres = postgres
        self.options = options
        poll.secrets.add(PASSWORD)
        self.make_target()

    def make_target(self):
        """An empty schema."""
        self.postgres.sql("SET client_min_messages = error",
                          "DROP SCHEMA IF EXISTS haplo CASCADE")
        self.use_both()
        done = self.poll.run("migrate", "new")
        assert done.code == 0, done.err

    # Configurations

    def set_inboxes(self, inboxes, used):
        config = self.poll.config
        config.pop("inbox", None)
        config["inboxes"] = inboxes
        config["defaults"]["inbox"] = used
        for outlet in config.get("outlets", []):
            outlet["inbox"] = used

    def source(self):
        path = str(self.poll.inbox_path.relative_to(self.poll.folder))
        return {"name": "old", "type": "sqlite", "path": path}

    def use_source(self):
        self.set_inboxes([self.source()], "old")

    def use_both(self, **options):
        self.set_inboxes(
            [self.source(),
             self.postgres.inbox("new", **{**self.options, **options})], "old")

    def use_target(self):
        self.set_inboxes([self.postgres.inbox("new", **self.options)], "new")

    # The command

    WORDS = ("inbox", "move", "old", "new")

    def run(self, *words, **options):
        return self.poll.run(*self.WORDS, *words, **options)

    def run_to(self, at, is_late):
        """Runs it until it is killed at a request. Returns the number of
        requests, or None if it was killed."""
        with Interrupter(self.postgres, at, is_late) as interrupter:
            self.use_both(conninfo=self.postgres.conninfo(
                "haplo_owner", port=interrupter.port, sslmode="disable",
                gssencmode="disable"))
            run = self.poll.start(*self.WORDS)
            interrupter.victim = run.process
            code = run.wait()
        self.use_both()
        assert code in (0, -9), run.err
        assert (code == -9) == (interrupter.count == at)
        return interrupter.count if code == 0 else None

    # What is where

    def source_rows(self):
        """The rows of all tables, as texts."""
        return {
            table: sorted(
                tuple("" if value is None else str(value) for value in row)
                for row in self.poll.rows(
                    f"SELECT {columns.format(**IN_SQLITE)} FROM {table}"))
            for table, columns in TABLES.items()}

    def target_rows(self):
        found = {table: [] for table in TABLES}
        for table, *row in self.postgres.sql(*(
                f"SELECT '{table}', {columns.format(**IN_POSTGRES)}"
                f" FROM haplo.{table}" for table, columns in TABLES.items())):
            found[table].append(tuple(row))
        return {table: sorted(rows) for table, rows in found.items()}

    def source_has_moved(self):
        return self.poll.rows("SELECT moved_to IS NOT NULL FROM inbox") == [
            (1,)]


class Interrupter:
    """A proxy in front of PostgreSQL that kills its client at a request.

    The process `victim` is killed before the request number `at` has got
    through; or, if is_late, when the response is there, and has not.
    """

    def __init__(self, postgres, at, is_late):
        self.server = ("127.0.0.1", postgres.port)
        self.at = at
        self.is_late = is_late
        self.count = 0
        self.victim_process = None
        self.has_victim = threading.Event()
        self.is_over = False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)

    @property
    def victim(self):
        self.has_victim.wait()
        return self.victim_process

    @victim.setter
    def victim(self, process):
        self.victim_process = process
        self.has_victim.set()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over = True
        socket.create_connection(("127.0.0.1", self.port)).close()
        self.thread.join()
        self.listener.close()

    def serve(self):
        while True:
            client, _ = self.listener.accept()
            with client:
                if self.is_over:
                    return
                with socket.create_connection(self.server) as server:
                    self.connect(client, server)

    def connect(self, client, server):
        requests = Requests()
        ends = select.poll()
        ends.register(client, select.POLLIN)
        ends.register(server, select.POLLIN)
        while True:
            ready = [number for number, _ in ends.poll()]
            for end, other in ((client, server), (server, client)):
                if end.fileno() not in ready:
                    continue
                data = end.recv(1 << 16)
                if not data:
                    return
                if end is client:
                    self.count += requests.complete(data)
                if self.is_due(end is client, data):
                    self.victim.kill()
                    self.victim.wait()
                    return
                other.sendall(data)

    def is_due(self, is_request, data):
        if self.count != self.at or is_request == self.is_late:
            return False
        return is_request or data[-6:-1] == b"Z\0\0\0\5"  # ReadyForQuery


class Requests:
    """Counts what a client of PostgreSQL sends."""

    def __init__(self):
        self.kind = b"?"  # the first message has none
        self.head = b""
        self.left = 0  # bytes of the current message

    def complete(self, data):
        """How many requests end in the data: each ends with Sync."""
        count = 0
        while data:
            if self.left == 0:
                if not self.kind:
                    self.kind, data = data[:1], data[1:]
                need = 4 - len(self.head)
                self.head, data = self.head + data[:need], data[need:]
                if len(self.head) == 4:
                    self.left = int.from_bytes(self.head, "big") - 4
                    self.head = b""
                elif not data:
                    break
            taken = min(self.left, len(data))
            self.left -= taken
            data = data[taken:]
            if self.left == 0 and not self.head:
                count += self.kind == b"S"
                self.kind = b""
        return count
