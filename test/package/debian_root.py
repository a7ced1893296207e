"""A Debian of its own in a folder, made by debootstrap: needs root."""
import pathlib
import shutil
import subprocess

MIRROR = "http://deb.debian.org/debian"


def run(*words, **options):
    return subprocess.run([str(word) for word in words], check=True, text=True,
                          stdin=subprocess.DEVNULL, **options)


class Root:
    def __init__(self, path):
        """What is there already is used again."""
        self.path = pathlib.Path(path).resolve()
        if not (self.path / "packages").exists():
            self.create()

    def create(self):
        run("debootstrap", "--variant=minbase", "--include=ca-certificates",
            "bookworm", self.path, MIRROR, stdout=subprocess.DEVNULL)
        for name in pathlib.Path("/etc/apt/apt.conf.d").iterdir():
            shutil.copy(name, self.path / "etc/apt/apt.conf.d")
        shutil.copy("/etc/resolv.conf", self.path / "etc")
        self.apt("update")
        (self.path / "packages").mkdir()

    def run(self, script, **options):
        """In namespaces of its own, so that all it mounts and starts ends."""
        inner = (f"mount -t proc proc {self.path}/proc && "
                 f"mount --bind /dev {self.path}/dev && "
                 f"exec chroot {self.path} /bin/sh -c \"$1\"")
        return run("unshare", "--mount", "--pid", "--fork", "bash", "-c", inner,
                   "bash", "export DEBIAN_FRONTEND=noninteractive LC_ALL=C; "
                   + script, **options)

    def apt(self, words):
        self.run(f"apt-get -qq -y --no-install-recommends {words} >/tmp/apt.log "
                 "2>&1 || { cat /tmp/apt.log; exit 1; }")

    def copy_packages(self, packages):
        """They are /packages/*.deb there, and no others."""
        shutil.rmtree(self.path / "packages")
        (self.path / "packages").mkdir()
        for package in packages:
            shutil.copy(package, self.path / "packages")


def packages_in(folder):
    """Those that `make deb` makes, without symbols for debuggers."""
    return [path for path in sorted(pathlib.Path(folder).glob("*.deb"))
            if "-dbgsym_" not in path.name]
