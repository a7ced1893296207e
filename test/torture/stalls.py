"""How long processes were ready to run, but did not, because others ran: a test
that relies on time must know, for the machine may do other things as well."""
import pathlib
import threading
import time

PAUSE_S = 0.05  # between two samples


class Stalls:
    """Of processes that begin and end: names() returns their ids by name."""

    def __init__(self, pids):
        self.pids = pids
        self.samples = {}  # name -> [(ms, pid, delay in ms)]
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self.watch)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.thread.join()

    def watch(self):
        while not self.is_over.wait(PAUSE_S):
            for name, pid in self.pids().items():
                self.look(name, pid)

    def look(self, name, pid):
        try:
            text = pathlib.Path(f"/proc/{pid}/schedstat").read_text()
        except OSError:
            return
        self.samples.setdefault(name, []).append(
            (time.monotonic() * 1000, pid, int(text.split()[1]) / 1e6))

    def delay_ms(self, name, begin, end):
        """In this time, and a little before and after it."""
        own = self.samples.get(name, [])
        inside = [one for one in own if begin - 1000 * PAUSE_S * 2 <= one[0]
                  <= end + 1000 * PAUSE_S * 2]
        gaps = [later[0] - one[0] for one, later in zip(inside, inside[1:])]
        delays = [later[2] - one[2] for one, later in zip(inside, inside[1:])
                  if later[1] == one[1]]
        # A long gap: whoever took the samples did not run either.
        return max(sum(delays), max(gaps, default=0))
