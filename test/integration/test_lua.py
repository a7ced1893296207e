"""The binding for Lua: the scenes of bindings/lua/test/scenes.lua, the program
of its README, and its example. `lua` is each interpreter that Debian has, with
luv for it."""
import os
import re
import subprocess

import pytest

from needs import has_plain_memory
from poll import BUILD, RUN_S_MAX
from sim import ROOT, Sim, wait_for
from test_own_database import LOST_MARKS, Application, put_on_queue

FOLDER = ROOT / "bindings" / "lua"
MODULES = BUILD.resolve() / "bindings" / "lua"
VERSIONS = {"lua5.1": "5.1", "luajit": "5.1", "lua5.4": "5.4"}
HOST = str(MODULES / "test" / "host")


def environment(lua, **more):
    paths = f"{MODULES / VERSIONS.get(lua, '5.1')}/?.so;;"
    found = {**os.environ, **more, "LUA_CPATH": paths, "LUA_CPATH_5_4": paths}
    if not has_plain_memory():  # the interpreter is built without it
        found["LD_PRELOAD"] = subprocess.run(
            ["cc", "-print-file-name=libasan.so"], check=True, text=True,
            capture_output=True).stdout.strip()
    return found


class Scene:
    """One run of a scene, to its end or between two lines."""

    def __init__(self, lua, sim, name):
        self.process = subprocess.Popen(
            [lua, FOLDER / "test" / "scenes.lua", name, sim.url()], text=True,
            env=environment(lua, KEY=sim.key()), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def end(self, given=""):
        out, err = self.process.communicate(given, timeout=RUN_S_MAX)
        return self.process.returncode, out.splitlines(), err


def run(lua, sim, name):
    status, lines, err = Scene(lua, sim, name).end()
    assert (status, err) == (0, ""), lines
    return lines


@pytest.fixture(name="sim")
def fixture_sim():
    """20 messages are two batches."""
    with Sim("--apps=1", "--queues=1", "--messages=20") as sim:
        yield sim


@pytest.fixture(params=VERSIONS)
def lua(request):
    return request.param


ANSWERED = "nil the batch has been answered already HAPLO_EANSWERED"
STOPPED = "nil the poller is stopping HAPLO_ESTOPPED"


def readme_program(path):
    found = re.findall(r"<!-- test: first -->\n```lua\n(.*?)```",
                       (FOLDER / "README.md").read_text(), re.S)
    path.write_text(*found)
    return path


# It is what an author tries first.
def test_the_program_of_the_readme_prints_all_messages(lua, sim, tmp_path):
    done = subprocess.run(
        [lua, readme_program(tmp_path / "first.lua"), sim.url(), "q1"],
        input=sim.key() + "\n", text=True, env=environment(lua),
        capture_output=True, timeout=RUN_S_MAX, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "".join(
        message["bytes"] + "\n" for message in sim.messages(exact=True))
    assert sim.unread() == 0


# Whoever has the packages of the library, and not its source tree.
@pytest.mark.needs("plain", "plain_memory")
@pytest.mark.parametrize("lua", ["lua5.1", "lua5.4"])
def test_it_builds_with_the_installed_library(lua, sim, tmp_path):
    version = VERSIONS[lua]
    library, = BUILD.resolve().glob("libhaplopoll.so.*.*.*")
    for name in ("libhaplopoll.so", "libhaplopoll.so.0"):
        (tmp_path / name).symlink_to(library)
    subprocess.run(
        ["make", "-s", "-C", FOLDER, "install", f"LUA={version}",
         f"OUT={tmp_path}/build", f"DESTDIR={tmp_path}",
         f"HAPLOPOLL_CFLAGS=-I{ROOT}/include",
         f"HAPLOPOLL_LIBS=-L{tmp_path} -lhaplopoll"], check=True,
        env={name: value for name, value in os.environ.items()
             if not name.startswith("MAKE")})
    module, = tmp_path.glob(f"usr/**/{version}/haplopoll.so")
    paths = f"{module.parent}/?.so;;"
    done = subprocess.run(
        [lua, readme_program(tmp_path / "first.lua"), sim.url(), "q1"],
        input=sim.key() + "\n", text=True, capture_output=True, check=False,
        timeout=RUN_S_MAX, env={**os.environ, "LUA_CPATH": paths,
                                "LUA_CPATH_5_4": paths,
                                "LD_LIBRARY_PATH": str(tmp_path)})
    assert (done.returncode, done.stderr) == (0, "")
    assert sim.unread() == 0


# Each answer does what it does in C, and only the first one counts.
def test_a_retried_batch_is_delivered_again(lua, sim):
    refused = [ANSWERED, ANSWERED]
    assert run(lua, sim, "retry") == [
        "delivered 16 16", "true", *refused, "delivered 16 16", "true",
        *refused, "delivered 16 16", "true", "delivered 4 4", "true", "2 IDLE"]
    assert sim.unread() == 0


def test_a_dropped_batch_is_fetched_again(lua, sim):
    assert run(lua, sim, "drop") == ["true"] * 4
    assert sim.unread() == 0


# The event tells an operator which queue it is, and why; and a blocked queue
# does not keep the program from its end.
def test_a_rejected_batch_blocks_its_queue(lua, sim):
    assert run(lua, sim, "reject") == [
        "true", "s q1 DELIVERING HAPLO_EREJECTED deliver s/q1: never"]
    assert sim.unread() == 20


# The state is what makes it exactly once, also over two pollers.
def test_states_tell_what_is_stored(lua, sim):
    scene = Scene(lua, sim, "state")
    compared = "current stored stale"
    lines = [scene.process.stdout.readline().strip() for _ in range(4)]
    assert lines == [compared, "marked true 16 16 4 current", compared,
                     "marked true 4 4 0 current"]
    sim.script("message app1 q1 count=3")
    assert scene.end("go\n") == (
        0, ["messages go", compared, "marked true 3 3 0 current"], "")


# A stale state leads to another fetch; bytes that are no state are an error.
def test_a_stale_batch_is_fetched_again(lua, sim):
    scene = Scene(lua, sim, "stale")
    assert scene.process.stdout.readline() == "true\n"
    sim.wait_until_read()
    sim.script("message app1 q1")
    assert scene.end("go\n") == (
        0, ["messages go", "nil invalid argument HAPLO_EINVAL"], "")


# Programs keep objects for longer than the library has them.
def test_objects_of_a_closed_poller_are_refused(lua, sim):
    assert run(lua, sim, "closed") == [
        "true true q1 s 1 UP", STOPPED, STOPPED, "closed", STOPPED,
        "the queue was removed, or its poller closed)",
        "the server was removed, or its poller closed)",
        "the poller is closed)", STOPPED]
    assert sim.unread() == 20


def test_a_queue_may_be_removed_and_added_again(lua, sim):
    *lines, last = run(lua, sim, "removed")
    busy = "nil still in use HAPLO_EBUSY"
    assert lines == [busy, "true", busy, "removed", "drained again", "true"]
    assert last.startswith("false ") and "the server was removed" in last


def test_stop_finishes_what_was_delivered(lua, sim):
    assert run(lua, sim, "stopped") == [STOPPED, "stopped 0"]
    assert sim.unread() == 4


def test_an_unreferenced_poller_does_not_keep_the_loop_alive(lua, sim):
    assert run(lua, sim, "unref") == ["true", "false", "true"]


# Otherwise the queue would stand still for ever, and nobody would know why.
def test_a_batch_that_is_garbage_is_delivered_again(lua, sim):
    assert run(lua, sim, "forgotten") == ["3"]


# In programs with luv, coroutines are how one waits.
def test_batches_are_answered_from_coroutines(lua, sim):
    assert run(lua, sim, "coroutines") == ["stored 16", "stored 4"]
    assert sim.unread() == 0


# A misspelt option that is ignored is found months later.
def test_options_are_checked(lua, sim):
    lines = [re.sub(r"^false \S+:\d+: ", "false ", line)
             for line in run(lua, sim, "options")]
    beginnings = [
        "false unknown option 'in_flight'",
        "false option 'event': function expected, got string",
        "false options have names, but there is one without",
        "true nil url: unknown scheme",
        "false option 'in_flight_max': a whole number",
        "false option 'in_flight_max': a whole number",
        "false option 'total_timeout_ms': a whole number",
        "false option 'name': it contains a zero byte",
        "false option 'name': string expected, got number",
        'true nil a server named "s" exists already',
        'false option \'format\': "json" or "raw" expected',
        "true nil", "true nil the API key: it is too short",
        "true nil the state passed for the queue is damaged",
        "false bad argument #1"]
    assert len(lines) == len(beginnings)
    for line, beginning in zip(lines, beginnings):
        assert line.startswith(beginning), line
        if line.startswith("true"):
            assert re.search(r" HAPLO_E[A-Z]+$", line)


def test_events_tell_what_happens(lua, sim):
    assert run(lua, sim, "events") == [
        "s q1 IDLE READY nil", "s q1 READY FETCHING nil",
        "s q1 FETCHING REFUSED HAPLO_EREFUSED"]


def test_a_thread_has_a_poller_of_its_own(lua, sim):
    assert run(lua, sim, "thread") == ["joined"]
    assert sim.unread() == 0


# An error ends the process as errors in other callbacks of luv do. Nothing was
# marked, so nothing is lost.
def test_an_error_in_a_callback_ends_the_process(lua, sim):
    status, lines, err = Scene(lua, sim, "failing").end()
    assert (status, lines) == (255, ["16"])
    assert re.match(r"Uncaught Error: .*no disk\nstack traceback:", err)
    assert sim.unread() == 20


# Some programs go on after it, as editors do. What was answered before is, and
# what was not is delivered again.
def test_a_program_may_go_on_after_an_error(sim):
    status, lines, err = Scene(HOST, sim, "recovering").end()
    assert (status, lines) == (0, ["delivered 16", "delivered 16",
                                   "delivered 4"])
    for what in ("before the answer", "after the answer", "marked", "drained",
                 "event", "closed"):
        assert what in err
    assert sim.unread() == 0


ENDINGS = {
    "at_once": None, "before_run": None, "while_resolving": None,
    "while_fetching": "fault on=fetch do=stall times=0",
    "while_delivering": None,
    "while_marking": "fault on=mark do=stall done=no times=0",
    "while_closing": None, "in_callback": None, "among_others": None,
}


# lua_close() comes whenever it comes: the program ends as if there had been no
# poller, and what was not accepted stays on the server.
@pytest.mark.parametrize("moment", ENDINGS)
def test_lua_may_be_closed_at_any_moment(lua, sim, moment):
    if ENDINGS[moment]:
        sim.script(ENDINGS[moment])
    lines = run(lua, sim, f"end_{moment}")
    assert lines == (["closed"] if moment == "while_closing" else [])
    if moment not in ("while_closing", "among_others"):
        assert sim.unread() == 20


# There is no handle of ours left on a loop that is not luv's.
@pytest.mark.parametrize("moment", set(ENDINGS) - {"in_callback",
                                                   "among_others"})
def test_the_loop_of_a_program_is_left_clean(sim, moment):
    if ENDINGS[moment]:
        sim.script(ENDINGS[moment])
    run(HOST, sim, f"end_{moment}")


KILLS = 12


class LuaApplication(Application):
    """The example, on one of the interpreters."""

    def __init__(self, lua, sim, path):
        super().__init__(sim, path)
        self.lua = lua

    def start(self):
        self.process = subprocess.Popen(
            [self.lua, FOLDER / "examples" / "own_database.lua",
             self.sim.url(), "q1", self.path],
            stdin=subprocess.PIPE, text=True,
            env=environment(self.lua, CA_FILE=self.sim.ca))
        self.process.stdin.write(self.sim.key() + "\n")
        self.process.stdin.close()
        self.running.append(self.process)


# Killed between any two lines of its code, with lost marks and messages that an
# administrator has sent again: each one is stored as often as it was put on the
# queue.
def test_the_example_stores_exactly_once(lua, tmp_path):
    with Sim("--apps=1", "--queues=1", "--messages=40", "--ties=20",
             "--shuffle=yes") as sim:
        application = LuaApplication(lua, sim, tmp_path / "own.db")
        expected = put_on_queue(sim)
        try:
            for kill in range(KILLS):
                before = put_on_queue(sim)
                sim.script("message app1 q1 count=4", "clear faults",
                           *LOST_MARKS)
                expected += put_on_queue(sim) - before
                # During the fetch, the mark, or soon after these.
                requests = sim.app_stats()["requests"] + 1 + kill % 2
                application.start()
                wait_for(lambda: sim.app_stats()["requests"] >= requests)
                application.kill()
            sim.script("clear faults")
            application.start()
            wait_for(application.is_confirmed)
        finally:
            application.kill()
        assert application.stored() == expected
