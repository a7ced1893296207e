"""The tables of a fleet in PostgreSQL, for tests: fixtures to import."""
import pytest

from fleet_probe import Host
from sim import Sim


@pytest.fixture(scope="module")
def schema(postgres):
    """A server with an inbox, for hosts without more rights than they need."""
    from poll import Poll

    with Sim("--messages=1") as sim:
        poll = Poll(sim)
        postgres.prepare(poll)
        done = poll.run("migrate", "--writer", "haplo_writer")
        assert done.code == 0, done.err
    return postgres


@pytest.fixture
def host_of(schema):
    """Starts hosts, with tables as new."""
    schema.sql("TRUNCATE haplo.members",
               "UPDATE haplo.slots SET owner = NULL, term = 0",
               "TRUNCATE haplo.queues, haplo.failed_logins, haplo.refused_keys,"
               " haplo.pauses")
    hosts = []

    def start(name, conninfo=None, **options):
        hosts.append(Host(conninfo or schema.conninfo(), name, **options))
        return hosts[-1].__enter__()

    yield start
    for host in hosts:
        host.kill()


def age(schema, host, by_ms):
    """Its membership has ended so long ago; or will end, if it is negative."""
    schema.sql("UPDATE haplo.members SET expires_at ="
               " (extract(epoch FROM clock_timestamp()) * 1000)::bigint"
               f" - {by_ms} WHERE host = '{host}'")


def table(schema):
    """Owners and terms of all slots."""
    return [(owner, int(term)) for owner, term in schema.sql(
        "SELECT owner, term FROM haplo.slots ORDER BY slot")]
