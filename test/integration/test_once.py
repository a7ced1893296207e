"""haplo-poll once: drains all queues, and names each that it could not."""
import json
import contextlib
import os
import re
import signal
import subprocess

import pytest

from poll import (PROGRAM, check_one_line_each, errors_in, set_queue,
                  set_server, untimed)
from sim import Sim, wait_for
from terminal import plain

# The good case


# The promise of the program: all of it, each message once, byte for byte.
def test_drains_everything(poll_of):
    with Sim("--apps=5", "--queues=4", "--messages=40", "--tls") as sim:
        poll = poll_of(sim)
        done = poll.run("once")
        assert done.code == 0
        poll.check_all_stored()
        assert poll.inbox().total() == 5 * 4 * 40
        rows = [line.split() for line in done.out.splitlines()]
        table = {row[0]: row for row in rows}
        assert table["server"][1:5] == "queues batches messages repeats".split()
        assert table["app3"][1:6] == ["4", "12", "160", "0", "0"]
        assert table["all"][1:6] == ["20", "60", "800", "0", "0"]
        assert sim.app_stats()["running_peak"] == 1  # one request at a time


# What every odd message is for: no byte may change on the way.
def test_every_quirk_arrives_byte_for_byte(poll_of):
    with Sim("--apps=1", "--queues=2", "--edge", "--tls") as sim:
        poll = poll_of(sim)
        assert poll.once().code == 0
        poll.check_all_stored()
        assert poll.inbox_count() > 20


# From cron, nothing that is fine may cause a mail.
def test_quiet_prints_nothing(poll_of):
    with Sim("--apps=1", "--queues=2", "--messages=20") as sim:
        poll = poll_of(sim)
        assert poll.run("-q", "once") == (0, "", "")
        assert poll.run("once", "--quiet") == (0, "", "")
        poll.check_all_stored()


# On a terminal, one line shows the progress and does not disturb other lines.
def test_progress_on_a_terminal(poll_of):
    with Sim("--apps=1", "--queues=2", "--messages=3", "--latency=150ms") as sim:
        sim.script("key app1 q2 status=revoked")
        poll = poll_of(sim)
        poll.write()
        master, terminal = os.openpty()
        with subprocess.Popen(
            [PROGRAM, "-c", poll.path, "once"],
            stdout=subprocess.PIPE, stderr=terminal,
        ) as process:
            os.close(terminal)
            table = process.stdout.read().decode()
            assert process.wait() == 1
        printed = b""
        with contextlib.suppress(OSError):  # how a terminal ends
            while part := os.read(master, 65536):
                printed += part
        printed = printed.decode()
        os.close(master)
        poll.printed += [table, printed]
        assert re.search(r"\rhaplo-poll: \d of 2 queues done, \d messages",
                         printed)
        lines = [untimed(plain(line.split("\r")[-1]))
                 for line in printed.split("\r\n")]
        assert any(line.startswith("haplo-poll: fetch app1/q2: 403")
                   for line in lines)
        assert re.search(r"^all\s.*\s3\s", table, re.M)


# A server that is slow must not fill the log of whoever runs this from cron.
def test_progress_that_is_none_is_told_once(poll_of):
    with Sim("--apps=1", "--queues=1") as sim:
        sim.script("fault on=fetch do=delay")
        once = poll_of(sim).start("once")
        once.wait_for_line("0 of 1 queues done")
        sim.script("clear faults")
        assert once.wait() == 0
        assert untimed(once.err) == \
            "haplo-poll: 0 of 1 queues done, 0 messages\n"


# A second run on drained queues must neither fail nor store anything again.
def test_second_run_finds_nothing(poll_of):
    with Sim("--apps=2", "--queues=2", "--messages=20") as sim:
        poll = poll_of(sim)
        assert poll.once().code == 0
        assert poll.once().code == 0
        poll.check_all_stored()


