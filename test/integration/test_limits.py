"""A missing system resource is reported in one line, and causes no mark. When
the resource is available again, everything continues."""
import resource

import pytest

from needs import become_a_stranger, give_to_stranger
from poll import check_one_line_each
from sim import Sim, wait_for

MB = 1 << 20


def limited(kind, hard):
    """For subprocess: a limit of the child."""
    return lambda: resource.setrlimit(kind, (hard, hard))


def limit_running(run, kind, soft):
    """Of a process that runs; as its owner may."""
    _, hard = resource.prlimit(run.process.pid, kind)
    resource.prlimit(run.process.pid, kind, (soft, hard))


def request_count(sim):
    return sum(app["requests"] for app in sim.stats()["apps"])


def check_starts(sim, poll):
    """With the cause gone, it does all its work."""
    assert poll.once() == (0, "", "")
    poll.check_all_stored()


# Descriptors


# A limit of a shell or a service that is too low: libuv would abort.
@pytest.mark.parametrize("count", [5, 6, 12, 24])
def test_too_few_descriptors_to_start(poll_of, count):
    with Sim("--apps=2", "--queues=2", "--messages=20", "--tls") as sim:
        poll = poll_of(sim)
        done = poll.once(preexec_fn=limited(resource.RLIMIT_NOFILE, count))
        assert done.code == 1
        check_one_line_each(done, ["haplo-poll"],
                            ["open files", "too many open files", "LimitNOFILE"])
        assert request_count(sim) == 0
        check_starts(sim, poll)


# What is connected goes on without new descriptors, and what is not waits.
def test_descriptors_run_out_while_it_runs(poll_of):
    with Sim("--apps=2", "--queues=2", "--messages=20") as sim:
        poll = poll_of(sim)
        poll.config["defaults"] |= {"interval": "20ms",
                                    "breaker_failures": 1000}
        run = poll.start()
        sim.wait_until_read()
        limit_running(run, resource.RLIMIT_NOFILE, 3)
        sim.script("fault app=app2 do=refuse drop=yes for=1ms",
                   "message app1 q1 count=20", "message app2 q1 count=20")
        run.wait_for_line("app2/q", "too many open files")
        wait_for(lambda: sim.unread("app1") == 0)
        assert sim.unread("app2") == 20
        limit_running(run, resource.RLIMIT_NOFILE, 1024)
        sim.wait_until_read()
        assert run.stop() == 0
        poll.check_all_stored()


