"""nginx as the server of all measurements: one worker, on a separate core, with
its configuration in a temporary folder. It does not sleep while clients run
(busy_poll.c), because its wake-ups would be charged to them."""
import os
import re
import signal
import socket
import subprocess
import time

from harness import body
from harness.bench import DESCRIPTORS
from harness.certificates import Authority

HOSTS_A_CERTIFICATE = 50
FILE_CACHE_S = 1  # after which it notices that a file was replaced

MAIN = """
{user}
daemon off;
worker_processes 1;
worker_rlimit_nofile {descriptors};
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections {descriptors}; }}
http {{
    log_format tls '$ssl_session_reused';
    access_log off;
    client_body_temp_path {folder}/temp;
    proxy_temp_path {folder}/temp;
    fastcgi_temp_path {folder}/temp;
    uwsgi_temp_path {folder}/temp;
    scgi_temp_path {folder}/temp;
    sendfile on;
    tcp_nodelay on;
    etag off;
    server_tokens off;
    open_file_cache max=100 inactive=1h;
    open_file_cache_valid {cache_s}s;
    ssl_protocols TLSv1.3;
    ssl_session_cache shared:tls:16m;
    ssl_session_ticket_key {folder}/tickets;
    server {{
        listen unix:{folder}/status.sock;
        location = /status {{ stub_status; }}
    }}
{servers}
}}
"""

SERVER = """
    server {{
{listens}
{tls}
        keepalive_timeout {keepalive_s}s;
        keepalive_requests {keepalive_requests};
        location ~ /fetch$ {{
            root {folder};
            default_type application/json;
            add_header Content-Disposition 'attachment; filename="q.json"';
            add_header Cache-Control "private, no-cache";
            add_header X-Frame-Options SAMEORIGIN;
            add_header Last-Modified "";
            try_files /{fetch_file} =404;
        }}
        location ~ /mark$ {{
            default_type "application/json; charset=utf-8";
            add_header Cache-Control "private, no-cache";
            add_header X-Frame-Options SAMEORIGIN;
            return 200 '{mark}';
        }}
    }}
"""


def addresses(count):
    """127.0.0.1 for one host, otherwise 127.0.1.1 and up, 50 per 127.0.x."""
    if count == 1:
        return ["127.0.0.1"]
    return [f"127.0.{1 + i // HOSTS_A_CERTIFICATE}."
            f"{1 + i % HOSTS_A_CERTIFICATE}" for i in range(count)]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Site:
    """What some addresses serve: full or empty batches, and the number of
    unread messages that remain after a mark."""

    def __init__(self, hosts, tls=False, messages=body.MESSAGE_COUNT,
                 unread=5, keepalive_s=3600, keepalive_requests=100000000,
                 log_tls=False, fetch_file=None):
        self.addresses = addresses(hosts)
        self.tls = tls
        self.messages = messages
        self.unread = unread
        self.keepalive_s = keepalive_s
        self.keepalive_requests = keepalive_requests
        self.log_tls = log_tls
        self.fetch_file = fetch_file or f"fetch-{messages}.json"
        self.port = free_port()

    def urls(self):
        scheme = "https" if self.tls else "http"
        return [f"{scheme}://{address}:{self.port}"
                for address in self.addresses]


class Nginx:
    """Runs until close(). core: the core to which its worker is pinned, or
    None. ca_file: for clients to verify the certificates."""

    def __init__(self, folder, sites, core=1, busy_poll=None):
        self.folder = folder
        self.ca_file = None
        self.authority = None
        self.asked_count = 0
        (folder / "temp").mkdir()
        (folder / "tickets").write_bytes(os.urandom(80))
        servers = "".join(self._servers(site) for site in sites)
        user = "user root;" if os.geteuid() == 0 else ""
        (folder / "nginx.conf").write_text(
            MAIN.format(user=user, folder=folder, servers=servers,
                        descriptors=DESCRIPTORS, cache_s=FILE_CACHE_S))
        pin = [] if core is None else ["taskset", "-c", str(core)]
        self.process = subprocess.Popen(
            pin + ["nginx", "-e", f"{folder}/error.log", "-c",
                   f"{folder}/nginx.conf"], stderr=subprocess.PIPE, text=True,
            env=dict(os.environ, LD_PRELOAD=str(busy_poll)) if busy_poll
            else None)
        self._wait()

    def _servers(self, site):
        self.serve(site.fetch_file, site.messages)
        text = ""
        for i in range(0, len(site.addresses), HOSTS_A_CERTIFICATE):
            group = site.addresses[i:i + HOSTS_A_CERTIFICATE]
            ssl = " ssl" if site.tls else ""
            listens = "\n".join(
                f"        listen {address}:{site.port}{ssl} backlog=4096;"
                for address in group)
            text += SERVER.format(
                listens=listens, tls=self._tls(site, group),
                keepalive_s=site.keepalive_s,
                keepalive_requests=site.keepalive_requests,
                folder=self.folder, fetch_file=site.fetch_file,
                mark=body.mark_body(site.unread))
        return text

    def serve(self, fetch_file, messages):
        """Sets the number of messages in each batch. nginx notices after
        FILE_CACHE_S."""
        new = self.folder / "new.json"
        new.write_bytes(body.fetch_body(messages))
        new.replace(self.folder / fetch_file)

    def _tls(self, site, group):
        if not site.tls:
            return ""
        if self.authority is None:
            self.authority = Authority(self.folder)
            self.ca_file = self.authority.ca_file
        chain, key = self.authority.certificate(
            f"{group[0]}-{site.port}", group)
        text = f"        ssl_certificate {chain};\n" \
               f"        ssl_certificate_key {key};\n"
        if site.log_tls:
            text += f"        access_log {self.folder}/tls.log tls;\n"
        return text

    def _wait(self):
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                self.request_count()
                return
            except OSError:
                time.sleep(0.02)
        self.close()
        log = self.folder / "error.log"
        raise RuntimeError("nginx does not start:\n"
                           + self.process.stderr.read()
                           + (log.read_text() if log.exists() else ""))

    def counts(self):
        """Connections accepted and requests served since the start, except
        those of this method."""
        self.asked_count += 1
        with socket.socket(socket.AF_UNIX) as status:
            status.settimeout(10)
            status.connect(str(self.folder / "status.sock"))
            status.sendall(b"GET /status HTTP/1.0\r\n\r\n")
            text = b"".join(iter(lambda: status.recv(4096), b"")).decode()
        accepted, _, answered = map(int, re.search(
            r"\n (\d+) (\d+) (\d+)", text).groups())
        return accepted - self.asked_count, answered - self.asked_count

    def request_count(self):
        return self.counts()[1]

    def connection_count(self):
        return self.counts()[0]

    def tls_reused(self):
        """Requests on resumed and on new sessions since the last call."""
        log = self.folder / "tls.log"
        lines = log.read_text().split("\n") if log.exists() else []
        reused = lines.count("r"), lines.count(".")
        log.write_text("")
        return reused

    def close_connections(self):
        """Closes idle connections by replacing the worker."""
        self.process.send_signal(signal.SIGHUP)

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
