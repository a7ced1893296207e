"""What tests of `explain` share: golden files in test/explain, and the class of
the failure policy that each is about."""
import difflib
import json
import os
import re
import time

from sim import ROOT, WAIT_S_MAX

GOLDEN = ROOT / "test" / "explain"

# What a golden file is about: the error of a queue; or, where that is not what
# matters, its health, the state of its server, or the state of an outlet.
CLASSES = {
    "cached": "HAPLO_ECACHED",
    "certificate-expires-but-works": "ok",
    "connect": "HAPLO_ECONNECT",
    "document": "HAPLO_EDOCUMENT",
    "framing": "HAPLO_EPROTOCOL",
    "held": "held",
    "inbox": "HAPLO_EDELIVERY",
    "key-not-permitted": "HAPLO_ECONTENT",
    "key-refused": "HAPLO_EREFUSED",
    "key-unauthorised": "HAPLO_EREFUSED",
    "logins-held": "logins held",
    "no-progress": "HAPLO_ENOPROGRESS",
    "no-such-path": "HAPLO_ENOTFOUND",
    "outlet-blocked": "outlet blocked",
    "outlet-broken": "outlet broken",
    "outlet-exec": "outlet broken",
    "outlet-inbox": "outlet closed",
    "outlet-waits": "outlet waiting",
    "outlet-works": "outlet working",
    "page": "HAPLO_ECONTENT",
    "paused": "paused",
    "paused-disk": "paused",
    "proxy": "HAPLO_EPROXY",
    "redirect": "HAPLO_EREDIRECT",
    "removed": "removed",
    "reset": "HAPLO_ERESET",
    "resolve": "HAPLO_ERESOLVE",
    "server-down": "server DOWN",
    "server-silent": "server SILENT",
    "stale": "HAPLO_ESTALE",
    "status-418": "HAPLO_ESTATUS",
    "status-429": "HAPLO_ELIMITED",
    "status-5xx": "HAPLO_ESERVER",
    "throttled": "HAPLO_ETHROTTLED",
    "timeout": "HAPLO_ETIMEDOUT",
    "tls": "HAPLO_ETLS",
    "too-big": "HAPLO_ETOOBIG",
    "works": "ok",
}


def class_of(document):
    """Of what `explain --json` has printed."""
    if "outlet" in document["detail"]:
        return f"outlet {document['detail']['outlet']['state']}"
    queue = document["detail"]["queue"]
    if document["detail"]["change"] is not None:
        return document["detail"]["change"]
    if queue["health"] == "not_tried":
        # It is PROBING for a moment, now and then.
        return "server " + ("SILENT" if document["server"]["state"] == "SILENT"
                            else "DOWN")
    if queue["health"] == "ok" and document["server"]["logins_held"]:
        return "logins held"
    if queue["health"] in ("ok", "paused", "held"):
        return queue["health"]
    return queue["error"]


def normalized(text, sim, disk=None):
    """Without what differs between runs; lines are joined before, as where
    they are broken differs as well."""
    text = re.sub(r"\n {12}(?! |haplo-poll )", " ", text)
    text = text.replace(str(sim.dir), "FOLDER")
    text = text.replace(disk or "no disk", "DISK")
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME", text)
    text = re.sub(r"(, in |expires in |, | received )(\d+ (d|h|min|s) ?)+(ago)?",
                  lambda found: f"{found.group(1)}SPAN "
                  f"{found.group(4) or ''}".rstrip(), text)
    text = re.sub(r"(localhost|127\.0\.0\.1)( port |:)\d+", r"\1\2PORT", text)
    text = re.sub(r"failures +\d+ in a row", "failures N in a row", text)
    text = re.sub(r"poll.yaml:\d+:\d+", "poll.yaml:LINE:COLUMN", text)
    text = re.sub(r"paused by +\w+", "paused by NAME", text)
    text = re.sub(r"is PROBING: failing: one request finds out",
                  "is DOWN: failing: no request until the time is up", text)
    text = re.sub(r"only [\d.]+ MB are free", "only N MB are free", text)
    text = re.sub(r"as process \d+", "as process N", text)
    # How many transitions there were depends on the time.
    text = re.sub(r"\nWhat happened, newest last:\n(.*\n)*", "", text)
    return text


class Scene:
    """A Poll of app1/q1, which fails once in a while and then waits."""

    def __init__(self, sim, poll):
        self.sim, self.poll = sim, poll
        poll.config["defaults"] = {
            "interval": "1d", "backoff": "10h", "backoff_max": "10h"}

    def start(self, *queues):
        self.run = self.poll.start()
        self.run.wait_for_line("polling;")
        self.poll.run("-q", "poll-now", *(queues or ["app1"]), write=False)

    def explain(self, name):
        done = self.poll.run("explain", name, write=False)
        assert (done.code, done.err) == (0, ""), done
        return done.out

    def document(self, name):
        done = self.poll.run("explain", name, "--json", write=False)
        assert (done.code, done.err) == (0, ""), done
        return json.loads(done.out)

    def check(self, name, case, disk=None):
        """Until it says what the golden file has. disk: a folder in it."""
        self.check_text(name, case, disk)
        assert class_of(self.document(name)) == CLASSES[case]

    def check_text(self, name, case, disk):
        path = GOLDEN / f"{case}.txt"
        if os.environ.get("UPDATE") == "1":
            time.sleep(6)  # only for whoever looks at the result then
            path.write_text(normalized(self.explain(name), self.sim, disk))
            return
        wanted = path.read_text()
        end = time.monotonic() + WAIT_S_MAX
        while (found := normalized(self.explain(name), self.sim, disk)) != wanted:
            if time.monotonic() > end:
                raise AssertionError("".join(difflib.unified_diff(
                    wanted.splitlines(True), found.splitlines(True), case)))
