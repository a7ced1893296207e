"""haplo-poll check, and what the command line answers without a server."""
import os
import re

import pytest

from poll import errors_in, run_program
from sim import Sim


@pytest.fixture
def poll(poll_of):
    """Two servers with two queues each. A check asks none of them."""
    with Sim("--apps=2", "--queues=2", "--messages=1") as sim:
        yield poll_of(sim)
        assert all(app["accepted"] == 0 for app in sim.stats()["apps"])


def check_refused(done, *words):
    """One line: the file, line and column, and what is wrong."""
    assert done.code == 2 and done.out == ""
    lines = errors_in(done.err)
    assert len(lines) == 1, done.err
    assert re.search(r"poll.yaml:\d+:\d+: error: ", lines[0]), lines[0]
    for word in words:
        assert word in lines[0], (word, lines[0])


# Before a daemon is started one wants to see what it would do.
def test_prints_what_would_run(poll):
    poll.queue("app2", "q2")["interval"] = "90s"
    done = poll.run("check")
    assert done.code == 0 and done.err == ""
    rows = [line.split() for line in done.out.splitlines()]
    assert rows[0] == ["SERVER", "URL", "QUEUE", "INBOX", "INTERVAL", "KEY"]
    url = poll.server("app2")["url"]
    key = str(poll.folder / "keys" / "app2-q2")
    assert rows[4] == ["app2", url, "q2", "inbox", "90s", key]
    assert "queues: 4" in done.out
    assert not poll.inbox_path.exists()
    assert not (poll.folder / "state").exists()


# It works while the daemon runs, for example before a reload.
def test_works_while_run_holds_the_lock(poll_of):
    with Sim("--apps=1", "--queues=1") as sim:
        poll = poll_of(sim)
        run = poll.start()
        run.wait_for_line("polling; queues: 1")
        assert poll.run("check").code == 0
        assert run.stop() == 0


# Keys that others can read or that are invalid are reported before use.
@pytest.mark.parametrize(
    "text,mode,words",
    [
        (None, None, ["cannot be read", "No such file"]),
        ("", 0o600, []),
        ("tooshort\n", 0o600, ["too short", "16"]),
        ("x" * 300 + "\n", 0o600, ["more than 256"]),
        ("a key with spaces in it, not one\n", 0o600, []),
        ("A" * 44 + "\n" + "B" * 44 + "\n", 0o600, []),
        ("A" * 44 + "\n", 0o644, ["others", "chmod 600"]),
    ],
    ids="none empty short long spaces two open".split(),
)
def test_key_files(poll, text, mode, words):
    path = poll.folder / "keys" / "app1-q1"
    path.unlink()
    if text is not None:
        path.write_text(text)
        path.chmod(mode)
    done = poll.run("check", "--strict")
    check_refused(done, "app1/q1", "api_key_file", "keys/app1-q1", *words)
    for secret in (text or "").split():
        assert len(secret) < 8 or secret not in done.err


# Keys may also come from the environment and from systemd.
def test_keys_from_elsewhere(poll):
    for queue in poll.queue_list("app1"):
        del queue["api_key_file"]
    poll.queue("app1", "q1")["api_key_env"] = "THE_KEY"
    poll.queue("app1", "q2")["api_key_credential"] = "app1-q2"
    lines = errors_in(poll.run("check").err)
    assert errors_in(poll.run("check", "--strict").err) == [
        line.replace(": warning: ", ": error: ") for line in lines]
    assert len(lines) == 2
    assert "THE_KEY" in lines[0] and "CREDENTIALS_DIRECTORY" in lines[1]
    key = (poll.folder / "keys" / "app1-q1").read_text().strip()
    poll.environment["THE_KEY"] = key
    poll.environment["CREDENTIALS_DIRECTORY"] = str(poll.folder / "keys")
    done = poll.run("check")
    assert done.code == 0
    assert key not in done.out


