"""A server of the page and of an invented API, for what a real haplo-poll does
not do on demand: hostile text in every field, a proxy that holds events back,
a process that goes away, queues in states that take days to come about.

    with Fixture(queues=2000) as fixture:
        browser.open(fixture.url)
        fixture.change("s1/q1", health="failing", cause="connect: refused")

It answers as docs/openapi.yaml says. The tests of record use the real one.
"""
import contextlib
import datetime
import http.server
import json
import math
import pathlib
import queue as queues
import threading
import time
import urllib.parse

WEB = pathlib.Path(__file__).resolve().parents[2] / "web"
TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css",
         ".js": "text/javascript", ".svg": "image/svg+xml"}
# As page.c has it.
POLICY = ("default-src 'none'; script-src 'self'; style-src 'self'; "
          "img-src 'self'; connect-src 'self'; base-uri 'none'; "
          "form-action 'none'; frame-ancestors 'none'; "
          "require-trusted-types-for 'script'; trusted-types 'none'")
HEALTHS = ["ok", "paused", "not_tried", "failing", "refused", "blocked",
           "held", "elsewhere"]


def stamp(seconds_ago=0):
    then = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(
        seconds=seconds_ago)
    return then.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def make_queue(server, name):
    return {
        "name": f"{server}/{name}", "server": server, "queue": name,
        "inbox": "inbox", "state": "IDLE", "state_text": "waits",
        "health": "ok", "polled_by": None, "since": stamp(86400 * 3),
        "cause": None, "error": None, "failures": 0,
        "last_success_at": stamp(12),
        "next": "polls again", "next_at": stamp(-30), "unread": 0,
        "unconfirmed": 0, "pause": None, "fetches_total": 100,
        "batches_total": 20, "messages_total": 320,
        "stored_messages_total": 320, "repeats_total": 0,
        "marked_batches_total": 20, "marked_messages_total": 320,
        "failures_total": 0, "deliver_retries_total": 0,
        "foreign_marks_total": 0, "body_bytes_total": 123456,
    }


def make_server(name):
    return {
        "name": name, "url": f"https://{name}.example.ac.uk", "state": "UP",
        "state_text": "in use", "health": "ok", "polled_by": None,
        "since": stamp(86400),
        "cause": None, "error": None, "failures": 0,
        "last_success_at": stamp(3), "next_at": None, "in_flight": 0,
        "in_flight_max": 1, "failed_logins": 0, "logins_held": False,
        "queues": {}, "requests_total": 1000, "failed_logins_total": 0,
        "throttles_total": 0, "certificate_expires_at": stamp(-86400 * 73),
        "ca_certificate_expires_at": None,
        "client_certificate_expires_at": None,
    }


def make_outlet(name, kind, **more):
    return {
        "name": name, "type": kind, "inbox": "inbox", "state": "working",
        "health": "ok", "since": stamp(86400), "cause": None,
        "last_success_at": stamp(1), "next_at": None, "is_caught_up": True,
        "blocked_lanes": 0, "waiting_lanes": 0, "cursor": 9000,
        "lag_messages": 0, "lag_seconds": 0, "delivered_total": 9000,
        "filtered_total": 0, "dead_letters_total": 0, "skipped_total": 0,
        "retries_total": 0, **more,
    }


def make_host(name, slots, **more):
    return {
        "name": name, "self": False, "state": "alive",
        "state_text": "polls its share of the servers", "weight": 100,
        "slots": slots, "desired_slots": slots, "version": "0.1.0",
        "digest": "d1" * 32, "configuration_differs": False,
        "joined_at": stamp(86400), "renewed_at": stamp(3), **more,
    }


