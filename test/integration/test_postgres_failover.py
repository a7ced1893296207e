"""A standby takes over from the server of a PostgreSQL inbox."""
import os
import tempfile

import pytest

from postgres_server import PostgresServer, wait_for
from sim import Sim


@pytest.fixture
def postgres():
    """One of its own, since it ends here."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)  # the server is another user
        with PostgresServer(folder) as server:
            yield server


@pytest.fixture
def standby(postgres):
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)  # the server is another user
        with postgres.standby(folder) as server:
            wait_for(lambda: postgres.value(
                "SELECT count(*) FROM pg_stat_replication WHERE state = "
                "'streaming'") == "1")
            yield server


# What the primary has committed and the standby has not received is lost when
# that takes over: marked on its server, and stored nowhere. Then everything
# goes on with the standby, which has all there was if it is synchronous.
def test_a_standby_takes_over(postgres, poll_of, standby):
    with Sim("--queues=2", "--messages=40") as sim:
        poll = poll_of(sim)
        poll.config["defaults"] |= {"interval": "20ms"}
        postgres.prepare(poll, conninfo=postgres.conninfo(
            "haplo_owner", host="127.0.0.1,127.0.0.1", connect_timeout=5,
            port=f"{standby.port},{postgres.port}"))
        done = poll.once()
        assert done.code == 0
        assert "asynchronous" in done.err
        assert "synchronous_standby_names" in done.err
        postgres.sql("ALTER SYSTEM SET synchronous_standby_names = 'standby'",
                     "SELECT pg_reload_conf()")
        wait_for(lambda: postgres.value(
            "SELECT sync_state FROM pg_stat_replication") == "sync")
        running = poll.start()
        sim.script("message app1 * count=100")
        wait_for(lambda: sim.unread() < 150)
        postgres.crash()
        standby.promote()
        sim.script("message app1 * count=20")
        wait_for(lambda: sim.unread() == 0)
        assert running.lines("asynchronous") == []
        assert running.stop() == 0
        standby.check_all_stored(sim)
