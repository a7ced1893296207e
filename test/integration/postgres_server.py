"""A private PostgreSQL server, and a private PgBouncer in front of it.

    with PostgresServer(folder) as server:
        poll.config["inboxes"] = [server.inbox("main", jsonb=True)]
        assert poll.run("migrate").code == 0
        ...
        assert server.rows("SELECT count(*) FROM haplo.stored") == [("20",)]

There are two roles besides the superuser postgres: haplo_owner, who may create
schemas, and haplo_writer. Their password is PASSWORD. The servers end with this
process. They run as the user postgres where the tests run as root, which both
of them refuse.
"""
import collections
import contextlib
import glob
import os
import pathlib
import pwd
import signal
import subprocess

from ports import free_port, is_open
from sim import WAIT_S_MAX, wait_for

PASSWORD = "secret-of-the-database"
TRIES = 5  # somebody else may take the port that was free


def program(name):
    """Debian has several versions side by side."""
    found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"))
    assert found, f"{name} is not installed"
    return found[-1]


def user_prefix():
    if os.getuid() != 0:
        return ["setpriv", "--pdeathsig=KILL"]
    user = pwd.getpwnam("postgres")
    return ["setpriv", "--pdeathsig=KILL", f"--reuid={user.pw_uid}",
            f"--regid={user.pw_gid}", "--clear-groups"]


def give_away(path):
    if os.getuid() == 0:
        user = pwd.getpwnam("postgres")
        os.chown(path, user.pw_uid, user.pw_gid)