# The first start would fail; nothing is created to find that out.
def test_folders(poll):
    poll.config |= {"state_dir": "none/state", "inbox": "none/inbox.db",
                    "outlets": [{"name": "out", "type": "files",
                                 "path": "none/files"}]}
    done = poll.run("check", "--strict")
    assert done.code == 2 and done.out == ""
    lines = errors_in(done.err)
    assert len(lines) == 3
    for line, name in zip(lines, ("state", "inbox.db", "files")):
        assert "poll.yaml:" in line and "parent folder" in line
        assert f"none/{name}: cannot be created" in line
    (poll.folder / "none").mkdir()
    assert poll.run("check", "--strict").code == 0
    assert list((poll.folder / "none").iterdir()) == []


@pytest.mark.needs("mount")
def test_folders_on_a_read_only_file_system(poll, disk_of):
    disk = disk_of(size="1m")
    disk.change("ro")
    poll.config["state_dir"] = str(disk.folder / "state")
    check_refused(poll.run("check"), "state_dir", "read-only", "mount it")


def change_top(**options):
    return lambda poll: poll.config.update(options)


def change_server(**options):
    return lambda poll: poll.server().update(options)


def change_queue(**options):
    return lambda poll: poll.queue().update(options)


def remove_inbox(poll):
    del poll.config["inbox"]


def name_twice(poll):
    poll.queue("app1", "q2")["name"] = "q1"


# Each mistake is reported with its position and how to correct it.
@pytest.mark.parametrize(
    "change,words",
    [
        (change_top(servers=[]), ["servers"]),
        (change_top(stat_dir="x"), ['"stat_dir"', '"state_dir"']),
        (change_top(in_flight_max=0), ["in_flight_max", "1", "10000"]),
        (remove_inbox, ["inbox"]),
        (name_twice, ["app1/q1", "already used in line 14"]),
        (change_server(url="server.example"), ["app1", "url", "https://"]),
        (change_server(url="https://h//path"), ["app1", "url"]),
        (change_server(url="http://h.example"), ["url", "allow_http"]),
        (change_server(url="https://u:secret@h"), ["app1", "url"]),
        (change_server(name="a/b"), ["server", "a/b"]),
        (change_server(tls_ca_file="none.pem"), ["tls_ca_file", "none.pem"]),
        (change_queue(interval="5 m"), ["app1/q1", "interval", "5 m"]),
        (change_queue(interval="0s"), ["app1/q1", "interval", "10ms"]),
        (change_queue(max_body="1T"), ["app1/q1", "max_body", "1T"]),
        (change_queue(inbox="box"), ["app1/q1", "inbox", "box"]),
        (change_queue(format="xml"), ["app1/q1", "format", "raw"]),
        (change_queue(format="raw"), ["app1/q1", "token_pattern"]),
        (
            change_queue(format="raw", token_pattern="("),
            ["app1/q1", "token_pattern"],
        ),
        (change_queue(token_pattern="x"), ["app1/q1", "token_pattern", "raw"]),
        (change_queue(token_pointer="token"), ["app1/q1", "token_pointer"]),
        (change_queue(content_type="json"), ["app1/q1", "content_type"]),
    ],
)
def test_mistakes(poll, change, words):
    change(poll)
    done = poll.run("check", "--strict")
    check_refused(done, *words)
    assert "secret" not in done.err


# Who corrects a file wants all of its errors, but not a flood.
def test_many_mistakes(poll):
    for queue in poll.queue_list("app1"):
        queue["interval"] = "never"
    done = poll.run("check")
    assert done.code == 2 and len(errors_in(done.err)) == 2

    poll.server("app1")["queues"] = [
        {"name": f"q{n}", "interval": "never", "api_key_file": "keys/app1-wide"}
        for n in range(30)
    ]
    done = poll.run("check")
    assert done.code == 2
    assert len(errors_in(done.err)) == 20
    assert "30 errors, of which 20 are shown" in done.err.splitlines()[-1]


# Text that is no configuration at all.
@pytest.mark.parametrize(
    "text", ["", "{", "a: [", "- 1\n- 2\n", "\tx: 1", "\0", "\xff\xfe", "42"]
)
def test_no_configuration(poll, text):
    with open(poll.path, "w", encoding="latin-1") as file:
        file.write(text)
    done = poll.run("check", write=False)
    assert done.code == 2 and done.out == ""
    assert len(errors_in(done.err)) == 1
    assert done.err.startswith(poll.path)


