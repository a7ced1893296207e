"""What a database says about a fleet at each moment, written down by triggers:
who owns each slot, and until when each membership lasts."""
import bisect
import ctypes
import time

SLOT_COUNT = 1024

SQL = (
    "CREATE TABLE seen_slots (n bigserial, at bigint, slot int, owner text)",
    "CREATE TABLE seen_members (n bigserial, at bigint, host text,"
    " expires_at bigint)",
    """CREATE FUNCTION see_slot() RETURNS trigger SECURITY DEFINER
    LANGUAGE plpgsql AS $$ BEGIN
        IF old.owner IS DISTINCT FROM new.owner THEN
            INSERT INTO public.seen_slots (at, slot, owner) VALUES (
                extract(epoch FROM clock_timestamp()) * 1000,
                new.slot, new.owner);
        END IF;
        RETURN NULL;
    END $$""",
    """CREATE FUNCTION see_member() RETURNS trigger SECURITY DEFINER
    LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO public.seen_members (at, host, expires_at) VALUES (
            extract(epoch FROM clock_timestamp()) * 1000,
            new.host, new.expires_at);
        RETURN NULL;
    END $$""",
    "CREATE TRIGGER see AFTER UPDATE ON haplo.slots"
    " FOR EACH ROW EXECUTE FUNCTION see_slot()",
    "CREATE TRIGGER see AFTER INSERT OR UPDATE ON haplo.members"
    " FOR EACH ROW EXECUTE FUNCTION see_member()",
)


def slot_of(server):
    """As the daemon computes it: see src/fleet/placement.c."""
    library = ctypes.CDLL("libxxhash.so.0")
    library.XXH3_64bits.restype = ctypes.c_uint64
    name = server.encode()
    return library.XXH3_64bits(name, ctypes.c_size_t(len(name))) % SLOT_COUNT


class History:
    """Values by the time from which they hold."""

    def __init__(self):
        self.times, self.values = [], []

    def add(self, at, value):
        self.times.append(at)
        self.values.append(value)

    def at(self, when):
        index = bisect.bisect_right(self.times, when)
        return self.values[index - 1] if index > 0 else None


class Audit:
    """Times are those of the simulator's events, in milliseconds."""

    def __init__(self, server, apps):
        self.server = server
        self.slots = {app: slot_of(app) for app in apps}
        self.owners = {}  # slot -> History of hosts
        self.ends = {}  # host -> History of the ends of its membership
        self.moves = 0
        server.sql(*SQL)

    def read(self):
        offset_ms = (time.time() - time.monotonic()) * 1000
        for at, slot, owner in self.server.sql(
                "SELECT at, slot, owner FROM seen_slots ORDER BY n"):
            self.owners.setdefault(int(slot), History()).add(
                int(at) - offset_ms, owner)
            self.moves += 1
        for at, host, end in self.server.sql(
                "SELECT at, host, expires_at FROM seen_members ORDER BY n"):
            self.ends.setdefault(host, History()).add(
                int(at) - offset_ms, int(end) - offset_ms)

    def fault_in(self, host, app, begin):
        """What is wrong with a request that began then; None: nothing."""
        owner = self.owners.get(self.slots[app], History()).at(begin)
        if owner != host:
            return f"the slot belongs to {owner}"
        end = self.ends.get(host, History()).at(begin)
        if end is None or end <= begin:
            return "the membership had ended"
        return None
