"""The benchmark's targets, each with what was measured and whether it is met.
A target that is not met does not fail the run, as machines differ."""
from harness.cycles import BASE, Case

PLAIN, TLS = BASE
PEERS = [("undici", 0.75), ("pycurl", 0.68), ("go", 0.48), ("aiohttp", 0.13),
         ("official", 1 / 230)]


class Target:
    """measured is None if something failed or is missing."""

    def __init__(self, what, limit, measured, is_least=False, unit="x",
                 digits=2):
        self.what = what
        self.limit = limit
        self.measured = measured
        self.is_least = is_least
        self.unit = unit
        self.digits = digits

    def verdict(self):
        if self.measured is None:
            return "not measured"
        is_met = self.measured >= self.limit if self.is_least \
            else self.measured <= self.limit
        return "met" if is_met else "not met"

    def number(self, value):
        return "-" if value is None else f"{value:,.{self.digits}f}"

    def line(self):
        sign = ">=" if self.is_least else "<="
        return (f"{self.what:62} {sign} {self.number(self.limit):>9} "
                f"{self.number(self.measured):>9} {self.unit:10} "
                f"{self.verdict()}")

    def record(self):
        return {"what": self.what, "limit": self.limit, "unit": self.unit,
                "measured": self.measured, "verdict": self.verdict()}


def over(value, divisor):
    return None if value is None else value / divisor


def of_cycles(results):
    """Ratios of the medians of CPU time in one run."""
    ratio = results.ratio
    tls_1000 = Case(True, 1000, 1)
    yield Target("library / bare loop without parsing, plain", 1.45,
                 ratio(PLAIN, "library", "bare"))
    yield Target("library / bare loop without parsing, TLS", 1.40,
                 ratio(TLS, "library", "bare"))
    for name, limit in PEERS:
        digits = 4 if limit < 0.01 else 2
        for case, transport in ((PLAIN, "plain"), (TLS, "TLS")):
            yield Target(f"library / {name}, {transport}", limit,
                         ratio(case, "library", name), digits=digits)
    for case, transport, limits in ((PLAIN, "plain, 64", (1.10, 1.60)),
                                    (TLS, "TLS, 64", (1.10, 1.60)),
                                    (tls_1000, "TLS, 1,000", (1.30, 1.30))):
        yield Target(f"daemon that stores nothing / library, {transport}",
                     limits[0], ratio(case, "daemon-null", "library"))
        yield Target(f"daemon, SQLite inbox / storing nothing, {transport}",
                     limits[1], ratio(case, "daemon", "daemon-null"))
    for case, transport in ((PLAIN, "plain"), (TLS, "TLS")):
        yield Target(f"daemon with a files outlet / without, {transport}", 1.6,
                     ratio(case, "daemon-files", "daemon"))
    for tls, transport in ((False, "plain"), (True, "TLS")):
        yield Target(f"library, 1,000 at once / 64, {transport}", 1.35,
                     ratio(Case(tls, 1000, 1), "library", "library",
                           Case(tls, 64, 1)))
    for tls, hosts, transport in ((False, 1, "plain"), (True, 1, "TLS"),
                                  (False, 50, "plain, 50 hosts")):
        yield Target(f"library, 4,000 at once / 64, {transport}", 1.15,
                     ratio(Case(tls, 4000, hosts), "library", "library",
                           Case(tls, 64, hosts)))
    for case, limit, transport in ((PLAIN, 16, "plain"), (TLS, 24, "TLS")):
        yield Target(f"library, peak memory at 64, {transport}", limit,
                     over(results.median(case, "library", "peak_kib"), 1024),
                     unit="MiB", digits=1)
    yield Target("library, own allocations in steady cycles, plain", 0,
                 results.median(PLAIN, "library", "allocations"), unit="",
                 digits=0)


def of_cold(cold):
    verified = cold["library, verified"]["new_us"]
    yield Target("new TLS connection: library verified / bare unverified",
                 1.2, verified / cold["bare, unverified"]["new_us"])


def of_inbox(inbox):
    for queues, measured in inbox["queues"].items():
        yield Target(f"messages a second durable in SQLite, {queues} queues",
                     60000, measured["messages_per_s"], is_least=True,
                     unit="a second", digits=0)


def of_time(what, seconds):
    yield Target(f"{what}, all of it", 15.0, seconds / 60, unit="minutes",
                 digits=1)


def of_scale(scale):
    if "register" in scale:
        largest = scale["register"][-1]
        yield Target(f"bytes of an idle queue beyond name, key and options, "
                     f"{largest['queues']:,}", 130,
                     largest["bytes_beyond_options"], unit="bytes", digits=0)
    if "start" in scale and "register" in scale:
        start = scale["start"][-1]
        each = start["resident_mib"] * 2 ** 20 / start["queues"]
        yield Target(f"daemon's bytes a queue / the library's, "
                     f"{start['queues']:,} queues", 2.0,
                     each / scale["register"][-1]["resident_bytes"])
        yield Target(f"the daemon's start, {start['queues']:,} queues", 3.0,
                     start["seconds"], unit="seconds", digits=1)
    for what, growth in scale["growth"].items():
        yield Target(f"{what}: growth, n log n being 1", growth["limit"],
                     growth["measured"])
    if "long_haul" in scale:
        yield Target("long haul: memory, last quarter / second", 1.02,
                     scale["long_haul"]["memory_growth"], digits=3)
