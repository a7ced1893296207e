"""Erasing messages about somebody from an inbox in PostgreSQL: by the role that
stores messages, if it may, and without that anything else notices."""
from sim import Sim, wait_for
from test_postgres_retention import count, grant
from test_purge import NEEDLE, fill, purge


def arrivals(postgres, table="stored"):
    return [int(row[0]) for row in postgres.sql(
        f"SELECT arrival FROM haplo.{table} ORDER BY arrival")]


def mentions(postgres, text=NEEDLE):
    """The tables that contain it, in any column."""
    tables = [row[0] for row in postgres.sql(
        "SELECT table_name FROM information_schema.tables WHERE table_schema ="
        " 'haplo' AND table_type = 'BASE TABLE' ORDER BY 1")]
    return [table for table in tables if postgres.value(
        f"SELECT count(*) FROM haplo.{table} AS t WHERE strpos(t::text,"
        f" '{text}') + strpos(t::text, encode('{text}', 'hex')) > 0") != "0"]


# Nobody should have to stop it for this; and what an outlet has not delivered
# must not leave the house any more.
def test_a_running_process_erases_messages(postgres, poll_of):
    with Sim("--apps=1", "--queues=1") as sim:
        poll = poll_of(sim)
        poll.config["defaults"]["interval"] = "20ms"
        poll.config["outlets"] = [{"name": "out", "type": "files",
                                   "path": "missing/out",
                                   "backoff": "10ms", "backoff_max": "50ms"}]
        postgres.prepare(poll)
        grant(postgres, poll, keep="30d", jsonb=True)
        (poll.folder / "missing").write_text("not a folder")
        run = poll.start()
        fill(sim)
        wait_for(lambda: count(postgres) == 4)
        sim.wait_until_read()
        first, other, third, fourth = arrivals(postgres)
        assert mentions(postgres) == ["stored"]
        listed = purge(poll, "--object", "80q22", "--dry-run")
        assert listed.code == 0
        assert [line.split()[0] for line in listed.out.splitlines()] == \
            ["ARRIVAL", str(first), str(third), str(fourth)]
        assert count(postgres) == 4
        done = purge(poll, "--object", "80q22", "--reason", "request 7")
        assert done.code == 0, done.err
        assert "messages purged: 3" in done.err
        assert "deliveries that outlets pass over: 3" in done.err
        assert "outlet out (files)" in done.out and "VACUUM" in done.out
        assert mentions(postgres) == [] and mentions(postgres, "80q22") == []
        assert postgres.sql("SELECT arrival, why FROM haplo.purged ORDER BY 1"
                            ) == [(str(arrival), "request 7") for arrival in
                                  (first, third, fourth)]
        sim.script("message app1 q1 count=2")
        (poll.folder / "missing").unlink()
        (poll.folder / "missing").mkdir()
        out = poll.folder / "missing" / "out"
        wait_for(lambda: len(poll.lines(out)) == 3)
        assert run.stop() == 0
        assert not any(NEEDLE in str(line) for line in poll.lines(out))
        assert arrivals(postgres) == [other, fourth + 1, fourth + 2]
        assert poll.once().code == 0  # nothing is fetched again
        assert count(postgres) == 3 and len(poll.lines(out)) == 3


# All that is left of a queue for an outlet is erased: it must not wait for it.
def test_an_outlet_passes_over_all_that_was_left(postgres, poll_of):
    with Sim("--apps=1", "--queues=2") as sim:
        poll = poll_of(sim)
        postgres.prepare(poll)
        poll.config["outlets"] = [{"name": "out", "type": "files",
                                   "path": "missing/out"}]
        (poll.folder / "missing").write_text("not a folder")
        fill(sim)
        fill(sim, queue="q2")
        assert poll.once().code == 1  # the outlet
        for purged in (3, 0):  # the second time, there is nothing left
            done = purge(poll, "--pointer", "/object/ref", "--value", "80q22",
                         "--queue", "app1/q1")
            assert done.code == 0, done.err
            assert f"messages purged: {purged}" in done.err
        only = postgres.value("SELECT min(arrival) FROM haplo.messages"
                              " WHERE queue = 'q1'")
        assert "messages purged: 1" in purge(poll, "--arrival", only).err
        assert count(postgres) == 4  # those of q2
        (poll.folder / "missing").unlink()
        (poll.folder / "missing").mkdir()
        for _ in range(2):
            assert poll.once().code == 0
        assert len(poll.lines(poll.folder / "missing" / "out")) == 4
        sim.script("message app1 q1 count=1")
        assert poll.once().code == 0
        assert len(poll.lines(poll.folder / "missing" / "out")) == 5


