"""docs/embedding.md as a shell script, which follows it from top to bottom in an
empty folder, with nothing but what is installed."""
import re

MARKED = re.compile(r"<!-- test: (\w+) -->\n```\w+\n(.*?)```\n", re.S)
ADDRESS = "http://localhost:8080"
STORED = "sqlite3 messages.db 'SELECT count(*) FROM messages'"
# What the guide leaves to its reader.
HANDLE_SH = """#!/bin/sh
cp $1 handled.json
"""
HANDLE_C = """static int handle(struct haplo_slice body)
{
    fwrite(body.data, 1, body.size, stdout);
    return puts("") < 0;
}
"""


def file_of(name, text):
    return f"cat >{name} <<'END'\n{text}END\n"


def migrated(minimal, on_deliver):
    """minimal.c, with what it does with messages replaced by the guide's."""
    begin = minimal.index("static void on_deliver")
    end = minimal.index("\n}\n", begin) + len("\n}\n")
    return minimal[:begin] + HANDLE_C + on_deliver + minimal[end:]


def script_of(page, minimal, port, examples):
    """page: the text of the guide. minimal: that of minimal.c. port: for the
    simulator. examples: the folder that has them. It fails where the guide does,
    and leaves nothing running."""
    part = {name: text.replace(ADDRESS, f"http://localhost:{port}")
            for name, text in MARKED.findall(page)}
    server, first_run = part["sim"].replace("8080", str(port)).splitlines()
    build_database, run_database = part["database"].splitlines()
    once = part["script"].replace("while sleep 60", "for once in 1")
    return f"""set -e
cp {examples}/*.c .
{part["build"]}
{server.removesuffix("&")} >sim.log 2>&1 &
STARTED=$!
trap 'kill $STARTED' EXIT
while ! [ -s ready ]; do sleep 0.1; done
{first_run} >q1.txt
[ "$(grep -c '"id":' q1.txt)" = 20 ]
{file_of("CMakeLists.txt", part["cmake"])}
cmake -S . -B build >cmake.log
cmake --build build >>cmake.log
build/minimal http://localhost:{port} q1 < keys/app1-q1
{build_database}
{run_database} &
STARTED="$STARTED $!"
while [ "$({STORED} 2>/dev/null)" != 20 ]; do sleep 0.1; done
{file_of("handle", HANDLE_SH)}
chmod +x handle
{once.rstrip()} >marked.json
[ "$(grep -c '"id":' handled.json)" = 16 ]
{file_of("migrated.c", migrated(minimal, part["migrated"]))}
{part["build"].replace("minimal", "migrated")}
./migrated http://localhost:{port} q3 < keys/app1-q3 >q3.txt
[ "$(grep -c '"id":' q3.txt)" = 4 ]
"""
