"""The state contract of haplopoll.h in every order: set arithmetic, comparison,
several processes on one queue, unknown commits, crashes, lost, half-done and
late marks, resends, restored copies, equal messages, the bound of leftovers.

    state_model.py                 the small configurations (a few seconds)
    state_model.py --full          all of them (minutes)
    state_model.py --faults [NAME] that each planted fault is caught; of one, how

The model is of src/core/delivery_state.c and state_bytes.c, and of an
application that does what the header asks. It takes every step that is possible
in every state, breadth first, so that what it finds is found by the shortest
way. What it promises:

  - never lost: a message that is marked was stored since it was sent, or since
    it was resent, but where nobody can tell (see excuses below);
  - never twice: it is stored at most once for each time that it was sent, and
    for each time that its key was dropped from a state at the bound;
  - never stale without a cause: one process that drops no batch and whose
    database nobody restores is never told that another state is stored.

Excuses, which no client can do without. A resend looks like a repeat
  - while its message is not known to be confirmed to anybody;
  - after a crash, or an adopted state, that still lists it as unconfirmed;
  - and it may be marked by a token that is still on its way.
Where equal messages are in different batches, the mark of one may be lost: the
next one then looks like its repeat.
"""
import argparse
import collections
import concurrent.futures
import itertools
import sys
import time

# doubt: what is stored and not told to be confirmed, as one would know it who
# makes no mistake. It decides nothing but what is excused.
State = collections.namedtuple("State", "id follows batch leftovers doubt")
Process = collections.namedtuple(
    "Process", "phase batch new dropped state known keys late doubt")
World = collections.namedtuple(
    "World", "unread sent marking rows stored copy processes excused extra lost"
             " budget")

# phase: IDLE, HAS a batch that is not stored, or STORED it: its token is out.
IDLE, HAS, STORED = "idle", "has", "stored"
CURRENT, SAME, STALE = "current", "same", "stale"
DEAD = -1  # an id of which no state is left: nothing can be equal to it

Config = collections.namedtuple("Config", "name kinds limit processes bound "
                                          "budget what")
TROUBLES = ("resend", "crash", "lost", "late", "unknown", "drop", "restore",
            "restore_state")


def config(name, what, kinds="ab", limit=1, processes=1, bound=9, **budget):
    assert set(budget) <= set(TROUBLES)
    return Config(name, kinds, limit, processes, bound,
                  tuple(budget.get(t, 0) for t in TROUBLES), what)


SMALL = [
    config("alone", "one process, most troubles once", limit=1, resend=1,
           crash=1, lost=1, late=1, unknown=1),
    config("pairs", "batches of two: repeats only, half-done marks",
           kinds="abc", limit=2, resend=1, lost=1, unknown=1),
    config("dropped", "batches that are dropped, stored or not", resend=1,
           lost=1, unknown=2, drop=2),
    config("two", "two processes", kinds="a", processes=2, resend=1, lost=1,
           unknown=1),
    config("equal", "equal messages", kinds="aaab", limit=2, lost=2),
    config("bound", "one leftover at most", kinds="abc", limit=1, bound=1,
           lost=3),
    config("restored", "an older copy is restored, with its rows", resend=1,
           lost=1, restore=1),
    config("rewound", "an older state is restored, without its rows",
           resend=1, lost=1, restore_state=1),
]
FULL = [
    config("alone-2", "one process, everything, two messages", limit=2,
           resend=2, crash=1, lost=2, late=1, unknown=1),
    config("alone-3", "one process, everything, three messages", kinds="abc",
           limit=2, resend=1, crash=1, lost=1, late=1, drop=1),
    config("two-2", "two processes, two messages", processes=2, resend=1,
           lost=1),
    config("two-1", "two processes, everything, one message", kinds="a",
           processes=2, resend=1, crash=1, lost=1, unknown=1, drop=1),
    config("two-pairs", "two processes, batches of two", limit=2,
           processes=2, resend=1, lost=1, unknown=1),
    config("three", "three processes", kinds="a", processes=3, resend=1,
           lost=1),
    config("all-at-once", "no limit to a batch, as in 2019", kinds="abc",
           limit=9, resend=1, lost=2, unknown=1, crash=1),
    config("equal-2", "equal messages, dropped batches", kinds="aaab",
           limit=2, lost=2, unknown=1, drop=1),
    config("bound-2", "two leftovers at most", kinds="abcd", limit=1, bound=2,
           lost=3),
    config("restored-2", "older copies, two processes", kinds="a", processes=2,
           resend=1, lost=1, restore=1),
    config("rewound-2", "older states, crashes", resend=1, lost=1, crash=1,
           unknown=1, restore_state=1),
]

