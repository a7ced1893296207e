"""Writes the manual pages of the library's functions from the comments in
include/haplopoll.h, so that there is one text for both.

    python3 man/functions.py FOLDER

They are haplo_poller.3 and so on, and for each function a page that leads
there.

A page has one or more sections of the header. A comment is about what follows
it without a blank line in between. Every function must have one.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
HEADER = ROOT / "include" / "haplopoll.h"
DATE = "November 30, 2026"

# page: what it is about, and the sections of the header that it has
PAGES = {
    "haplo_error": ("errors, limits and the version of libhaplopoll",
                    ["Errors", "Limits"]),
    "haplo_replace_allocator": ("replace the allocator of libhaplopoll",
                                ["Memory"]),
    "haplo_state": ("store the messages of a Haplo queue exactly once",
                    ["The state contract"]),
    "haplo_event": ("states of queues and servers, and their changes",
                    ["States", "Events: for logs and traces"]),
    "haplo_poller": ("poll Haplo queues in a libuv loop", ["Poller"]),
    "haplo_server": ("a Haplo server that is polled", ["Server"]),
    "haplo_failed_logins": ("keep the count of failed logins across runs",
                            ["Failed logins of earlier runs"]),
    "haplo_queue": ("a Haplo message queue that is polled", ["Queue"]),
    "haplo_batch": ("messages that have been fetched, and answers to them",
                    ["Objects", "Batch"]),
    "haplo_check": ("check names, keys and URLs beforehand",
                    ["Checks: what the functions above refuse"]),
}


def sections(text):
    """{title: [(prose, code), ...]} of the header."""
    declarations = text.split("#ifdef __cplusplus\n}")[0]
    parts = re.split(r"/\* -- (.*?) -+ \*/\n", declarations)
    return {title: [prose_and_code(chunk) for chunk in chunks_of(body)]
            for title, body in zip(parts[1::2], parts[2::2])}


def chunks_of(body):
    """What stands between blank lines outside of comments and braces."""
    chunk = ""
    for line in body.splitlines(keepends=True) + ["\n"]:
        is_inside = (chunk.count("/*") > chunk.count("*/")
                     or chunk.count("{") > chunk.count("}"))
        if line != "\n" or is_inside:
            chunk += line
        elif chunk:
            yield chunk
            chunk = ""


def prose_and_code(chunk):
    if not chunk.startswith("/*"):
        return "", chunk.strip()
    comment, code = chunk[2:].split("*/", 1)
    return prose_of(comment), code.strip()


def prose_of(comment):
    lines = [re.sub(r"^ \* ?", "", line) for line in comment.split("\n")]
    lines = ["" if line.strip() == "*" else line.rstrip() for line in lines]
    return "\n".join(lines).strip()


def functions_of(code):
    """(result, name, arguments) of each function in a piece of code."""
    joined = " ".join(code.split())
    for match in re.finditer(r"HAPLO_EXTERN (.*?)(\bhaplo_\w+)\((.*?)\);",
                             joined):
        yield match[1].strip(), match[2], split_arguments(match[3])


def split_arguments(text):
    depth, start, found = 0, 0, []
    for at, letter in enumerate(text):
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            found.append(text[start:at])
            start = at + 1
    return [argument.strip() for argument in found + [text[start:]]]


# mdoc

def escaped(line):
    line = line.replace("\\", "\\e")
    return "\\&" + line if line[:1] in (".", "'") else line


def words_to_mdoc(sentence):
    """A sentence, with functions and constants as macros."""
    lines, plain = [], []
    for word in sentence.split() + [None]:
        name = re.fullmatch(r"(haplo_\w+|HAPLO_\w+)(\(\))?([.,;:)]*)",
                            word or "")
        if word is not None and name is None:
            plain.append(word)
            continue
        if plain:
            lines.append(escaped(" ".join(plain)))
            plain = []
        if name is not None:
            macro = ".Fn" if name[2] else ".Dv" if name[1].isupper() else ".Vt"
            lines.append(" ".join([macro, name[1], *name[3]]))
    return lines


def paragraph_to_mdoc(text):
    lines = []
    for sentence in re.split(r"(?<=[.:;]) (?=[A-Z(])", " ".join(text.split())):
        lines += words_to_mdoc(sentence)
    return lines


def kind_of(line, before):
    if not line.strip():
        return "blank"
    if re.match(r" {2,}- ", line):
        return "item"
    if line.startswith("    "):
        return "more" if before == "item" else "table"
    return "text"


def blocks_of(prose):
    """(kind, lines) of the paragraphs, items of lists and tables."""
    blocks = []
    for line in prose.split("\n"):
        before = blocks[-1][0] if blocks else None
        kind = kind_of(line, before)
        if kind == "more" or (kind == before and kind != "item"):
            blocks[-1][1].append(line)
        else:
            blocks.append((kind, [line]))
    return [block for block in blocks if block[0] != "blank"]


def prose_to_mdoc(prose):
    lines, before = [], None
    for kind, text in blocks_of(prose):
        if before == "item" and kind != "item":
            lines.append(".El")
        if kind == "text":
            lines += ([".Pp"] if before is not None else []) + (
                paragraph_to_mdoc(" ".join(text)))
        elif kind == "table":
            lines += [".Bd -literal -offset indent"]
            lines += [escaped(line.strip()) for line in text] + [".Ed"]
        else:
            lines += [".Bl -dash -compact"] if before != "item" else []
            lines += [".It"] + paragraph_to_mdoc(
                " ".join(text).strip().removeprefix("- "))
        before = kind
    return lines + ([".El"] if before == "item" else [])


def synopsis(pieces):
    for _, code in pieces:
        for result, name, arguments in functions_of(code):
            yield f".Ft {result}"
            yield f".Fo {name}"
            yield from (f'.Fa "{argument}"' for argument in arguments)
            yield ".Fc"


def description(pieces):
    is_first = True
    for prose, code in pieces:
        names = [name for _, name, _ in functions_of(code)]
        if names:
            yield ".Bl -tag -width Ds"
            yield from (f".It Fn {name}" for name in names)
            if not prose:
                raise SystemExit(f"haplopoll.h: {names[0]}() has no comment")
            yield from prose_to_mdoc(prose)
            yield ".El"
        else:
            yield from ([] if is_first or not prose else [".Pp"])
            yield from prose_to_mdoc(prose)
            if code:
                yield ".Bd -literal"
                yield from (escaped(line) for line in code.split("\n"))
                yield ".Ed"
        is_first = False


def page(name, found):
    about, titles = PAGES[name]
    pieces = [piece for title in titles for piece in found[title]]
    names = [function for _, code in pieces
             for _, function, _ in functions_of(code)]
    lines = ['.\\" Written by man/functions.py from include/haplopoll.h.',
             f".Dd {DATE}", f".Dt {name.upper()} 3", ".Os", ".Sh NAME"]
    lines += [f".Nm {each} ," for each in names[:-1]] + [f".Nm {names[-1]}"]
    lines += [f".Nd {about}", ".Sh LIBRARY",
              "libhaplopoll (libhaplopoll, -lhaplopoll)", ".Sh SYNOPSIS",
              ".In haplopoll.h"]
    lines += [*synopsis(pieces), ".Sh DESCRIPTION", *description(pieces)]
    others = sorted(set(PAGES) - {name})
    lines += [".Sh SEE ALSO"] + [f".Xr {other} 3 ," for other in others]
    lines += [".Xr libhaplopoll 3"]
    return "\n".join(lines) + "\n", names


def main():
    folder = pathlib.Path(sys.argv[1])
    found = sections(HEADER.read_text())
    folder.mkdir(parents=True, exist_ok=True)
    for name in PAGES:
        text, functions = page(name, found)
        (folder / f"{name}.3").write_text(text)
        for function in set(functions) - {name}:
            (folder / f"{function}.3").write_text(f".so man3/{name}.3\n")


if __name__ == "__main__":
    main()
