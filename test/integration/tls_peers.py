"""Certificates, a TLS server and a proxy for tests.

    ca = Authority(folder, "ca")
    with TlsServer(drained, ca.issue("server")) as server:
        poll.config["servers"].append(server.config("name", "keys/app1-q1"))
        ...
        assert server.subjects == ["old", "new"]
"""
import collections
import socket
import ssl
import subprocess
import threading

from hostile import KEEP, Gone, Hostile, answer

Pair = collections.namedtuple("Pair", "certificate key")

EMPTY = b'{"version":0,"token":"","messages":[]}'


def drained(peer):
    """The answer of a queue that has no messages."""
    peer.send(answer(EMPTY))
    return KEEP


def drained_and_closed(peer):
    """The same, on one connection for each request."""
    peer.send(answer(EMPTY, extra="Connection: close\r\n"))


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True,
                   stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Authority:
    """Issues certificates; `path` is its own."""

    def __init__(self, folder, name, days=30):
        self.folder = folder
        self.path = folder / f"{name}.pem"
        self.key = folder / f"{name}.key"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt",
                "ec_paramgen_curve:prime256v1", "-nodes", "-days", days,
                "-subj", f"/CN={name}", "-keyout", self.key, "-out", self.path)

    def issue(self, name, days=30, hosts="DNS:localhost,IP:127.0.0.1"):
        """A Pair; days -1: expired yesterday."""
        pair = Pair(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        request = self.folder / f"{name}.csr"
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={hosts}\n")
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt",
                "ec_paramgen_curve:prime256v1", "-nodes", "-subj",
                f"/CN={name}", "-keyout", pair.key, "-out", request)
        openssl("x509", "-req", "-in", request, "-CA", self.path, "-CAkey",
                self.key, "-days", days, "-extfile", extensions, "-out",
                pair.certificate)
        pair.key.chmod(0o600)
        return pair


def server_context(pair, clients_of=None, version=None):
    """clients_of: the Authority whose certificates clients must present."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    if clients_of is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(clients_of.path)
    if version is not None:
        context.minimum_version = context.maximum_version = version
    return context


class TlsServer(Hostile):
    """`subjects` has the name in the client's certificate for each request,
    None where there was none."""

    def __init__(self, answer, pair, clients_of=None, version=None):
        super().__init__(self._answer_noting)
        self.answer_it = answer
        self.context = server_context(pair, clients_of, version)
        self.subjects = []

    def config(self, name, key_file, **queue):
        return {**super().config(name, key_file, **queue),
                "url": f"https://127.0.0.1:{self.port}"}

    def _serve(self, peer):
        try:
            peer.connection = self.context.wrap_socket(peer.connection,
                                                       server_side=True)
        except OSError:
            peer.connection.close()
            return
        super()._serve(peer)

    def _answer_noting(self, peer):
        certificate = peer.connection.getpeercert() or {}
        names = dict(pair for (pair,) in certificate.get("subject", ()))
        self.subjects.append(names.get("commonName"))
        return self.answer_it(peer)


class Proxy(Hostile):
    """Connects where it is asked to. With a pair, it is reached over TLS;
    `refuse` is a response that it gives to each request instead."""

    def __init__(self, pair=None, refuse=None):
        super().__init__(None)
        self.context = server_context(pair) if pair is not None else None
        self.refuse = refuse

    @property
    def url(self):
        scheme = "https" if self.context is not None else "http"
        return f"{scheme}://127.0.0.1:{self.port}"

    def _serve(self, peer):
        try:
            if self.context is not None:
                peer.connection = self.context.wrap_socket(peer.connection,
                                                           server_side=True)
            peer.read_request()
            if self.refuse is not None:
                peer.send(self.refuse)
                return
            self._tunnel(peer)
        except (Gone, OSError):
            pass
        finally:
            peer.connection.close()

    def _tunnel(self, peer):
        host, port = peer.request.split(b" ")[1].rsplit(b":", 1)
        with socket.create_connection((host.decode(), int(port))) as server:
            self.connections.append(server)
            peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=_copy, daemon=True,
                                    args=(server, peer.connection))
            back.start()
            _copy(peer.connection, server)
            back.join()


def _copy(source, target):
    try:
        while piece := source.recv(65536):
            target.sendall(piece)
        target.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