# Each with a configuration that shows it.
FAULTS = {
    "reevaluate": "two",            # a stale batch is evaluated again
    "keeps_keys": "two",            # a stale state is adopted but for its keys
    "no_compare": "two",            # a batch is stored without comparing
    "repeats_not_compared": "two",  # ... where all of it are repeats
    "marks_not_compared": "late-confirm",  # a confirmed state is
    "unknown_is_failure": "alone",  # a commit that may have been done is undone
    "unknown_is_success": "alone",  # ... or is taken to be done
    "forget_leftovers": "alone",    # K is the newest batch alone
    "forget_at_crash": "alone",     # the stored state is not read at the start
    "confirm_all": "alone",         # a mark confirms leftovers, too
    "confirm_at_accept": "alone",   # a batch is confirmed when it is stored
    "confirm_lost": "alone",        # a mark without an answer confirms
    "empty_confirms_nothing": "alone",  # an empty fetch leaves K as it is
    "drained_confirms_nothing": "pairs",  # a last mark leaves leftovers
    "dropped_is_known": "dropped",  # a dropped batch's state may be followed
    "id_used_twice": "dropped",     # and the next one gets its id
    "pairs_of_ordinals": "equal-5",   # K as a set of keys and ordinals
    "keys_as_a_set": "equal",       # K as a set of keys
    "bound_cuts_batch": "bound-0",  # the bound is of all of K
    "knows_newest_only": "alone",   # late confirmed states cannot be followed
    "knows_accepted_only": "alone",  # early ones cannot
}
# Small ones that only faults need.
EXTRA = [
    config("equal-5", "", kinds="aaabb", limit=2, lost=1),
    config("late-confirm", "", kinds="ab", lost=1, resend=1),
    config("bound-0", "", kinds="ab", limit=2, bound=1, lost=1),
]


# -- What the library does ----------------------------------------------------

def compare(new, stored):
    """haplo_state_compare(): how the stored state stands to a new one."""
    if stored == new:
        return SAME
    if stored is None:
        return CURRENT if not new.follows else STALE
    return CURRENT if stored.id in new.follows else STALE


def split(batch, known):
    """(new, repeats, leftovers) of keys: B - K, B and K, K - B, as multisets;
    leftovers in the order of K."""
    rest = list(batch)
    leftovers = []
    for key in known:
        if key in rest:
            rest.remove(key)
        else:
            leftovers.append(key)
    return tuple(rest), len(batch) - len(rest), tuple(leftovers)


