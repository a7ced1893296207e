"""Servers and queues that come, change and go; options; events."""
import asyncio
import logging

import haplopoll
import pytest

from scene import poller_of, queue_of, servers_of, until


def test_queues_and_servers_come_and_go(run, sim_of):
    sim = sim_of("--queues=2", "--messages=5")

    async def main():
        async with haplopoll.Poller() as poller:
            options, = servers_of(sim, ("q1", "q2"))
            first, second = options.pop("queues")
            server = poller.add_server(**options)
            assert poller.servers == {"server": server}
            queue = server.add_queue(**first)
            assert (queue.name, queue.server) == ("q1", server)
            assert server.queues == {"q1": queue}
            assert repr(queue) == "<haplopoll.Queue server/q1>"
            batch = await anext(poller.batches())
            removing = asyncio.create_task(queue.remove())
            with pytest.raises(haplopoll.Error) as error:
                server.remove()
            assert error.value.name == "HAPLO_EBUSY"
            await until(lambda: queue.stats()["state"] == "LAST_DELIVERING")
            assert await batch.accept() is not None
            await removing
            await queue.remove()  # it is
            assert server.queues == {}
            with pytest.raises(RuntimeError, match="was removed"):
                queue.poll_now()
            again = server.add_queue(**first)
            assert again is not queue
            server.add_queue(**second)
            await asyncio.gather(*(queue.remove()
                                   for queue in server.queues.values()))
            server.remove()
            assert poller.servers == {}
            with pytest.raises(RuntimeError, match="was removed"):
                server.stats()
    run(main())
    assert sim.unread(queue="q1", app="app1") == 0


def test_queues_pause_and_resume(run, sim_of):
    sim = sim_of("--queues=1", "--messages=5")

    async def main():
        async with poller_of(sim) as poller:
            queue = queue_of(poller)
            queue.pause()
            queue.pause()
            assert queue.stats()["state"] == "PAUSED"
            queue.give_up()  # nothing to give up
            with pytest.raises(haplopoll.Error, match="invalid"):
                queue.resume_from(b"not a state")
            queue.resume_from(b"")
            batch = await anext(poller.batches())
            state = batch.state
            queue.pause()
            batch.drop()
            await until(lambda: queue.stats()["state"] == "PAUSED")
            queue.resume_from(state)  # another process has stored it
            assert (await anext(poller.batches())).new_count == 0
    run(main())


def test_a_new_key_is_used_at_once(run, sim_of):
    sim = sim_of("--queues=1", "--messages=5")

    async def main():
        async with poller_of(sim, queue_options={
                "api_key": "w" * 40}) as poller:
            queue = queue_of(poller)
            await until(lambda: queue.stats()["state"] == "REFUSED")
            assert queue.stats()["error"] == "HAPLO_EREFUSED"
            queue.set_key(sim.key())
            (await anext(poller.batches())).accept()
            for wrong in ("short", "k" * 20 + "\0", "k" * 20 + " "):
                with pytest.raises(ValueError, match="api_key: it"):
                    queue.set_key(wrong)
    run(main())
    assert sim.unread() == 0


# What is mistyped is not ignored, and whoever reads the message knows where.
@pytest.mark.parametrize("options, error, text", [
    ({"interval": 5}, TypeError, "interval: there is no such option"),
    ({"interval_ms": "5"}, TypeError, "interval_ms: expected int, not str"),
    ({"interval_ms": 1.5}, TypeError, "interval_ms: expected int, not float"),
    ({"interval_ms": -1}, ValueError, "interval_ms: -1 is not between 0 and"),
    ({"interval_ms": 1 << 64}, ValueError, "interval_ms: .* is not between"),
    ({"mark_attempts_max": 1 << 32}, ValueError, "mark_attempts_max: "),
    ({"body_bytes_max": -1}, ValueError, "body_bytes_max: "),
    ({"backoff_ms": 1 << 40}, haplopoll.Error, "backoff_ms"),
    ({"key_proven": 1}, TypeError, "key_proven: expected bool, not int"),
    ({"format": "xml"}, ValueError, 'format: write "json" or "raw"'),
    ({"format": "raw"}, haplopoll.Error, "token_pattern"),
    ({"format": "raw", "token_pattern": "("}, haplopoll.Error,
     "token_pattern"),
    ({"token_pointer": "x"}, haplopoll.Error, "token_pointer"),
    ({"messages_pointer": "x"}, haplopoll.Error, "messages_pointer"),
    ({"content_type": "a\0b"}, ValueError, "content_type: it has a NUL"),
    ({"state": "text"}, TypeError, "state: expected bytes, not str"),
    ({"state": b"damaged"}, haplopoll.Error, "state"),
    ({"name": None}, haplopoll.Error, "name"),
    ({"name": "a b"}, haplopoll.Error, "name"),
    ({"api_key": None}, haplopoll.Error, "API key"),
    ({"api_key": "k" * 20 + "\0"}, ValueError, "api_key: it has a NUL"),
    ({"api_key": "\ud800" * 20}, ValueError, "api_key: "),
])
def test_a_wrong_option_of_a_queue_is_named(run, options, error, text):
    async def main():
        async with haplopoll.Poller() as poller:
            server = poller.add_server(name="server", url="http://localhost")
            with pytest.raises(error, match=text) as raised:
                server.add_queue(**{"name": "q1", "api_key": "k" * 20,
                                    **options})
            assert "kkk" not in str(raised.value)
            assert server.queues == {}
            queue = server.add_queue(name="q1", api_key="k" * 20)
            if not {"name", "state", "api_key"} & options.keys():
                with pytest.raises(error, match=text):
                    queue.set_options(**options)
    run(main())


