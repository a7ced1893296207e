"""docs/recovery.md, carried out: each section is a story. The comments in it
name a function below, which brings about the situation; the commands are run
as they stand there, and must print what stands there; so must the log.

`...` stands for any text, or, alone on a line, for any lines.
"""
import contextlib
import os
import re
import shutil
import subprocess

import pytest

from poll import BUILD, Running, untimed
from sim import ROOT, Sim, wait_for

DOCUMENT = ROOT / "docs" / "recovery.md"
ITEM = re.compile(r"^```(\w+)\n(.*?)^```$|^<!-- test: (\w+) -->$",
                  re.M | re.S)

PAGE_BYTES = 8192
END = "the end of a command:"

# The document's, and short waits.
CONFIG = (re.search(r"^```yaml\n(.*?)^```$", DOCUMENT.read_text(), re.M | re.S)
          .group(1)
          + "defaults: {interval: 20ms, backoff: 10ms, backoff_max: 20ms}\n")

# The server's names: a request by the first is redirected to the second.
SCENARIO = """\
app app1 host=localhost alias=127.0.0.1
queue app1 student
"""


def stories():
    """The sections that have something to be carried out."""
    for section in re.split(r"^## ", DOCUMENT.read_text(), flags=re.M)[1:]:
        title, _, body = section.partition("\n")
        items = list(ITEM.finditer(body))
        if any(item.group(3) for item in items):
            yield pytest.param(items, id=title.lower().replace(" ", "-"))


def pattern_of(line):
    return re.escape(line).replace(re.escape("..."), ".*")


def pattern_of_lines(text):
    return "".join("(?:.*\n)*" if line == "..." else pattern_of(line) + "\n"
                   for line in text.splitlines())


class Story:
    """A server, its haplo-poll, and what happens to them."""

    def __init__(self, sim, poll):
        self.sim = sim
        self.poll = poll
        self.folder = sim.dir
        self.log = ""
        port = re.search(r":(\d+)$", sim.url()).group(1)
        self.urls = {
            "https://server.example.ac.uk": f"http://localhost:{port}",
            "https://old.example.ac.uk": f"http://127.0.0.1:{port}",
            "https://new.example.ac.uk": f"http://localhost:{port}",
        }
        shutil.copy(self.folder / "keys" / "app1-student",
                    self.folder / "keys" / "student")
        self.write_config(CONFIG)
        path = f"{BUILD.resolve()}:{os.environ['PATH']}"
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig=KILL", "sh"], cwd=self.folder,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, env={**os.environ, "PATH": path},
            text=True)

    def close(self):
        self.process.communicate()

    def with_urls(self, text):
        for name, url in self.urls.items():
            text = text.replace(name, url)
        return text

    def write_config(self, text):
        (self.folder / "haplo-poll.yaml").write_text(self.with_urls(text))
        self.poll.note_keys()

    def shell(self, command):
        """Runs it in the story's shell: (exit code, what it printed)."""
        shell = self.process
        shell.stdin.write(f"{command}\necho {END} $?\n")
        shell.stdin.flush()
        text = ""
        for line in shell.stdout:
            text += line
            if END in line:
                break
        text, code = text.rsplit(END, 1)
        self.poll.printed.append(text)
        self.log += untimed(text)
        return int(code), untimed(text)

    def haplo_poll(self, words, code=0):
        found, text = self.shell(f"haplo-poll -q -c haplo-poll.yaml {words}")
        assert found == code, text
        return text

    def receive(self, count):
        """So many new messages are stored and marked."""
        self.sim.script(f"message app1 student count={count}")
        self.haplo_poll("once")

    def count(self, path="inbox.db"):
        return self.poll.rows("SELECT count(*), count(DISTINCT body) FROM"
                              " messages", self.folder / path)[0]

    # The document

    def tell(self, items):
        for item in items:
            kind, text, name = item.groups()
            if name is not None:
                SITUATIONS[name](self)
            elif kind == "console":
                self.run_console(self.with_urls(text))
            elif kind == "text":
                self.check_log(self.with_urls(text))

    def check_log(self, text):
        """Each line is in the log; an indented one continues the last."""
        for line in text.replace("\n  ", " ").splitlines():
            assert re.search(f"^{pattern_of(line)}$", self.log, re.M), (
                line, self.log)

    def run_console(self, text):
        for part in re.split(r"^\$ ", text, flags=re.M)[1:]:
            command, expected = re.match(
                r"(.*\n(?:> .*\n)*)((?:.*\n)*)", part).groups()
            command = re.sub(r"^> ", "", command, flags=re.M)
            code, found = self.shell(command)
            assert code == 0, (command, found)
            assert re.fullmatch(pattern_of_lines(expected), found), (
                command, found)


