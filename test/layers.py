"""Checks the direction of includes that src/README.md states."""
import glob
import re
import sys

# Which of the project's headers, and which libraries, each part may include.
PROJECT = {
    "src/core": ["core/", "haplopoll.h"],
    "src/io": ["io/", "core/", "haplopoll.h"],
    "src": ["poller.h", "event.h", "options.h", "io/", "core/", "haplopoll.h"],
    "src/sinks": ["sinks/", "haplopoll.h"],
    "src/daemon": ["daemon/", "sinks/", "haplopoll.h"],
    "src/sim": ["sim/"],
    "include": [],
    "examples": ["haplopoll.h"],
}
LIBRARIES = {
    "uv.h": ["include", "src/io", "src", "src/sinks", "src/daemon", "src/sim",
             "examples"],
    "curl/": ["src/io", "src"],
    "yajl/": ["src/core", "src/sim"],
    "xxhash.h": ["src/core", "src", "src/sim"],
    "sqlite3.h": ["src/sinks"],
    "cyaml/": ["src/daemon"],
    "yaml.h": ["src/daemon"],
    "http_parser.h": ["src/sim"],
    "openssl/": ["src/sim"],
    "zlib.h": ["src/sim"],
}


def faults_of(path, part):
    for number, line in enumerate(open(path, encoding="utf-8"), 1):
        include = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if not include:
            continue
        name = include.group(2)
        if include.group(1) == '"' or name == "haplopoll.h":
            allowed = any(name == a or a.endswith("/") and name.startswith(a)
                          for a in PROJECT[part])
        else:
            rule = [parts for library, parts in LIBRARIES.items()
                    if name == library
                    or library.endswith("/") and name.startswith(library)]
            allowed = not rule or part in rule[0]
        if not allowed:
            yield f"{path}:{number}: {part} must not include {name}"


def main():
    faults = []
    files = 0
    for part in PROJECT:
        for path in glob.glob(f"{part}/*.[ch]"):
            files += 1
            faults += faults_of(path, part)
    print("\n".join(faults) if faults else f"{files} files: layers hold")
    return 1 if faults or files == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
