"""What a reload does to servers, keys, outlets and inboxes, and that whatever
does not work delays nothing else."""
import json
import pathlib
import signal

from poll import named
from ports import free_port
from reloading import configuration_of, quick, reload, repeats, \
    several_inboxes, started
from sim import Sim, wait_for


# The administrator of a server that is down corrects its URL, and wants to see
# at once that this was it. Its batch of the old address is not lost.
def test_the_url_of_a_server_is_corrected(poll_of):
    with Sim("--apps=2", "--queues=3", "--messages=40") as sim:
        poll = quick(poll_of(sim))
        poll.config["defaults"].update(backoff="30s", backoff_max="30s")
        good = poll.server("app1")["url"]
        poll.server("app1")["url"] = f"http://127.0.0.1:{free_port()}"
        run = started(poll)
        wait_for(lambda: sim.unread("app2") == 0)
        assert sim.unread("app1") > 0
        poll.server("app1")["url"] = good
        assert "changed: server app1: url" in reload(poll)
        wait_for(lambda: sim.unread("app1") == 0)
        assert run.stop() == 0
        poll.check_all_stored()


# A server with other options is connected to anew, in the middle of its work.
def test_a_busy_server_is_replaced(poll_of):
    with Sim("--apps=1", "--queues=5", "--messages=200") as sim:
        poll = quick(poll_of(sim))
        run = started(poll)
        for i in range(8):
            poll.server()["total_timeout"] = f"{60 + i}s"
            poll.server()["max_in_flight"] = i % 3 + 1
            out = reload(poll)
            assert "changed: server app1: " in out and "waiting" not in out
        wait_for(lambda: sim.unread() == 0)
        assert run.stop() == 0
        assert "batches left unmarked: 0" in run.err
        poll.check_all_stored()


# Keys are rotated by putting a new file beside the old one, or in its place.
def test_a_key_changes(poll_of):
    with Sim("--apps=1", "--queues=2", "--messages=5") as sim:
        poll = quick(poll_of(sim))
        keys = poll.folder / "keys"
        good = (keys / "app1-q1").read_text()
        bad = "B" * 44 + "\n"
        (keys / "app1-q1").write_text(bad)
        run = started(poll)
        wait_for(lambda: sim.queue_stats("app1", "q1")["requests"] == 1)
        (keys / "second").write_text(good)
        (keys / "second").chmod(0o600)
        poll.queue()["api_key_file"] = "keys/second"
        assert "changed: queue app1/q1: API key" in reload(poll)
        wait_for(lambda: sim.unread() == 0)
        assert run.stop() == 0
        poll.secrets.add(bad.strip())
        poll.check_all_stored()


# Nobody has to restart the process because a queue was held at the start.
def test_a_held_queue_is_tried_again(poll_of):
    with Sim("--apps=1", "--queues=2", "--messages=5") as sim:
        poll = quick(poll_of(sim))
        poll.queue("app1", "q1")["interval"] = "never"
        run = poll.start()
        run.wait_for_line("queues held until the configuration is corrected "
                          "and reloaded: 1")
        poll.queue("app1", "q1")["interval"] = "50ms"
        poll.queue("app1", "q2")["api_key_file"] = "keys/none"
        out = reload(poll)
        assert "added: queue app1/q1" in out
        run.wait_for_line("app1/q2", "keys/none")
        wait_for(lambda: sim.unread("app1", "q1") == 0)
        poll.queue("app1", "q2")["api_key_file"] = "keys/app1-q2"
        reload(poll)
        sim.add("app1", "q2", [{"n": 1}])
        wait_for(lambda: sim.unread() == 0)
        assert run.stop() == 0
        poll.check_all_stored()


# One that is added while its CA file is missing waits for it, with its queues,
# and the sums say so as well: they are what an operator looks at first.
def test_an_added_server_is_held_with_its_queues(poll_of):
    with Sim("--apps=2", "--queues=2", "--messages=20", "--tls") as sim:
        poll = quick(poll_of(sim))
        second = poll.config["servers"].pop()
        run = started(poll)
        second["tls_ca_file"] = "later.pem"
        poll.config["servers"].append(second)
        reload(poll)
        status = json.loads(poll.run("status", "--json", "--all").out)
        assert status["status"]["queues"]["held"] == 2
        server = named(status["servers"], "app2")
        assert server["health"] == "held"
        assert server["queues"]["held"] == 2 and server["queues"]["ok"] == 0
        (poll.folder / "later.pem").symlink_to("ca.pem")
        wait_for(lambda: sim.unread("app2") == 0)
        assert run.stop() == 0
        poll.check_all_stored()


