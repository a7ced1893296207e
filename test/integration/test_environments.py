"""Environments: the same configuration for the test installation and the live
one. Whatever somebody forgets, neither gets the other's state, messages or
keys."""
import sqlite3

import pytest

from sim import Sim


@pytest.fixture
def sim():
    """app1 is live, app2 the test server."""
    with Sim("--apps=2", "--queues=2", "--messages=20") as sim:
        yield sim


@pytest.fixture
def poll(sim, poll_of):
    poll = poll_of(sim)
    test = poll.config["servers"].pop()
    poll.config["environments"] = [
        {"name": "test", "state_dir": "state-test", "inbox": "test.db",
         "servers": [{"name": "app1", "url": test["url"],
                      "queues": [{"name": queue["name"],
                                  "api_key_file": queue["api_key_file"]}
                                 for queue in test["queues"]]}]},
        {"name": "other"}]
    return poll


def stored(poll, path):
    with sqlite3.connect(poll.folder / path) as inbox:
        return inbox.execute("SELECT count(*) FROM messages").fetchone()[0]


# Which server, which key, which inbox: all of it follows from the name.
@pytest.mark.parametrize("by", ["option", "variable"])
def test_an_environment_is_apart(poll, sim, by):
    if by == "variable":
        poll.environment["HAPLO_POLL_ENVIRONMENT"] = "test"
    arguments = ["--environment", "test"] if by == "option" else []
    assert poll.once(*arguments).code == 0
    assert (sim.unread("app1"), sim.unread("app2")) == (40, 0)
    assert stored(poll, "test.db") == 40
    assert not poll.inbox_path.exists()
    poll.environment.pop("HAPLO_POLL_ENVIRONMENT", None)
    assert poll.once().code == 0
    assert sim.unread("app1") == 0
    assert stored(poll, "inbox.db") == 40 and stored(poll, "test.db") == 40


# What would be sent where, before anything is.
def test_check_prints_the_difference(poll, sim):
    done = poll.run("check", "-e", "test")
    assert done.code == 0
    for change in (
            f"  server app1: url: {sim.apps['app1']['url']} -> "
            f"{sim.apps['app2']['url']}",
            "  queue app1/q1: api_key_file: keys/app1-q1 -> keys/app2-q1",
            "  state_dir: state -> state-test", "  inbox: inbox.db -> test.db"):
        assert change in done.out.splitlines()
    assert "environment" not in poll.run("check").out
    assert "changes nothing" in poll.run("check", "-e", "other").out


# A name that was mistyped must not mean the live installation.
def test_an_unknown_environment_starts_nothing(poll, sim):
    for command in "check", "once", "run":
        done = poll.run("-e", "tset", command)
        assert done.code == 2
        assert 'no environment is named "tset": did you mean "test"?' \
            in done.err
    assert sim.unread() == 80


def refused(poll, first, second):
    """The second one is refused, whose inbox or state is that of the first."""
    def once(name):
        return poll.once(*(["-e", name] if name else []))
    assert once(first).code == 0
    done = once(second)
    assert done.code == 2, done.err
    return done.err


PAIRS = [(None, "test"), ("test", None), ("test", "other"), ("other", "test"),
         (None, "other")]


# The state directory of one environment continues nothing of another, and an
# environment nothing of what ran without one.
@pytest.mark.parametrize("first,second", PAIRS)
def test_a_state_dir_is_of_one_environment(poll, sim, first, second):
    for environment in poll.config["environments"]:
        environment.pop("state_dir", None)
        environment["inbox"] = environment["name"] + ".db"
    err = refused(poll, first, second)
    assert "state_dir " in err
    assert (first or "without an environment") in err
    assert (second or "none is selected") in err


# The same for the inbox, which a new state directory does not know.
@pytest.mark.parametrize("first,second", PAIRS)
def test_an_inbox_is_of_one_environment(poll, sim, first, second):
    for environment in poll.config["environments"]:
        environment.pop("inbox", None)
        environment["state_dir"] = "state-" + environment["name"]
    before = sim.unread("app1"), sim.unread("app2")
    err = refused(poll, first, second)
    assert "inbox.db" in err
    assert (first or "without an environment") in err
    assert (second or "none is selected") in err
    assert 40 in (sim.unread("app1"), sim.unread("app2"))
    assert before == (40, 40) and stored(poll, "inbox.db") == 40


# `run` is refused in the same way as `once`, and so is a command that changes
# an inbox.
@pytest.mark.parametrize("command", [["run"], [
    "purge", "--arrival", "1"]])
def test_other_commands_are_refused_too(poll, command):
    assert poll.once().code == 0
    poll.config["environments"][1]["state_dir"] = "state-other"
    done = poll.run("-e", "other", *command)
    assert done.code != 0
    assert "inbox.db is in use without an environment" in done.err
    assert stored(poll, "inbox.db") == 40
