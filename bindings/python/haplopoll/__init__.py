"""Polls the message queues of Haplo servers inside an asyncio loop.

    async with haplopoll.Poller(servers=[...]) as poller:
        async for batch in poller.batches():
            store(batch)
            batch.accept()

Options have the names that they have in haplopoll.h, which is the reference for
what they mean. See README.md for the whole story.
"""
import asyncio
import collections
import enum
import logging
import weakref
from typing import (Any, AsyncIterator, Awaitable, Callable, Iterable, Mapping,
                    NamedTuple, Optional)
import warnings

from . import _haplopoll
from ._haplopoll import Batch, Error, Message

__all__ = ["Batch", "Compare", "Error", "Event", "Mark", "Message", "Poller",
           "Queue", "Server", "compare_states", "library_version", "log_event"]

library_version: str = _haplopoll.library_version
logger = logging.getLogger("haplopoll")


class Compare(enum.IntEnum):
    """What the stored state of a queue is to a new one."""

    CURRENT = 0  # the new state may replace it
    STORED = 1  # it already is the new state
    STALE = 2  # it is some other state


def compare_states(state: bytes, stored: Optional[bytes]) -> Compare:
    """`stored` may be empty, or None, if nothing is stored yet."""
    return Compare(_haplopoll.compare_states(state, stored or b""))


class Mark(NamedTuple):
    """The server has confirmed a mark."""

    state: bytes  # to be stored, if it compares as current
    message_count: int  # of the batch; 0: of earlier ones, now known
    marked_count: int  # according to the server
    unread_count: int  # left on the server; -1: unknown


class Event(NamedTuple):
    """A queue or a server has changed its state, or needs to be logged."""

    server: "Server"
    queue: Optional["Queue"]  # None: it concerns the server
    from_state: str
    to_state: str
    error: Optional[str]  # the name of the cause: "HAPLO_ECONNECT"
    text: str  # one line; contains no secrets
    message_count: int  # of the batch, if there is one
    delay_ms: int  # until the next attempt, if one is planned


def log_event(event: Event) -> None:
    """The default of on_event: errors as warnings of the logger `haplopoll`."""
    if event.error is not None:
        logger.warning("%s (%s)", event.text, event.error)


def _resolve(future: Optional[asyncio.Future], value: Any = None) -> None:
    """Unless nobody can wait for it any more."""
    if (future is not None and not future.done()
            and not future.get_loop().is_closed()):
        future.set_result(value)


class Queue(_haplopoll.Queue):
    """One queue of a server: server.add_queue() makes it."""

    # The library has a reference to a queue, so one from here to what waits
    # for it would hide these from the garbage collector.
    def __init__(self, server: "Server", **options: Any):
        self._turns = server._turns
        self._loop = server._loop
        self._is_removed = False
        super().__init__(server, **options)

    async def remove(self) -> None:
        """Returns when it is in its server no more. An outstanding batch is
        finished before that: see give_up()."""
        turns = self._turns()
        if turns is not None and not self._is_removed:
            if self not in turns.removed:
                self._remove()
                turns.removed[self] = self._loop.create_future()
            await asyncio.shield(turns.removed[self])

    def _accepted(self, is_in_time: bool) -> "asyncio.Future[Optional[Mark]]":
        waiter = self._loop.create_future()
        turns = self._turns()
        if turns is not None and is_in_time:
            turns.accepted[self] = waiter
        else:
            waiter.set_result(None)
        return waiter

    def __repr__(self) -> str:
        return f"<haplopoll.Queue {self.server.name}/{self.name}>"


class Server(_haplopoll.Server):
    """One server of a poller: poller.add_server() makes it."""

    def __init__(self, poller: "Poller", **options: Any):
        self._turns = weakref.ref(poller._turns)
        self._loop = poller._loop
        super().__init__(poller._core, **options)

    def add_queue(self, **options: Any) -> Queue:
        """Options: see haplo_queue_options; `state` is the stored one."""
        return Queue(self, **options)

    def __repr__(self) -> str:
        return f"<haplopoll.Server {self.name}>"


