"""haplo-poll with an outlet that can be told how to behave."""
import json

from poll import BUILD
from sim import wait_for

PICKY = str(BUILD.resolve() / "test" / "haplo-poll-picky")


class Picky:
    """A Poll with an outlet that refuses poison: see test/outlet/picky.c."""

    def __init__(self, poll, **options):
        self.poll = poll
        self.path = poll.folder / "delivered"
        self.sim = poll.sim
        poll.program = PICKY
        poll.config["defaults"]["interval"] = "20ms"
        poll.config["outlets"] = [
            {"name": "out", "type": "picky", "path": "delivered", **options}]

    def delivered(self, queue=None):
        """Lines, in their order."""
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        return [line for line in lines if queue in (None, line.split()[0])]

    def poison(self, app="app1", queue="q1", times=1, then=0):
        """Messages that are refused, and so many behind them, at one moment:
        the outlet waits only so long for another one to be accepted, before it
        takes the destination to be at fault."""
        name = f"{app} {queue}"
        lines = [f'message {name} data={{"id":1000,"x":"poison"}}'] * times
        self.sim.script(*lines, *[f"message {name} count={then}"] * (then > 0))

    def wait_for_count(self, count):
        wait_for(lambda: len(self.delivered()) >= count, f"{count} lines")
        assert len(self.delivered()) == count

    def release(self, what, *words):
        return self.poll.run("outlet", what, "out", "app1/q1", write=False)

    # How it behaves

    def tell(self, word):
        self.path.with_name(f"{self.path.name}.{word}").touch()

    def untell(self, word):
        self.path.with_name(f"{self.path.name}.{word}").unlink()

    # Dead letters and replays

    def letters(self, *words):
        return self.poll.run("dead-letters", *words, write=False)

    def replay(self, *words):
        return self.poll.run("replay", *words, write=False)

    def letter_list(self, *words):
        """As `dead-letters list --json` prints it."""
        done = self.letters("list", "--json", *words)
        assert (done.code, done.err) == (0, "")
        return [json.loads(line) for line in done.out.splitlines()]

    def replay_list(self):
        done = self.replay("list", "--json")
        assert (done.code, done.err) == (0, "")
        return [json.loads(line) for line in done.out.splitlines()]

    def wait_for_replay(self, number, state):
        return wait_for(
            lambda: [row for row in self.replay_list()
                     if row["replay"] == number and row["state"] == state],
                        f"replay {number} {state}")[0]

    def replayed(self, number):
        """The arrivals that this replay has delivered, in their order."""
        lines = [line.split() for line in self.delivered()]
        return [int(line[1]) for line in lines
                if line[2:4] == ["replay", str(number)]]

    def live(self):
        """The arrivals that were delivered for the first time."""
        return [int(line.split()[1]) for line in self.delivered()
                if "replay" not in line]
