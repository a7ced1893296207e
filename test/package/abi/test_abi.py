"""What `make check-abi` finds and what it allows: each case builds the files
that define public functions, with one change to the header or to the symbols."""
import pathlib
import re
import subprocess

import pytest

import check

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
FLAGS = ["-std=c11", "-D_GNU_SOURCE", "-g", "-O0", "-fPIC",
         "-fvisibility=hidden"]
OPTIONS = "struct haplo_queue_options"
BATCH = "struct haplo_batch {"


def run(*words, **options):
    return subprocess.run([str(word) for word in words], text=True, check=False,
                          capture_output=True, **options)


def public_sources():
    """The files under src/ that define what the header declares."""
    names = re.findall(r"\b(haplo_\w+)\(",
                       (ROOT / "include" / "haplopoll.h").read_text())
    defines = re.compile(rf"^\w[\w *]*\b(?:{'|'.join(set(names))})\(", re.M)
    found = [path for part in ("base", "core", "http", "poller")
             for path in sorted((ROOT / "src" / part).glob("*.c"))
             if defines.search(path.read_text())]
    assert len(found) > 8
    return found


def build(folder, header, symbols, *more):
    """A library like ours, but what is not public is missing: nobody runs it."""
    (folder / "include").mkdir()
    (folder / "include" / "haplopoll.h").write_text(header)
    (folder / "symbols.map").write_text(symbols)
    library = folder / "libhaplopoll.so"
    done = run("cc", *FLAGS, "-shared", f"-I{folder / 'include'}",
               f"-I{ROOT / 'src'}", "-Wl,-soname,libhaplopoll.so.0",
               f"-Wl,--version-script={folder / 'symbols.map'}",
               "-o", library, *public_sources(), *more)
    assert done.returncode == 0, done.stderr
    return library


def compare(folder, header, symbols):
    library = build(folder, header, symbols)
    return check.compare(library, folder / "include")


def changed(text, old, new, after=""):
    """Replaces the first `old` that follows `after`."""
    start = text.index(after)
    assert old in text[start:], old
    return text[:start] + text[start:].replace(old, new, 1)


def member_added(text, struct, before=None, member="uint64_t added"):
    """Adds one to a struct: at its end, or before another one."""
    start = text.index(struct + " {")
    at = (text.index("\n};", start) if before is None else
          text.rindex("\n", start, text.index(before, start)))
    return text[:at] + f"\n    {member};" + text[at:]


HEADER = (ROOT / "include" / "haplopoll.h").read_text()
SYMBOLS = (ROOT / "src" / "libhaplopoll.map").read_text()

ALLOWED = {
    "nothing": HEADER,
    "a member at the end of options": member_added(HEADER, OPTIONS),
    "a member at the end of statistics": member_added(
        HEADER, "struct haplo_poller_stats"),
    "a kind of format": changed(HEADER, "HAPLO_FORMAT_RAW ",
                                "HAPLO_FORMAT_RAW, HAPLO_FORMAT_XML "),
}
# What is changed, and a word that the report must have.
BREAKING = {
    "a member in the middle": (
        member_added(HEADER, OPTIONS, "interval_ms"), "interval_ms"),
    "members in another order": (
        changed(changed(HEADER, "const char *name; ", "const char *other; ",
                        OPTIONS), "const char *api_key; ",
                "const char *name; /* */ const char *api_key; ", OPTIONS),
        "api_key"),
    "the type of a member": (
        changed(HEADER, "unsigned in_flight_max;", "size_t in_flight_max;",
                "struct haplo_poller_options {"), "in_flight_max"),
    "a larger message, many of which are in an array": (
        member_added(HEADER, "struct haplo_message"), "haplo_message"),
    "a larger event, which has no struct_size": (
        member_added(HEADER, "struct haplo_event"), "haplo_event"),
    "a larger batch, which is passed by value": (
        changed(HEADER, BATCH, BATCH + " void *added;"), "haplo_batch"),
    "states in another order": (
        changed(changed(HEADER, "X(IDLE,", "X(SWAPPED,"), "X(READY,",
                "X(IDLE,").replace("X(SWAPPED,", "X(READY,"),
        "HAPLO_QUEUE_READY"),
    "a value of a comparison": (
        changed(HEADER, "CURRENT,", "CURRENT = 3,", "enum haplo_compare {"),
        "HAPLO_COMPARE_CURRENT"),
    "an event that changes as options grow": (
        member_added(member_added(HEADER, "struct haplo_poller_options"),
                     "struct haplo_event"), "haplo_event"),
    "a member in the middle as options grow": (
        member_added(member_added(HEADER, OPTIONS), OPTIONS, "interval_ms",
                     "uint64_t other"), "interval_ms"),
    "a member in what was padding, whose bytes may be anything": (
        member_added(HEADER, "struct haplo_queue_stats", None, "bool added"),
        "added"),
    "the type of a member as options grow": (
        changed(member_added(HEADER, "struct haplo_poller_options"),
                "unsigned in_flight_max;", "size_t in_flight_max;",
                "struct haplo_poller_options {"), "in_flight_max"),
}


@pytest.mark.parametrize("what", ALLOWED)
def test_it_allows(what, tmp_path):
    is_compatible, report = compare(tmp_path, ALLOWED[what], SYMBOLS)
    assert is_compatible, report


@pytest.mark.parametrize("what", BREAKING)
def test_it_finds(what, tmp_path):
    header, word = BREAKING[what]
    is_compatible, report = compare(tmp_path, header, SYMBOLS)
    assert not is_compatible and word in report


def test_it_finds_a_missing_function(tmp_path):
    is_compatible, report = compare(tmp_path, HEADER, changed(
        SYMBOLS, "local:", "local: haplo_queue_give_up;"))
    assert not is_compatible and "haplo_queue_give_up" in report


def test_it_allows_another_function(tmp_path):
    (tmp_path / "added.c").write_text(
        "#include <haplopoll.h>\n"
        "HAPLO_EXTERN int haplo_added(void);\n"
        "int haplo_added(void) { return 0; }\n")
    library = build(tmp_path, HEADER, SYMBOLS, tmp_path / "added.c")
    assert "haplo_added" in run("nm", "-D", library).stdout
    is_compatible, report = check.compare(library, tmp_path / "include")
    assert is_compatible, report
