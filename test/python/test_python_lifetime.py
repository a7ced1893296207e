"""Objects that are deleted in any order, tasks that are cancelled, loops and
processes that end: nothing crashes, and nothing is accepted that the
application has not accepted."""
import asyncio
import gc
import os
import random
import signal
import subprocess
import sys
import threading
import warnings

import haplopoll
import pytest

from built import PYTHON_ENV
from scene import of_batch, poller_of, queue_of, until


def run_program(sim, text):
    """In a process of its own, which must not crash."""
    program = f"""
import asyncio, os, sys, threading
sys.path.insert(0, {os.path.dirname(__file__)!r})
import haplopoll
from scene import poller_of, queue_of, servers_of

class Sim:
    ca = {sim.ca!r}
    def url(self): return {sim.url()!r}
    def key(self, queue="q1"): return {sim.key()!r}
sim = Sim()
{text}
"""
    return subprocess.run(
        [sys.executable, "-X", "dev", "-c", program], text=True,
        env={**os.environ, **PYTHON_ENV}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)


def open_descriptors():
    return len(os.listdir("/proc/self/fd"))


# Whoever forgets a poller is told, and it ends: no descriptor stays open.
@pytest.mark.parametrize("what_is_kept", ["nothing", "batch", "queue",
                                          "iterator"])
def test_a_dropped_poller_closes_itself(run, sim_of, what_is_kept):
    sim = sim_of("--queues=1", "--messages=5")

    async def main():
        await poller_of(sim).close()  # libuv keeps some for the process
        before = open_descriptors()
        poller = poller_of(sim)
        batches = poller.batches()
        batch = await anext(batches)
        queue = queue_of(poller)
        kept = {"nothing": None, "batch": batch, "queue": queue,
                "iterator": None}[what_is_kept]
        if what_is_kept == "iterator":
            await poller.close()
            with pytest.raises(StopAsyncIteration):
                await anext(batches)
        else:
            del batches, batch, queue
            with pytest.warns(ResourceWarning, match="unclosed poller"):
                del poller
        await until(lambda: open_descriptors() == before)
        if what_is_kept == "batch":
            assert await kept.accept() is None  # too late
        if what_is_kept == "queue":
            with pytest.raises(haplopoll.Error, match="the poller is closed"):
                kept.stats()
        del kept
    run(main())
    assert sim.unread() == 5  # nobody has accepted them


# A batch that is forgotten would hold up its queue forever.
def test_a_dropped_batch_is_retried(run, sim_of):
    sim = sim_of("--queues=1", "--messages=5")

    async def main():
        async with poller_of(sim) as poller:
            with pytest.warns(ResourceWarning, match="without an answer"):
                before = of_batch(await anext(poller.batches()))
                gc.collect()
            batch = await anext(poller.batches())
            assert of_batch(batch) == before
            assert sim.unread() == 5
            # On another thread as well.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                box = [batch]
                del batch
                thread = threading.Thread(target=box.clear)
                thread.start()
                thread.join()
            assert of_batch(await anext(poller.batches())) == before
            assert queue_of(poller).stats()["deliver_retry_count"] == 2
    run(main())


# A task that is cancelled while it waits takes no batch with it, even if it is
# cancelled at the moment when one has come.
def test_a_cancelled_task_loses_no_batch(run, sim_of):
    sim = sim_of("--queues=1", "--messages=40")
    plan = random.Random(3)
    found = []

    async def take(poller):
        return await anext(poller.batches())

    async def main():
        async with poller_of(sim) as poller:
            while sim.unread():
                tasks = [asyncio.create_task(take(poller)) for _ in range(3)]
                for _ in range(plan.randrange(30)):
                    await asyncio.sleep(0)
                if poller._batches:
                    tasks[0].cancel()
                else:
                    plan.choice(tasks).cancel()
                await asyncio.wait(tasks, return_when="FIRST_COMPLETED")
                for task in tasks:
                    task.cancel()
                for got in await asyncio.gather(*tasks,
                                                return_exceptions=True):
                    if isinstance(got, haplopoll.Batch):
                        found.append(of_batch(got))
                        await got.accept()
            assert queue_of(poller).stats()["deliver_retry_count"] == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # no batch was dropped
        run(main())
    assert sum(map(len, found)) == 40


