"""docs/fleet.md, "From one host with SQLite to a fleet", carried out: its
commands are run as they stand there, with its configurations, and must print
what stands there. Then a second host joins, and the first one dies."""
import collections
import re
import shutil
import subprocess

import yaml

from doc_snippets import snippets_of
from poll import BUILD
from postgres_server import PASSWORD
from receiver import Receiver
from sim import Sim, wait_for

SCENARIO = """\
app example
queue example student
"""
SHORT = {"interval": "20ms", "backoff": "10ms", "backoff_max": "20ms"}

# They have the default path in the document.
SHELL = f"""\
haplo-poll() {{ {BUILD.resolve()}/haplo-poll -c haplo-poll.yaml "$@"; }}
"""


def pattern_of(text):
    return "".join("(?:.*\n)*" if line == "..." else
                   re.escape(line).replace(re.escape("..."), ".*") + "\n"
                   for line in text.splitlines())


class Story:
    """What an operator does on the first host."""

    def __init__(self, sim, poll, postgres, receiver):
        self.poll = poll
        self.snippets = snippets_of("fleet.md")
        self.run = None
        self.names = {
            "https://server.example.ac.uk": sim.url("example"),
            "https://crm.example.ac.uk/": receiver.url,
            "host=db.example.ac.uk dbname=messages":
                f"host=127.0.0.1 port={postgres.port} dbname=postgres",
            "database messages": "database postgres",
        }
        passwords = poll.folder / "pgpass"
        passwords.write_text(f"*:*:*:*:{PASSWORD}\n")
        passwords.chmod(0o600)
        poll.environment["PGPASSFILE"] = str(passwords)
        poll.secrets.add(PASSWORD)
        poll.path = str(poll.folder / "haplo-poll.yaml")
        shutil.copy(poll.folder / "keys" / "example-student",
                    poll.folder / "keys" / "student")

    def text(self, name):
        text = self.snippets[name]
        for documented, own in self.names.items():
            text = text.replace(documented, own)
        return text

    def configure(self, name, **more):
        config = yaml.safe_load(self.text(name))
        config["defaults"] = {**config.get("defaults", {}), **SHORT}
        for outlet in config["outlets"]:
            outlet.update(backoff="10ms", backoff_max="50ms")
        self.poll.config = {**config, **more}
        self.poll.write()

    def console(self, name):
        for part in re.split(r"^\$ ", self.text(name), flags=re.M)[1:]:
            command, expected = re.match(
                r"(.*\n(?:> .*\n)*)((?:.*\n)*)", part).groups()
            self.command(re.sub(r"^> ", "", command, flags=re.M), expected)

    def command(self, command, expected):
        if command == "systemctl stop haplo-poll\n":
            assert self.run.stop() == 0
        elif command == "systemctl start haplo-poll\n":
            self.run = self.poll.start()
        else:
            done = subprocess.run(
                ["bash", "-c", SHELL + command], cwd=self.poll.folder,
                env=self.poll.environment, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                check=False)
            self.poll.printed.append(done.stdout)
            assert done.returncode == 0, (command, done.stdout)
            assert re.fullmatch(pattern_of(expected), done.stdout), (
                command, done.stdout)


class Crm:
    """A receiver that does not always accept."""

    def __init__(self):
        self.is_busy = False
        self.received = collections.Counter()  # by identity of the message

    def answer(self, request):
        if self.is_busy:
            return 503
        self.received.update(request.ids)
        return 204


def wait_for_ids(crm, count):
    wait_for(lambda: len(crm.received) >= count, f"{count} messages")
    assert len(crm.received) == count


# A procedure that was never carried out does not work when it is needed.
def test_from_one_host_to_a_fleet(postgres, poll_of):
    crm = Crm()
    postgres.sql("SET client_min_messages = error",
                 "DROP SCHEMA IF EXISTS haplo CASCADE")
    with Sim(scenario=SCENARIO) as sim, Receiver(crm.answer) as receiver:
        poll = poll_of(sim)
        story = Story(sim, poll, postgres, receiver)
        story.configure("both")
        del poll.config["inboxes"][1]
        story.run = poll.start()
        sim.script("message example student count=20")
        wait_for_ids(crm, 20)
        crm.is_busy = True
        sim.script("message example student count=20")
        sim.wait_until_read()
        story.configure("both")
        story.console("migrate")
        story.console("move")
        story.configure("fleet", fleet={"ttl": "3s"})
        story.console("start")
        crm.is_busy = False
        sim.script("message example student count=20")
        wait_for_ids(crm, 60)
        assert set(crm.received.values()) == {1}  # by neither inbox twice
        other = poll_of(sim)
        other.path = str(poll.folder / "other.yaml")
        other.config = {**poll.config, "state_dir": "of-the-other"}
        other.environment = poll.environment
        second = other.start("run", "--host", "other")
        story.run.kill()
        sim.script("message example student count=20")
        wait_for_ids(crm, 80)
        assert second.stop() == 0
        postgres.check_all_stored(sim)
