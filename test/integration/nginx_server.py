"""nginx in front of something, over TLS, on a free port of this machine.

    with Nginx(folder, ca.issue("nginx"), receiver.port) as nginx:
        url = f"{nginx.url}/hook"

    locations = {"/live/": proxy_pass(live_port), "/old": "return 404"}
    with Nginx(folder, ca.issue("nginx"), locations=locations) as nginx:
        url = f"{nginx.url}/live"
"""
import subprocess

from ports import free_port, is_open
from sim import wait_for

CONFIG = """\
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    log_format requests "$request_method $request_uri $status";
    access_log {folder}/access.log requests;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {pair.certificate};
        ssl_certificate_key {pair.key};
        client_max_body_size {body_size_max};
        {locations}
    }}
}}
"""


def proxy_pass(port, path="/"):
    """To that port, under another path than the location."""
    return (f"proxy_pass http://127.0.0.1:{port}{path}; "
            "proxy_set_header Host localhost")


class Nginx:
    def __init__(self, folder, pair, to=None, body_size_max="1m",
                 locations=None):
        if locations is None:
            locations = {"/": f"proxy_pass http://127.0.0.1:{to}"}
        self.log = folder / "access.log"
        self.port = free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        path = folder / "nginx.conf"
        path.write_text(CONFIG.format(folder=folder, pair=pair,
                                      port=self.port,
                                      body_size_max=body_size_max,
                                      locations="\n        ".join(
                                          f"location {path} {{ {what}; }}"
                                          for path, what in locations.items())))
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig=KILL", "/usr/sbin/nginx", "-c", path,
             "-p", folder], stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)

    def __enter__(self):
        wait_for(lambda: is_open(self.port), "nginx to listen")
        return self

    def __exit__(self, *error):
        self.process.kill()
        self.process.wait()
