"""An inbox in PostgreSQL remembers the environment in which it was used."""
from sim import Sim


# A new state directory knows nothing of the schema, so that has to know it. The
# role needs no more than `migrate --writer` grants.
def test_a_schema_is_of_one_environment(postgres, poll_of):
    with Sim("--messages=4") as sim:
        poll = poll_of(sim)
        postgres.prepare(poll)
        # Characters that SQL, or the template of a name, would understand.
        poll.config["environments"] = [
            {"name": "te'st@1", "state_dir": "state-test"},
            {"name": "live", "state_dir": "state-live"}]
        assert poll.once("-e", "te'st@1").code == 0
        assert postgres.sql("SELECT environment FROM haplo.inbox") \
            == [("te'st@1",)]
        sim.script("message app1 q1 count=2")
        for arguments in (["-e", "live"], []):
            done = poll.once(*arguments)
            assert done.code == 2
            assert "the schema haplo belongs to environment te'st@1" \
                in done.err
        assert sim.unread() == 2
        assert poll.once("-e", "te'st@1").code == 0
        assert sim.unread() == 0
