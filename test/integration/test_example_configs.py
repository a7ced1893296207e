"""The configurations in examples/ do what their first line says; that of
PostgreSQL is in test_postgres_example.py."""
import json

from example_config import write_example
from receiver import Receiver, signature
from sim import Sim

SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


# What an institution begins with: it has to work as it is.
def test_student_records_reach_the_webhook(poll_of):
    with Receiver() as receiver, Sim(
            "--apps=1", "--queues=0",
            "queue app1 global messages=400 objects=40") as sim:
        poll = poll_of(sim)
        write_example(poll, "student_records_to_webhook.yaml",
                      {"https://records.example.ac.uk":
                       f"http://127.0.0.1:{receiver.port}"})
        secret = poll.folder / "keys" / "webhook"
        secret.write_text(SECRET)
        secret.chmod(0o600)
        assert poll.run("check", write=False).code == 0
        done = poll.run("once", write=False)
        assert done.code == 0, done.err
        assert sim.unread() == 0
        wanted = [json.loads(message["bytes"])
                  for message in sim.messages("app1", "global", exact=True)
                  if '"object:change"' in message["bytes"]
                  and '"dc:attribute:student"' in message["bytes"]]
        assert len(wanted) > 50
        assert [message for request in receiver.requests
                for message in request.messages] == wanted
        for request in receiver.requests:
            assert request.path == "/haplo"
            assert request.signatures == [signature(request, SECRET)]
            assert len(request.ids) == len(request.messages)
