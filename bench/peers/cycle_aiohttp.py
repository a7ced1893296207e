"""The peer "aiohttp + uvloop": one session, a task for each queue.

    cycle_aiohttp.py [--tuned] HOSTS AT-ONCE WARM-CYCLES CYCLES CA-FILE

--tuned: what one gets who knows aiohttp from the inside.
"""
import asyncio
import json
import resource
import ssl
import sys
import time
import urllib.parse

import aiohttp
import uvloop
import yarl

POLL = "/api/haplo-integration-messages/poll/"
KEY = "0123456789012345678901234567890123456789abcd"
MESSAGE_COUNT = 16
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def cpu_us():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return (usage.ru_utime + usage.ru_stime) * 1e6


class Meter:
    def __init__(self, warm, cycles):
        self.done = 0
        self.warm = warm
        self.cycles = cycles
        self.cpu = self.wall = 0
        self.is_over = asyncio.get_running_loop().create_future()

    def count(self):
        if self.is_over.done():
            return
        self.done += 1
        if self.done == self.warm:
            self.cpu, self.wall = cpu_us(), time.monotonic()
        elif self.done == self.warm + self.cycles:
            print(json.dumps({
                "cycles": self.cycles, "cpu_us": cpu_us() - self.cpu,
                "wall_us": (time.monotonic() - self.wall) * 1e6}))
            self.is_over.set_result(None)


def check_batch(answer, batch):
    if answer.status != 200 or len(batch["messages"]) != MESSAGE_COUNT:
        sys.exit("not a batch of 16 messages")


def check_mark(answer, mark):
    if answer.status != 200 or mark["markedCount"] != MESSAGE_COUNT:
        sys.exit("16 messages were not marked")


async def poll(session, url, name, meter):
    """As aiohttp's documentation has it."""
    fetch_url = f"{url}{POLL}{name}/fetch"
    mark_url = f"{url}{POLL}{name}/mark"
    while not meter.is_over.done():
        async with session.get(fetch_url) as answer:
            batch = await answer.json()
        check_batch(answer, batch)
        form = {"token": batch["token"]}
        async with session.post(mark_url, data=form) as answer:
            mark = await answer.json()
        check_mark(answer, mark)
        meter.count()


async def poll_tuned(session, url, name, meter):
    """URLs and forms made by hand, charsets taken for granted."""
    fetch_url = yarl.URL(f"{url}{POLL}{name}/fetch")
    mark_url = yarl.URL(f"{url}{POLL}{name}/mark")
    while not meter.is_over.done():
        async with session.get(fetch_url) as answer:
            batch = json.loads(await answer.read())
        check_batch(answer, batch)
        form = "token=" + urllib.parse.quote(batch["token"], "")
        async with session.post(mark_url, data=form, headers=FORM) as answer:
            mark = json.loads(await answer.read())
        check_mark(answer, mark)
        meter.count()


async def main():
    hosts, at_once, warm, cycles, ca_file = sys.argv[-5:]
    is_tuned = sys.argv[1] == "--tuned"
    one = poll_tuned if is_tuned else poll
    urls = open(hosts, encoding="ascii").read().split()
    meter = Meter(int(warm), int(cycles))
    context = None if ca_file == "-" \
        else ssl.create_default_context(cafile=ca_file)
    connector = aiohttp.TCPConnector(limit=0, ssl=context,
                                     keepalive_timeout=3600)
    async with aiohttp.ClientSession(
            connector=connector, auth=aiohttp.BasicAuth("haplo", KEY),
            timeout=aiohttp.ClientTimeout(total=60),
            cookie_jar=aiohttp.DummyCookieJar() if is_tuned else None,
    ) as session:
        tasks = [asyncio.ensure_future(
                     one(session, urls[i % len(urls)], f"q{i}", meter))
                 for i in range(int(at_once))]
        await asyncio.wait([meter.is_over, *tasks],
                           return_when=asyncio.FIRST_COMPLETED)
        if not meter.is_over.done():
            sys.exit("a queue ended")
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


if __name__ == "__main__":
    uvloop.install()
    asyncio.run(main())