def make_fleet(*hosts, **more):
    own = next(host for host in hosts if host["self"])
    return {
        "host": own["name"], "state": "member",
        "state_text": "polls its share of the servers",
        "since": stamp(86400), "cause": None, "failing_since": None,
        "stops_polling_at": None, "renewed_at": stamp(3),
        "renewals_total": 17280, "failed_renewals_total": 0,
        "configurations_differ": False,
        "slots": {"total": 1024, "own": own["slots"], "draining": 0,
                  "drained": 0, "without_owner": 0,
                  "without_owner_since": None, "taken_over_total": 512,
                  "handed_over_total": 170},
        "hosts": list(hosts), **more,
    }


def counts_of(items):
    counts = {health: 0 for health in HEALTHS}
    for item in items:
        counts[item["health"]] += 1
    return {"total": len(items), **counts}


class Fixture:
    """The world, and its server."""

    def __init__(self, queues=200, servers=5, token=None):
        self.token = token          # what has to be logged in with, or None
        self.sends_events = True    # False: a proxy holds them back
        self.has_events = True      # False: they are refused
        self.event_requests = 0     # how often they were asked for
        self.queue_requests = 0     # how often a page of queues was
        self.is_down = False        # no request gets a response
        self.is_starting = False    # each gets a 503
        self.role = "full"
        self.started_at = stamp(86400 * 12)
        self.stored = 100000
        self.posts = []             # what was asked for: (path, body)
        self.listeners = []
        self.held = None  # events, while they are held
        self.lock = threading.Lock()
        self.servers = {f"s{n}": make_server(f"s{n}")
                        for n in range(1, servers + 1)}
        self.queues = {}
        for n in range(queues):
            one = make_queue(f"s{n % servers + 1}", f"queue-{n // servers + 1}")
            self.queues[one["name"]] = one
        self.outlets = {
            "archive": make_outlet("archive", "files"),
            "crm": make_outlet("crm", "webhook"),
        }
        self.inboxes = [{"name": "inbox", "type": "sqlite", "uuid": None,
                         "state": "open", "health": "ok", "since": stamp(86400),
                         "cause": None, "last_success_at": stamp(1),
                         "unrouted_total": 0}]
        self.reload = {
            "ok": True, "generation": 4, "digest": None, "message": "",
            "added": ["queue s2/new"], "changed": [], "removed": [],
            "waiting": [], "held": [], "errors": []}
        self.letters = []
        # Messages received in each minute: the waves of a day, and a peak.
        self.minutes = [1200 + int(900 * math.sin(n / 60)) + n * 37 % 400 +
                        (3000 if 500 < n < 540 else 0) for n in range(720)]
        self.lanes = []
        self.fleet = None
        self.transitions = [
            {"at": stamp(86400 * 3), "from": "starting", "to": "working",
             "error": None, "cause": None, "failures": 0,
             "next_seconds": None}]

    def __enter__(self):
        handler = type("Handler", (Handler,), {"world": self})
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}/"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.is_down = True
        self.http.shutdown()
        self.http.server_close()

    # Changes

    def change(self, name, **values):
        one = self.queues[name]
        one.update(values)
        if "health" in values:
            one["since"] = stamp()
        self.send("queue", one)
        self.send("status", self.status())

    def send(self, kind, data):
        event = kind, json.dumps(data)
        if self.held is None:
            self.put([event])
        else:
            self.held.append(event)

    def put(self, events):
        for listener in list(self.listeners):
            listener.put(events)

    @contextlib.contextmanager
    def holding_events(self):
        """They arrive at one moment, however busy the machine is."""
        self.held = []
        yield
        events, self.held = self.held, None
        self.put(events)

    # What is so

    def status(self):
        self.stored += 40
        return {
            "version": "0.1.0", "pid": 1, "started_at": self.started_at,
            "now": stamp(), "uptime_seconds": 86400 * 12.0, "phase": "open",
            "ready": True, "environment": "live", "role": self.role,
            "configuration": {
                "path": "/etc/haplo-poll/haplo-poll.yaml", "generation": 3,
                "digest": None, "loaded_at": stamp(3600),
                "rejected_reloads_total": 0, "last_reload_ok": True,
                "waiting_count": 0, "waiting": []},
            "poller": {"in_flight": 3, "in_flight_max": 64,
                       "undelivered_bytes": 0, "undelivered_bytes_max": 1 << 26,
                       "connections": 40},
            "queues": counts_of(self.queues.values()),
            "servers": counts_of(self.servers.values()),
            "outlets": counts_of(self.outlets.values()),
            "inboxes": counts_of(self.inboxes),
            "totals": {"stored_messages": self.stored,
                       "delivered_messages": self.stored * 2,
                       "dead_letters": len(self.letters)},
            "fleet": self.fleet,
        }

    def count_queues(self, server):
        server["queues"] = counts_of([one for one in self.queues.values()
                                      if one["server"] == server["name"]])

    def timeline(self, is_of_outlet=False):
        """The last minutes, of a process that was suspended in between."""
        end = datetime.datetime.now(datetime.timezone.utc).replace(
            second=0, microsecond=0)
        count = len(self.minutes)
        known = [None if count // 3 < index < count // 3 + 9 else number
                 for index, number in enumerate(self.minutes)]
        late = [number and max(0, number - 1800) for number in known]
        return {
            "end": end.isoformat(timespec="milliseconds").replace(
                "+00:00", "Z") if known else None,
            **({} if is_of_outlet else {
                "received_messages": known,
                "queues_in_trouble": [number and number // 900
                                      for number in known]}),
            "forwarded_messages": known, "lag_messages": late,
            "lag_seconds": [number and number // 20 for number in late]}

    def page_of(self, member, items, query):
        after = int(query.get("after", 0))
        limit = int(query.get("limit", 100))
        end = after + limit
        return {member: items[after:end],
                "next": str(end) if end < len(items) else None}

    def get(self, path, query):
        if path == "status":
            return self.status()
        if path == "session":
            return {"role": self.role,
                    "expires_at": stamp(-3600) if self.token else None}
        if path == "servers":
            for server in self.servers.values():
                self.count_queues(server)
            return self.page_of("servers", list(self.servers.values()), query)
        if path == "queues":
            self.queue_requests += 1
            items = [one for one in self.queues.values()
                     if query.get("match", "") in one["name"]
                     and query.get("health", one["health"]) == one["health"]
                     and query.get("server", one["server"]) == one["server"]]
            return {**self.page_of("queues", items, query),
                    "matched": len(items)}
        if path == "outlets":
            return {"outlets": list(self.outlets.values())}
        if path == "timeline":
            return self.timeline()
        if path == "inboxes":
            return {"inboxes": self.inboxes}
        if path == "dead-letters":
            items = [one for one in self.letters
                     if one["outlet"] == query["outlet"] and query.get("queue")
                     in (None, f"{one['server']}/{one['queue']}")]
            return self.page_of("dead_letters", items, query)
        if path == "replays":
            return {"replays": []}
        return self.get_one(path)

    def get_one(self, path):
        kind, _, name = path.partition("/")
        if kind == "queues" and name in self.queues:
            return {"queue": self.queues[name], "interval_seconds": 60,
                    "interval_max_seconds": None,
                    "api_key": {"from": "file", "name": "keys/student"},
                    "place": {"path": "haplo-poll.yaml", "line": 12,
                              "column": 5},
                    "outlets": list(self.outlets),
                    "transitions": self.transitions}
        if kind == "servers" and name in self.servers:
            self.count_queues(self.servers[name])
            return {"server": self.servers[name],
                    "transitions": self.transitions}
        if kind == "inboxes" and name == self.inboxes[0]["name"]:
            return {"inbox": self.inboxes[0], "commits_total": 4711,
                    "commit_seconds_total": 18.5, "failed_commits_total": 0,
                    "warnings_total": 0, "free_bytes": 40 << 30,
                    "disk_bytes": 250 << 30, "wal_bytes": 4 << 20,
                    "transitions": self.transitions}
        if kind == "outlets" and name.endswith("/timeline"):
            return self.timeline(is_of_outlet=True)
        if kind == "outlets" and name in self.outlets:
            return {"outlet": self.outlets[name], "lanes": self.lanes,
                    "transitions": self.transitions}
        return None

    def post(self, path, body):
        self.posts.append((path, body))
        parts = path.split("/")
        if parts[0] == "queues" and parts[-1] in ("pause", "resume",
                                                  "poll-now"):
            name = "/".join(parts[1:3])
            if parts[-1] == "pause":
                self.change(name, health="paused", state="PAUSED", pause={
                    "at": stamp(), "by": "operator",
                    "reason": (body or {}).get("reason")})
            elif parts[-1] == "resume":
                self.change(name, health="ok", state="READY", pause=None)
            return self.queues[name]
        return self.reload if path == "reload" else {"message": "done"}


class Handler(http.server.BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    world = None

    def log_message(self, *_):
        pass

    def respond(self, status, body, kind="application/json", **headers):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def respond_json(self, value, status=200, **headers):
        if value is None:
            self.fail(404, "there is no such thing")
        else:
            self.respond(status, json.dumps(value).encode(), **headers)

    def fail(self, status, message):
        self.respond(status, json.dumps({"error": {
            "code": "bad_request", "message": message}}).encode())

    def is_refused(self, path):
        cookie = f"haplo_poll_session={self.world.token}"
        return (self.world.token is not None and path != "session"
                and cookie not in self.headers.get("Cookie", ""))

    def do_GET(self):
        if self.world.is_down:
            self.close_connection = True
            return
        parts = urllib.parse.urlsplit(self.path)
        if not parts.path.startswith("/api/v1/"):
            self.serve_file(parts.path)
            return
        path = urllib.parse.unquote(parts.path[len("/api/v1/"):])
        query = dict(urllib.parse.parse_qsl(parts.query))
        if self.is_refused(path):
            self.fail(401, "log in first")
        elif self.world.is_starting:
            self.fail(503, "it is starting")
        elif path == "events" and not self.world.has_events:
            self.world.event_requests += 1
            self.fail(503, "too many listen already")
        elif path == "events":
            self.serve_events()
        else:
            self.respond_json(self.world.get(path, query))

    def serve_file(self, path):
        file = WEB / (path[1:] or "index.html")
        if not file.is_file():
            self.fail(404, "no such file")
            return
        self.respond(200, file.read_bytes(), TYPES[file.suffix],
                     Content_Security_Policy=POLICY,
                     X_Content_Type_Options="nosniff")

    def serve_events(self):
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        inbox = queues.Queue()
        self.world.listeners.append(inbox)
        inbox.put([("status", json.dumps(self.world.status()))])
        sent_at = time.monotonic()
        try:
            while not self.world.is_down:
                try:
                    events = inbox.get(timeout=0.1)
                except queues.Empty:
                    if time.monotonic() - sent_at < 2:
                        continue
                    events = [("status", json.dumps(self.world.status()))]
                sent_at = time.monotonic()
                if self.world.sends_events:
                    self.wfile.write("".join(
                        f"event: {kind}\ndata: {data}\n\n"
                        for kind, data in events).encode())
                    self.wfile.flush()
        except OSError:
            pass
        finally:
            self.world.listeners.remove(inbox)

    def do_POST(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        path = urllib.parse.unquote(self.path[len("/api/v1/"):])
        if self.world.is_down:
            self.close_connection = True
        elif self.headers.get("X-Haplo-Poll") != "1":
            self.fail(403, "the header X-Haplo-Poll is missing")
        elif path == "session" and body["token"] != self.world.token:
            self.fail(401, "the token is wrong")
        elif path == "session":
            self.respond_json(
                {"role": self.world.role, "expires_at": stamp(-3600)},
                Set_Cookie=f"haplo_poll_session={self.world.token}; HttpOnly")
        elif self.is_refused(path):
            self.fail(401, "log in first")
        else:
            answer = self.world.post(path, body)
            self.respond_json(
                answer, status=200 if answer.get("ok", True) else 422)
