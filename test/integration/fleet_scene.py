"""Hosts of one fleet: haplo-poll processes with one configuration, one
PostgreSQL, and a state directory each.

    hosts = Fleet(sim, poll_of, server, "one")
    hosts.start("a", "b")
    wait_for(lambda: hosts.share("a", "b"))
"""
import collections
import copy


class Fleet:
    TTL_S = 3

    def __init__(self, sim, poll_of, server, schema):
        self.sim = sim
        self.poll_of = poll_of
        self.server = server
        self.schema = schema
        self.polls = {}
        self.runs = {}
        self.base = poll_of(sim)
        self.base.config["defaults"]["interval"] = "100ms"
        server.use(self.base, schema=schema)
        self.base.config |= {"coordination": "postgres",
                             "fleet": {"ttl": f"{self.TTL_S}s",
                                       "renewal": "500ms"}}
        done = self.base.run("migrate")
        assert done.code == 0, done.err

    def poll(self, name, state_dir=None):
        """Another process of this fleet."""
        poll = self.poll_of(self.sim)
        poll.path = str(self.sim.dir / f"{state_dir or name}.yaml")
        poll.config = copy.deepcopy(self.base.config) | {
            "state_dir": f"state-{state_dir or name}"}
        return poll

    def start(self, *names):
        for name in names:
            poll = self.polls.setdefault(name, self.poll(name))
            self.runs[name] = poll.start("run", "--host", name)
        for name in names:
            self.runs[name].wait_for_line("polling")

    def owners(self):
        """How many slots each host has; "": nobody."""
        rows = self.server.value(
            "SELECT string_agg(coalesce(owner, ''), ' ')"
            f" FROM {self.schema}.slots")
        return collections.Counter(rows.split(" "))

    def share(self, *names):
        """Whether these have all slots, each of them some."""
        return set(self.owners()) == set(names)

    def check_all_stored(self):
        self.server.check_all_stored(self.sim, self.schema)
