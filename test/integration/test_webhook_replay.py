"""The webhook outlet with messages that it gets again, and with some that it
does not get."""
from receiver import Receiver
from sim import Sim, wait_for
from test_webhook import check_identities, hook


def replayed(requests):
    return [request for request in requests
            if "haplo-replay" in request.headers]


def run_replay(poll, receiver, count, *words):
    """Until so many requests of replays were accepted."""
    done = poll.run("replay", "--outlet=hook", "--since=1h", *words)
    assert done.code == 0, done.err
    wait_for(lambda: len(replayed(receiver.accepted())) == count,
             f"{count} requests of replays")


# A receiver that remembers what it has seen drops a replay, unless it is told
# that this is to be taken as new.
def test_a_replay_is_the_same_request_with_a_flag(poll_of):
    with Sim("--apps=1", "--queues=2", "--messages=20") as sim, \
            Receiver() as receiver:
        poll = hook(poll_of(sim), receiver)
        run = poll.start()
        wait_for(lambda: len(receiver.accepted()) == 4, "all batches")
        first = {request.id: request for request in receiver.requests}
        wait_for(lambda: poll.rows("SELECT cursor FROM outlets") == [(40,)],
                 "the stored cursor")
        run_replay(poll, receiver, 4)
        check_identities(receiver.requests)
        for request in replayed(receiver.requests):
            assert request.headers["haplo-replay"] == "1"
            assert request.body == first[request.id].body
            assert request.ids == first[request.id].ids
        poll.running[-1].wait_for_line("replay 1 is done")
        run_replay(poll, receiver, 8, "--new-identity")
        for request in replayed(receiver.requests)[4:]:
            assert request.headers["haplo-replay"] == "2"
            assert request.id not in first
            assert all(name.endswith("-r2") for name in request.ids)
        assert run.stop() == 0


# What an outlet does not want leaves gaps; the rest is still sent in batches.
def test_selected_messages_are_sent_together(poll_of):
    with Sim("--apps=1", "--queues=1") as sim, Receiver() as receiver:
        sim.add("app1", "q1", [{"n": number, "kind": "ab"[number % 2]}
                               for number in range(16)])
        poll = hook(poll_of(sim), receiver, when={"/kind": "b"})
        assert poll.once().code == 0
        (request,) = receiver.requests
        assert [message["n"] for message in request.messages] == list(
            range(1, 16, 2))
        assert [int(name.split("-")[-2]) for name in request.ids] == list(
            range(2, 17, 2))
