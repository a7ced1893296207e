"""A haplo-poll that looks like a host of its own: with its own state directory,
address and wall clock, and the configuration of all others."""
import contextlib
import copy
import re
import signal
import struct
import time

from poll import BUILD, Poll, preloaded

SHIM = BUILD.resolve() / "fleet_host.so"
STALE = re.compile("different state is stored|stored state has generation|"
                   "no state is stored, but")


def monotonic_ms():
    """The clock of the simulator's events."""
    return time.monotonic() * 1000


class Host(Poll):
    def __init__(self, sim, name, address, ports, is_coordinated):
        super().__init__(sim)
        self.name = name
        self.address = address
        self.path = str(sim.dir / f"{name}.yaml")
        self.is_coordinated = is_coordinated
        self.log_path = sim.dir / f"{name}.log"  # of ended processes
        self.clock = sim.dir / f"{name}.clock"
        self.clock.write_bytes(bytes(8))
        self.environment = preloaded(self.environment, SHIM) | {
            "TEST_HOST_ADDRESS": self.address,
            "TEST_HOST_PORTS": " ".join(map(str, ports)),
            "TEST_HOST_CLOCK": str(self.clock)}
        self.run_now = None  # None: it is not running
        self.is_paused = False
        self.is_leaving = False  # it was asked to
        self.stale_count = 0  # batches of ended processes that came too late
        self.starts = []  # when it was started
        self.disturbed = []  # [what, begin, end]

    def use(self, config):
        """The configuration of all hosts."""
        self.config = copy.deepcopy(config) | {
            "state_dir": f"state-{self.name}"}

    @property
    def is_running(self):
        return self.run_now is not None

    @property
    def is_at_work(self):
        return self.is_running and not self.is_paused and not self.is_leaving

    def launch(self):
        assert not self.is_running
        self.starts.append(monotonic_ms())
        arguments = ["--host", self.name] if self.is_coordinated else []
        self.run_now = self.start("-v", "run", *arguments)

    def has_left(self):
        return self.run_now.process.poll() is not None

    def has_ended(self):
        """By itself."""
        return self.is_running and not self.is_leaving and self.has_left()

    # Its end

    def refused(self):
        """Batches that came too late, because another host had stored them."""
        own = STALE.findall(self.run_now.err) if self.is_running else []
        return self.stale_count + len(own)

    def save_log(self):
        with open(self.log_path, "a", encoding="utf-8") as file:
            file.write(self.run_now.err)

    def bury(self):
        self.stale_count = self.refused()
        self.save_log()
        self.run_now.log.close()
        self.running.remove(self.run_now)
        self.run_now = None
        self.is_leaving = self.is_paused = False
        self.settle()

    def kill(self):
        self.run_now.process.kill()
        self.run_now.process.wait()
        self.bury()

    def terminate(self):
        """Asks it to stop; it must, by itself."""
        self.resume()
        self.is_leaving = True
        self.run_now.signal(signal.SIGTERM)

    def finish(self):
        code = self.run_now.wait()
        assert code == 0 or not self.run_now.lines("polling;"), (
            self.name, code, self.run_now.err[-3000:])
        self.bury()

    # What is done to it

    def disturb(self, what):
        self.disturbed.append([what, monotonic_ms(), float("inf")])

    def settle(self, what=None):
        """It ends; None: everything."""
        for span in self.disturbed:
            if what in (None, span[0]):
                span[2] = min(span[2], monotonic_ms())

    def was_disturbed(self, begin, end, any_kind=False):
        """Without any_kind: by what may delay a request of its own that the
        deadline has allowed."""
        return any(since <= end and until >= begin
                   for what, since, until in self.disturbed
                   if any_kind or what != "database")

    def pause(self):
        self.disturb("pause")
        self.run_now.signal(signal.SIGSTOP)
        self.is_paused = True

    def resume(self):
        if self.is_paused:
            with contextlib.suppress(ProcessLookupError):
                self.run_now.signal(signal.SIGCONT)
            self.settle("pause")
        self.is_paused = False

    # Its clock

    def set_clock(self, offset_ms):
        with open(self.clock, "r+b") as file:
            file.write(struct.pack("=q", offset_ms))
