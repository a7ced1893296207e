"""Checks the direction of includes, and that src/README.md names each file."""
import glob
import pathlib
import re
import sys

# Which of the project's headers, and which libraries, each part may include.
PROJECT = {
    "src/core": ["core/", "haplopoll.h"],
    "src/io": ["io/", "core/", "haplopoll.h"],
    "src": ["poller.h", "event.h", "options.h", "queue_settings.h",
            "request.h", "io/", "core/", "haplopoll.h"],
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
    "openssl/": ["src/io", "src/sim"],
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
