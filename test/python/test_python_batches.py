"""Batches and their answers, in asyncio's loop and in uvloop's."""
import asyncio
import collections
import json

import haplopoll
import pytest
from haplopoll import Compare, compare_states

from scene import of_batch, on_server, poller_of, queue_of, until

QUEUES = ("q1", "q2", "q3", "q4")


async def first(poller):
    return await anext(aiter(poller.batches()))


# The way to use it: each message arrives, byte for byte, and is marked.
def test_a_thousand_messages_by_iterating(run, sim_of):
    sim = sim_of("--queues=4", "--messages=250", "--tls")
    found = collections.Counter()

    async def main():
        async with poller_of(sim, QUEUES) as poller:
            async for batch in poller.batches():
                found.update(of_batch(batch))
                for message in batch.messages:
                    assert message.json() == json.loads(message.body)
                batch.accept()
                if found.total() == 1000:
                    break
    run(main())
    assert found == on_server(sim)
    assert sim.unread() == 0  # leaving the block has waited for the marks


# Several queues at a time, without a loop of one's own: what the handler
# returns from is accepted.
def test_a_thousand_messages_by_a_handler(run, sim_of):
    sim = sim_of("--queues=4", "--messages=250", "--tls")
    found = collections.Counter()
    at_work = set()
    together = []

    async def handler(batch):
        assert batch.queue not in at_work  # one batch of a queue at a time
        at_work.add(batch.queue)
        together.append(len(at_work))
        await asyncio.sleep(0)
        at_work.remove(batch.queue)
        found.update(of_batch(batch))

    async def main():
        async with poller_of(sim, QUEUES) as poller:
            working = asyncio.create_task(poller.deliver(handler))
            await until(lambda: sim.unread() == 0)
        await working  # the end of the poller is its end
    run(main())
    assert found == on_server(sim)
    assert max(together) > 1


# Whoever wants to know whether the server has confirmed it can wait for that.
def test_accept_can_be_awaited(run, sim_of):
    sim = sim_of("--queues=1", "--messages=20")
    marks = []

    async def main():
        async with poller_of(sim, on_marked=lambda queue, mark:
                             marks.append((queue.name, mark))) as poller:
            stored = b""
            async for batch in poller.batches():
                assert compare_states(batch.state, stored) is Compare.CURRENT
                stored = batch.state
                assert compare_states(batch.state, stored) is Compare.STORED
                mark = await batch.accept()
                assert marks[-1] == ("q1", mark)
                assert compare_states(mark.state, stored) is Compare.CURRENT
                stored = mark.state
                if mark.unread_count == 0:
                    break
    run(main())
    assert sum(mark.message_count for _, mark in marks) == 20


# Only what is waited for is lost: a second answer would be a mistake.
def test_an_answer_is_final(run, sim_of):
    sim = sim_of("--queues=1", "--messages=20")

    async def main():
        async with poller_of(sim) as poller:
            batch = await first(poller)
            with pytest.raises(ValueError, match="delay_ms"):
                batch.retry(delay_ms=-1)
            assert not batch.is_answered
            state = batch.state
            batch.accept()
            assert batch.is_answered
            for answer in (batch.accept, batch.retry, batch.drop,
                           batch.reject):
                with pytest.raises(haplopoll.Error) as error:
                    answer()
                assert error.value.name == "HAPLO_EANSWERED"
            assert batch.state == state  # it was read in time
            with pytest.raises(haplopoll.Error, match="answered"):
                batch.messages
    run(main())


# Messages outlive their batch and their poller.
def test_messages_are_copies(run, sim_of):
    sim = sim_of("--queues=1", "--messages=5")

    async def main():
        async with poller_of(sim) as poller:
            return (await first(poller)).messages
    messages = run(main())
    assert [("q1", message.body) for message in messages] == list(
        on_server(sim))
    assert all(len(message.key) == 16 for message in messages)
    assert not any(message.is_repeat for message in messages)


