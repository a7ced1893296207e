"""No call of another library escapes the failure injection (test/inject).

Whoever calls a new function finds out here: it goes into calls.h, with the way
it fails, or into cannot_fail, with the reason. The optional types are not swept,
since they need a server: their tests end the connections and the servers.
"""
import pathlib
import re
import subprocess

from sim import BUILD, ROOT

INJECT = ROOT / "test" / "inject"
PARTS = ["base", "core", "http", "poller", "inbox", "outlets", "fleet", "config",
         "daemon"]
OPTIONAL = re.compile(r"/(inbox/postgres/|outlets/(kafka/|nats/|detached_call))")
# Put there by compilers for sanitizers and coverage.
ADDED = re.compile(r"__(asan|ubsan|tsan|lsan|sanitizer|gcov|llvm)_")


def objects():
    return [str(path) for part in PARTS
            for path in sorted((BUILD / "src" / part).rglob("*.o"))
            if (ROOT / path.relative_to(BUILD)).with_suffix(".c").exists()]


def plain(name):
    """Without what glibc's headers and the compiler make of a name."""
    name = re.sub(r"@.*", "", name)
    name = re.sub(r"^__isoc(99|23)_", "", name)
    name = re.sub(r"^__(\w+?)_(?:chk|2)$", r"\1", name)
    return name.strip("_")


def symbols():
    """Names that the objects need, and names that they define."""
    done = subprocess.run(["nm", "-A", *objects()], check=True,
                          capture_output=True, text=True)
    needed, defined = set(), set()
    for line in done.stdout.splitlines():
        match = re.match(r"([^:]+):\S*\s+([A-Za-z]) (\S+)$", line)
        if not match or ADDED.match(match.group(3)):
            continue
        if match.group(2) != "U":
            defined.add(match.group(3))
        elif not OPTIONAL.search(match.group(1)):
            needed.add(match.group(3))
    return needed - defined


def made_to_fail():
    text = (INJECT / "calls.h").read_text()
    return set(re.findall(r"^ *X\([^,]+, (\w+),", text, re.M))


def said_not_to_fail():
    text = (INJECT / "cannot_fail").read_text()
    return {name for line in re.findall(r"^ {4}(.*)", text, re.M)
            for name in line.split()}


# A call whose failure nobody has tried is a failure that nobody handles.
def test_every_imported_function_fails_or_cannot():
    needed = {plain(name) for name in symbols()}
    assert len(needed) > 100
    failing = {plain(name) for name in made_to_fail()}
    safe = said_not_to_fail()
    assert needed - failing - safe == set()
    assert failing - needed == set()  # nothing calls it any more
    assert failing & safe == set()


# All calls of the product are redirected: what is left would never fail.
def test_injected_objects_call_nothing_behind_the_back():
    names = made_to_fail()
    injected = sorted((BUILD / "inject" / "src").rglob("*.o"))
    assert injected
    done = subprocess.run(["nm", "-u", *map(str, injected)], check=True,
                          capture_output=True, text=True)
    left = set(re.findall(r" U (\S+)$", done.stdout, re.M))
    assert {plain(name) for name in left} & names == set()
    assert any(name.startswith("inject_") for name in left)
