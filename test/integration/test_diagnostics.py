"""What is printed about a wrong configuration: golden files in test/config."""
import json
import os
import pty
import re
import shutil

import pytest

from golden import CONFIG, assert_golden, codes_in
from poll import PROGRAM, run_program
from sim import ROOT

NAMES = sorted(path.stem for path in CONFIG.glob("*.yaml"))
# As long as a key, and like one. Some configurations have it, no output may.
PASTED = "Kq3-x0123456789abcdefghijklmnopqrstuvwxyzABC"
# What cannot be provoked by a file alone, and where it is tested instead.
ELSEWHERE = {
    "HP0001": "test/inject/sweep_config.c",
    "HP0113": "needs many files: test/unit/test_config_include.c",
    "HP0315": "depends on the build: test/integration/test_make.py",
}


@pytest.fixture
def folder(tmp_path):
    """The configurations, and some of the files that they name."""
    for path in CONFIG.glob("*.yaml"):
        shutil.copy(path, tmp_path)
    shutil.copy(CONFIG / "files" / "ca.pem", tmp_path)
    keys = tmp_path / "keys"
    keys.mkdir()
    for name in ("student", "staff", "outputs", "open", "short"):
        key = keys / name
        key.write_text("short\n" if name == "short" else name * 6 + "-" * 20)
        key.chmod(0o644 if name == "open" else 0o600)
    return tmp_path


def check(folder, *arguments):
    environment = {"PATH": os.environ["PATH"]}
    return run_program(*arguments, cwd=folder, env=environment)


def printed(done, command):
    assert PASTED not in done.err and "hunter2" not in done.err
    return f"$ haplo-poll {command}\n{done.err}exit code {done.code}\n"


# Each leads a person to the right fix: read them as that person.
@pytest.mark.parametrize("name", NAMES)
def test_a_mistake_is_explained(folder, name):
    arguments = ["-c", f"{name}.yaml", "check"]
    if name.startswith("environment-"):
        arguments[2:2] = ["-e", "test"]
    done = check(folder, *arguments)
    assert_golden(CONFIG / f"{name}.txt", printed(done, " ".join(arguments)))
    assert (done.out == "") == (done.code != 0)
    assert done.code == (2 if ": error: " in done.err else 0)


def make_large(path):
    with open(path, "wb") as file:
        file.truncate(256 * 1024 * 1024 + 1)


# What only a file that is not kept here can show.
@pytest.mark.parametrize("name, make", [
    ("file-missing-itself", lambda path: None),
    ("file-too-large", make_large),
    ("file-that-is-a-folder", lambda path: path.mkdir()),
])
def test_a_file_that_is_none_is_explained(folder, name, make):
    make(folder / f"{name}.yaml")
    done = check(folder, "-c", f"{name}.yaml", "check")
    assert_golden(CONFIG / f"{name}.txt",
                  printed(done, f"-c {name}.yaml check"))
    assert done.code == 2 and done.out == ""


# The path of an inbox cannot be written: nothing that a warning could cover.
def test_a_path_of_the_wrong_kind_is_explained(folder):
    text = (folder / "right.yaml").read_text()
    (folder / "folder").mkdir()
    name = "path-that-is-a-folder"
    (folder / f"{name}.yaml").write_text(text.replace("main.db", "folder"))
    done = check(folder, "-c", f"{name}.yaml", "check")
    assert_golden(CONFIG / f"{name}.txt",
                  printed(done, f"-c {name}.yaml check"))


# Whoever reads of a file that he did not name must see where it comes from.
def test_the_chain_of_includes_is_told(folder):
    text = (folder / "right.yaml").read_text()
    (folder / "include.yaml").write_text(
        text.replace("outlets:", "include: conf.d/*.yaml\noutlets:"))
    (folder / "conf.d").mkdir()
    (folder / "conf.d" / "third.yaml").write_text(
        "servers:\n"
        "  - name: third\n"
        "    url: https://third.example.ac.uk\n"
        "    intervall: 5m\n"
        "    queues: [{name: a, api_key_file: ../keys/staff}]\n")
    done = check(folder, "-c", "include.yaml", "check")
    assert_golden(CONFIG / "file-included.txt",
                  printed(done, "-c include.yaml check"))
    done = check(folder, "-c", "include.yaml", "check", "--json")
    [one] = json.loads(done.out)["diagnostics"]
    assert one["included_from"] == [
        {"file": "include.yaml", "line": 22, "column": 10}]


# The line of an error ends with a code: that must lead somewhere.
def test_each_code_is_in_the_catalogue():
    header = (ROOT / "src/config/codes.h").read_text()
    codes = {f"HP{int(number):04}" for number in
             re.findall(r"^ +HP_\w+ = (\d+)", header, re.M)} - {"HP0000"}
    assert len(codes) > 60
    assert codes == {line.split()[0]
                     for line in run_program("explain").out.splitlines()}


