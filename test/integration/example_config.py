"""A configuration of examples/, for a simulator and the counterpart of a test:
only names of hosts are replaced."""
from sim import ROOT

LINES_MAX = 16  # what fits on a slide, is read


def write_example(poll, name, replaced):
    text = (ROOT / "examples" / name).read_text()
    assert len(text.splitlines()) <= LINES_MAX
    for old, new in {"https://haplo.example.ac.uk": poll.sim.url("app1"),
                     **replaced}.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (poll.folder / "poll.yaml").write_text(text)
    for queue in poll.sim.apps["app1"]["queues"]:
        key = poll.folder / "keys" / queue
        key.write_text(poll.sim.key("app1", queue))
        key.chmod(0o600)
