"""A machine whose network is not there, or not set up."""
import subprocess

import pytest

from poll import PROGRAM, RUN_S_MAX, Done, check_one_line_each, untimed
from sim import Sim


def once_in(poll, *namespace, before="true"):
    """`once` in namespaces of its own, after a command there."""
    poll.write()
    done = subprocess.run(
        ["unshare", *namespace, "sh", "-c",
         f'{before} && exec "$0" -q -c "$1" once', PROGRAM, poll.path],
        stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=RUN_S_MAX, check=False)
    poll.printed.append(done.stdout + done.stderr)
    return Done(done.returncode, done.stdout, untimed(done.stderr))


# As in a container or a jail that was not given one.
@pytest.mark.needs("mount")
@pytest.mark.parametrize("spoil", [
    "mount --bind /dev/null /etc/resolv.conf",
    "mount -t tmpfs none /etc && : > /etc/passwd",  # no file at all
])
def test_without_resolv_conf(poll_of, spoil):
    with Sim("--apps=2", "--queues=1", "--messages=20") as sim:
        poll = poll_of(sim)
        good = poll.server()["url"]
        poll.server()["url"] = "https://server.example.ac.uk"
        done = once_in(poll, "--mount", before=spoil)
        assert done.code == 1
        check_one_line_each(done, ["app1/q1"],
                            ["resolve server.example.ac.uk"])
        poll.check_nothing_lost(stored=[("app2", "q1")])
        poll.server()["url"] = good
        assert poll.once() == (0, "", "")
        poll.check_all_stored()


# The interface is down, or there is no route.
@pytest.mark.needs("mount")
def test_without_a_route(poll_of):
    with Sim("--apps=2", "--queues=2", "--messages=20", "--tls") as sim:
        poll = poll_of(sim)
        good = poll.server()["url"]
        poll.server()["url"] = "https://192.0.2.1"
        done = once_in(poll, "--net")
        assert done.code == 1
        for line in done.err.splitlines():
            cause = ("connect to 192.0.2.1 port 443: network is unreachable"
                     if "app1/" in line
                     else "connect to localhost port")
            assert cause in line
        assert len(done.err.splitlines()) == 4
        assert sim.unread() == 80
        poll.server()["url"] = good
        assert poll.once() == (0, "", "")
        poll.check_all_stored()
