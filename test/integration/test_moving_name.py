"""A server moves to another address while it is polled."""
from moving_name import NAME, MovingName
from sim import Sim


# A connection that is busy never ends by itself: the old host would be polled,
# and its messages marked, for ever.
def test_a_busy_server_moves(poll_of):
    with Sim("--apps=2", "--queues=2", "--messages=20",
             f"--host={NAME}") as sim:
        poll = poll_of(sim)
        poll.config["defaults"]["interval"] = "200ms"
        with MovingName(poll) as name:
            run = poll.start()
            sim.wait_until_read()
            for _ in range(2):
                assert name.bytes(True) > 0
                name.move()
                sim.script("message app1 q* count=20", "message app2 q1")
                name.wait_until_moved()
                quiet = name.bytes(False)
                sim.script("message app1 q2 count=20", "message app2 q1")
                sim.wait_until_read()
                assert name.bytes(False) == quiet
            assert run.stop() == 0
        poll.check_all_stored()