# Situations


def some_messages(story):
    story.receive(20)


def a_backup_that_is_old(story):
    story.receive(20)
    story.haplo_poll("inbox backup copy.db")
    story.receive(10)


def some_unconfirmed_messages(story):
    story.sim.script("message app1 student count=20",
                     "fault on=mark do=status code=500 times=0")
    story.haplo_poll("once", code=1)
    story.sim.script("clear faults")
    assert 0 < story.count()[0] < 20


def spoil_page_of(path, body):
    """Overwrites the page that has the message."""
    content = bytearray(path.read_bytes())
    begin = content.index(body) // PAGE_BYTES * PAGE_BYTES
    content[begin:begin + PAGE_BYTES] = bytes(PAGE_BYTES)
    path.write_bytes(content)


def damaged_pages(story):
    story.sim.script("set size=2k")
    a_backup_that_is_old(story)
    story.receive(60)
    story.receive(60)
    rows = story.poll.rows("SELECT body FROM messages ORDER BY arrival",
                           story.folder / "inbox.db")
    for number in (60, -1):  # among the others, and where it goes on
        spoil_page_of(story.folder / "inbox.db", rows[number][0].encode())
    story.sim.script("message app1 student count=5")
    story.haplo_poll("once", code=1)
    assert story.sim.unread() == 5


def a_server_that_has_moved(story):
    story.write_config(CONFIG.replace("server.example", "old.example"))
    story.sim.script("message app1 student count=20")
    story.haplo_poll("once", code=1)


def a_lost_file(story):
    """The receiver has taken both, and lost them."""
    story.receive(20)
    for path in (story.folder / "files").glob("*/*/*"):
        path.unlink()


def a_lost_state_directory(story):
    story.receive(20)
    shutil.rmtree(story.folder / "state")


def one_more_message(story):
    story.sim.script("message app1 student")


def another_program(story):
    """It reads the queue as well, and is faster once; then it is alone."""
    story.sim.script("fault on=mark do=delay",
                     "message app1 student count=10")
    story.poll.path = str(story.folder / "haplo-poll.yaml")
    own = Running(story.poll, ["run"])
    story.poll.running.append(own)
    wait_for(lambda: story.sim.queue_stats("app1", "student")["requests"] >= 2)
    (story.folder / "other").mkdir()
    text = CONFIG.replace("state_dir: state", "state_dir: other/state")
    text = text.replace("inbox: ", "inbox: other/").replace(
        "path: files", "path: other/files")
    (story.folder / "other.yaml").write_text(story.with_urls(text))
    code, _ = story.shell("haplo-poll -c other.yaml -q once")
    assert code == 0
    story.sim.script("clear faults")
    own.wait_for_line("another program")
    assert own.stop() == 0
    story.log += untimed(own.err)
    story.sim.script("message app1 student count=10")
    assert story.shell("haplo-poll -c other.yaml -q once")[0] == 0


def a_second_haplo_poll(story):
    """With a state directory of its own."""
    story.poll.path = str(story.folder / "haplo-poll.yaml")
    first = Running(story.poll, ["run"])
    story.poll.running.append(first)
    first.wait_for_line("polling;")
    (story.folder / "second.yaml").write_text(story.with_urls(
        CONFIG.replace("state_dir: state", "state_dir: second")))
    assert story.shell("haplo-poll -c second.yaml -q once")[0] == 3
    assert first.stop() == 0


def a_new_key(story):
    """What the administrator gives us."""
    story.sim.script("key app1 student rotate=yes store=yes")
    shutil.copy(story.folder / "keys" / "app1-student",
                story.folder / "new-key")
    story.poll.note_keys()


def unsend_what_is_missing(story):
    """What the administrator of the server does."""
    stored = {body for body, in story.poll.rows(
        "SELECT body FROM messages", story.folder / "inbox.db")}
    missing = [message["id"] for message in
               story.sim.messages("app1", "student", exact=True)
               if message["sent"] and message["bytes"] not in stored]
    assert missing
    story.sim.script("unsend app1 student " + " ".join(map(str, missing)))


SITUATIONS = {
    function.__name__: function for function in (
        some_messages, a_backup_that_is_old, some_unconfirmed_messages,
        damaged_pages, a_server_that_has_moved, a_lost_file,
        a_lost_state_directory,
        one_more_message, another_program, a_second_haplo_poll, a_new_key, unsend_what_is_missing,
    )
}


# A procedure that was never carried out does not work when it is needed.
@pytest.mark.parametrize("items", stories())
def test_procedure(poll_of, items):
    with Sim(scenario=SCENARIO) as sim:
        with contextlib.closing(Story(sim, poll_of(sim))) as story:
            story.tell(items)
