"""A service manager in place of systemd: it is told what sd_notify(3) says."""
import contextlib
import socket

from sim import wait_for


class Manager:
    """manager.environment is for the process that it manages."""

    def __init__(self, address, watchdog_s=None):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address.replace("@", "\0", 1)
                         if address.startswith("@") else address)
        self.socket.setblocking(False)
        self.messages = []
        self.environment = {"NOTIFY_SOCKET": address}
        if watchdog_s is not None:
            self.environment["WATCHDOG_USEC"] = str(int(watchdog_s * 1e6))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def read(self):
        """All messages until now, each a dictionary."""
        with contextlib.suppress(BlockingIOError):
            while True:
                text = self.socket.recv(4096).decode()
                self.messages.append(
                    dict(line.split("=", 1) for line in text.split("\n")))
        return self.messages

    def states(self):
        """Those that are about the state: READY, RELOADING or STOPPING."""
        names = ("READY", "RELOADING", "STOPPING")
        return [name for message in self.read() for name in names
                if message.get(name) == "1"]

    def count(self, name):
        return sum(name in message for message in self.read())

    def wait_for_states(self, *names):
        wait_for(lambda: self.states() == list(names), what=f"{names} told")

    def wait_for_status(self, text):
        """Until this is the newest status."""
        def newest():
            told = [message["STATUS"] for message in self.read()
                    if "STATUS" in message]
            return told[-1] if told else None

        wait_for(lambda: newest() == text, what=f"status {text!r}")

    def wait_for_more(self, name, count=1):
        begin = self.count(name)
        wait_for(lambda: self.count(name) >= begin + count,
                 what=f"{count} more {name}")