# An admin's resend has the same id and bytes, and must be delivered again.
def test_unsent_messages_are_stored_again(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=20") as sim:
        poll = poll_of(sim)
        assert poll.once().code == 0
        sim.script("unsend app1 q1 all")
        assert poll.once().code == 0
        assert sim.unread() == 0
        assert set(poll.inbox().values()) == {2}
        assert poll.inbox_count() == 40


# Servers of all ages are in the field, and 2019 sends all it has at once.
@pytest.mark.parametrize("revision", ["2019", "mid-2020", "2020-07"])
def test_revisions(poll_of, revision):
    with Sim(
        "--apps=2", "--queues=2", "--messages=50", f"--revision={revision}"
    ) as sim:
        poll = poll_of(sim)
        assert poll.once() == (0, "", "")
        poll.check_all_stored()


# A consumer was away for a year, and the server sends all of it at once. The
# token has more than 256 KiB, and the state of the queue 640 KB.
def test_a_backlog_of_forty_thousand_messages(poll_of):
    with Sim(
        "--apps=1", "--queues=1", "--messages=40000", "--revision=2019"
    ) as sim:
        poll = poll_of(sim)
        # The token is given up; the messages are repeats in the next batch.
        sim.script("fault app=app1 on=mark do=status code=500 times=4")
        assert poll.once() == (0, "", "")
        assert sim.queue_stats()["fetches_with_messages"] == 2
        assert sim.unread() == 0
        poll.check_all_stored()


# -v is for finding out what happens: a line for each change of state.
def test_verbose_tells_each_change_of_state(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=20") as sim:
        done = poll_of(sim).run("-v", "-q", "once")
        assert done.code == 0
        states = [
            line.split("] ", 1)[1]
            for line in done.err.splitlines()
            if "app1/q1: " in line
        ]
        assert states[:6] == [
            "app1/q1: IDLE -> READY",
            "app1/q1: READY -> FETCHING",
            "app1/q1: FETCHING -> DELIVERING 16",
            "app1/q1: DELIVERING -> MARK_READY 16",
            "app1/q1: MARK_READY -> MARKING 16",
            "app1/q1: MARKING -> READY",
        ]


# Formatters of a queue's own


def raw(pattern, content_type=None):
    keys = {"format": "raw", "token_pattern": pattern}
    return {**keys, "content_type": content_type} if content_type else keys


FORMATS = {
    "csv": raw("#token,([A-Za-z0-9+/=]*)", "text/csv"),
    "xml": raw('token="([^"]*)"', "application/xml"),
    "xml ": raw('token="([^"]*)"'),
    "string": raw("^token=([A-Za-z0-9+/=]*)", "text/html"),
    "json-other": {
        "token_pointer": "/batch/ack",
        "messages_pointer": "/batch/items",
    },
}


# Many queues have formatters: their batches must be kept and marked as well.
@pytest.mark.parametrize("name", FORMATS)
def test_formatters_drain(poll_of, name):
    formatter = name.strip()
    with Sim(
        "--apps=1", "--queues=1", "--messages=20", f"--formatter={formatter}"
    ) as sim:
        poll = poll_of(sim)
        poll.queue().update(FORMATS[name])
        assert poll.once() == (0, "", "")
        assert sim.unread() == 0
        bodies = [body for _, _, body in poll.inbox().elements()]
        if formatter == "json-other":
            refs = [json.loads(body)["ref"] for body in bodies]
            assert refs == list(range(1, 21))
        else:
            assert len(bodies) == 2  # a batch is one message
        for message in sim.messages():
            assert message["marked"] == 1


# Without a token nothing could ever be marked: it has to be said, not tried.
def test_format_without_token_is_refused(poll_of):
    with Sim(
        "--apps=2",
        "--queues=1",
        "--messages=20",
        scenario="set formatter=none\n"
        "app app3 queues=1 messages=3 formatter=xml-without-token\n",
    ) as sim:
        poll = poll_of(sim)
        poll.queue("app3")["format"] = "raw"
        done = poll.once()
        assert done.code == 1
        assert "poll.yaml:" in done.err and "token_pattern" in done.err
        assert "app3/q1: not drained" in done.err
        assert sim.queue_stats("app3")["requests"] == 0

        poll.queue("app3")["token_pattern"] = 'token="([^"]*)"'
        done = poll.once()
        assert done.code == 1
        assert done.err.splitlines() == [
            "haplo-poll: fetch app3/q1: token_pattern found no token"
        ]
        assert sim.queue_stats("app3")["marks"] == 0


# Configuration


# What concerns all queues starts nothing; test_holds.py has what concerns some,
# and test_check.py more of both.
@pytest.mark.parametrize(
    "options,words",
    [
        ({"colour": "red"}, ['"colour"']),
        ({"in_flight_max": 0}, ["in_flight_max"]),
        ({"defaults": {"interval": "5 minutes"}}, ["interval", "5 minutes"]),
        ({"outlets": [{"name": "out"}]}, ["outlet out", "type"]),
        ({"servers": []}, ["servers"]),
    ],
)
def test_configuration_error(poll_of, options, words):
    with Sim("--apps=1", "--queues=2", "--messages=20") as sim:
        poll = poll_of(sim)
        poll.config.update(options)
        done = poll.once()
        assert done.code == 2 and done.out == ""
        assert len(errors_in(done.err)) == 1
        assert "poll.yaml:" in done.err
        for word in words:
            assert word in done.err
        assert sim.unread() == 40 and not poll.inbox_path.exists()


# http to another host is allowed where the configuration says so in words.
def test_allow_http(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=3") as sim:
        poll = poll_of(sim)
        poll.server().update(
            url="http://192.0.2.1", allow_http=True, connect_timeout="20ms"
        )
        done = poll.once()
        assert done.code == 1
        check_one_line_each(done, ["app1/q1"], ["connect to 192.0.2.1"])


# A state directory that cannot be made.
def test_state_dir_in_nowhere(poll_of):
    with Sim("--apps=1", "--queues=1") as sim:
        poll = poll_of(sim)
        poll.config["state_dir"] = "nowhere/state"
        done = poll.once()
        assert done.code == 2
        check_one_line_each(
            done, ["haplo-poll"], ["state_dir", "nowhere/state", "parent"]
        )


# Lock and signals


# Two processes on one state directory would mark for each other.
def test_state_dir_in_use(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=20") as sim:
        poll = poll_of(sim)
        run = poll.start()
        run.wait_for_line("polling; queues: 1")
        done = poll.once()
        assert done.code == 3
        check_one_line_each(done, ["haplo-poll"], ["in use by process"])
        assert f"process {run.process.pid} on " in done.err
        second = poll.start()
        assert second.wait() == 3

        run.kill()  # no clean-up: the kernel frees the lock
        assert poll.once().code == 0
        poll.check_all_stored()


# ^C must be told from "all drained" by a script, and lose nothing.
def test_interrupted(poll_of):
    with Sim(
        "--apps=1", "--queues=2", "--messages=400", "--latency=5ms"
    ) as sim:
        sim.script("fault queue=q1 on=fetch skip=2 do=delay")
        poll = poll_of(sim)
        once = poll.start("once")
        wait_for(lambda: sim.queue_stats()["marked"] >= 32)
        once.signal(signal.SIGINT)
        assert once.wait() == 1
        assert "SIGINT" in once.err
        poll.check_nothing_lost()
        assert 0 < sim.unread() < 800
        assert sum(message["sent"] for message in sim.messages()) + sum(
            message["sent"] for message in sim.messages(queue="q2")
        ) == poll.inbox_count()  # what was stored was marked
        sim.script("clear faults")  # it may not have come to that one
        assert poll.once().code == 0
        poll.check_all_stored()
