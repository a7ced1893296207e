"""Checks the direction of includes, that src/README.md names each file, and that
no secret is printed."""
import pathlib
import re
import sys

# Which of the project's headers each part may include. A part is a folder with
# all that is below it. The library and the daemon share base/ and http/; what
# belongs to the daemon knows the poller by <haplopoll.h> alone.
DAEMON = ["http/", "base/", "haplopoll.h"]
PROJECT = {
    "src/base": ["base/", "haplopoll.h"],
    "src/core": ["core/", "base/", "haplopoll.h"],
    "src/http": ["http/", "base/", "haplopoll.h"],
    "src/poller": ["poller/", "http/", "core/", "base/", "haplopoll.h"],
    "src/inbox": ["inbox/", "fleet/", "core/identity.h",
                  "core/json_select.h",
                  *DAEMON],
    "src/outlets": ["outlets/", "inbox/", "fleet/placement.h",
                    "core/dispatch.h", "core/lane.h",
                    "core/page.h", "core/progress.h", "core/replay_pass.h",
                    "core/route.h", "core/json_select.h",
                    *DAEMON],
    "src/fleet": ["fleet/", "haplopoll.h"],
    "src/config": ["config/", "outlets/", "inbox/", "fleet/", "core/route.h",
                   *DAEMON],
    "src/daemon": ["daemon/", "config/", "outlets/", "inbox/", "fleet/",
                   *DAEMON],
    "src/sim": ["sim/", "base/standard_streams.h"],
    "include": [],
    "examples": ["haplopoll.h"],
    "bindings/lua/src": ["binding.h", "compat.h", "options.h", "state.h",
                         "haplopoll.h"],
    "bindings/node/src": ["addon.h", "batch.h", "events.h", "js.h", "options.h",
                          "poller.h", "queue.h", "server.h", "stats.h",
                          "haplopoll.h"],
    "bindings/python/src": ["batch.h", "core.h", "error.h", "fields.h",
                            "message.h", "object.h", "poller.h", "python.h",
                            "queue.h", "server.h", "haplopoll.h"],
    "examples/outlets": ["outlets/", "inbox/", "base/", "haplopoll.h"],
}
# Which folders may include a library's headers.
LIBRARIES = {
    "uv.h": ["include", "src/base", "src/http", "src/poller", "src/inbox",
             "src/outlets", "src/daemon", "src/sim", "examples",
             "bindings"],
    "curl/": ["src/http", "src/poller", "src/daemon/admin"],
    "microhttpd.h": ["src/daemon/admin"],
    "yajl/": ["src/core", "src/daemon/text/json_tree.c", "src/sim"],
    "xxhash.h": ["src/base", "src/core", "src/fleet", "src/poller",
                 "src/sim"],
    "tre/": ["src/core"],
    "sqlite3.h": ["src/inbox/sqlite", "examples"],
    "libpq-fe.h": ["src/inbox/postgres"],
    "yaml.h": ["src/config"],
    "http_parser.h": ["src/sim"],
    "librdkafka/": ["src/outlets/kafka"],
    "nats/": ["src/outlets/nats"],
    "node_api.h": ["bindings/node/src"],
    "Python.h": ["bindings/python/src/python.h"],
    "openssl/": ["src/config/config_digest.c", "src/daemon/admin",
                 "src/http", "src/outlets/webhook", "src/sim"],
    "zlib.h": ["src/outlets/files", "src/sim"],
}


def names_match(name, entry):
    return name == entry or entry.endswith("/") and name.startswith(entry)


def is_below(path, folder):
    return pathlib.PurePath(path).is_relative_to(folder)


def faults_of(path, part):
    for number, line in enumerate(open(path, encoding="utf-8"), 1):
        include = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if not include:
            continue
        name = include.group(2)
        if include.group(1) == '"' or name == "haplopoll.h":
            allowed = any(names_match(name, entry) for entry in PROJECT[part])
        else:
            allowed = all(any(is_below(path, folder) for folder in folders)
                          for library, folders in LIBRARIES.items()
                          if names_match(name, library))
        if not allowed:
            yield f"{path}:{number}: {part} must not include {name}"


# What prints or formats a text. A secret in memory is a struct with the member
# `revealed`, which must not be among its arguments.
PRINTING = re.compile(
    r"\b(\w*printf|\w*puts|log_\w+|reason_\w+|notify_\w+|json_\w+|observer_\w+"
    r"|\w*fail|\w*_add|\w*explain\w*|\w*tell\w*|write)\s*\(")


def arguments_at(text, start):
    """Up to the parenthesis that closes the one before start."""
    depth = 1
    for end in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[end], 0)
        if depth == 0:
            return text[start:end]
    return text[start:]


def printed_secrets(path):
    text = open(path, encoding="utf-8").read()
    for call in PRINTING.finditer(text):
        if re.search(r"\brevealed\b", arguments_at(text, call.end())):
            number = text.count("\n", 0, call.start()) + 1
            yield f"{path}:{number}: {call.group(1)}() must not get a secret"


def missing_in_map():
    """The map has a section for each folder; names stand in backquotes."""
    section, named = "src", {}
    for line in open("src/README.md", encoding="utf-8"):
        heading = re.match(r"#+ ([\w/]+)/", line)
        section = f"src/{heading.group(1)}" if heading else section
        if line.startswith("|"):
            named.setdefault(section, set()).update(
                re.findall(r"`(\w+)`", line.split("|")[1]))
    for path in sorted(pathlib.Path("src").rglob("*.[ch]")):
        if path.stem not in named.get(str(path.parent), ()):
            yield f"src/README.md: no line for {path}"


def main():
    faults = list(missing_in_map())
    files = 0
    for part in PROJECT:
        for path in sorted(pathlib.Path(part).rglob("*.[ch]")):
            if any(is_below(path, other) for other in PROJECT
                   if is_below(other, part) and other != part):
                continue  # the rules of that part are for it
            files += 1
            faults += faults_of(path, part)
            faults += printed_secrets(path)
    print("\n".join(faults) if faults else f"{files} files: layers hold")
    return 1 if faults or files == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
