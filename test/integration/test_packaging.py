"""What `make install` puts where, and what is found there: the library as others
link it, and completion for shells."""
import os
import re
import subprocess
import sys
import sys

import pytest
from poll import BUILD, PROGRAM
from ports import free_port
from sim import ROOT

sys.path.append(str(ROOT / "test" / "package"))
from guide import script_of  # noqa: E402

COMPLETION = ROOT / "packaging" / "completion"
SOURCE = """
#include <haplopoll.h>
#include <stdio.h>
/* Names that the library has as well, but hides. */
int alloc_bytes, batch_new, heap_push;
int main(void) { puts(haplo_version()); return 0; }
"""


def run(*words, **options):
    done = subprocess.run([str(word) for word in words], text=True, check=False,
                          capture_output=True, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def make(*words):
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith("MAKE")}
    return run("make", "--no-print-directory", "-o", "all", f"BUILD={BUILD}",
               *words, cwd=ROOT, env=environment)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder that is the root of an installation below /usr."""
    root = tmp_path_factory.mktemp("root")
    make("install", f"DESTDIR={root}", "PREFIX=/usr")
    return root


def pkg_config(root, *words):
    return run("pkg-config", *words, "haplopoll", env={
        **os.environ, "PKG_CONFIG_PATH": str(root / "usr/lib/pkgconfig"),
        "PKG_CONFIG_SYSROOT_DIR": str(root)}).split()


def symbols(*words):
    return {line.split()[-1] for line in run("nm", *words).splitlines()
            if line.strip() and not line.endswith(":")}


def test_the_installed_files_are_those_that_are_removed(tmp_path):
    make("install", f"DESTDIR={tmp_path}", "PREFIX=/opt/haplo",
         "LIBDIR=/opt/haplo/lib64")
    assert (tmp_path / "opt/haplo/bin/haplo-poll").exists()
    assert (tmp_path / "opt/haplo/lib64/libhaplopoll.so").resolve().exists()
    make("uninstall", f"DESTDIR={tmp_path}", "PREFIX=/opt/haplo",
         "LIBDIR=/opt/haplo/lib64")
    assert [path for path in tmp_path.rglob("*") if not path.is_dir()] == []


# An application may have a function of any name but haplo_*.
@pytest.mark.needs("plain", "plain_memory")
@pytest.mark.parametrize("link", ["shared", "static"])
def test_an_application_builds_with_pkg_config_alone(installed, tmp_path, link):
    (tmp_path / "app.c").write_text(SOURCE)
    flags = pkg_config(installed, "--cflags")
    libs = (pkg_config(installed, "--libs") if link == "shared" else
            [installed / "usr/lib/libhaplopoll.a",
             *pkg_config(installed, "--libs", "--static")[2:]])
    run("cc", "-o", tmp_path / "app", tmp_path / "app.c", *flags, *libs)
    assert run(tmp_path / "app", env={
        **os.environ, "LD_LIBRARY_PATH": str(installed / "usr/lib")}
    ).startswith("0.")


CMAKE = """cmake_minimum_required(VERSION 3.13)
project(app C)
find_package(haplopoll 0.1 REQUIRED)
add_executable(app app.c)
target_link_libraries(app haplopoll::haplopoll)
"""


@pytest.mark.needs("plain", "plain_memory")
def test_an_application_builds_with_cmake_alone(installed, tmp_path):
    (tmp_path / "app.c").write_text(SOURCE)
    (tmp_path / "CMakeLists.txt").write_text(CMAKE)
    run("cmake", "-S", tmp_path, "-B", tmp_path / "build",
        f"-DCMAKE_PREFIX_PATH={installed / 'usr'}")
    run("cmake", "--build", tmp_path / "build")
    assert run(tmp_path / "build" / "app", env={
        **os.environ, "LD_LIBRARY_PATH": str(installed / "usr/lib")}
    ).startswith("0.")
    (tmp_path / "CMakeLists.txt").write_text(CMAKE.replace("0.1", "9.9"))
    with pytest.raises(Exception):
        run("cmake", "-S", tmp_path, "-B", tmp_path / "newer",
            f"-DCMAKE_PREFIX_PATH={installed / 'usr'}")


# The guide for authors, step by step: what it tells to type works. `make
# check-deb` does the same where only Debian's packages are installed.
@pytest.mark.needs("plain", "plain_memory")
def test_the_guide_can_be_followed(installed, tmp_path):
    script = script_of((ROOT / "docs/embedding.md").read_text(),
                       (ROOT / "examples/minimal.c").read_text(), free_port(),
                       ROOT / "examples")
    usr = installed / "usr"
    run("sh", "-c", script, cwd=tmp_path, env={
        **os.environ, "PATH": f"{usr / 'bin'}:{os.environ['PATH']}",
        "PKG_CONFIG_PATH": str(usr / "lib/pkgconfig"),
        "PKG_CONFIG_SYSROOT_DIR": str(installed),
        "CMAKE_PREFIX_PATH": str(usr), "LD_LIBRARY_PATH": str(usr / "lib")})


# What the library needs is its own matter: whoever compiles against the header
# needs libuv's, and no other -dev package.
def test_compiling_needs_the_headers_of_libuv_only(installed):
    assert all(flag.startswith("-I") for flag in pkg_config(installed,
                                                            "--cflags"))
    text = (installed / "usr/lib/pkgconfig/haplopoll.pc").read_text()
    assert "Requires: libuv\n" in text
    assert "Requires.private" not in text
    assert "@" not in text


def declared_functions():
    return set(re.findall(r"\b(haplo_\w+)\(", run(
        "cc", "-E", "-P", "-I", ROOT / "include",
        ROOT / "include/haplopoll.h")))


# The pages are written from the header: none is missing, and none is left over.
def test_each_function_has_a_manual_page(installed):
    folder = installed / "usr/share/man/man3"
    pages = {path.stem: path.read_text() for path in folder.glob("*.3")}
    functions = declared_functions()
    assert len(functions) > 60 and functions <= set(pages)
    for name, text in pages.items():
        target = re.fullmatch(r"\.so man3/(\w+)\.3\n", text)
        if target:
            assert f".Fo {name}\n" in pages[target[1]]
        for other in re.findall(r"^\.Xr (\S+) 3", text, re.M):
            assert other in pages, f"{name}(3) refers to {other}(3)"
        assert text.count(".It Fn ") == text.count("\n.Fo ")


@pytest.mark.needs("plain", "plain_memory")
def test_the_library_shows_its_public_functions_only(installed):
    declared = declared_functions()
    for words in (["-g", "--defined-only",
                   installed / "usr/lib/libhaplopoll.a"],
                  ["-D", "--defined-only",
                   installed / "usr/lib/libhaplopoll.so"]):
        shown = {name.split("@")[0] for name in symbols(*words)}
        assert shown - {"HAPLOPOLL_0"} <= declared, words
        assert len(shown) > 30


# An application that was linked with a library which breaks it must not start:
# both names change then.
def test_the_soname_and_the_version_of_the_symbols_agree(installed):
    library = installed / "usr/lib/libhaplopoll.so"
    number = re.search(r"SONAME.*\[libhaplopoll\.so\.(\d+)\]",
                       run("readelf", "-d", library))[1]
    assert (library.parent / f"libhaplopoll.so.{number}").exists()
    versioned = symbols("-D", "--defined-only", "--with-symbol-versions",
                        library)
    functions = {name for name in versioned if not name.startswith("HAPLO")}
    assert len(functions) > 60
    assert all(name.endswith(f"@@HAPLOPOLL_{number}") for name in functions)


# `make check-abi` proves that this finds what would break them.
@pytest.mark.needs("plain", "plain_memory", "debug_info")
def test_applications_that_were_built_before_go_on_working():
    library, = BUILD.glob("libhaplopoll.so.*.*.*")
    run(sys.executable, ROOT / "test/package/abi/check.py", library,
        ROOT / "include")


# A fault in the parser of foreign bytes must be hard to make use of.
@pytest.mark.needs("plain", "plain_memory")
@pytest.mark.parametrize("name", ["haplo-poll", "libhaplopoll.so"])
def test_programs_are_hardened(installed, name):
    folder = "bin" if name == "haplo-poll" else "lib"
    told = run("readelf", "-W", "-h", "-l", "-d", "-s",
               installed / "usr" / folder / name)
    assert re.search(r"Type: +DYN", told)  # position-independent
    assert "GNU_RELRO" in told and "BIND_NOW" in told
    assert re.search(r"GNU_STACK .* RW +0x", told)  # not executable
    assert "__stack_chk_fail" in told
    assert re.search(r"__(memcpy|snprintf|vsnprintf)_chk", told)
    assert "RPATH" not in told and "RUNPATH" not in told


# Completion

def complete_in_bash(*words):
    script = (f'source {COMPLETION}/haplo-poll; COMP_WORDS=("$@"); '
              'COMP_CWORD=$(($# - 1)); _haplo_poll; '
              'printf "%s\\n" "${COMPREPLY[@]}"')
    return run("bash", "-c", script, "bash", PROGRAM, *words).split()


def complete_in_zsh(*words):
    script = ("setopt extendedglob; compadd() { shift; print -l -r -- $@ }; "
              "_files() { : }; _call_program() { shift; \"$@\" }; "
              "words=(\"$@\"); CURRENT=$#; "
              f"complete_it() {{ source {COMPLETION}/_haplo-poll }}; "
              "complete_it")
    return run("zsh", "-f", "-c", script, "zsh", PROGRAM, *words).split()


@pytest.mark.parametrize("complete", [complete_in_bash, complete_in_zsh])
def test_completion_knows_commands_their_words_and_options(complete):
    commands = complete("")
    assert {"run", "once", "check", "outlet", "help"} <= set(commands)
    assert set(complete("-c", "some.yaml", "")) == set(commands)
    assert {"retry", "skip", "test"} <= set(complete("outlet", ""))
    assert {"--config", "--since"} <= set(complete("replay", "--"))
    assert complete("peek", "") == []
    if complete is complete_in_bash:  # zsh itself leaves out what does not fit
        assert complete("pee") == ["peek"]


def rows_of(name, pattern):
    text = (ROOT / "src" / "daemon" / name).read_text()
    return re.findall(r'(?m)^    \{"' + pattern, text)


def words_of_commands():
    """The table in commands.c: first word -> the words that may follow it."""
    found = {}
    for row in rows_of("commands.c", r'([a-z][^"]*)", "([^"]*)"'):
        first, *second = row[0].split()
        follow = found.setdefault(first, set())
        follow.update(*(word.split("|") for word in second))
        if not second:  # those of its arguments that are literal
            follow.update(re.findall(r"(?<=[\[|])[a-z]+(?=[\]|])", row[1]))
    assert len(found) > 15
    return found


# Who adds a command or an option must not have to think of two shells.
@pytest.mark.parametrize("complete", [complete_in_bash, complete_in_zsh])
def test_completion_covers_the_tables_of_commands_and_options(complete):
    commands = words_of_commands()
    assert set(complete("")) == set(commands)
    for first, follow in commands.items():
        assert set(complete(first, "")) == follow, first
    options = {"--" + name for name in rows_of("command_line.c",
                                               '([a-z][a-z-]*)", ')}
    assert len(options) > 25
    assert set(complete("--")) == options
    assert set(complete("run", "--")) == options
