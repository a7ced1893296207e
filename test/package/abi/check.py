"""Compares the ABI of a libhaplopoll.so with the one that is recorded, and
fails if applications built against that would break. --write records it.

abidiff(1) reports every change, but two kinds are allowed. Functions may be
added: that is an option of abidiff. And a struct that begins with struct_size
may grow, as the library neither reads nor writes members that the application
does not know. abidiff can suppress this only together with every other change
of the same struct, and of what it points to. Therefore members at the end are
cut off before it compares.
"""
import argparse
import pathlib
import platform
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

HERE = pathlib.Path(__file__).resolve().parent
RECORDED = HERE / "libhaplopoll.abi"
MACHINE = "x86_64"
GROWING = re.compile(r"haplo_(poller|server|queue)_(options|stats)")
# Only what applications see, and nothing that depends on where it was built.
ABIDW = ["abidw", "--drop-private-types", "--exported-interfaces-only",
         "--drop-undefined-syms", "--type-id-style", "hash", "--no-show-locs",
         "--no-comp-dir-path", "--no-corpus-path", "--no-elf-needed",
         "--no-parameter-names", "--no-write-default-sizes"]


def record(library, headers, path):
    subprocess.run([*ABIDW, "--headers-dir", str(headers), "--out-file",
                    str(path), str(library)], check=True)


def structs_of(tree):
    return {struct.get("name"): struct for struct in tree.iter("class-decl")
            if GROWING.fullmatch(struct.get("name"))}


def cut_what_grew(old, new):
    """Returns the names of the members that are cut off. One that is where the
    old struct had padding remains: struct_size tells nothing about it."""
    cut = []
    for name, struct in structs_of(new).items():
        before = structs_of(old).get(name)
        if before is None:
            continue
        size = int(before.get("size-in-bits"))
        for member in list(struct):
            if int(member.get("layout-offset-in-bits", "0")) >= size:
                cut += [f"{name}.{decl.get('name')}" for decl in member]
                struct.remove(member)
                struct.set("size-in-bits", str(size))
    return cut


def compare(library, headers):
    """Returns whether applications go on working, and what to print."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "new.abi")
        record(library, headers, path)
        new = ElementTree.parse(path)
        cut = cut_what_grew(ElementTree.parse(RECORDED), new)
        new.write(path)
        done = subprocess.run(["abidiff", "--no-added-syms", RECORDED, path],
                              stdout=subprocess.PIPE, text=True, check=False)
    return done.returncode == 0, done.stdout + "".join(
        f"added at the end: {name}\n" for name in cut)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true")
    parser.add_argument("library")
    parser.add_argument("headers")
    args = parser.parse_args()
    if platform.machine() != MACHINE:
        print(f"left out, as the recorded ABI is that of {MACHINE}")
        return 0
    if args.write:
        record(args.library, args.headers, RECORDED)
        return 0
    is_compatible, report = compare(args.library, args.headers)
    print(report, end="")
    return 0 if is_compatible else 1


if __name__ == "__main__":
    sys.exit(main())
