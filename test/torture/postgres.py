"""Messages of many queues are stored in PostgreSQL, directly and through
PgBouncer. haplo-poll is killed (SIGKILL) again and again, at any moment of its
work. So are the server, which then recovers, and single sessions. In the end
each message is stored once, with its exact bytes, and the arrivals of each queue
ascend in the order of its server.
"""
import contextlib
import os
import pathlib
import random
import signal
import tempfile
import time

from poll import Poll
from postgres_server import PgBouncer, PostgresServer
from sim import Sim, wait_for


REPORT = ("postgres{through}: {messages} messages of {queues} queues, {kills} "
          "kills of haplo-poll, {crashes} crashes of the server and {ends} "
          "sessions ended; lost 0, stored twice 0; {seconds} s")


class PostgresTorture:
    def __init__(self, server, bouncer, sim, seed, messages, kills):
        self.server = server
        self.sim = sim
        self.messages = messages
        self.kills = kills
        self.random = random.Random(seed)
        self.crashes = self.ends = 0
        self.poll = Poll(sim)
        self.poll.config["defaults"] |= {"interval": "40ms"}
        conninfo = bouncer.conninfo("haplo_writer") if bouncer else None
        server.use(self.poll, user="haplo_writer", jsonb=True,
                   conninfo=conninfo)
        done = self.poll.run(
            "--writer", "haplo_writer", "--owner",
            f"host={server.folder} port={server.port} user=haplo_owner "
            "dbname=postgres", "migrate")
        assert done.code == 0, done.err

    def stored_count(self):
        """0 while the server is down."""
        with contextlib.suppress(RuntimeError):
            return int(self.server.value("SELECT count(*) FROM haplo.stored"))
        return 0

    def feed(self, lives_left):
        names = self.sim.all_messages()
        made = sum(map(len, names.values()))
        count = -(-(self.messages - made) // (lives_left * len(names)))
        if count > 0:
            self.sim.script(f"message app* q* count={count}")

    def crash(self):
        """By the operating system, or by a signal to one of its processes,
        after which it restarts all of them."""
        self.crashes += 1
        if self.random.random() < 0.5:
            self.server.crash()
            assert self.server.start()
            return
        pids = self.server.sql("SELECT pid FROM pg_stat_activity WHERE "
                               "application_name = 'haplo-poll'")
        for (pid,) in pids[:1]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        wait_for(self.server.is_ready, "recovery")

    def wait_for_more(self, run, wanted):
        """Until so many are stored, or all."""
        try:
            wait_for(lambda: self.stored_count() >= wanted or
                     self.sim.unread() == 0)
        except AssertionError:
            raise AssertionError(
                f"{wanted} messages are not stored: {run.err}") from None

    def live(self):
        """Until some more messages are stored; then haplo-poll is killed."""
        run = self.poll.start()
        begin = self.stored_count()
        wanted = self.random.randrange(1, self.messages // (2 * self.kills))
        mishap = self.random.choice([None, self.crash, self.end_sessions])
        self.wait_for_more(run, begin + wanted)
        if mishap:
            mishap()
            self.wait_for_more(run, self.stored_count() + 1)
        assert run.process.poll() is None, run.err
        self.poll.kill_all()

    def end_sessions(self):
        with contextlib.suppress(RuntimeError):
            self.ends += self.server.terminate_all()

    def check(self):
        self.server.check_all_stored(self.sim)
        order = {}
        for server, queue, body in self.server.stored():
            order.setdefault((server, queue), []).append(body.decode())
        for name, messages in self.sim.all_messages(exact=True).items():
            assert order[name] == [one["bytes"] for one in messages], name
        return sum(map(len, order.values()))

    def run(self):
        begin = time.monotonic()
        try:
            for life in range(self.kills):
                self.feed(self.kills - life)
                self.live()
            run = self.poll.start()
            self.sim.script("message app* q*")
            self.sim.wait_until_read()
            code = run.stop()
            assert code == 0, (code, run.err)
        finally:
            self.poll.kill_all()
        self.poll.check_no_key_was_printed()
        messages = self.check()
        assert messages >= self.messages
        return {"messages": messages, "kills": self.kills,
                "crashes": self.crashes, "ends": self.ends,
                "seconds": round(time.monotonic() - begin)}


def run_one(seed, has_bouncer, say, messages, queues, kills):
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        pathlib.Path(folder).chmod(0o755)  # the server is another user
        server = stack.enter_context(PostgresServer(folder))
        bouncer = stack.enter_context(PgBouncer(server)) if has_bouncer \
            else None
        apps = 5 if queues >= 10 else 1
        sim = stack.enter_context(
            Sim(f"--apps={apps}", f"--queues={queues // apps}"))
        report = PostgresTorture(server, bouncer, sim, seed, messages,
                                 kills).run()
    through = " through PgBouncer" if has_bouncer else ""
    say(REPORT.format(through=through, queues=queues, **report))


def run(seed, say, messages=10000, queues=50, kills=10):
    """An AssertionError tells what went wrong."""
    for has_bouncer in (False, True):
        run_one(seed, has_bouncer, say, messages, queues, kills)
