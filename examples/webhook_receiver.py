"""A receiver for the webhook outlet of haplo-poll: checks the signature of each
request and stores each message exactly once. Standard library only.

    webhook_receiver.py --database=messages.db --secrets=secrets.txt [--port=N]
                        [--certificate=cert.pem --key=key.pem]

secrets.txt has the signing secret of the outlet; while it is being replaced,
both, each in a line. See haplo-webhook(5) for what is in a request.

A request is answered with 200 once its messages are durable. If this answer is
lost, it comes again, with the same identities, and changes nothing: a message is
inserted unless its identity is there already.
"""
import argparse
import base64
import hashlib
import hmac
import http.server
import json
import sqlite3
import ssl
import sys
import threading
import time

BODY_SIZE_MAX = 64 * 1024 * 1024
TOLERANCE_S = 300  # an older request may be a recorded one, sent again

TABLE = """CREATE TABLE IF NOT EXISTS messages (
    id TEXT PRIMARY KEY,            -- of haplo-id
    server TEXT, queue TEXT,        -- where it is from
    body BLOB,                      -- its exact bytes
    times INTEGER DEFAULT 1)        -- how often it has come"""
INSERT = """INSERT INTO messages (id, server, queue, body) VALUES (?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET times = times + 1"""


def is_signed(headers, body, secrets):
    """True if one of the signatures was made with one of the secrets."""
    try:
        age = abs(time.time() - int(headers["webhook-timestamp"]))
    except (TypeError, ValueError):
        return False
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}."
    expected = [
        "v1," + base64.b64encode(hmac.new(
            base64.b64decode(secret.removeprefix("whsec_")),
            signed.encode() + body, hashlib.sha256).digest()).decode()
        for secret in secrets]
    return age <= TOLERANCE_S and any(
        hmac.compare_digest(given.encode(), own.encode())
        for given in headers.get("webhook-signature", "").split(" ")
        for own in expected)


def messages_in(body, count, is_document):
    """The exact bytes of each message of a request."""
    if not is_document:  # "batch: 1", or a message that is not JSON
        return [body]
    text, at, found = body.decode(), body.decode().index("[") + 1, []
    for _ in range(count):
        end = json.JSONDecoder().raw_decode(text, at)[1]
        found.append(text[at:end].encode())
        at = end + 1  # past the comma, or the end of the list
    return found


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        size = int(self.headers.get("Content-Length", 0))
        if size > BODY_SIZE_MAX:
            self.close_connection = True
            return self.answer(413)
        body = self.rfile.read(size)
        if not is_signed(self.headers, body, self.server.secrets):
            return self.answer(401)
        ids = self.headers["haplo-id"].split(",")
        is_document = body.startswith(b'{"version":0,"messages":[')
        messages = messages_in(body, len(ids), is_document)
        rows = [(identity, self.headers["haplo-server"],
                 self.headers["haplo-queue"], message)
                for identity, message in zip(ids, messages, strict=True)]
        with self.server.lock, self.server.database as transaction:
            transaction.executemany(INSERT, rows)
        return self.answer(200)

    def answer(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def main():
    parser = argparse.ArgumentParser()
    for name in ("--database", "--secrets", "--certificate", "--key"):
        parser.add_argument(name, required=name in ("--database", "--secrets"))
    parser.add_argument("--port", type=int, default=8443)
    args = parser.parse_args()
    database = sqlite3.connect(args.database, check_same_thread=False)
    for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", TABLE):
        database.execute(statement)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", args.port), Handler)
    server.database, server.lock = database, threading.Lock()
    with open(args.secrets, encoding="ascii") as file:
        server.secrets = file.read().split()
    if args.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(args.certificate, args.key)
        server.socket = context.wrap_socket(server.socket, server_side=True,
                                            do_handshake_on_connect=False)
    print(f"listening on port {server.server_port}", file=sys.stderr, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
