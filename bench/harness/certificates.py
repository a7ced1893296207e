"""Certificates like those of a public server: a root, an intermediate, and for
each group of addresses its own certificate with the chain."""
import pathlib
import subprocess

SYSTEM_BUNDLE = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")

EXTENSIONS = """
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
"""


def openssl(*arguments):
    done = subprocess.run(["openssl", *map(str, arguments)], text=True,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          check=False)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {arguments[0]}: {done.stderr}")


class Authority:
    """Creates certificates in a folder. ca_file is the system's bundle plus the
    root, so clients read a file of realistic size."""

    def __init__(self, folder):
        self.folder = folder
        self.ca_file = folder / "ca.pem"
        self.root_file = folder / "root.pem"
        (folder / "extensions").write_text(EXTENSIONS)
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", 30,
                "-subj", "/CN=haplo-poll benchmark root",
                "-keyout", folder / "root.key", "-out", folder / "root.pem")
        self._key("intermediate")
        self._sign("intermediate", "root", "authority",
                   folder / "extensions")
        bundle = SYSTEM_BUNDLE.read_bytes() if SYSTEM_BUNDLE.exists() else b""
        self.ca_file.write_bytes(bundle + (folder / "root.pem").read_bytes())

    def _key(self, name):
        openssl("ecparam", "-genkey", "-name", "prime256v1", "-noout",
                "-out", self.folder / f"{name}.key")

    def _sign(self, name, issuer, section, extensions):
        path = self.folder / name
        openssl("req", "-new", "-key", f"{path}.key",
                "-subj", f"/CN=haplo-poll benchmark {name}",
                "-out", f"{path}.csr")
        openssl("x509", "-req", "-in", f"{path}.csr", "-days", 30,
                "-CA", self.folder / f"{issuer}.pem",
                "-CAkey", self.folder / f"{issuer}.key", "-CAcreateserial",
                "-extfile", extensions, "-extensions", section,
                "-out", f"{path}.pem")

    def certificate(self, name, addresses):
        """Returns (chain file, key file) for these IP addresses."""
        path = self.folder / name
        names = ",".join(f"IP:{address}" for address in addresses)
        extensions = self.folder / f"{name}.extensions"
        extensions.write_text(f"{EXTENSIONS}subjectAltName = {names}\n")
        self._key(name)
        self._sign(name, "intermediate", "server", extensions)
        chain = self.folder / f"{name}.chain"
        chain.write_bytes(
            pathlib.Path(f"{path}.pem").read_bytes()
            + (self.folder / "intermediate.pem").read_bytes())
        return chain, pathlib.Path(f"{path}.key")