class _Turns:
    """Takes the poller's turns, and knows who waits for them. asyncio keeps this
    alive until the poller is closed, but not the Poller, which its user may
    drop."""

    def __init__(self, poller: "Poller"):
        self.core = poller._core
        self.loop = poller._loop
        self.poller = weakref.ref(poller)
        self.fd = self.core.fileno()
        self.timer: Optional[asyncio.Handle] = None
        self.due = 0.0  # when it fires
        self.accepted: dict[Queue, asyncio.Future] = {}  # not confirmed yet
        self.removed: dict[Queue, asyncio.Future] = {}  # not gone yet
        self.loop.add_reader(self.fd, self.take)
        self.loop.call_soon(self.take)

    def take(self) -> None:
        if self.core.is_closed:
            return
        timeout_ms, records = self.core.turn()
        if self.core.is_closed:
            self.end()
        elif timeout_ms >= 0:
            self.arm(self.loop.time() + timeout_ms / 1000)
        poller = self.poller()
        for record in records:
            if record[0] == "removed":
                self.on_removed(record[1])
            elif poller is not None:
                poller._handle(*record)

    def settle(self, queue: Queue, mark: Optional[Mark] = None) -> None:
        _resolve(self.accepted.pop(queue, None), mark)

    def on_removed(self, queue: Queue) -> None:
        queue._is_removed = True
        self.settle(queue)
        _resolve(self.removed.pop(queue, None))

    def arm(self, due: float) -> None:
        """One that is due earlier is left: its turn finds nothing to do."""
        if self.timer is not None:
            if self.due <= due:
                return
            self.timer.cancel()
        self.due = due
        self.timer = self.loop.call_at(due, self.on_timer)

    def on_timer(self) -> None:
        self.timer = None
        self.take()

    def end(self) -> None:
        self.loop.remove_reader(self.fd)
        if self.timer is not None:
            self.timer.cancel()
        self.core.end()