# Leaving by an exception or by cancellation accepts nothing, and waits for no
# answer.
@pytest.mark.parametrize("how", ["raise", "cancel"])
def test_leaving_the_block_closes(run, sim_of, how):
    sim = sim_of("--queues=1", "--messages=5")

    async def leave():
        async with poller_of(sim) as poller:
            async for _batch in poller.batches():
                if how == "raise":
                    raise LookupError("a fault")
                asyncio.current_task().cancel()
                await asyncio.sleep(60)

    async def main():
        with pytest.raises((LookupError, asyncio.CancelledError)):
            await asyncio.create_task(leave())
    run(main())
    assert sim.unread() == 5


# A server that does not answer holds up the end for as long as was allowed.
def test_closing_waits_for_marks_only_so_long(run, sim_of):
    sim = sim_of("--queues=1", "--messages=5")
    sim.script("fault on=mark do=stall done=no times=0")

    async def main():
        async with poller_of(sim, close_timeout_ms=50) as poller:
            waiting = (await anext(poller.batches())).accept()
        assert await waiting is None  # nobody knows
        await poller.close()  # again
        async with poller_of(sim, close_timeout_ms=10**9) as poller:
            (await anext(poller.batches())).accept()
            closing = asyncio.create_task(poller.close())
            await asyncio.sleep(0)
            closing.cancel()  # whoever has no patience
    run(main())
    assert sim.unread() == 5


@pytest.mark.parametrize("is_collected_first", [True, False])
def test_the_loop_may_be_closed_first(run, sim_of, is_collected_first):
    sim = sim_of("--queues=1", "--messages=5")

    async def warm_up():  # libuv keeps some for the process
        await poller_of(sim).close()
    run(warm_up())
    before = open_descriptors()
    loop = run.factory()

    async def main():
        poller = poller_of(sim)
        return poller, await anext(poller.batches())
    poller, batch = loop.run_until_complete(main())
    queue = queue_of(poller)
    loop.close()
    batch.accept()  # nobody will mark it
    queue.poll_now()  # nor poll
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if is_collected_first:
            del batch, queue, poller
        else:
            del poller, queue, batch
        del loop
        gc.collect()
    assert open_descriptors() == before
    assert sim.unread() == 5


# The tasks of such a loop wait forever, and are garbage.
def test_a_loop_may_be_closed_while_tasks_wait(run, sim_of):
    sim = sim_of("--queues=2", "--messages=5")
    sim.script("fault on=mark do=stall done=no times=0")

    async def warm_up():
        await poller_of(sim).close()
    run(warm_up())
    before = open_descriptors()
    loop = run.factory()

    async def wait(poller):
        async for batch in poller.batches():
            await batch.accept()

    async def main():
        poller = poller_of(sim, ("q1", "q2"))
        batch = await anext(poller.batches())
        removing = loop.create_task(batch.queue.remove())
        waiting = [loop.create_task(wait(poller)) for _ in range(2)]
        other, = set(poller.servers["server"].queues.values()) - {batch.queue}
        await until(lambda: other.stats()["state"] == "MARKING")
        return removing, waiting
    tasks = loop.run_until_complete(main())
    loop.set_exception_handler(lambda *_: None)  # of those who lose a task
    loop.close()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        del tasks, loop
        gc.collect()
    assert open_descriptors() == before


