"""The peer "pycurl multi": libcurl's multi interface from Python, sockets
watched with epoll, easy handles kept.

    cycle_pycurl.py HOSTS AT-ONCE WARM-CYCLES CYCLES CA-FILE
"""
import json
import resource
import select
import sys
import time
import urllib.parse

import pycurl

POLL = "/api/haplo-integration-messages/poll/"
KEY = "0123456789012345678901234567890123456789abcd"
MESSAGE_COUNT = 16


def cpu_us():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return (usage.ru_utime + usage.ru_stime) * 1e6


class Meter:
    def __init__(self, warm, cycles):
        self.done = 0
        self.warm = warm
        self.cycles = cycles
        self.cpu = self.wall = 0

    def count(self):
        """True when all is done."""
        self.done += 1
        if self.done == self.warm:
            self.cpu, self.wall = cpu_us(), time.monotonic()
        return self.done == self.warm + self.cycles

    def print(self):
        print(json.dumps({
            "cycles": self.cycles, "cpu_us": cpu_us() - self.cpu,
            "wall_us": (time.monotonic() - self.wall) * 1e6}))


class Queue:
    """One queue: an easy handle that fetches and marks in turns."""

    def __init__(self, url, name, ca_file):
        self.fetch_url = f"{url}{POLL}{name}/fetch"
        self.mark_url = f"{url}{POLL}{name}/mark"
        self.is_marking = False
        self.body = bytearray()
        easy = self.easy = pycurl.Curl()
        easy.queue = self
        easy.setopt(pycurl.NOSIGNAL, 1)
        easy.setopt(pycurl.PROXY, "")
        easy.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
        easy.setopt(pycurl.USERPWD, f"haplo:{KEY}")
        easy.setopt(pycurl.WRITEFUNCTION, self.body.extend)
        if ca_file != "-":
            # Without a path libcurl reads the file once for all.
            easy.unsetopt(pycurl.CAPATH)
            easy.setopt(pycurl.CAINFO, ca_file)

    def fetch(self):
        self.is_marking = False
        self.easy.setopt(pycurl.URL, self.fetch_url)
        self.easy.setopt(pycurl.HTTPGET, 1)

    def fetched(self):
        batch = json.loads(self.body)
        if len(batch["messages"]) != MESSAGE_COUNT:
            sys.exit("not a batch of 16 messages")
        self.is_marking = True
        self.easy.setopt(pycurl.URL, self.mark_url)
        self.easy.setopt(pycurl.POSTFIELDS,
                         "token=" + urllib.parse.quote(batch["token"], ""))

    def marked(self):
        if json.loads(self.body)["markedCount"] != MESSAGE_COUNT:
            sys.exit("16 messages were not marked")


class Loop:
    """libcurl on epoll."""

    def __init__(self, queues, meter):
        self.meter = meter
        self.epoll = select.epoll()
        self.due = None
        self.watched = {}
        self.multi = pycurl.CurlMulti()
        self.multi.setopt(pycurl.M_SOCKETFUNCTION, self.on_socket)
        self.multi.setopt(pycurl.M_TIMERFUNCTION, self.on_timer)
        self.multi.setopt(pycurl.M_MAXCONNECTS, 2 * len(queues))
        for queue in queues:
            queue.fetch()
            self.multi.add_handle(queue.easy)

    def on_socket(self, what, fd, multi, unused):
        if what == pycurl.POLL_REMOVE:
            if self.watched.pop(fd, None) is not None:
                try:
                    self.epoll.unregister(fd)
                except OSError:
                    pass  # closed already
            return
        events = 0
        if what != pycurl.POLL_OUT:
            events |= select.EPOLLIN
        if what != pycurl.POLL_IN:
            events |= select.EPOLLOUT
        if fd in self.watched:
            self.epoll.modify(fd, events)
        else:
            self.epoll.register(fd, events)
        self.watched[fd] = events

    def on_timer(self, timeout_ms):
        self.due = None if timeout_ms < 0 \
            else time.monotonic() + timeout_ms / 1000

    def finish(self, easy):
        """True when all is done."""
        queue = easy.queue
        if easy.getinfo(pycurl.RESPONSE_CODE) != 200:
            sys.exit("not status 200")
        if queue.is_marking:
            queue.marked()
            if self.meter.count():
                return True
            queue.fetch()
        else:
            queue.fetched()
        queue.body.clear()
        self.multi.remove_handle(easy)
        self.multi.add_handle(easy)
        return False

    def read_results(self):
        while True:
            left, done, failed = self.multi.info_read()
            if failed:
                sys.exit(f"failed: {failed[0][1:]}")
            for easy in done:
                if self.finish(easy):
                    return True
            if not left:
                return False

    def run(self):
        while True:
            wait = -1 if self.due is None \
                else max(0, self.due - time.monotonic())
            for fd, events in self.epoll.poll(wait):
                flags = 0
                if events & (select.EPOLLIN | select.EPOLLHUP):
                    flags |= pycurl.CSELECT_IN
                if events & select.EPOLLOUT:
                    flags |= pycurl.CSELECT_OUT
                if events & select.EPOLLERR:
                    flags |= pycurl.CSELECT_ERR
                self.multi.socket_action(fd, flags)
            if self.due is not None and self.due <= time.monotonic():
                self.due = None
                self.multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
            if self.read_results():
                return


def main():
    hosts, at_once, warm, cycles, ca_file = sys.argv[1:]
    urls = open(hosts, encoding="ascii").read().split()
    meter = Meter(int(warm), int(cycles))
    queues = [Queue(urls[i % len(urls)], f"q{i}", ca_file)
              for i in range(int(at_once))]
    Loop(queues, meter).run()
    meter.print()


if __name__ == "__main__":
    main()