# A destination that has been down for weeks must not stand in the way of
# anything, least of all of its own removal.
def test_a_dead_outlet_delays_nothing(poll_of):
    with Sim("--apps=1", "--queues=2", "--messages=20") as sim:
        poll = quick(poll_of(sim))
        poll.config["outlets"] = [
            {"name": "dead", "type": "webhook",
             "url": f"http://127.0.0.1:{free_port()}/"},
            {"name": "copy", "type": "files", "path": "copy"}]
        second = poll.queue_list().pop()
        run = started(poll)
        wait_for(lambda: sim.unread("app1", "q1") == 0)
        poll.queue_list().append(second)
        poll.config["outlets"][0]["backoff"] = "2s"
        changed = reload(poll)
        assert "changed: outlet dead: backoff" in changed
        wait_for(lambda: sim.unread("app1", "q2") == 0)
        del poll.config["outlets"][0]
        removed = reload(poll)
        assert "removed: outlet dead" in removed
        poll.config["outlets"].append(
            {"name": "late", "type": "files", "path": "late"})
        added = reload(poll)
        assert "added: outlet late" in added
        assert "waiting" not in changed + removed + added
        wait_for(lambda: poll.lines(poll.folder / "late") ==
                 poll.lines(poll.folder / "copy") ==
                 poll.inbox())
        assert run.stop() == 0
        poll.check_nothing_lost(stored=sim.all_messages())


# Where the new inbox cannot be opened, its queues stay in the old one and go on
# there; once it can, they move. Nothing else waits for that.
def test_a_dead_inbox_delays_only_its_own(poll_of):
    with Sim("--apps=1", "--queues=3", "--messages=20") as sim:
        poll = several_inboxes(quick(poll_of(sim)), main="inbox.db")
        third = poll.queue_list().pop()
        run = started(poll)
        wait_for(lambda: sim.unread("app1", "q1") == 0)
        (poll.folder / "late.db").mkdir()
        poll.config["inboxes"].append(
            {"name": "late", "type": "sqlite", "path": "late.db"})
        poll.queue("app1", "q1")["inbox"] = "late"
        poll.queue_list().append(third)
        poll.write()
        run.signal(signal.SIGHUP)
        run.wait_for_line("reloaded: generation 2,")
        run.wait_for_line("inbox late:")
        wait_for(lambda: sim.unread("app1", "q3") == 0)
        sim.add("app1", "q1", [{"n": i} for i in range(5)])
        wait_for(lambda: sim.unread("app1", "q1") == 0)
        (poll.folder / "late.db").rmdir()
        run.wait_for_line("app1/q1: its state has moved from inbox main to "
                          "late")
        sim.add("app1", "q1", [{"n": i} for i in range(5, 9)])
        wait_for(lambda: sim.unread() == 0)
        assert run.stop() == 0
        poll.check_nothing_lost(poll.folder / "inbox.db",
                                poll.folder / "late.db",
                                stored=sim.all_messages())
        assert len(poll.rows("SELECT 1 FROM messages",
                             poll.folder / "late.db")) == 4


# An inbox is closed and opened again under its queues, even as another file:
# what is stored and still unread is not stored a second time.
def test_an_inbox_is_opened_again(poll_of):
    with Sim("--apps=1", "--queues=4", "--messages=60") as sim:
        poll = several_inboxes(quick(poll_of(sim)), main="inbox.db",
                               other="other.db")
        poll.config["outlets"] = [{"name": "copy", "type": "files",
                                   "path": "copy", "inbox": "main"}]
        poll.queue("app1", "q4")["inbox"] = "other"
        sim.script("fault on=mark do=reset done=no probability=0.3 times=8")
        run = started(poll)
        wait_for(lambda: poll.inbox_count() >= 16)
        poll.config["inboxes"][0]["wal_max"] = "99M"
        assert "changed: inbox main: wal_max" in reload(poll)
        poll.config["inboxes"][0]["path"] = "moved.db"
        assert "changed: inbox main: path" in reload(poll)
        wait_for(lambda: sim.unread() == 0)
        del poll.config["inboxes"][1]
        del poll.queue("app1", "q4")["inbox"]
        out = reload(poll)
        assert "removed: inbox other" in out
        assert "changed: queue app1/q4: inbox" in out
        sim.add("app1", "q4", [{"n": i} for i in range(5)])
        wait_for(lambda: sim.unread() == 0)
        assert run.stop() == 0
        poll.check_nothing_lost(
            *(poll.folder / name
              for name in ("inbox.db", "moved.db", "other.db")),
            stored=sim.all_messages())


