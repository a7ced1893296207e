"""Checks the direction of includes, and that src/README.md names each file."""
import glob
import pathlib
import re
import sys

# Which of the project's headers, and which libraries, each part may include.
PROJECT = {
    "src/base": ["base/", "haplopoll.h"],
    "src/core": ["core/", "base/", "haplopoll.h"],
    "src/http": ["http/", "core/", "base/", "haplopoll.h"],
    "src/poller": ["poller/", "http/", "core/", "base/", "haplopoll.h"],
    "src/sinks": ["sinks/", "base/", "haplopoll.h"],
    "src/config": ["config/", "daemon/", "sinks/", "base/", "haplopoll.h"],
    "src/daemon": ["daemon/", "config/", "sinks/", "base/", "haplopoll.h"],
    "src/sim": ["sim/"],
    "include": [],
    "examples": ["haplopoll.h"],
}
LIBRARIES = {
    "uv.h": ["include", "src/base", "src/http", "src/poller", "src/sinks",
             "src/daemon", "src/sim", "examples"],
    "curl/": ["src/http", "src/poller"],
    "yajl/": ["src/core", "src/sim"],
    "xxhash.h": ["src/core", "src/poller", "src/sim"],
    "sqlite3.h": ["src/sinks"],
    "cyaml/": ["src/config"],
    "yaml.h": ["src/config"],
    "http_parser.h": ["src/sim"],
    "openssl/": ["src/http", "src/sim"],
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


def missing_in_map():
    """The map has a section a folder; names stand in backquotes."""
    section, named = "src", {}
    for line in open("src/README.md", encoding="utf-8"):
        heading = re.match(r"#+ (\w+)/", line)
        section = f"src/{heading.group(1)}" if heading else section
        if line.startswith("|"):
            named.setdefault(section, set()).update(
                re.findall(r"`(\w+)`", line.split("|")[1]))
    for path in sorted(pathlib.Path("src").rglob("*.[ch]")):
        if path.stem not in named[str(path.parent)]:
            yield f"src/README.md: no line for {path}"


def main():
    faults = list(missing_in_map())
    files = 0
    for part in PROJECT:
        for path in glob.glob(f"{part}/*.[ch]"):
            files += 1
            faults += faults_of(path, part)
    print("\n".join(faults) if faults else f"{files} files: layers hold")
    return 1 if faults or files == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