class Checker:
    """All orders of one configuration, with at most one planted fault."""

    def __init__(self, of, fault=""):
        self.of = of
        self.fault = fault
        self.kinds = of.kinds
        self.items = range(len(of.kinds))
        self.may_be_stale = (of.processes > 1
                             or self.has(of.budget, "drop")
                             or self.has(of.budget, "restore")
                             or self.has(of.budget, "restore_state"))

    # -- Small things

    def keys(self, items):
        return tuple(self.kinds[i] for i in sorted(items))

    @staticmethod
    def has(budget, trouble):
        return budget[TROUBLES.index(trouble)] > 0

    @staticmethod
    def spend(budget, trouble):
        at = TROUBLES.index(trouble)
        return budget[:at] + (budget[at] - 1,) + budget[at + 1:]

    def add(self, counts, items):
        return tuple(c + (i in items) for i, c in enumerate(counts))

    def count(self, counts, keys):
        """One more for each key; counts are of kinds."""
        table = dict(counts)
        for key in keys:
            table[key] = table.get(key, 0) + 1
        return tuple(sorted(table.items()))

    def ordinals(self, keys):
        """Keys with their ordinals in the batch, as the fault has them."""
        if self.fault == "keys_as_a_set":
            return tuple(keys)
        if self.fault != "pairs_of_ordinals":
            return tuple(keys)
        return tuple(k + str(keys[:i].count(k)) for i, k in enumerate(keys))

    def split(self, batch, known):
        if self.fault == "keys_as_a_set":
            rest = tuple(k for k in batch if k not in known)
            return rest, len(batch) - len(rest), tuple(
                k for k in known if k not in batch)
        return split(batch, known)

    # -- One process

    def fresh_id(self, process):
        if self.fault == "id_used_twice" and process.dropped != ():
            return process.dropped[0]
        return "fresh"

    def evaluate(self, process, items):
        """The batch, and its state, against what was known as its fetch
        began."""
        batch = self.ordinals(self.keys(items))
        fresh, _, leftovers = self.split(batch, process.keys)
        if self.fault == "forget_leftovers":
            leftovers = ()
        kept = leftovers[:self.of.bound]
        written = batch
        if self.fault == "bound_cuts_batch":
            written = batch[:self.of.bound]
            kept = ()
        new = State(self.fresh_id(process), process.known, written, kept,
                    process.doubt | set(items))
        return process._replace(
            phase=HAS, batch=frozenset(items), new=fresh, state=new,
            dropped=leftovers[self.of.bound:]
            if self.fault != "id_used_twice" else process.dropped)

    def accepted(self, process):
        state = process.state
        keys = state.batch + state.leftovers
        if self.fault == "confirm_at_accept":
            keys = ()
        return process._replace(phase=STORED, known=(state.id,), keys=keys,
                                new=(), dropped=(), doubt=state.doubt)

    def confirmed(self, process, keys, doubt=frozenset()):
        """A confirmed state: it may be stored late."""
        state = State("fresh", process.known, (), keys, doubt)
        known = process.known + (state.id,)
        if self.fault == "knows_newest_only":
            known = (state.id,)
        if self.fault == "knows_accepted_only":
            known = process.known
        return process._replace(
            phase=IDLE, batch=frozenset(), new=(), state=None, dropped=(),
            known=known, keys=keys, late=(process.late + (state,))[-2:],
            doubt=doubt)

    def dropped(self, process):
        known = process.known
        if self.fault == "dropped_is_known" and process.phase == HAS:
            known = (process.known + (process.state.id,))[-3:]
        burnt = ()
        if self.fault == "id_used_twice" and process.phase == HAS:
            burnt = (process.state.id,)
        return process._replace(phase=IDLE, batch=frozenset(), new=(),
                                state=None, dropped=burnt, known=known)

    def adopt(self, world, at, keeps_keys=False):
        """The process goes on from what is stored. What is unread and in doubt
        there may be a resend that looks like a repeat."""
        stored = world.stored
        keys = stored.batch + stored.leftovers if stored else ()
        doubt = stored.doubt if stored else frozenset()
        excused = tuple(
            e + (i in world.unread and e < world.sent[i] - 1 and i in doubt)
            for i, e in enumerate(world.excused))
        old = world.processes[at]
        process = Process(IDLE, frozenset(), (), (), None,
                          (stored.id,) if stored else (),
                          old.keys if keeps_keys else keys, (), doubt)
        return self.put(world, at, process, excused=excused)

    @staticmethod
    def put(world, at, process, **changes):
        processes = world.processes
        return world._replace(
            processes=processes[:at] + (process,) + processes[at + 1:],
            **changes)

    # -- All that can happen

    def steps(self, world):
        yield from self.outside(world)
        for at, process in enumerate(world.processes):
            if self.has(world.budget, "crash"):
                yield ("crash", at), self.crash(world, at)
            for state in process.late:
                yield ("late confirmed state", at), self.store_late(
                    world, at, state)
            yield from {IDLE: self.idle, HAS: self.holding,
                        STORED: self.marking}[process.phase](world, at, process)

    def crash(self, world, at):
        after = self.adopt(world, at)
        if self.fault == "forget_at_crash":
            known = after.processes[at]._replace(keys=())
            after = self.put(after, at, known)
        return after._replace(budget=self.spend(world.budget, "crash"))

    def store_late(self, world, at, state):
        process = world.processes[at]
        found = compare(state, world.stored)
        late = tuple(s for s in process.late if s != state)
        is_stored = (found == CURRENT
                     or self.fault == "marks_not_compared" and found == STALE)
        return self.put(world, at, process._replace(late=late),
                        stored=state if is_stored else world.stored)

    def outside(self, world):
        """The administrator, belated requests, copies of the database."""
        budget = world.budget
        for i in self.items if self.has(budget, "resend") else ():
            if i not in world.unread:
                yield ("resend", i), world._replace(
                    unread=world.unread | {i}, sent=self.add(world.sent, {i}),
                    excused=self.add(world.excused, {i} if self.is_open(
                        world, i) else ()),
                    budget=self.spend(budget, "resend"))
        for token in world.marking:
            rest = list(world.marking)
            rest.remove(token)
            done = token & world.unread
            yield ("belated mark", tuple(token)), world._replace(
                unread=world.unread - token, marking=tuple(rest),
                excused=tuple(
                    e + (i in done and e < world.sent[i] - 1)
                    for i, e in enumerate(world.excused)))
        yield from self.restores(world)

    def is_open(self, world, i):
        """A resend of this message now: can anybody tell it from a repeat?"""
        return (any(i in p.doubt for p in world.processes)
                or any(p.phase == STORED and i in p.batch
                       for p in world.processes)
                or any(i in token for token in world.marking))

    def restores(self, world):
        budget = world.budget
        for how in ("restore", "restore_state"):
            if not self.has(budget, how):
                continue
            if world.copy is None:
                yield ("copy",), world._replace(
                    copy=(how, world.rows, world.stored))
            elif world.copy[0] == how:
                after = world._replace(stored=world.copy[2], copy=None,
                                       budget=self.spend(budget, how))
                yield (how,), (self.rows_back(after, world.copy[1])
                               if how == "restore" else self.rows_stay(after))

    def rows_back(self, world, rows):
        """Rows are lost with a copy. What is unread is stored again; of what
        is marked, or about to be, that is nobody's fault."""
        then = dict(rows)
        tokens = [p.batch for p in world.processes if p.phase == STORED]
        tokens += world.marking
        lost = dict(world.lost)
        for i in self.items:
            kind = self.kinds[i]
            comes_again = i in world.unread and not any(
                i in token for token in tokens)
            most = then.get(kind, 0) + comes_again
            least = max(1, world.sent[i] - world.excused[i])
            lost[kind] = max(lost.get(kind, 0), least - most)
        return world._replace(rows=rows, lost=tuple(sorted(lost.items())))

    def rows_stay(self, world):
        """The state forgets rows that stay: what is unread still may be stored
        once more. What the state lists is safe, unless some state that was made
        before may follow it."""
        keys = (world.stored.batch + world.stored.leftovers
                if world.stored else ())
        if any(p.late or p.phase == HAS for p in world.processes):
            keys = ()
        rows = dict(world.rows)
        again = [self.kinds[i] for i in world.unread
                 if rows.get(self.kinds[i], 0) > 0
                 and self.kinds[i] not in keys]
        return world._replace(extra=self.count(world.extra, again))

    def idle(self, world, at, process):
        if world.unread:
            size = min(self.of.limit, len(world.unread))
            for some in itertools.combinations(sorted(world.unread), size):
                yield ("fetch", at, some), self.put(
                    world, at, self.evaluate(process, some))
        elif self.fault == "empty_confirms_nothing":
            yield ("empty", at), self.put(
                world, at, process._replace(doubt=frozenset()))
        elif process.keys:
            yield ("empty", at), self.put(world, at,
                                          self.confirmed(process, ()))

    def holding(self, world, at, process):
        """The application has the batch, and compares."""
        state = process.state
        found = compare(state, world.stored)
        if self.fault == "id_used_twice" and found == STALE and (
                world.stored is not None and world.stored.id == state.id):
            found = SAME  # by the id alone
        if self.fault == "no_compare" or (
                self.fault == "repeats_not_compared" and not process.new):
            found = CURRENT if state != world.stored else SAME
        if found == CURRENT:
            after = {"rows": self.count(world.rows, [k[0] for k in process.new]),
                     "extra": self.count(world.extra,
                                         [k[0] for k in process.dropped]
                                         if self.fault != "id_used_twice"
                                         else ()),
                     "stored": state}
            if self.fault == "repeats_not_compared" and not process.new:
                after["stored"] = world.stored
            yield ("store", at), self.put(world, at, self.accepted(process),
                                          **after)
            if self.has(world.budget, "unknown"):
                budget = self.spend(world.budget, "unknown")
                yield ("store, nobody knows", at), self.unknown(
                    world._replace(**after, budget=budget), at)
                yield ("not stored, nobody knows", at), self.unknown(
                    world._replace(budget=budget), at)
        elif found == SAME:
            yield ("stored before", at), self.put(world, at,
                                                  self.accepted(process))
        else:
            yield ("stale", at), self.stale(world, at, process)
        if self.has(world.budget, "drop"):
            yield ("drop", at), self.put(
                world, at, self.dropped(process),
                budget=self.spend(world.budget, "drop"))

    def unknown(self, world, at):
        process = world.processes[at]
        if self.fault == "unknown_is_success":
            return self.put(world, at, self.accepted(process))
        if self.fault == "unknown_is_failure":
            # Whoever takes it for undone makes a new state of the same keys.
            again = process.state._replace(
                id="fresh", follows=(world.stored.id,) if world.stored else ())
            return self.put(world, at, process._replace(state=again))
        return world

    def stale(self, world, at, process):
        if not self.may_be_stale:
            return "stale without a cause"
        after = self.adopt(world, at, self.fault == "keeps_keys")
        if self.fault == "reevaluate":
            return self.put(after, at, self.evaluate(after.processes[at],
                                                     process.batch))
        return after

    def marking(self, world, at, process):
        unread = world.unread - process.batch
        leftovers = process.state.leftovers
        if self.fault in ("confirm_at_accept", "confirm_all"):
            leftovers = ()
        doubt = process.doubt - process.batch
        yield ("marked", at), self.put(
            world, at, self.confirmed(process, leftovers, doubt),
            unread=unread)
        if not unread:
            # A server of 2019 does not say that; any other does.
            keys = (leftovers if self.fault == "drained_confirms_nothing"
                    else ())
            yield ("marked, nothing left", at), self.put(
                world, at, self.confirmed(process, keys), unread=unread)
        if self.has(world.budget, "lost"):
            yield from self.lose_mark(world, at, process)

    def lose_mark(self, world, at, process):
        budget = self.spend(world.budget, "lost")
        after = self.dropped(process)
        if self.fault == "confirm_lost":
            after = self.confirmed(process, process.state.leftovers,
                                   process.doubt)
        batch = sorted(process.batch)
        for size in range(len(batch) + 1):
            for part in itertools.combinations(batch, size):
                done = frozenset(part)
                # Its equals that come later look like repeats of it.
                lost = self.count(world.lost, [
                    self.kinds[i] for i in done & world.unread
                    if self.kinds.count(self.kinds[i]) > 1])
                yield ("mark lost, done for", at, part), self.put(
                    world, at, after, unread=world.unread - done, lost=lost,
                    budget=budget)
                rest = process.batch - done
                if rest and self.has(budget, "late"):
                    yield ("mark lost, belated for", at, tuple(rest)), self.put(
                        world, at, after, unread=world.unread - done,
                        marking=world.marking + (rest,), lost=lost,
                        budget=self.spend(budget, "late"))

    # -- What must hold

    def wrong(self, world):
        if isinstance(world, str):
            return world
        rows, extra, lost = (dict(world.rows), dict(world.extra),
                             dict(world.lost))
        for kind in set(self.kinds):
            items = [i for i in self.items if self.kinds[i] == kind]
            sent = sum(world.sent[i] for i in items)
            if rows.get(kind, 0) > sent + extra.get(kind, 0):
                return f"{kind} is stored {rows[kind]} times, sent {sent} times"
            if world.unread & set(items):
                continue
            least = sum(max(1, world.sent[i] - world.excused[i])
                        for i in items) - lost.get(kind, 0)
            if rows.get(kind, 0) < least:
                return (f"{kind} is marked, but stored {rows.get(kind, 0)} "
                        f"times, not {least}")
        return None

    # -- Ids are only compared: worlds that differ in their names are one

    def canonical(self, world):
        if isinstance(world, str):
            return world
        live, ids = self.ids_of(world)
        names = {}
        for one in ids:
            if one in live and one not in names:
                names[one] = len(names)

        def name(one):
            return names.get(one, DEAD)

        def rename(state):
            if state is None:
                return None
            return state._replace(id=name(state.id),
                                  follows=self.listed(state.follows, name))

        processes = tuple(p._replace(
            state=rename(p.state), late=tuple(rename(s) for s in p.late),
            known=self.listed(p.known, name),
            dropped=tuple(name(d) for d in p.dropped)
            if self.fault == "id_used_twice" else p.dropped)
            for p in world.processes)
        copy = world.copy and world.copy[:2] + (rename(world.copy[2]),)
        return world._replace(stored=rename(world.stored), copy=copy,
                              processes=processes)

    @staticmethod
    def listed(ids, name):
        """What no state has any more cannot be met, but an empty list means
        that nothing is stored."""
        named = tuple(name(one) for one in ids)
        alive = tuple(one for one in named if one != DEAD)
        return alive if alive or not named else (DEAD,)

    def ids_of(self, world):
        """(ids of states, all ids in an order)."""
        states = [world.stored, world.copy and world.copy[2]]
        for p in world.processes:
            states += [p.state, *p.late]
        live = {s.id for s in states if s is not None}
        if self.fault == "id_used_twice":
            live |= {d for p in world.processes for d in p.dropped}
        order = [s.id for s in states if s is not None]
        order += [d for p in world.processes for d in p.dropped]
        return live, order

    def number(self, world):
        """Gives "fresh" ids a number that no other has."""
        if isinstance(world, str):
            return world
        _, order = self.ids_of(world)
        known = [one for one in order if isinstance(one, int)]
        known += [one for p in world.processes for one in p.known
                  if isinstance(one, int)]
        fresh = max(known, default=0) + 1

        def name(one):
            return fresh if one == "fresh" else one

        def rename(state):
            return state and state._replace(id=name(state.id))

        return world._replace(
            stored=rename(world.stored),
            processes=tuple(p._replace(
                state=rename(p.state), late=tuple(rename(s) for s in p.late),
                known=tuple(name(k) for k in p.known))
                for p in world.processes))

    # -- The search

    def start(self):
        count = len(self.kinds)
        process = Process(IDLE, frozenset(), (), (), None, (), (), (),
                          frozenset())
        return World(frozenset(self.items), (1,) * count, (), (), None, None,
                     (process,) * self.of.processes, (0,) * count, (), (),
                     self.of.budget)

    def search(self, limit=None):
        """(worlds, what is wrong or None, the way to it)."""
        first = self.start()
        came_from = {first: None}
        line = collections.deque([first])
        while line:
            world = line.popleft()
            for step, after in self.steps(world):
                after = self.canonical(self.number(after))
                if after in came_from:
                    continue
                came_from[after] = (step, world)
                error = self.wrong(after)
                if error:
                    return len(came_from), error, self.way(came_from, after)
                line.append(after)
            if limit is not None and len(came_from) > limit:
                return len(came_from), f"more than {limit} worlds", []
        return len(came_from), None, []

    @staticmethod
    def way(came_from, world):
        steps = []
        while came_from[world] is not None:
            step, world = came_from[world]
            steps.append(" ".join(str(part) for part in step))
        return steps[::-1]