@pytest.mark.parametrize("options, error, text", [
    ({"urls": "x"}, TypeError, "urls: there is no such option"),
    ({"url": None}, haplopoll.Error, "url"),
    ({"url": "ftp://host"}, haplopoll.Error, "url"),
    ({"url": "http://host"}, haplopoll.Error, "allow_http"),
    ({"fetch_path": "x"}, haplopoll.Error, "fetch_path"),
    ({"mark_path": "/x"}, haplopoll.Error, "mark_path"),
    ({"user": "a:b"}, haplopoll.Error, "user"),
    ({"token_field": "="}, haplopoll.Error, "token_field"),
    ({"proxy": "x"}, haplopoll.Error, "proxy"),
    ({"login_group": "a b"}, haplopoll.Error, "login.group"),
    ({"in_flight_max": "1"}, TypeError, "in_flight_max: expected int"),
    ({"connect_timeout_ms": 1 << 40}, haplopoll.Error, "connect_timeout_ms"),
    ({"total_timeout_ms": 1 << 40}, haplopoll.Error, "total_timeout_ms"),
    ({"queues": [{"nam": 1}]}, TypeError, "nam: there is no such option"),
])
def test_a_wrong_option_of_a_server_is_named(run, options, error, text):
    async def main():
        with pytest.raises(error, match=text):
            haplopoll.Poller([{"name": "server", "url": "https://localhost",
                               **options}])
        with pytest.raises(TypeError, match="in_flight: there is no such"):
            haplopoll.Poller(in_flight=3)
        async with haplopoll.Poller() as poller:
            with pytest.raises(ValueError, match="in_flight_max: "):
                poller.set_limits(in_flight_max=-1)
            poller.set_limits(in_flight_max=3)
    run(main())


# Failures are no exceptions, as the poller goes on: they are logged, unless
# the application wants to do that.
def test_failures_are_logged(run, sim_of, caplog):
    sim = sim_of("--queues=1", "--messages=5")
    sim.script("fault on=fetch do=status code=500 times=1")

    async def main():
        async with poller_of(sim) as poller:
            (await anext(poller.batches())).accept()
    with caplog.at_level(logging.DEBUG, "haplopoll"):
        run(main())
    record, = (record for record in caplog.records
               if record.name == "haplopoll")
    assert record.levelno == logging.WARNING
    assert "fetch server/q1" in record.message
    assert "HAPLO_ESERVER" in record.message


def test_events_tell_each_step(run, sim_of):
    sim = sim_of("--queues=1", "--messages=5")
    events = []

    async def main():
        async with poller_of(sim, on_event=events.append) as poller:
            assert await (await anext(poller.batches())).accept()
            return poller.servers["server"], queue_of(poller)
    server, queue = run(main())
    steps = [event.to_state for event in events if event.queue is queue]
    assert ["FETCHING", "DELIVERING"] == [step for step in steps if step in (
        "FETCHING", "DELIVERING")][:2]
    assert "MARKING" in steps
    assert all(event.server is server for event in events)


# A callback that fails is a fault of the application, which asyncio reports;
# the poller goes on.
def test_a_callback_may_fail(run, sim_of):
    sim = sim_of("--queues=1", "--messages=20")
    problems = []

    def fail(*_):
        raise LookupError("a fault of the application")

    async def main():
        asyncio.get_running_loop().set_exception_handler(
            lambda loop, context: problems.append(context["exception"]))
        async with poller_of(sim, on_event=fail, on_marked=fail,
                             on_drained=fail) as poller:
            async for batch in poller.batches():
                mark = await batch.accept()
                if mark.unread_count == 0:
                    break
    run(main())
    assert sim.unread() == 0
    assert len(problems) > 3
    assert all(isinstance(problem, LookupError) for problem in problems)


def test_two_pollers_share_a_loop(run, sim_of):
    sim = sim_of("--queues=2", "--messages=5")

    async def main():
        async with poller_of(sim) as one, poller_of(sim, ["q2"]) as two:
            (await anext(one.batches())).accept()
            (await anext(two.batches())).accept()
            assert one.stats()["queue_count"] == 1
    run(main())
    assert sim.unread() == 0
