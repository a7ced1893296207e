"""How the PostgreSQL inbox connects: as libpq does, and without blocking."""
import socket

import pytest

from postgres_server import PASSWORD, PgBouncer, give_away, wait_for
from sim import Sim
from tls_peers import Authority


def check_one_line(done, *words):
    assert done.code == 1
    assert len(done.err.splitlines()) == 1, done.err
    for word in ["inbox inbox: ", *words]:
        assert word in done.err, (word, done.err)
    assert PASSWORD not in done.err


# Each is found at the first start, by whoever has written the configuration.
@pytest.mark.parametrize("change, words", [
    ({"password": "wrong"}, ["password authentication failed",
                             '"haplo_owner"']),
    ({"user": "nobody"}, ['"nobody"']),
    ({"dbname": "elsewhere"}, ['database "elsewhere" does not exist']),
    ({"port": 1}, ["127.0.0.1", "port 1", "Connection refused"]),
    ({"host": "no-such-host.invalid"}, ["resolve no-such-host.invalid"]),
    ({"host": "/no/such/folder"}, ["/no/such/folder"]),
    ({"sslmode": "verify-full", "sslrootcert": "/no/such/file"},
     ["does not support SSL"]),
])
def test_why_it_cannot_connect_is_told(postgres, poll_of, change, words):
    with Sim("--messages=1") as sim:
        poll = poll_of(sim)
        postgres.prepare(poll)
        poll.config["inboxes"][0]["conninfo"] = postgres.conninfo(
            **{"user": "haplo_owner", **change})
        check_one_line(poll.once(), *words)


# A string that libpq cannot read must not be shown: it may be half a password.
def test_a_malformed_connection_string_is_not_shown(postgres, poll_of):
    with Sim("--messages=1") as sim:
        poll = poll_of(sim)
        postgres.use(poll, conninfo="host=localhost password=a b c")
        done = poll.run("check")
        assert done.code == 2
        assert "conninfo" in done.err and "libpq" in done.err
        assert "a b c" not in done.err and "\"b\"" not in done.err


# Institutions keep passwords in files of libpq, for all programs.
def test_a_service_file_and_a_password_file(postgres, poll_of):
    with Sim("--messages=4") as sim:
        poll = poll_of(sim)
        postgres.prepare(poll)
        (sim.dir / "services").write_text(
            f"[messages]\nhost=localhost\nport={postgres.port}\n"
            "dbname=postgres\nuser=haplo_owner\n")
        passwords = sim.dir / "passwords"
        passwords.write_text(
            f"localhost:{postgres.port}:*:haplo_owner:{PASSWORD}\n")
        passwords.chmod(0o600)
        poll.environment |= {"PGSERVICEFILE": str(sim.dir / "services"),
                             "PGPASSFILE": str(passwords)}
        poll.config["inboxes"][0]["conninfo"] = "service=messages"
        assert poll.once() == (0, "", "")
        postgres.check_all_stored(sim)


@pytest.fixture(scope="module")
def ca(postgres, tmp_path_factory):
    """The server speaks TLS from now on; returns who has signed for it."""
    ca = Authority(tmp_path_factory.mktemp("ca"), "ca")
    pair = ca.issue("server", hosts="DNS:localhost")
    for source, name in [(pair.certificate, "server.crt"),
                         (pair.key, "server.key")]:
        target = postgres.data / name
        target.write_bytes(source.read_bytes())
        target.chmod(0o600)
        give_away(target)
    postgres.settings.append("ssl=on")
    postgres.restart()
    return ca


# The name is what the certificate is checked against, although an address is
# connected to.
def test_tls_checks_the_name(postgres, poll_of, ca):
    with Sim("--messages=4") as sim:
        poll = poll_of(sim)
        postgres.prepare(poll)
        tls = {"user": "haplo_owner", "sslmode": "verify-full",
               "sslrootcert": ca.path}
        inbox = poll.config["inboxes"][0]
        inbox["conninfo"] = postgres.conninfo(host="localhost", **tls)
        assert poll.once() == (0, "", "")
        postgres.check_all_stored(sim)
        sim.script("message app1 q1 count=2")
        inbox["conninfo"] = postgres.conninfo(host="127.0.0.1", **tls)
        check_one_line(poll.once(), "127.0.0.1", "localhost")
        other = Authority(sim.dir, "other")
        inbox["conninfo"] = postgres.conninfo(
            host="localhost", **{**tls, "sslrootcert": other.path})
        check_one_line(poll.once(), "certificate verify failed")


# The first host may be down, or gone; a socket needs no name.
@pytest.mark.parametrize("host, port", [
    ("127.0.0.1,localhost", "1,{port}"),
    ("no-such-host.invalid,localhost", "{port}"),
    ("{folder}", "{port}"),
    ("/no/such/folder,127.0.0.1", "{port}"),
])
def test_several_hosts(postgres, poll_of, host, port):
    values = {"port": postgres.port, "folder": postgres.folder}
    with Sim("--messages=4") as sim:
        poll = poll_of(sim)
        postgres.prepare(poll)
        poll.config["inboxes"][0]["conninfo"] = postgres.conninfo(
            "haplo_owner", host=host.format(**values),
            port=port.format(**values))
        assert poll.once() == (0, "", "")
        postgres.check_all_stored(sim)


# A host that does not respond has a time limit of its own.
def test_a_host_that_does_not_respond(postgres, poll_of):
    with socket.socket() as silent, Sim("--messages=4") as sim:
        silent.bind(("127.0.0.1", 0))
        silent.listen(1)  # never accepts: the startup message gets no answer
        poll = poll_of(sim)
        postgres.prepare(poll)
        poll.config["inboxes"][0]["conninfo"] = postgres.conninfo(
            "haplo_owner", host="127.0.0.1,127.0.0.1", connect_timeout=5,
            port=f"{silent.getsockname()[1]},{postgres.port}")
        assert poll.once() == (0, "", "")
        postgres.check_all_stored(sim)


# After a failover the old primary may be back, as a standby.
def test_a_server_that_is_read_only_is_not_used(postgres, poll_of):
    with Sim("--messages=4") as sim:
        poll = poll_of(sim)
        postgres.prepare(poll)
        postgres.sql("ALTER ROLE haplo_owner SET default_transaction_read_only"
                     " = on")
        try:
            check_one_line(poll.once(), "read-only")
        finally:
            postgres.sql("ALTER ROLE haplo_owner RESET ALL")


# Nothing of a session outlives a transaction there: the next one may have
# another server.
def test_pgbouncer_in_transaction_mode(postgres, poll_of):
    with PgBouncer(postgres) as bouncer, \
            Sim("--apps=2", "--queues=3", "--messages=50", "--tls") as sim:
        poll = poll_of(sim)
        poll.config["defaults"] |= {"interval": "20ms"}
        postgres.prepare(poll, conninfo=bouncer.conninfo("haplo_owner"),
                         jsonb=True, notify="news")
        running = poll.start()
        wait_for(lambda: sim.unread() < 300)
        wait_for(lambda: postgres.terminate_all() > 0)
        sim.script("message * * count=20")
        wait_for(lambda: sim.unread() == 0)
        assert running.stop() == 0
        postgres.check_all_stored(sim)