# -- Reports ------------------------------------------------------------------

def by_name(name):
    return next(c for c in SMALL + FULL + EXTRA if c.name == name)


def run(of, fault=""):
    start = time.monotonic()
    worlds, error, way = Checker(of, fault).search()
    return of, worlds, error, way, time.monotonic() - start


def check(configs):
    failed = 0
    print(f"{'state':12} {'worlds':>8} {'time':>6}  what was checked")
    with concurrent.futures.ProcessPoolExecutor(2) as pool:
        for of, worlds, error, way, seconds in pool.map(run, configs):
            print(f"{of.name:12} {worlds:8} {seconds:5.1f}s  {of.what}",
                  flush=True)
            if error:
                failed += 1
                print(f"  {error}:", *way, sep="\n    ")
    return 1 if failed else 0


def check_faults(names, is_telling):
    caught = 0
    with concurrent.futures.ProcessPoolExecutor(2) as pool:
        results = pool.map(run, [by_name(FAULTS[n]) for n in names], names)
        for name, (_, _, error, way, _) in zip(names, results):
            caught += error is not None
            print(f"{name:25} {'caught' if error else 'MISSED'}: {error}",
                  flush=True)
            if is_telling:
                print(*way, sep="\n")
    print(f"{caught} of {len(names)} faults caught")
    return 0 if caught == len(names) else 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--faults", nargs="?", const="", metavar="NAME",
                        choices=["", *FAULTS])
    args = parser.parse_args()
    if args.faults is not None:
        return check_faults([args.faults] if args.faults else list(FAULTS),
                            bool(args.faults))
    return check(SMALL + FULL if args.full else SMALL)


if __name__ == "__main__":
    sys.exit(main())
