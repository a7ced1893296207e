"""Describes the machine and the versions of the programs measured."""
import os
import pathlib
import platform
import re
import shutil
import subprocess
import time


def output(*command):
    """The command's output, or "" if it fails or does not exist."""
    try:
        done = subprocess.run(command, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def package_version(name):
    return output("dpkg-query", "-W", "-f", "${Version}", name) or "none"


def cpu_model():
    text = pathlib.Path("/proc/cpuinfo").read_text(encoding="ascii",
                                                   errors="replace")
    model = re.search(r"model name\s*: (.*)", text)
    return model.group(1).strip() if model else platform.machine()


def memory_gib():
    text = pathlib.Path("/proc/meminfo").read_text(encoding="ascii")
    return round(int(re.search(r"MemTotal:\s+(\d+)", text).group(1)) / 2**20)


def machine():
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "memory_gib": memory_gib(),
        "kernel": platform.release(),
        "system": " ".join(platform.freedesktop_os_release().get(key, "")
                           for key in ("NAME", "VERSION_ID")),
        "load_before": os.getloadavg()[0],
    }


def build_versions(flags):
    """The versions on which the instruction counts depend."""
    return {
        "cpu": cpu_model(),
        "compiler": output("cc", "--version").split("\n")[0],
        "flags": flags,
        "valgrind": output("valgrind", "--version"),
        "libc6": package_version("libc6"),
        "libuv1": package_version("libuv1"),
        "libcurl4": package_version("libcurl4"),
        "libyajl2": package_version("libyajl2"),
        "libxxhash0": package_version("libxxhash0"),
        "libsqlite3-0": package_version("libsqlite3-0"),
    }


def peer_versions(node_modules):
    undici = pathlib.Path(node_modules, "undici", "package.json")
    version = re.search(r'"version": "([^"]+)"',
                        undici.read_text(encoding="utf-8")) \
        if undici.exists() else None
    return {
        "nginx": output("nginx", "-v").split("/")[-1],
        "wrk": package_version("wrk"),
        "curl": output("curl", "--version").split("\n")[0],
        "openssl": package_version("libssl3"),
        "node": output("node", "--version"),
        "undici": version.group(1) if version else "none",
        "go": output("go", "version") if shutil.which("go") else "none",
        "python": output("/usr/bin/python3", "--version"),
        "aiohttp": package_version("python3-aiohttp"),
        "uvloop": package_version("python3-uvloop"),
        "pycurl": package_version("python3-pycurl"),
    }