# The wrong path is the most common mistake.
@pytest.mark.parametrize("command", ["check", "once", "run"])
def test_no_file(command, tmp_path):
    done = run_program("-c", tmp_path / "none.yaml", command)
    assert done.code == 2 and done.out == ""
    assert len(errors_in(done.err)) == 1
    assert "none.yaml" in done.err and "No such file" in done.err


# The command line


def test_version():
    done = run_program("version")
    assert done.code == 0 and done.err == ""
    name, inboxes, outlets = done.out.splitlines()
    assert name.startswith("haplo-poll ")
    assert inboxes.startswith("inboxes: sqlite")
    assert outlets.startswith("outlets: files stdout")
    assert run_program("-V") == done == run_program("--version")


def test_help_tells_all_commands_and_options():
    done = run_program("help")
    assert done.code == 0 and done.err == ""
    for word in "run once check peek outlet inbox version help --config --verbose".split():
        assert word in done.out
    assert run_program("-h") == done == run_program("--help")
    assert max(map(len, done.out.splitlines())) <= 80


# What somebody types who remembers half of it.
def test_help_of_one_command_tells_its_options():
    done = run_program("help", "replay")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0].startswith("  replay --outlet OUTLET --since TIME")
    assert any(line.startswith("      --new-identity") for line in lines)
    assert "peek" not in done.out and "--owner" not in done.out


@pytest.mark.parametrize("arguments, words", [
    (["inbox"], "inbox takes one of these words: list, "),
    (["inbox", "restore"], "inbox takes one of these words: list, "),
    (["outlet", "test"], "outlet test takes OUTLET: see"),
    (["once", "more"], "once takes no argument: see"),
    (["peek", "a/b", "--json"], "--json is an option of check, doctor"),
    (["dead-letters", "show", "--json", "1"], "not of dead-letters show: see"),
])
def test_a_wrong_command_line_is_told_what_is_right(arguments, words):
    done = run_program(*arguments, cwd=os.sep)
    assert done.code == 2 and words in done.err


def test_help_config_tells_all_keys():
    done = run_program("help", "config")
    assert done.code == 0 and done.err == ""
    for word in "state_dir inbox outlets url api_key_file token_pattern".split():
        assert f"  {word} " in done.out
    assert max(map(len, done.out.splitlines())) <= 80


# A typing error must do nothing, and be told from a failure.
@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["-x", "once"],
        ["--wrong"],
        ["-c"],
        ["wonce"],
        ["once", "twice"],
        ["run", "away"],
        ["peek"],
        ["peek", "a/b", "c/d"],
        ["outlet"],
        ["outlet", "skip", "files"],
        ["outlet", "drop", "files", "a/b"],
        ["outlet", "skip", "files", "ab"],
        ["inbox"],
        ["inbox", "backup"],
        ["inbox", "restore", "x"],
        ["help", "me"],
        [""],
    ],
)
def test_bad_command_line(arguments):
    done = run_program(*arguments, cwd=os.sep)
    assert done.code == 2 and done.out == ""
    assert len(done.err.splitlines()) == 1
    assert "haplo-poll" in done.err


# Otherwise the first connection shows it, at night.
@pytest.mark.parametrize("option, text, words", [
    ("tls_ca_file", "nothing", "has no certificates in PEM format"),
    ("tls_ca_file", "-----BEGIN CERTIFICATE-----\nQUFB\n",
     'line 1: the block has no line "-----END CERTIFICATE-----"'),
    ("tls_certificate_file", "nothing", "has no certificate in PEM format"),
])
def test_the_content_of_tls_files_is_checked(poll, option, text, words):
    (poll.folder / "file.pem").write_text(text)
    for server in ("app1", "app2"):
        poll.server(server)[option] = "file.pem"
    check_refused(poll.run("check"), "server app1", option, "file.pem", words)
