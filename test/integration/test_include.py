"""A configuration of several files: the usual conf.d, one file for each server."""
import json

import pytest

from sim import Sim


@pytest.fixture
def sim():
    with Sim("--apps=3", "--queues=2", "--messages=20") as sim:
        yield sim


@pytest.fixture
def poll(sim, poll_of):
    """Each server but the first one is in a file of its own."""
    poll = poll_of(sim)
    folder = poll.folder / "conf.d"
    folder.mkdir()
    for server in poll.config["servers"][1:]:
        server["tls_ca_file"] = "../ca.pem"
        for queue in server["queues"]:
            queue["api_key_file"] = "../" + queue["api_key_file"]
        (folder / f"{server['name']}.yaml").write_text(
            json.dumps({"servers": [server]}, indent=1))
    del poll.config["servers"][1:]
    poll.config["include"] = "conf.d/*.yaml"
    return poll


# All of it together is what one file would be.
def test_all_servers_are_polled(poll):
    check = poll.run("check")
    assert check.code == 0 and check.err == ""
    assert "servers: 3, queues: 6" in check.out
    assert "files: 3" in check.out
    done = poll.once()
    assert (done.code, done.err) == (0, "")
    poll.check_all_stored()


# Files of different people: what one of them gets wrong is told with his file,
# and holds only his queues.
def test_a_mistake_names_the_file_and_holds_only_its_queue(poll, sim):
    path = poll.folder / "conf.d" / "app2.yaml"
    server = json.loads(path.read_text())["servers"][0]
    server["queues"][0]["interval"] = "never"
    path.write_text(json.dumps({"servers": [server]}, indent=1))
    done = poll.run("check")
    assert done.code != 0
    assert f"{path}:" in done.err and "app2/q1: interval" in done.err
    done = poll.once()
    assert done.code == 1 and f"{path}:" in done.err
    assert sim.unread("app2", "q1") == 20
    assert sim.unread() == 20


# A file that was copied and not edited.
def test_a_copied_file_is_told_with_both_places(poll):
    folder = poll.folder / "conf.d"
    (folder / "copy.yaml").write_text((folder / "app2.yaml").read_text())
    done = poll.run("check")
    assert done.code != 0
    assert f"{folder / 'copy.yaml'}:" in done.err
    assert "its name is already used in" in done.err
    assert f"{folder / 'app2.yaml'}:" in done.err