# An operator is told what is not done yet, and why, wherever he looks; it goes
# on by itself, and that is told as well.
def test_what_waits_is_told(poll_of):
    with Sim("--apps=1", "--queues=2", "--messages=5") as sim:
        poll = quick(poll_of(sim))
        poll.config["drain_timeout"] = "1h"
        poll.config["defaults"].update(first_byte_timeout="1h",
                                       total_timeout="1h")
        sim.script("fault queue=q1 on=mark do=delay")
        run = started(poll)
        wait_for(lambda: sim.queue_stats("app1", "q1")["requests"] == 2)
        assert configuration_of(poll)["waiting"] == []
        poll.queue_list().remove(poll.queue("app1", "q1"))
        poll.write()
        run.signal(signal.SIGHUP)
        line, = run.wait_for_line("reloaded: generation 2,")
        assert "removed: 1, waiting: 1" in line
        why = "queue app1/q1: waits until its batch is marked, for at most "
        now = configuration_of(poll)
        assert now["waiting_count"] == 1
        assert now["waiting"][0].startswith(why)
        assert "the reload waits for " + why in poll.run("status").out
        out = reload(poll).splitlines()  # which waits for 10 s
        assert "waiting: 1, nothing has changed" in out[0]
        assert out[1].startswith("waiting: " + why)
        run.wait_for_line("reload: still waiting: " + why)
        sim.script("clear faults")
        run.wait_for_line("reload: nothing is waiting any more")
        assert configuration_of(poll)["waiting_count"] == 0
        assert sim.unread("app1", "q1") == 0
        assert not run.lines("not confirmed within drain_timeout")
        assert run.stop() == 0
        poll.check_nothing_lost()


# A server that has gone for good does not keep its queues from the one that
# has replaced it. What it was to mark is recognised there.
def test_marks_are_given_up_after_drain_timeout(poll_of):
    with Sim("--apps=2", "--queues=4", "--messages=40") as sim:
        poll = quick(poll_of(sim))
        poll.config["drain_timeout"] = "300ms"
        poll.server("app1")["max_in_flight"] = 4
        sim.script("fault app=app1 on=mark do=stall done=no times=4")
        run = started(poll)
        wait_for(lambda: sim.app_stats("app1")["requests"] == 8)
        poll.server("app1")["url"] += "/"
        out = reload(poll)
        assert "changed: server app1: url" in out
        assert "waiting" not in out.splitlines()[-1]
        run.wait_for_line("reload: queue app1/q", " and 3 more: their marks "
                          "were not confirmed within drain_timeout")
        wait_for(lambda: sim.unread() == 0)
        assert repeats(poll) == 4 * 16
        assert run.stop() == 0
        poll.check_all_stored()


# Who adds the name of a proxy need not restart; who moves the port must.
def test_it_says_what_of_admin_needs_a_restart(poll_of):
    with Sim("--apps=1", "--queues=1") as sim:
        poll = quick(poll_of(sim))
        token = poll.folder / "full.token"
        token.write_text("a-token-of-this-test-alone\n")
        token.chmod(0o600)
        admin = {"listen": f"127.0.0.1:{free_port()}",
                 "token_file": "full.token"}
        poll.config["admin"] = admin
        run = started(poll)
        admin["hosts"] = ["poll.example.ac.uk"]
        assert "changed: admin: hosts" in reload(poll).splitlines()
        admin["listen"] = f"127.0.0.1:{free_port()}"
        assert ("changed: admin: listen: where it listens changes at the next "
                "start") in reload(poll).splitlines()
        assert run.stop() == 0


# The state directory is locked by the process that uses it, and so is what it
# has in there; the rest of the file does not take effect either.
def test_it_says_that_state_dir_needs_a_restart(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=5") as sim:
        poll = quick(poll_of(sim))
        run = started(poll)
        old = pathlib.Path(poll.path).read_text()
        poll.config["state_dir"] = "other"
        poll.queue()["interval"] = "77ms"
        poll.write()
        run.signal(signal.SIGHUP)
        run.wait_for_line("reload: state_dir has changed: restart haplo-poll")
        run.wait_for_line("reload: rejected: nothing has changed; still at "
                          "work: generation 1,")
        assert poll.run("reload", write=False).code == 4  # nobody is there
        pathlib.Path(poll.path).write_text(old)
        assert "nothing has changed" in reload(poll, write=False)
        assert run.stop() == 0