# The server sends what was erased again, as its mark was lost: it must neither
# come back nor count as missing.
def test_a_repeat_of_what_was_erased_is_not_stored(postgres, poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=3") as sim:
        poll = poll_of(sim)
        poll.config["defaults"] |= {"mark_attempts_max": 1}
        postgres.prepare(poll)
        fill(sim)
        sim.script("fault app=app1 queue=q1 on=mark do=status code=503 times=0 "
                   "done=no")
        assert poll.once().code == 1
        sim.script("clear faults")
        assert count(postgres) == 7
        done = purge(poll, "--object", "80q22")
        assert done.code == 0 and "messages purged: 3" in done.err
        sim.script("message app1 q1 count=2")
        done = poll.once()
        assert (done.code, done.err) == (0, "")
        assert sim.unread() == 0 and mentions(postgres) == []
        assert count(postgres) == 6 and count(postgres, "purged") == 3


# Its reason, and the message that it stands for, may be about somebody.
def test_dead_letters_are_erased(postgres, picky_of):
    with Sim("--apps=1", "--queues=1") as sim:
        picky = picky_of(sim, on_refused="dead_letter")
        postgres.prepare(picky.poll)
        run = picky.poll.start()
        sim.script("message app1 q1 count=5")
        picky.wait_for_count(5)
        picky.poison(then=5)
        wait_for(lambda: len(picky.letter_list()) == 1, "dead letters")
        done = purge(picky.poll, "--pointer", "/x", "--value", "poison")
        assert done.code == 0, done.err
        assert "messages purged: 1" in done.err
        assert "dead letters removed: 1" in done.err
        assert picky.letter_list() == [] and mentions(postgres, "poison") == []
        assert run.stop() == 0


# More than a step looks at, and bodies that are larger than a step may hold.
def test_a_purge_of_many_and_of_large_messages(postgres, poll_of):
    with Sim("--apps=1", "--queues=2") as sim:
        poll = poll_of(sim)
        postgres.prepare(poll)
        for number in range(20):
            sim.add("app1", "q1", [{"id": number, "who": NEEDLE,
                                    "text": "x" * 1000000}])
        sim.add("app1", "q2", [{"id": number, "who": NEEDLE}
                               for number in range(1200)])
        sim.add("app1", "q2", [{"id": 1, "who": "somebody else"}])
        assert poll.once().code == 0
        done = purge(poll, "--pointer", "/who", "--value", NEEDLE)
        assert done.code == 0 and "messages purged: 1220" in done.err, done.err
        assert count(postgres) == 1 and mentions(postgres) == []


# A role that cannot delete must not look as if it had, and says what to do. The
# owner can do it meanwhile, past the running process.
def test_a_role_that_may_not_erase(postgres, poll_of):
    with Sim("--apps=1", "--queues=1") as sim:
        poll = poll_of(sim)
        poll.config["defaults"]["interval"] = "20ms"
        postgres.prepare(poll)
        grant(postgres, poll)
        run = poll.start()
        fill(sim)
        wait_for(lambda: count(postgres) == 4)
        sim.wait_until_read()
        done = purge(poll, "--object", "80q22")
        assert done.code == 1 and done.out == ""
        assert "permission denied" in done.err
        assert "without `keep`, only the owner" in done.err
        assert count(postgres) == 4 and count(postgres, "purged") == 0
        postgres.use(poll, user="haplo_owner")
        poll.config["state_dir"] = "owner"
        poll.write()
        done = purge(poll, "--object", "80q22")
        assert done.code == 0 and "messages purged: 3" in done.err
        sim.script("message app1 q1 count=2")
        wait_for(lambda: count(postgres) == 3)
        assert run.stop() == 0
        assert not run.lines("stored again")
