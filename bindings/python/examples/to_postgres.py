"""Stores the messages of some queues in PostgreSQL, each exactly once, however
it fails or is stopped:

    python3 to_postgres.py URL QUEUE... < FILE-WITH-AN-API-KEY-PER-LINE

The database is that of the environment: PGHOST, PGUSER and so on. QUEUE_OPTIONS
there may be more options, in JSON. store() and confirm() do it: see "Exactly
once" in docs/embedding.md.
"""
import asyncio
import json
import os
import signal
import sys

import asyncpg
import haplopoll
from haplopoll import Compare, compare_states

# A row for each queue, empty at first, so that there is always one to lock. Two
# processes that begin together would both create the tables, and one would fail.
TABLES = """
    SELECT pg_advisory_xact_lock(hashtext('haplo_states'));
    CREATE TABLE IF NOT EXISTS haplo_states (
        queue text PRIMARY KEY, state bytea NOT NULL);
    CREATE TABLE IF NOT EXISTS haplo_messages (
        queue text NOT NULL, body bytea NOT NULL)"""
PREPARE = "INSERT INTO haplo_states VALUES ($1, '') ON CONFLICT DO NOTHING"
LOCK = "SELECT state FROM haplo_states WHERE queue = $1 FOR UPDATE"
INSERT = "INSERT INTO haplo_messages VALUES ($1, $2)"
UPDATE = "UPDATE haplo_states SET state = $2 WHERE queue = $1"


async def store(database, batch):
    """Stores a batch and its state in one transaction, and accepts it."""
    queue = batch.queue.name
    async with database.acquire() as connection:
        async with connection.transaction():
            stored = await connection.fetchval(LOCK, queue)
            found = compare_states(batch.state, stored)
            if found is Compare.CURRENT:
                await connection.executemany(
                    INSERT, [(queue, message.body) for message in
                             batch.messages if not message.is_repeat])
                await connection.execute(UPDATE, queue, batch.state)
    # It has been committed; if it fails, or if nobody knows, that has raised.
    if found is Compare.STALE:
        batch.stale(stored)
    else:
        batch.accept()


async def confirm(database, queue, mark):
    """May be late, and may fail: it is confirmed later, then."""
    async with database.acquire() as connection:
        async with connection.transaction():
            stored = await connection.fetchval(LOCK, queue.name)
            if compare_states(mark.state, stored) is Compare.CURRENT:
                await connection.execute(UPDATE, queue.name, mark.state)


async def confirm_all(database, marks):
    while True:
        queue, mark = await marks.get()
        try:
            await confirm(database, queue, mark)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as why:
            print(f"{queue.name}: not confirmed: {why}", file=sys.stderr)


async def read_options(database, queue, api_key):
    async with database.acquire() as connection:
        await connection.execute(PREPARE, queue)
        # Waits for what a process that was killed may still have going on.
        state = await connection.fetchval(LOCK, queue)
    return {"name": queue, "api_key": api_key, "state": state,
            **json.loads(os.environ.get("QUEUE_OPTIONS", "{}"))}


async def run(url, queues, api_keys):
    marks = asyncio.Queue()
    async with asyncpg.create_pool(min_size=1, max_size=8) as database:
        await database.execute(TABLES)
        options = [await read_options(database, *pair)
                   for pair in zip(queues, api_keys)]
        server = {"name": "server", "url": url, "queues": options,
                  "tls_ca_file": os.environ.get("CA_FILE")}
        confirming = asyncio.create_task(confirm_all(database, marks))
        async with haplopoll.Poller(
                servers=[server], on_marked=lambda queue, mark:
                marks.put_nowait((queue, mark))) as poller:
            for queue in poller.servers["server"].queues.values():
                queue.poll_now()
            storing = asyncio.create_task(
                poller.deliver(lambda batch: store(database, batch)))
            asyncio.get_running_loop().add_signal_handler(
                signal.SIGTERM, storing.cancel)
            await asyncio.wait([storing, confirming],
                               return_when=asyncio.FIRST_COMPLETED)
        confirming.cancel()  # what it has not stored is found out again
        await asyncio.wait([confirming])


if __name__ == "__main__":
    try:
        import uvloop
        uvloop.install()
    except ImportError:
        pass  # asyncio's own loop does as well
    asyncio.run(run(sys.argv[1], sys.argv[2:], sys.stdin.read().split()))