# Files are opened for each batch.
def test_descriptors_run_out_under_files(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=20") as sim:
        poll = poll_of(sim)
        poll.config["outlets"] = [
            {"name": "out", "type": "files", "path": "files",
             "backoff": "10ms", "backoff_max": "20ms"}]
        poll.config["defaults"]["interval"] = "20ms"
        run = poll.start()
        sim.wait_until_read()
        wait_for(lambda: len(poll.lines(poll.folder / "files")) == 20)
        limit_running(run, resource.RLIMIT_NOFILE, 3)
        sim.script("message app1 q1 count=20")
        sim.wait_until_read()
        run.wait_for_line("outlet out: broken: ", "too many open files: raise")
        limit_running(run, resource.RLIMIT_NOFILE, 1024)
        run.wait_for_line("outlet out: works again after ")
        wait_for(lambda: len(poll.lines(poll.folder / "files")) == 40)
        assert len(run.lines("too many open files")) == 1, run.err
        assert run.stop() == 0
        poll.check_all_stored()


# Threads


# A user with too many processes, a service with TasksMax: libuv would abort.
@pytest.mark.needs("stranger", "plain_memory")  # its leak check needs one
@pytest.mark.parametrize("count", [1, 3])
def test_too_few_threads_to_start(poll_of, count):
    with Sim("--apps=2", "--queues=2", "--messages=20", "--tls") as sim:
        poll = poll_of(sim)
        poll.write()
        give_to_stranger(sim.dir)
        done = poll.once(write=False, preexec_fn=lambda: become_a_stranger(
            limited(resource.RLIMIT_NPROC, count)))
        assert done.code == 1
        check_one_line_each(done, ["haplo-poll"],
                            ["threads", f"only {count - 1} of 4", "ulimit -u"])
        assert request_count(sim) == 0
        check_starts(sim, poll)


# The log has a thread as well, so that nobody who does not read it is waited
# for.
@pytest.mark.needs("stranger", "plain_memory")
def test_too_few_threads_for_the_log(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=20") as sim:
        poll = poll_of(sim)
        poll.write()
        give_to_stranger(sim.dir)
        done = poll.once(write=False, preexec_fn=lambda: become_a_stranger(
            limited(resource.RLIMIT_NPROC, 5)))
        assert done.code == 1
        check_one_line_each(done, ["haplo-poll"], ["thread", "log lines"])
        assert request_count(sim) == 0
        check_starts(sim, poll)


# Memory


# One enormous batch must not take all others with it.
@pytest.mark.needs("plain_memory")
def test_a_batch_that_memory_cannot_hold_harms_no_other_queue(poll_of):
    with Sim("--apps=2", "--queues=2", "--messages=20") as sim:
        sim.script("app big queues=1 size=16m messages=1 gzip=no")
        poll = poll_of(sim)
        size = least_memory(poll) + 72 * MB
        done = poll.once(preexec_fn=limited(resource.RLIMIT_AS, size))
        assert done.code == 1
        check_one_line_each(done, ["big/q1"], ["out of memory"])
        good = set(sim.all_messages()) - {("big", "q1")}
        poll.check_nothing_lost(stored=good)
        assert sim.queue_stats("big", "q1")["marks"] == 0
        check_starts(sim, poll)


def least_memory(poll):
    """With less, the dynamic loader cannot even start it, and says 127."""
    low, high = 8 * MB, 128 * MB
    while high - low > MB // 8:
        middle = (low + high) // 2
        done = poll.once(preexec_fn=limited(resource.RLIMIT_AS, middle))
        low, high = (middle, high) if done.code == 127 else (low, middle)
    return high


# Wherever memory ends: a line, no crash, and no mark of what is not stored.
@pytest.mark.needs("plain", "plain_memory")
def test_any_limit_of_memory(poll_of):
    codes = set()
    with Sim("--apps=2", "--queues=2", "--messages=10", "--tls") as sim:
        poll = poll_of(sim)
        least = least_memory(poll)
        for size in (*range(least, least + MB, MB // 16),
                     *range(least + MB, least + 49 * MB, 2 * MB)):
            sim.script("message app1 q1 count=20", "message app2 q2 count=5")
            done = poll.once(preexec_fn=limited(resource.RLIMIT_AS, size))
            assert done.code in (0, 1), (size, done)
            assert (done.code == 0) == (done.err == ""), (size, done)
            poll.check_nothing_lost()
            codes.add(done.code)
        assert codes == {0, 1}
        check_starts(sim, poll)


# Files


# A file that may grow no more is a full disk, and may grow again.
def test_file_size_limit_while_it_runs(poll_of):
    with Sim("--apps=1", "--queues=1", "--messages=10", "--size=2k") as sim:
        poll = poll_of(sim)
        poll.config["defaults"]["interval"] = "20ms"
        run = poll.start("-v", "run")
        sim.wait_until_read()
        limit_running(run, resource.RLIMIT_FSIZE, 128 << 10)
        sim.script("message app1 q1 count=300")
        run.wait_for_line("deliver app1/q1", "inbox.db", "disk")
        poll.check_nothing_lost()
        unread = sim.unread()
        assert unread > 0
        run.wait_for_line("app1/q1: DELIVERING -> DELIVER_WAIT", count=4)
        assert sim.unread() == unread
        limit_running(run, resource.RLIMIT_FSIZE, resource.RLIM_INFINITY)
        sim.wait_until_read()
        run.wait_for_line("app1/q1: works again")
        assert run.stop() == 0
        poll.check_all_stored()
