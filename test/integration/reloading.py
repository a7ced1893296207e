"""For the tests of reloads."""
import json
import re

from admin_client import admin_of


def quick(poll, interval="50ms"):
    poll.config["defaults"]["interval"] = interval
    return poll


def several_inboxes(poll, **paths):
    del poll.config["inbox"]
    poll.config["inboxes"] = [
        {"name": name, "type": "sqlite", "path": path}
        for name, path in paths.items()]
    poll.config["defaults"]["inbox"] = next(iter(paths))
    return poll


def started(poll):
    run = poll.start()
    run.wait_for_line("polling; queues:")
    return run


def reload(poll, code=0, **options):
    """Returns what `haplo-poll reload` prints."""
    done = poll.run("reload", **options)
    assert done.code == code, done
    return done.out


def configuration_of(poll):
    """What the running process tells about its configuration."""
    done = poll.run("status", "--json", write=False)
    return json.loads(done.out)["status"]["configuration"]


def repeats(poll):
    """Messages that servers have sent again although they were stored: what a
    token that is dropped leads to."""
    page = admin_of(poll).ask("GET", "/metrics").body.decode()
    found = re.findall(r"^haplo_poll_server_repeats_total{.*} (\d+)$", page,
                       re.M)
    assert len(found) == len(poll.config["servers"])
    return sum(map(int, found))