class PostgresServer:
    """Settings are lines of postgresql.conf."""

    def __init__(self, folder, settings=()):
        self.folder = pathlib.Path(folder) / "postgres"
        self.data = self.folder / "data"
        self.settings = list(settings)
        self.port = None
        self.process = None

    def __enter__(self):
        self.folder.mkdir()
        give_away(self.folder)
        subprocess.run(
            user_prefix() + [program("initdb"), "-D", self.data, "-A", "trust",
                             "-U", "postgres", "-E", "UTF8", "--locale=C",
                             "--no-sync", "--no-instructions"],
            check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        (self.data / "pg_hba.conf").write_text(
            "local all all trust\n"
            "local replication postgres trust\n"
            "host all postgres 127.0.0.1/32 trust\n"
            "host all all 127.0.0.0/8 scram-sha-256\n")
        for _ in range(TRIES):
            if self.start():
                break
        else:
            raise AssertionError((self.folder / "log").read_text())
        self.sql(
            f"CREATE ROLE haplo_owner LOGIN PASSWORD '{PASSWORD}'",
            f"CREATE ROLE haplo_writer LOGIN PASSWORD '{PASSWORD}'",
            "GRANT CREATE ON DATABASE postgres TO haplo_owner")
        return self

    def __exit__(self, *_):
        self.crash()

    @contextlib.contextmanager
    def standby(self, folder):
        """Another server, named standby, that follows this one."""
        standby = PostgresServer(folder)
        standby.folder.mkdir()
        give_away(standby.folder)
        subprocess.run(
            user_prefix() + [program("pg_basebackup"), "-D", standby.data,
                             "-R", "-c", "fast", "--no-sync", "-d",
                             f"host={self.folder} port={self.port} "
                             "user=postgres application_name=standby"],
            check=True, stdin=subprocess.DEVNULL)
        assert standby.start()
        try:
            yield standby
        finally:
            standby.crash()

    def promote(self):
        """A standby becomes a server of its own."""
        self.sql("SELECT pg_promote()")

    # Starting and stopping

    def start(self):
        """False if it cannot, perhaps because its port is in use."""
        self.port = self.port or free_port()
        options = [f"port={self.port}", "listen_addresses=127.0.0.1",
                   f"unix_socket_directories={self.folder}",
                   "shared_buffers=16MB", "max_connections=40", "jit=off",
                   "max_wal_size=256MB", *self.settings]
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                user_prefix() + [program("postgres"), "-D", self.data] +
                [f"--{option}" for option in options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for(lambda: self.is_ready() or self.process.poll() is not None,
                 "a PostgreSQL that accepts connections")
        if self.process.poll() is None:
            return True
        self.port = None
        return False

    def is_ready(self):
        return subprocess.run(
            [program("pg_isready"), "-q", "-h", self.folder, "-p",
             str(self.port)], check=False).returncode == 0

    def stop(self):
        """Ends all sessions and stops, so that nothing needs recovery."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(WAIT_S_MAX)

    def crash(self):
        """Stops without a checkpoint, as after a power failure."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(WAIT_S_MAX)

    def restart(self):
        self.stop()
        assert self.start()

    # SQL

    def psql(self, user="postgres", database="postgres"):
        return ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-F", "\x1f", "-h",
                str(self.folder), "-p", str(self.port), "-U", user, database]

    def sql(self, *statements, user="postgres"):
        """Executes statements, and returns the rows of all as tuples of
        texts. Raises RuntimeError with PostgreSQL's message."""
        command = self.psql(user)
        for statement in statements:
            command += ["-c", statement]
        done = subprocess.run(command, check=False, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return [tuple(line.split("\x1f")) for line in done.stdout.splitlines()]

    def value(self, statement, **options):
        """The only value of a query."""
        return self.sql(statement, **options)[0][0]

    @contextlib.contextmanager
    def holding(self, *statements):
        """A session that has executed these in a transaction, which stays
        open."""
        session = subprocess.Popen(
            self.psql(), text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            session.stdin.write("BEGIN;\n" + ";\n".join(statements) +
                                ";\n\\echo held\n")
            session.stdin.flush()
            line = ""
            while line != "held\n":
                line = session.stdout.readline()
                assert line, "the session has ended"
            yield session
        finally:
            session.kill()
            session.wait()

    def change(self, name, what, is_changed):
        """ALTER SYSTEM, until new sessions have it: the server reads its
        configuration some time after it was asked to."""
        self.sql(f"ALTER SYSTEM {what}", "SELECT pg_reload_conf()")
        wait_for(lambda: is_changed(self.value(f"SHOW {name}")),
                 f"{name} is in force")

    @contextlib.contextmanager
    def having(self, name, value):
        """A setting, for the sessions that begin meanwhile."""
        usual = self.value(f"SHOW {name}")
        self.change(name, f"SET {name} = {value}", lambda now: now != usual)
        try:
            yield
        finally:
            self.change(name, f"RESET {name}", lambda now: now == usual)

    def session_count(self, condition="true"):
        """Sessions of haplo-poll."""
        return int(self.value(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = "
            f"'haplo-poll' AND {condition}"))

    def terminate_all(self):
        """Ends the sessions of haplo-poll; returns how many."""
        return len(self.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
            "application_name = 'haplo-poll'"))

    # Configurations

    def conninfo(self, user="haplo_writer", **more):
        words = {"host": "127.0.0.1", "port": self.port, "user": user,
                 "dbname": "postgres", "password": PASSWORD, **more}
        return " ".join(f"{name}='{value}'" for name, value in words.items()
                        if value is not None)

    def inbox(self, name="inbox", user="haplo_owner", conninfo=None, **more):
        """For `inboxes` of a configuration."""
        return {"name": name, "type": "postgres",
                "conninfo": conninfo or self.conninfo(user), **more}

    def use(self, poll, **options):
        """Makes this the inbox of a Poll, without a schema yet."""
        poll.config.pop("inbox", None)
        poll.config["inboxes"] = [self.inbox(**options)]
        poll.secrets.add(PASSWORD)

    def prepare(self, poll, **options):
        """The same, with an empty schema."""
        schema = options.get("schema", "haplo")
        self.sql("SET client_min_messages = error",
                 f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        self.use(poll, **options)
        done = poll.run("migrate")
        assert done.code == 0, done.err

    def stored(self, schema="haplo"):
        """All messages as a list of (server, queue, bytes), in the order of
        arrival in each queue."""
        rows = self.sql("SELECT server, queue, encode(body, 'hex') FROM "
                        f"{schema}.messages ORDER BY server, queue, arrival")
        return [(server, queue, bytes.fromhex(body))
                for server, queue, body in rows]

    def check_nothing_lost(self, sim, schema="haplo"):
        """No message is stored twice, or with other bytes; each one that the
        server holds for read is stored."""
        found = collections.Counter(self.stored(schema))
        made = collections.Counter()
        marked = collections.Counter()
        for name, messages in sim.all_messages(exact=True).items():
            for message in messages:
                row = (*name, message["bytes"].encode())
                made[row] += 1
                marked[row] += message["marked"] > 0
        assert not found - made  # twice, or other bytes
        assert not marked - found  # lost
        return found, made

    def check_all_stored(self, sim, schema="haplo"):
        """Each message is stored once, and marked."""
        found, made = self.check_nothing_lost(sim, schema)
        assert found == made
        assert sim.unread() == 0


class PgBouncer:
    """In transaction mode. Settings are lines of pgbouncer.ini."""

    def __init__(self, server, settings=()):
        self.server = server
        self.settings = settings
        self.folder = server.folder
        self.port = None
        self.process = None

    def __enter__(self):
        users = self.folder / "users.txt"
        users.write_text("".join(
            f'"{name}" "{PASSWORD}"\n'
            for name in ("haplo_owner", "haplo_writer")))
        for _ in range(TRIES):
            if self.start(users):
                return self
        raise AssertionError((self.folder / "pgbouncer.log").read_text())

    def start(self, users):
        self.port = free_port()
        settings = self.folder / "pgbouncer.ini"
        settings.write_text(
            "[databases]\n"
            f"postgres = host=127.0.0.1 port={self.server.port}\n"
            "[pgbouncer]\n"
            "listen_addr = 127.0.0.1\n"
            f"listen_port = {self.port}\n"
            "unix_socket_dir =\n"
            "auth_type = scram-sha-256\n"
            f"auth_file = {users}\n"
            "pool_mode = transaction\n"
            "default_pool_size = 2\n"
            "server_round_robin = 1\n" + "".join(
                f"{line}\n" for line in self.settings))
        with open(self.folder / "pgbouncer.log", "ab") as log:
            self.process = subprocess.Popen(
                user_prefix() + ["pgbouncer", "-q", settings],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for(lambda: is_open(self.port) or self.process.poll() is not None,
                 "a PgBouncer that accepts connections")
        return self.process.poll() is None

    def conninfo(self, user="haplo_writer"):
        return self.server.conninfo(user, port=self.port)

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