# Ctrl-C reaches the program, whatever the poller does at that moment; so does
# a second one, of somebody who has no patience.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("count", [1, 2])
def test_an_interrupt_ends_the_loop(run, sim_of, count):
    sim = sim_of("--queues=1", "--messages=5")

    async def main():
        async with poller_of(sim, on_event=interrupt) as poller:
            async for _batch in poller.batches():
                pass
    signals = [signal.SIGINT] * count

    def interrupt(*_):
        if signals:
            signal.raise_signal(signals.pop())
    with pytest.raises(KeyboardInterrupt):
        run(main())
    assert sim.unread() == 5


# After fork() a child has copies of everything, and of the descriptors; it
# must not disturb its parent.
def test_a_child_leaves_its_parent_alone(run, sim_of):
    sim = sim_of("--queues=1", "--messages=20")

    async def main():
        async with poller_of(sim) as poller:
            batch = await anext(poller.batches())
            child = os.fork()
            if child == 0:
                status = 1
                try:
                    with pytest.raises(RuntimeError, match="parent process"):
                        batch.accept()
                    with pytest.raises(RuntimeError, match="parent process"):
                        queue_of(poller).stats()
                    poller.__del__()
                    del batch, poller
                    gc.collect()
                    status = 0
                finally:
                    os._exit(status)
            assert os.waitpid(child, 0)[1] == 0
            batch.accept()
            async for batch in poller.batches():
                if (await batch.accept()).unread_count == 0:
                    break
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run(main())
    assert sim.unread() == 0


def test_another_thread_is_refused(run, sim_of):
    sim = sim_of("--queues=1", "--messages=5")

    async def main():
        async with poller_of(sim) as poller:
            batch = await anext(poller.batches())
            for call in (batch.accept, queue_of(poller).stats):
                with pytest.raises(RuntimeError, match="another thread"):
                    await asyncio.to_thread(call)
            # Reading is allowed.
            messages = await asyncio.to_thread(lambda: batch.messages)
            assert await asyncio.to_thread(lambda: batch.state)
            assert len(messages) == 5 and not batch.is_answered
            batch.accept()
    run(main())
    assert sim.unread() == 0


ENDINGS = {
    "exit": "sys.exit(7)",
    "at once": "os._exit(7)",
    "exception": "raise SystemExit(7)",
    "never closed": """
    globals().update(poller=poller, batch=batch)
    loop = asyncio.get_running_loop()
    loop.stop()
    await asyncio.sleep(60)""",
}


# However a process ends, with whatever alive.
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_process_may_end_at_any_time(sim_of, ending, loop):
    sim = sim_of("--queues=1", "--messages=5")
    done = run_program(sim, f"""
import {loop}
async def main():
    poller = poller_of(sim)
    batch = await anext(poller.batches())
    {ENDINGS[ending]}
loop = {loop}.new_event_loop()
try:
    loop.run_until_complete(main())
except RuntimeError:
    sys.exit(7)
""")
    assert done.returncode == 7, done.stderr
    assert sim.unread() == 5


# Pollers that live for a moment, and end in whatever they are doing.
def test_many_pollers_end_at_any_moment(run, sim_of):
    sim = sim_of("--queues=4", "--messages=20")
    plan = random.Random(11)
    kept = []

    async def live():
        poller = poller_of(sim, ("q1", "q2", "q3", "q4"))
        batches = poller.batches()
        for _ in range(plan.randrange(4)):
            await asyncio.wait([asyncio.ensure_future(anext(batches))],
                               timeout=plan.uniform(0, 0.03))
        if plan.random() < 0.5:
            await poller.close(plan.choice([0, 20]))
        if plan.random() < 0.3:
            kept.append(plan.choice([queue_of(poller), poller.servers])
                        if not poller._core.is_closed else poller)

    async def main():
        for _ in range(15):
            await asyncio.gather(*(live() for _ in range(4)),
                                 return_exceptions=True)
            if plan.random() < 0.3:
                kept.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run(main())
        gc.collect()
    assert sim.unread() == 80
