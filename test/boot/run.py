"""Boots a virtual machine with the Debian packages installed, and runs the tests
of this folder in it, under its own systemd:

    run.py --build=BUILD [pytest's arguments]

Needs root, debootstrap, qemu-system-x86 and Debian's packages. QEMU emulates
the processor; ACCEL=kvm uses the one of this machine, which is much faster. The
root, without the packages, is kept in BUILD-boot for the next time.

Prints what pytest prints there. Exits with 1 if a test fails or the machine
does not come that far; BUILD-boot/console.log has what it printed.
"""
import argparse
import os
import pathlib
import shlex
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
TEST = HERE.parent
sys.path.insert(0, str(TEST / "package"))
from debian_root import Root, packages_in, run  # noqa: E402

SECONDS_MAX = 3600
MEMORY_MB = 1024
# libnss-systemd knows the names of dynamic users.
PACKAGES = ("systemd systemd-sysv libnss-systemd dbus kmod "
            "linux-image-cloud-amd64 python3 python3-pytest")
FOLDER = "usr/local/lib/haplo-test"  # there
UNIT = """
[Unit]
Description=Tests of haplo-poll
# They are over when the last one is, however long that takes.
[Service]
Type=oneshot
WorkingDirectory=/{folder}
Environment=HAPLO_BUILD=/usr/bin PYTHONDONTWRITEBYTECODE=1
ExecStart=/bin/sh -c 'python3 -m pytest -v -p no:cacheprovider {words}; \\
    echo "exit code: $?"'
ExecStopPost=/usr/bin/systemctl --no-block poweroff
StandardOutput=file:/dev/ttyS1
StandardError=inherit
"""


def make_root(folder):
    """A Debian that can boot."""
    root = Root(folder / "root")
    if not list((root.path / "boot").glob("vmlinuz-*")):
        root.apt(f"install {PACKAGES}")
    return root


def install_packages(root, build):
    """As `apt install ./*.deb` does, also if this version is there already."""
    packages = packages_in(build / "deb")
    if not packages:
        sys.exit(f"run.py: no packages in {build / 'deb'}: run `make deb`")
    root.copy_packages(packages)
    root.apt("install --reinstall --allow-downgrades /packages/*.deb")


def install_tests(root, build, words):
    folder = root.path / FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for path in (*HERE.glob("*.py"), TEST / "integration" / "sim.py",
                 build / "stalled_loop.so", build / "test" / "escape"):
        shutil.copy(path, folder)
    unit = UNIT.format(folder=FOLDER, words=shlex.join(words))
    (root.path / "etc/systemd/system/haplo-test.service").write_text(unit)
    (root.path / "var/log/journal").mkdir(exist_ok=True)


def make_disk(root, path):
    path.unlink(missing_ok=True)
    run("mkfs.ext4", "-q", "-F", "-d", root.path, path, "3G")


def boot(root, folder):
    """Prints what the tests print; returns the last line of it."""
    kernel, = (root.path / "boot").glob("vmlinuz-*")
    initrd, = (root.path / "boot").glob("initrd.img-*")
    command = [
        "qemu-system-x86_64", "-machine", "q35", "-cpu", "max", "-accel",
        os.environ.get("ACCEL", "tcg"), "-m", MEMORY_MB, "-display", "none",
        "-monitor", "none", "-no-reboot", "-nic", "none", "-kernel", kernel,
        "-initrd", initrd, "-drive",
        f"file={folder / 'disk'},if=virtio,format=raw",
        "-serial", f"file:{folder / 'console.log'}", "-serial", "stdio",
        "-append", "root=/dev/vda rw console=ttyS0 panic=-1 quiet "
        "systemd.show_status=yes systemd.wants=haplo-test.service"]
    last = ""
    with subprocess.Popen(
            ["timeout", str(SECONDS_MAX), *map(str, command)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as machine:
        for line in machine.stdout:
            last = line.decode(errors="replace").rstrip()
            print(last, flush=True)
    return last


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, default="build")
    args, words = parser.parse_known_args()
    build = args.build.resolve()
    folder = build.with_name(build.name + "-boot")
    folder.mkdir(exist_ok=True)
    root = make_root(folder)
    install_packages(root, build)
    install_tests(root, build, words)
    make_disk(root, folder / "disk")
    last = boot(root, folder)
    (folder / "disk").unlink()
    if last != "exit code: 0":
        print(f"run.py: see {folder / 'console.log'}", file=sys.stderr)
    sys.exit(last != "exit code: 0")


if __name__ == "__main__":
    main()
