"""haplopoll.h in the languages, and with the warnings, of those who include
it."""
import subprocess

import pytest

from sim import ROOT

WARNINGS = ["-Wall", "-Wextra", "-pedantic", "-Wshadow", "-Wconversion",
            "-Wsign-conversion", "-Wundef", "-Werror", "-fsyntax-only"]


@pytest.mark.parametrize("words", [
    "cc -std=c99 -D_POSIX_C_SOURCE=200809L use.c",  # as uv.h wants it
    "cc -std=gnu17 -Wc++-compat use.c",
    "c++ -std=c++11 -Wold-style-cast use.cc",
    "c++ -std=c++20 -Wold-style-cast use.cc",
])
def test_it_is_included_without_warnings(words):
    compiler, *rest = words.split()
    done = subprocess.run(
        [compiler, *WARNINGS, f"-I{ROOT / 'include'}", *rest],
        cwd=ROOT / "test" / "package" / "header", text=True,
        capture_output=True)
    assert (done.returncode, done.stderr) == (0, "")
