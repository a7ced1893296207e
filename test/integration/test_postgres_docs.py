"""What docs/outlets.md tells readers of a PostgreSQL inbox."""
from doc_snippets import snippets_of
from sim import Sim

SNIPPETS = snippets_of("outlets.md")


# A reader that stops and goes on sees each message of its queue, in order.
def test_a_position_for_each_queue_reads_all(postgres, poll_of):
    with Sim("--apps=1", "--queues=2", "--messages=40") as sim:
        poll = poll_of(sim)
        postgres.prepare(poll)
        assert poll.once().code == 0
        queue, last = postgres.sql(
            "SELECT id, last_arrival FROM haplo.queues WHERE queue = 'q1'")[0]
        query = SNIPPETS["position"].replace("1000", "7").replace(
            ":queue", queue).replace("s.body", "encode(s.body, 'hex')")
        position, bodies = 0, []
        while rows := postgres.sql(query.replace(":position", str(position))):
            position = int(rows[-1][0])
            bodies += [bytes.fromhex(body).decode() for _, body in rows]
        assert bodies == [m["bytes"] for m in
                          sim.messages("app1", "q1", exact=True)]
        assert position == int(last)