# A code that nothing prints, or that nobody has looked at, is worth nothing.
def test_each_code_has_a_golden_file():
    codes = {line.split()[0]
             for line in run_program("explain").out.splitlines()}
    assert len(codes) > 60
    golden = codes_in([*CONFIG.glob("*.txt"),
                       *CONFIG.glob("doctor/*.txt")])
    assert golden <= codes
    missing = {code for code in codes - golden - set(ELSEWHERE)
               if code < "HP0700"}
    assert not missing


# An explanation is what the last line of each error leads to.
def test_each_code_is_explained():
    for line in run_program("explain").out.splitlines():
        code, title = line.split(None, 1)
        done = run_program("explain", code)
        assert done.code == 0 and done.err == ""
        assert done.out.startswith(f"{code}: {title}")
        assert max(map(len, done.out.splitlines())) <= 80


@pytest.mark.parametrize("code", ["HP9999", "", "HP"])
def test_an_unknown_code_is_refused(code):
    done = run_program("explain", code)
    assert done.code == 2 and done.out == ""
    assert len(done.err.splitlines()) == 1 and "HP0201" in done.err


# Where nothing may be missing: on the machine that runs it, before a reload.
@pytest.mark.parametrize("name", ["api-key-missing", "file-missing",
                                  "folder-missing", "exec-program-missing"])
def test_a_strict_check_has_errors_in_place_of_warnings(folder, name):
    done = check(folder, "-c", f"{name}.yaml", "check", "--strict")
    assert done.code == 2 and done.out == ""
    lenient = check(folder, "-c", f"{name}.yaml", "check")
    assert lenient.code == 0
    assert done.err.replace("error", "warning") == lenient.err


# `run` and `once` are where most people see an error first.
@pytest.mark.parametrize("command", ["run", "once"])
def test_other_commands_print_the_same(folder, command):
    expected = check(folder, "-c", "quote-missing.yaml", "check")
    done = check(folder, "-c", "quote-missing.yaml", command)
    assert done.err == expected.err and done.code == expected.code == 2


# Editors and continuous integration show errors where they are.
def test_json_has_the_same_for_scripts(folder):
    done = check(folder, "-c", "several-at-once.yaml", "check", "--json")
    assert done.code == 2 and done.err == ""
    document = json.loads(done.out)
    text = check(folder, "-c", "several-at-once.yaml", "check").err
    assert document["errors"] == text.count(": error: ") > 3
    assert document["warnings"] == 0
    for one in document["diagnostics"]:
        assert (f"{one['file']}:{one['line']}:{one['column']}: "
                f"{one['severity']}: {one['text']} [{one['code']}]\n") in text
        assert one["included_from"] == []
    right = check(folder, "-c", "right.yaml", "check", "--json")
    assert right.code == 0
    assert json.loads(right.out) == {"errors": 0, "warnings": 0,
                                     "diagnostics": []}


def run_on_terminal(folder, **environment):
    """Runs a check whose stderr is a terminal; returns what that shows."""
    leader, follower = pty.openpty()
    pid = os.fork()
    if pid == 0:
        os.chdir(folder)
        os.dup2(follower, 2)
        os.closerange(3, 64)
        os.execve(PROGRAM, [PROGRAM, "-c", "key-misspelt.yaml", "check"],
                  environment)
    os.close(follower)
    text = b""
    while True:
        try:
            part = os.read(leader, 4096)
        except OSError: # the other end is closed
            break
        if not part:
            break
        text += part
    os.close(leader)
    os.waitpid(pid, 0)
    return text.decode()


# Colours help on a terminal, and are in the way everywhere else.
def test_colours_are_for_terminals_that_want_them(folder):
    plain = check(folder, "-c", "key-misspelt.yaml", "check").err
    assert "\x1b" not in plain
    assert "\x1b[31m" in run_on_terminal(folder, TERM="xterm")
    for environment in ({"TERM": "xterm", "NO_COLOR": "1"}, {"TERM": "dumb"}):
        text = run_on_terminal(folder, **environment)
        assert text.replace("\r\n", "\n") == plain


# A pipe can be read once: without its lines, the error is still there.
def test_a_pipe_has_errors_without_source_lines(folder):
    text = (folder / "key-misspelt.yaml").read_text()
    (folder / "pipe.yaml").write_text(text)
    reading, writing = os.pipe()
    os.write(writing, text.encode())
    os.close(writing)
    done = run_program("-c", f"/dev/fd/{reading}", "check", cwd=folder,
                       pass_fds=[reading])
    os.close(reading)
    assert done.code == 2 and "HP0201" in done.err
    assert " | " not in done.err
