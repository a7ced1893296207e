"""The webhook outlet when its process or its receiver dies in the middle of
something: what the receiver can tell by the webhook-id alone."""
import collections

from receiver import Receiver
from sim import Sim, wait_for
from test_webhook import check_identities, exact_bytes, hook


def accepted_once(receiver):
    """(queue) -> the bytes of its documents, as a receiver keeps them that
    recognises requests by their webhook-id and knows nothing else."""
    seen, kept = set(), collections.defaultdict(list)
    for request in receiver.accepted():
        if request.id not in seen:
            seen.add(request.id)
            kept[request.queue].append(request.body.decode()[25:-2])
    return {name: ",".join(texts) for name, texts in kept.items()}


def expected_of(sim):
    return {name: ",".join(texts) for name, texts in exact_bytes(sim).items()}


# A crash may come between the receiver's answer and the moment at which this
# is stored. What is sent again then is the same request, never a part of it or
# more.
def test_killed_in_the_middle_it_sends_the_same_requests_again(poll_of):
    def answer(request):
        """The answer to every tenth one is lost."""
        return None if len(receiver.requests) % 10 == 9 else 204

    with Sim("--apps=2", "--queues=4", "--messages=120", "--edge") as sim, \
            Receiver(answer) as receiver:
        poll = hook(poll_of(sim), receiver, batch=7, batch_size_max="2K")
        for _ in range(6):
            sim.script("message app* q* count=20")
            begin = len(receiver.requests)
            poll.start()
            wait_for(lambda: len(receiver.requests) >= begin + 15,
                     "some requests")
            poll.kill_all()
        poll.start()
        wait_for(lambda: accepted_once(receiver) == expected_of(sim),
                 "everything")
        check_identities(receiver.requests)
        assert len(receiver.requests) > len(
            {request.id for request in receiver.requests}), "no repeat at all"


# The same if the receiver dies, with requests whose outcome nobody knows.
def test_a_receiver_that_is_restarted_gets_the_same_requests_again(poll_of):
    with Sim("--apps=2", "--queues=4", "--messages=120") as sim, \
            Receiver() as receiver:
        poll = hook(poll_of(sim), receiver, batch=7)
        begin = 0
        run = poll.start()
        for _ in range(4):
            wait_for(lambda: len(receiver.requests) >= begin + 10,
                     "some requests")
            receiver.kill()
            begin = len(receiver.requests)
            sim.script("message app* q* count=30")
            receiver.start()
        wait_for(lambda: accepted_once(receiver) == expected_of(sim),
                 "everything")
        assert run.stop() == 0
        check_identities(receiver.requests)


# In the middle of a refused batch, messages are sent one by one. When the
# answer to one of them is lost, it comes again alone, even if the receiver
# would accept the whole batch by now.
def test_messages_of_a_refused_batch_are_not_put_together_again(poll_of):
    def answer(request):
        if not is_fixed and len(request.ids) > 1:
            return 422
        return answers.pop(0) if answers else 204

    is_fixed = False
    answers = [204, 204, None]
    with Sim("--apps=1", "--queues=1", "--messages=16") as sim, \
            Receiver(answer) as receiver:
        poll = hook(poll_of(sim), receiver, backoff="300ms", backoff_max="1s")
        run = poll.start()
        wait_for(lambda: not answers, "the lost answer")
        is_fixed = True
        wait_for(lambda: accepted_once(receiver) == expected_of(sim),
                 "everything")
        assert run.stop() == 0
        assert [len(request.ids) for request in receiver.accepted()] == [1] * 16
        check_identities(receiver.accepted())
