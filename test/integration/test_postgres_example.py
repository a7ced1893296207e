"""examples/everything_to_postgres.yaml does what its first line says."""
import collections

from example_config import write_example
from postgres_server import PASSWORD
from sim import Sim

CONNINFO = "host=db.example.ac.uk dbname=haplo user=haplo_writer"


# The schema is created by its owner; what runs every day has fewer rights.
def test_everything_is_in_postgres(postgres, poll_of):
    with Sim("--apps=1", "--queues=0", "queue app1 global messages=100",
             "queue app1 student messages=50") as sim:
        poll = poll_of(sim)
        poll.secrets.add(PASSWORD)
        postgres.sql("DROP SCHEMA IF EXISTS haplo CASCADE")
        write_example(poll, "everything_to_postgres.yaml",
                      {CONNINFO: f'"{postgres.conninfo()}"'})
        owner = (f"host={postgres.folder} port={postgres.port} "
                 "dbname=postgres user=haplo_owner")  # no password in argv
        for command in (["--owner", owner, "--writer", "haplo_writer",
                         "migrate"], ["check"], ["once"]):
            done = poll.run(*command, write=False)
            assert done.code == 0, (command, done.err)
        assert sim.unread() == 0
        found = collections.Counter(
            (queue, body.decode()) for _, queue, body in postgres.stored())
        assert found == collections.Counter(
            (queue, message["bytes"])
            for (_, queue), messages in sim.all_messages(exact=True).items()
            for message in messages)
        assert postgres.value("SELECT count(*) FROM haplo.messages "
                              "WHERE body_json IS NULL") == "0"