class Poller:
    """Polls queues, from the time it is made until it is closed.

    `servers` is a list of options for add_server(), each with a list `queues`
    of options for add_queue(). Callbacks are called from the loop; what they
    raise goes to the exception handler of the loop.
    """

    def __init__(self, servers: Iterable[Mapping[str, Any]] = (), *,
                 on_event: Optional[Callable[[Event], None]] = log_event,
                 on_marked: Optional[Callable[[Queue, Mark], None]] = None,
                 on_drained: Optional[Callable[[Queue], None]] = None,
                 close_timeout_ms: int = 5000, **options: Any):
        self._core: Any = None
        self._loop = asyncio.get_running_loop()
        self._on_event_cb = on_event
        self._on_marked_cb = on_marked
        self._on_drained_cb = on_drained
        self._close_timeout_ms = close_timeout_ms
        self._batches: collections.deque[Batch] = collections.deque()
        self._waiters: collections.deque[asyncio.Future] = collections.deque()
        self._is_stopping = False
        self._stopped = self._loop.create_future()
        self._closed = self._loop.create_future()
        wants_routine = on_event not in (None, log_event)
        self._core = _haplopoll.Poller(wants_routine, on_drained is not None,
                                       **options)
        self._turns = _Turns(self)
        try:
            for server in servers:
                self._add(dict(server))
        except BaseException:
            self._close_now()
            raise

    def _add(self, options: dict) -> None:
        queues = options.pop("queues", ())
        server = self.add_server(**options)
        for queue in queues:
            server.add_queue(**queue)

    def add_server(self, **options: Any) -> Server:
        """Options: see haplo_server_options."""
        return Server(self, **options)

    @property
    def servers(self) -> "dict[str, Server]":
        return self._core.servers

    def set_limits(self, **options: int) -> None:
        self._core.set_limits(**options)

    def stats(self) -> "dict[str, Any]":
        return self._core.stats()

    # Batches

    def batches(self) -> AsyncIterator[Batch]:
        """All batches of all queues, until the poller is closed. Several tasks
        may iterate at the same time; each batch goes to one of them."""
        return _Batches(self)

    async def deliver(self, handler: Callable[[Batch], Awaitable[Any]],
                      concurrency: int = 8) -> None:
        """Awaits handler(batch) for each batch, of several queues at a time,
        until the poller is closed. If it returns, the batch is accepted, and
        retried if it raises; unless it has answered the batch itself."""
        async def work() -> None:
            async for batch in self.batches():
                await self._deliver(handler, batch)
        workers = [self._loop.create_task(work()) for _ in range(concurrency)]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    async def _deliver(self, handler: Callable[[Batch], Awaitable[Any]],
                       batch: Batch) -> None:
        try:
            await handler(batch)
        except Exception as error:
            if not batch.is_answered:
                batch.retry(f"{type(error).__name__}: {error}")
            self._loop.call_exception_handler({
                "message": f"the handler of {batch.queue!r} has failed",
                "exception": error})
        except BaseException:
            if not batch.is_answered:
                batch.retry("the handler was cancelled")
            raise
        else:
            if not batch.is_answered:
                batch.accept()

    async def _next_batch(self) -> Optional[Batch]:
        while not self._batches:
            if self._is_stopping:
                return None
            waiter = self._loop.create_future()
            self._waiters.append(waiter)
            try:
                await waiter
            except BaseException:
                if waiter in self._waiters:
                    self._waiters.remove(waiter)
                elif self._batches:
                    self._wake_one()  # another one takes what this was to take
                raise
        return self._batches.popleft()

    def _wake_one(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                _resolve(waiter)
                return

    # Closing

    async def close(self, timeout_ms: Optional[int] = None) -> None:
        """Batches that are not answered are dropped. Accepted ones are marked,
        if that is possible within timeout_ms; then all ends."""
        if timeout_ms is None:
            timeout_ms = self._close_timeout_ms
        try:
            if not self._is_stopping:
                self._stop_iterating()
                self._core.stop(timeout_ms)
            await asyncio.shield(self._stopped)
        finally:
            self._close_now()
        await asyncio.shield(self._closed)

    def _close_now(self) -> None:
        self._core.close()
        self._stop_iterating()
        _resolve(self._stopped)

    def _stop_iterating(self) -> None:
        self._is_stopping = True
        self._batches.clear()
        for waiter in self._waiters:
            _resolve(waiter)
        self._waiters.clear()

    async def __aenter__(self) -> "Poller":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __del__(self) -> None:
        if self._core is not None and not self._is_stopping:
            self._core.abandon()
            warnings.warn(f"unclosed poller {self!r}", ResourceWarning,
                          source=self)

    # Records: see core.h

    def _handle(self, kind: str, *rest: Any) -> None:
        try:
            getattr(self, "_on_" + kind)(*rest)
        except Exception as error:
            self._loop.call_exception_handler({
                "message": f"a callback of {self!r} has failed",
                "exception": error})

    def _on_batch(self, queue: Queue, batch: Batch) -> None:
        self._turns.settle(queue)
        if not self._is_stopping:
            self._batches.append(batch)
            self._wake_one()

    def _on_marked(self, queue: Queue, *mark: Any) -> None:
        confirmed = Mark(*mark)
        self._turns.settle(queue, confirmed)
        if self._on_marked_cb is not None:
            self._on_marked_cb(queue, confirmed)

    def _on_drained(self, queue: Queue) -> None:
        if self._on_drained_cb is not None:
            self._on_drained_cb(queue)

    def _on_event(self, *event: Any) -> None:
        if self._on_event_cb is not None:
            self._on_event_cb(Event(*event))

    def _on_stopped(self, batches_left: int) -> None:
        _resolve(self._stopped, batches_left)

    def _on_closed(self) -> None:
        _resolve(self._closed)


class _Batches:
    def __init__(self, poller: Poller):
        self._poller = poller

    def __aiter__(self) -> "_Batches":
        return self

    async def __anext__(self) -> Batch:
        batch = await self._poller._next_batch()
        if batch is None:
            raise StopAsyncIteration
        return batch