@pytest.mark.parametrize("answer", ["retry", "drop"])
def test_what_is_refused_for_now_comes_again(run, sim_of, answer):
    sim = sim_of("--queues=1", "--messages=5")
    events = []

    async def main():
        async with poller_of(sim, on_event=events.append) as poller:
            batch = await first(poller)
            before = of_batch(batch)
            getattr(batch, answer)(reason="the disk is full")
            assert of_batch(await first(poller)) == before
            assert queue_of(poller).stats()["fetch_count"] == (
                1 if answer == "retry" else 2)
    run(main())
    assert any("the disk is full" in event.text and
               event.error == "HAPLO_EDELIVERY" for event in events)
    assert sim.unread() == 5


def test_what_is_rejected_blocks_its_queue(run, sim_of):
    sim = sim_of("--queues=1", "--messages=5")

    async def main():
        async with poller_of(sim) as poller:
            (await first(poller)).reject("not what was agreed")
            stats = queue_of(poller).stats()
            assert stats["state"] == "BLOCKED"
            assert stats["error"] == "HAPLO_EREJECTED"
            assert "not what was agreed" in stats["error_text"]
            queue_of(poller).poll_now()
            (await first(poller)).accept()
    run(main())
    assert sim.unread() == 0


# Two processes, or an old backup: the stored state decides.
def test_a_stale_state_is_compared_again(run, sim_of):
    sim = sim_of("--queues=1", "--messages=5")

    async def main():
        async with poller_of(sim) as poller:
            ours = await first(poller)
            stored = ours.state
            ours.drop()  # though its commit had succeeded
            again = await first(poller)
            assert compare_states(again.state, stored) is Compare.STALE
            again.stale(stored)
            last = await first(poller)
            assert compare_states(last.state, stored) is Compare.CURRENT
            assert last.new_count == 0
            assert all(message.is_repeat for message in last.messages)
            with pytest.raises(haplopoll.Error, match="invalid|damaged"):
                last.stale(b"not a state")
            assert queue_of(poller).stats()["state"] == "BLOCKED"
    run(main())


# A restart: what was stored, and not known to be marked, is a repeat.
def test_the_state_is_an_option(run, sim_of):
    sim = sim_of("--queues=1", "--messages=5")

    async def main():
        async with poller_of(sim) as poller:
            state = (await first(poller)).state  # stored, and then it died
        async with poller_of(sim, queue_options={"state": state}) as poller:
            batch = await first(poller)
            assert batch.new_count == 0 and batch.message_count == 5
    run(main())


# A handler that fails has not stored its batch.
def test_what_a_handler_raises_is_a_retry(run, sim_of):
    sim = sim_of("--queues=1", "--messages=5")
    attempts, problems = [], []

    async def handler(batch):
        attempts.append(of_batch(batch))
        if len(attempts) == 1:
            raise OSError("no space left")

    async def main():
        asyncio.get_running_loop().set_exception_handler(
            lambda loop, context: problems.append(context))
        async with poller_of(sim) as poller:
            working = asyncio.create_task(poller.deliver(handler))
            await until(lambda: sim.unread() == 0)
            working.cancel()
    run(main())
    assert attempts[0] == attempts[1] and len(attempts) == 2
    assert isinstance(problems[0]["exception"], OSError)


# Each batch goes to one of the tasks, and the end of the poller ends them all.
def test_tasks_may_share_a_poller(run, sim_of):
    sim = sim_of("--queues=4", "--messages=40")
    found = collections.Counter()

    async def consume(poller):
        async for batch in poller.batches():
            found.update(of_batch(batch))
            await asyncio.sleep(0)
            batch.accept()

    async def main():
        async with poller_of(sim, QUEUES) as poller:
            tasks = [asyncio.create_task(consume(poller)) for _ in range(8)]
            await until(lambda: sim.unread() == 0)
        await asyncio.gather(*tasks)
    run(main())
    assert found == on_server(sim)


# Without on_drained nobody can know when to end.
def test_it_tells_that_a_queue_is_drained(run, sim_of):
    sim = sim_of("--queues=1", "--messages=50")
    drained = []

    async def main():
        async with poller_of(sim, on_drained=drained.append) as poller:
            async for batch in poller.batches():
                if await batch.accept() and drained:
                    break
            assert drained[0] is queue_of(poller)
    run(main())
    assert sim.unread() == 0
