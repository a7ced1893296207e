"""A proxy on the addresses of several hosts, that forwards to ports of
127.0.0.1 and can swallow what it is sent: it then reads nothing, answers
nothing and closes nothing, so that neither side is told.

    with BlackHole({"127.1.2.3": {"database": [5432]}}) as hole:
        hole.tell("open", "127.1.2.3", "database")
        hole.tell("close", "127.1.2.3", "database")  # all arrives, late
        hole.tell("cut", "127.1.2.3", "database")    # or it is reset instead

It forwards from the address on which it was connected to, and is a process of
its own, to be as quick as a network while a test computes.
"""
import asyncio
import contextlib
import json
import pathlib
import subprocess
import sys

CHUNK_BYTES = 1 << 16


class Group:
    """The connections of one host to some ports."""

    def __init__(self, address, ports):
        self.address = address
        self.ports = ports
        self.is_clear = asyncio.Event()
        self.is_clear.set()
        self.tasks = set()
        self.writers = set()

    async def serve(self):
        for port in self.ports:
            await asyncio.start_server(
                lambda reader, writer, port=port: self.accept(
                    reader, writer, port),
                self.address, port)

    async def accept(self, reader, writer, port):
        task = asyncio.current_task()
        self.tasks.add(task)
        self.writers.add(writer)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await self.is_clear.wait()
            there, to = await asyncio.open_connection(
                "127.0.0.1", port, local_addr=(self.address, 0))
            self.writers.add(to)
            with contextlib.suppress(OSError):
                await asyncio.gather(self.forward(reader, to),
                                     self.forward(there, writer))
            self.abort(to)
        self.abort(writer)
        self.tasks.discard(task)

    async def forward(self, reader, writer):
        while data := await reader.read(CHUNK_BYTES):
            await self.is_clear.wait()
            writer.write(data)
            await writer.drain()
        await self.is_clear.wait()
        raise ConnectionResetError

    def abort(self, writer):
        writer.transport.abort()
        self.writers.discard(writer)

    def cut(self):
        for writer in list(self.writers):
            self.abort(writer)
        for task in self.tasks:
            task.cancel()


async def serve(routes):
    groups = {(address, name): Group(address, ports)
              for address, names in routes.items()
              for name, ports in names.items()}
    for group in groups.values():
        await group.serve()
    print("ready", flush=True)
    loop = asyncio.get_running_loop()
    orders = asyncio.StreamReader()
    await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    while line := await orders.readline():
        order, address, name = line.decode().split()
        group = groups[address, name]
        if order == "open":
            group.is_clear.clear()
        else:
            if order == "cut":
                group.cut()
            group.is_clear.set()
        print("done", flush=True)


class BlackHole:
    def __init__(self, routes):
        self.routes = routes
        self.process = None

    def __enter__(self):
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig=KILL", sys.executable,
             pathlib.Path(__file__), json.dumps(self.routes)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def tell(self, order, address, name):
        """Returns once it is so."""
        self.process.stdin.write(f"{order} {address} {name}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"


if __name__ == "__main__":
    asyncio.run(serve(json.loads(sys.argv[1])))
