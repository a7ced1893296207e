"""What some tests need of the machine. Where it cannot be had they are left
out, and it is said: see conftest.py."""
import functools
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from sim import BUILD

# A user who has no processes, nor has one of another test: the kernel counts
# those of all tests together.
STRANGER = 20000 + os.getpid() % 40000


def run_quietly(*command):
    done = subprocess.run(command, capture_output=True, check=False)
    return done.returncode == 0


@functools.cache
def may_mount():
    """As root, and not in a container that forbids it."""
    with tempfile.TemporaryDirectory() as folder:
        if not run_quietly("mount", "-t", "tmpfs", "none", folder):
            return False
        subprocess.run(["umount", folder], check=True)
        return True


@functools.cache
def is_plain():
    """A build for coverage crashes at its end where no memory is left."""
    return b"__gcov_" not in pathlib.Path(BUILD, "haplo-poll").read_bytes()


@functools.cache
def has_debug_info():
    library, = pathlib.Path(BUILD).glob("libhaplopoll.so.*.*.*")
    return b".debug_info" in library.read_bytes()


@functools.cache
def may_be_a_stranger():
    """Nor would a build for coverage know where to write as another user."""
    return is_plain() and run_quietly(
        "setpriv", f"--reuid={STRANGER}", "--clear-groups", "true")


@functools.cache
def has_plain_memory():
    """AddressSanitizer reserves more than any limit would allow."""
    return b"__asan_init" not in pathlib.Path(BUILD, "haplo-poll").read_bytes()


@functools.cache
def has_systemd_analyze():
    return shutil.which("systemd-analyze") is not None


@functools.cache
def has_strace():
    """And may use it; a build for AddressSanitizer makes calls of its own."""
    return run_quietly("strace", "-o", "/dev/null", "true") and \
        has_plain_memory()


def has_core_files():
    """Not a program that gets the dumps, or a folder for all of them."""
    pattern = pathlib.Path("/proc/sys/kernel/core_pattern").read_text()
    return pattern.startswith("core") and has_plain_memory()


@functools.cache
def may_read_memory():
    """As root with CAP_SYS_PTRACE, which is number 19; AddressSanitizer keeps
    what is freed."""
    status = pathlib.Path("/proc/self/status").read_text()
    effective, = re.findall(r"(?m)^CapEff:\t(\w+)$", status)
    return int(effective, 16) >> 19 & 1 == 1 and has_plain_memory()


NEEDS = {
    "mount": (may_mount, "mount(8)"),
    "stranger": (may_be_a_stranger, "another user, and a build without coverage"),
    "systemd-analyze": (has_systemd_analyze, "systemd-analyze(1)"),
    "strace": (has_strace, "strace(1)"),
    "core_files": (has_core_files, "core dumps in the current folder"),
    "memory": (may_read_memory, "the right to read the memory of others, and a "
                                "build without AddressSanitizer"),
    "debug_info": (has_debug_info, "a build with -g"),
    "plain": (is_plain, "a build without coverage"),
    "plain_memory": (has_plain_memory, "a build without AddressSanitizer"),
}


def give_to_stranger(folder):
    for path in (folder, *folder.rglob("*")):
        os.chown(path, STRANGER, STRANGER)


def become_a_stranger(prepare=lambda: None):
    """In a child process, before it is a program."""
    prepare()
    os.setgroups([])
    os.setgid(STRANGER)
    os.setuid(STRANGER)


class Disk:
    """A small file system of its own."""

    def __init__(self, folder, **options):
        self.folder = folder
        words = ",".join(f"{name}={value}".rstrip("=")
                         for name, value in options.items())
        subprocess.run(["mount", "-t", "tmpfs", "-o", words, "none", folder],
                       check=True)

    def change(self, words):
        subprocess.run(["mount", "-o", f"remount,{words}", self.folder],
                       check=True)

    def fill(self):
        """Takes all the room that is left."""
        with open(self.folder / "filler", "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass

    def free(self):
        (self.folder / "filler").unlink()

    def free_kb(self):
        disk = os.statvfs(self.folder)
        return disk.f_bavail * disk.f_frsize // 1024

    def end(self):
        subprocess.run(["umount", "-l", self.folder], check=True)
