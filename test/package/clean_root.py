"""Installs the Debian packages in a root of their own, polls a simulator there,
follows the guide for authors, and removes them again:

    clean_root.py PACKAGES [ROOT]

PACKAGES is the folder that `make deb` fills, ROOT a folder to create (default:
one that is removed). Needs root, debootstrap and Debian's packages. Exits with
1 if a check fails.
"""
import pathlib
import sqlite3
import sys
import tempfile

from debian_root import Root, packages_in
from guide import script_of

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
from ports import free_port  # noqa: E402

SERVERS, QUEUES, MESSAGES = 2, 5, 100
# What an installation may leave, or the run here makes.
LEFT_ALONE = ("/dev/", "/etc/ld.so.cache", "/packages/", "/proc/", "/run/",
              "/tmp/", "/var/cache/", "/var/lib/apt/", "/var/lib/dpkg/",
              "/var/log/")

POLL = f"""
set -e
haplo-sim --apps={SERVERS} --queues={QUEUES} --messages={MESSAGES} --tls \\
    --dir=/tmp/sim --write-config=/tmp/sim/haplo-poll.yaml >/tmp/sim.log 2>&1 &
while ! [ -s /tmp/sim/ready ]; do sleep 0.1; done
haplo-poll -c /tmp/sim/haplo-poll.yaml check >/dev/null
haplo-poll -q -c /tmp/sim/haplo-poll.yaml once
kill $!
"""
DOCUMENTS = "/usr/share/doc/libhaplopoll-dev"
ROOT = pathlib.Path(__file__).resolve().parents[2]
# A compiler, and what the guide needs on the way.
TOOLS = "gcc libc6-dev pkg-config cmake make curl sqlite3 libsqlite3-dev"


def say(line):
    print(line, flush=True)


def files_of(root):
    found = set()
    for path in root.path.rglob("*"):
        name = "/" + str(path.relative_to(root.path))
        if not name.startswith(LEFT_ALONE):
            found.add(name)
    return found


def follow_guide(root):
    script = script_of((ROOT / "docs/embedding.md").read_text(),
                       (ROOT / "examples/minimal.c").read_text(), free_port(),
                       f"{DOCUMENTS}/examples")
    root.run("mkdir /tmp/guide && cd /tmp/guide && " + script)


def check(root, packages):
    """Prints what was checked; an AssertionError or a failed command is a
    failed check."""
    # What the packages depend on comes with them, and is not removed.
    root.copy_packages(packages)
    root.apt(f"install systemd {TOOLS}")
    root.apt("install -f --download-only /packages/*.deb")
    names = [package.name.split("_")[0] for package in packages]
    depends = root.run(
        "apt-get -s install /packages/*.deb | sed -n 's/^Inst \\([^ ]*\\).*/\\1/p'",
        capture_output=True).stdout.split()
    root.apt("install " + " ".join(set(depends) - set(names)))
    before = files_of(root)
    root.apt("install /packages/*.deb")
    say(f"installed: {', '.join(names)}; {len(files_of(root) - before)} files")

    root.run("systemd-analyze verify --man=no "
             "/lib/systemd/system/haplo-poll.service")
    assert not root.run("systemctl is-enabled haplo-poll || true",
                        capture_output=True).stdout.startswith("enabled")
    say("unit: verified, not enabled")

    # The unit does not start without it, and what is written to it is secret.
    keys = (root.path / "etc/haplo-poll/keys").stat()
    assert (keys.st_uid, keys.st_mode & 0o7777) == (0, 0o700), oct(keys.st_mode)
    say("keys: their folder is for root alone")

    root.run(POLL)
    with sqlite3.connect(root.path / "tmp/sim/inbox.db") as inbox:
        count, = inbox.execute("SELECT count(*) FROM messages").fetchone()
    assert count == SERVERS * QUEUES * MESSAGES, count
    say(f"polled: {count} messages")

    follow_guide(root)
    say("followed: docs/embedding.md, with pkg-config and CMake")

    root.apt("purge " + " ".join(names))
    left = files_of(root) - before
    assert not left, sorted(left)
    assert not before - files_of(root), sorted(before - files_of(root))
    say("removed: nothing is left")


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    packages = packages_in(sys.argv[1])
    if len(packages) != 3:
        sys.exit(f"clean_root: three packages expected in {sys.argv[1]}")
    with tempfile.TemporaryDirectory(prefix="haplo-root-") as folder:
        check(Root(sys.argv[2] if len(sys.argv) == 3 else folder), packages)


if __name__ == "__main__":
    main()
