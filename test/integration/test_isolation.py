"""What is wrong with one server or queue stays with it."""
from sim import Sim, wait_for

HELD_BACK = "was not tried, because too many logins on this server have failed"


def spoil_keys(sim, app, queues):
    """The server no longer takes the keys that haplo-poll has."""
    sim.script(*[f"key {app} {queue} rotate=yes store=no" for queue in queues])


def names(numbers):
    return [f"q{number}" for number in numbers]


# One dead host or one typing error must not stop a whole institution.
def test_a_stalled_server_and_wrong_keys_hold_up_no_other(poll_of):
    with Sim("--apps=50", "--queues=20", "--messages=4") as sim:
        sim.script("fault app=app1 do=stall times=0")
        spoil_keys(sim, "app2", names(range(1, 21)))
        poll = poll_of(sim)
        poll.config["defaults"]["interval"] = "500ms"
        poll.server("app1").update(first_byte_timeout="1h", total_timeout="1h")
        running = poll.start()
        wait_for(lambda: sim.unread() == 2 * 20 * 4, "others drained")
        # All of that while the first request to app1 still hangs.
        assert sim.app_stats("app1")["requests"] == 1
        running.wait_for_line("app2", "too many failed logins")
        wait_for(lambda: sim.app_stats("app3")["requests"] > 60)
        app2 = sim.app_stats("app2")
        assert app2["failed_logins"] == app2["requests"] == 5
        assert sim.app_stats("app1")["requests"] == 1
        poll.kill_all()
        poll.check_nothing_lost(
            stored=[(f"app{a}", f"q{q}")
                    for a in range(3, 51) for q in range(1, 21)])


# The same for `once`, which must come to an end, and tell what is missing.
def test_once_drains_all_but_the_stalled_server(poll_of):
    with Sim("--apps=10", "--queues=5", "--messages=20") as sim:
        sim.script("fault app=app1 do=stall times=0")
        spoil_keys(sim, "app2", names(range(1, 6)))
        poll = poll_of(sim)
        poll.server("app1").update(first_byte_timeout="500ms",
                                   breaker_failures=2)
        done = poll.once()
        assert done.code == 1
        for queue in names(range(1, 6)):
            assert f"app1/{queue}" in done.err and f"app2/{queue}" in done.err
        assert "app3" not in done.err
        assert sim.unread() == 2 * 5 * 20
        assert sim.app_stats("app2")["failed_logins"] == 5
        poll.check_nothing_lost()


def bad_among_good(poll_of, bad):
    """Runs `once` with 20 queues of which some keys are bad: what is said, and
    the good queues that were not drained."""
    good = [queue for queue in names(range(1, 21)) if queue not in bad]
    with Sim("--apps=1", "--queues=20", "--messages=40") as sim:
        spoil_keys(sim, "app1", bad)
        poll = poll_of(sim)
        done = poll.once()
        poll.check_nothing_lost()
        app = sim.app_stats()
        assert done.code == 1
        assert app["failed_logins"] <= 8
        assert app["throttled"] == 0
        assert app["throttle"][0]["failures"] <= 5
        return done, [queue for queue in good if sim.unread("app1", queue)]


# Each key that works clears the server's count of failed logins.
def test_bad_keys_among_good_ones_harm_no_good_queue(poll_of):
    bad = names([1, 2, 3, 4, 8, 9, 15, 16])
    done, left = bad_among_good(poll_of, bad)
    assert not left
    for queue in bad:
        assert f"app1/{queue}:" in done.err
    assert HELD_BACK not in done.err


# Bad keys at the end are tried until the budget is spent, the good ones are
# through by then.
def test_bad_keys_after_good_ones_harm_no_good_queue(poll_of):
    done, left = bad_among_good(poll_of, names(range(13, 21)))
    assert not left


# Before 5 of them were corrected no other key of the server may be tried: at
# 50 the server would lock out people, too. It is said which, and why.
def test_five_bad_keys_first_hold_back_all_others_of_the_server(poll_of):
    done, left = bad_among_good(poll_of, names(range(1, 9)))
    assert left == names(range(9, 21))
    for queue in names(range(6, 21)):
        assert f"app1/{queue}: not drained: its API key {HELD_BACK}" in done.err


# A server's good queues do not wait for what its administrator broke.
def test_bad_queues_harm_no_other_of_their_server(poll_of):
    with Sim("--apps=1", "--queues=8", "--messages=40") as sim:
        sim.script(
            "fault queue=q1 on=fetch do=huge size=2m times=0",
            "fault queue=q2 on=fetch do=html times=0",
            "fault queue=q3 on=fetch do=json-token times=0",
            "fault queue=q4 on=mark do=html times=0",
            "queue app1 q5 method=send",
            "key app1 q6 status=unpermitted",
        )
        poll = poll_of(sim)
        poll.config["defaults"]["max_body"] = "1M"
        done = poll.once()
        assert done.code == 1
        for queue in names(range(1, 7)):
            assert f"app1/{queue}:" in done.err
        assert "max_body" in done.err
        assert "app1/q7" not in done.err and "app1/q8" not in done.err
        poll.check_nothing_lost(stored=[("app1", "q7"), ("app1", "q8")])


# They are polled on and on, but do not take the good ones' turns.
def test_bad_queues_take_no_turns_from_others(poll_of):
    with Sim("--apps=1", "--queues=20", "--messages=160") as sim:
        sim.script("fault queue=q?[0-9] on=fetch do=html times=0",
                   "fault queue=q?[0-9] on=mark do=status code=500 times=0")
        poll = poll_of(sim)
        poll.config["defaults"] |= {"interval": "50ms", "backoff": "50ms",
                                    "backoff_max": "1h"}
        running = poll.start()
        wait_for(lambda: sim.unread() == 11 * 160, "good ones drained")
        bad = [f"q{number}" for number in range(10, 21)]
        for queue in bad:
            assert sim.queue_stats("app1", queue)["requests"] < 20
        assert running.stop() == 0
        poll.check_nothing_lost(
            stored=[("app1", queue) for queue in names(range(1, 10))])


# When the queue global is switched on, it has a message for every object; the
# other queues of that server must not wait until all of them are read.
def test_a_flood_leaves_the_other_queues_their_turns(poll_of):
    with Sim("--apps=1", "--queues=5", "--latency=2ms") as sim:
        sim.script("queue app1 global messages=20000 objects=20000 rate=2000/s")
        poll = poll_of(sim)
        poll.config["servers"][0]["queues"].append(
            {"name": "global", "api_key_file": "keys/app1-global"})
        poll.config["defaults"]["interval"] = "20ms"
        poll.start()
        wait_for(lambda: sim.queue_stats("app1", "global")["marks"] > 0,
                 "a flood")
        for _ in range(3):
            sim.script("message app1 q* count=1")
            wait_for(lambda: sum(sim.unread("app1", queue)
                                 for queue in names(range(1, 6))) == 0,
                     "the others read")
        assert sim.unread("app1", "global") > 0
        poll.kill_all()
        poll.check_nothing_lost()
