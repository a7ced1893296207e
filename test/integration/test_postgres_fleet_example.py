"""examples/fleet.yaml does what its first line says."""
import collections

from example_config import write_example
from poll import Running
from postgres_server import PASSWORD
from sim import Sim

CONNINFO = "host=db.example.ac.uk dbname=haplo user=haplo_writer"


# Who sets up a fleet begins with it: it has to work as it is.
def test_a_fleet_of_one_host_gathers_everything(postgres, poll_of):
    with Sim("--apps=1", "--queues=0", "queue app1 global messages=30",
             "queue app1 student messages=50") as sim:
        poll = poll_of(sim)
        poll.secrets.add(PASSWORD)
        postgres.sql("DROP SCHEMA IF EXISTS haplo CASCADE")
        write_example(poll, "fleet.yaml",
                      {CONNINFO: f'"{postgres.conninfo()}"'})
        owner = (f"host={postgres.folder} port={postgres.port} "
                 "dbname=postgres user=haplo_owner")  # no password in argv
        for command in (["--owner", owner, "--writer", "haplo_writer",
                         "migrate"], ["check"]):
            done = poll.run(*command, write=False)
            assert done.code == 0, (command, done.err)
        run = Running(poll, ["run", "--host", "first"])
        poll.running.append(run)
        sim.wait_until_read()
        assert run.stop() == 0
        found = collections.Counter(
            (queue, body.decode()) for _, queue, body in postgres.stored())
        assert found == collections.Counter(
            (queue, message["bytes"])
            for (_, queue), messages in sim.all_messages(exact=True).items()
            for message in messages)
        assert postgres.sql("SELECT host FROM haplo.members") == [("first",)]
