"""docs/security.md names tests for what it promises: they must exist."""
import re

import pytest

from sim import ROOT

TEXT = (ROOT / "docs" / "security.md").read_text()
FOLDERS = [ROOT / "test" / name for name in ("integration", "boot", "browser")]


def file_of(name):
    """test_NAME.py; or None."""
    for folder in FOLDERS:
        path = folder / f"test_{name}.py"
        if path.exists():
            return path
    return None


def rows():
    """The last cell of each row of the tables with tests."""
    part = TEXT[TEXT.index("## By what"):TEXT.index("## What it connects to")]
    cells = [line.strip("|").rsplit("|", 1)[1].strip()
             for line in part.splitlines() if line.startswith("|")]
    return [cell for cell in cells if cell not in ("test", "---")]


def named_tests(cell):
    """`file: function`, `function` of the same file, or a `file`."""
    file = None
    for quoted in re.findall(r"`([^`]+)`", cell):
        if quoted.startswith("make "):
            continue
        name = quoted.split(": ")
        if len(name) == 2 or file_of(quoted):
            file = name[0]
            name = name[1:]
        yield file, name[0] if name else None


def test_all_measures_have_a_test():
    assert len(rows()) > 30
    for cell in rows():
        assert list(named_tests(cell)) or "test/" in cell, cell


def check_is_there(file, name):
    path = file_of(file)
    assert path is not None, file
    assert name is None or f"\ndef test_{name}(" in path.read_text(), (file,
                                                                       name)


@pytest.mark.parametrize("cell", rows())
def test_named_tests_exist(cell):
    for file, name in named_tests(cell):
        check_is_there(file, name)
    for path in re.findall(r"\btest/[\w/.]+\w", re.sub(r"`[^`]*`", "", cell)):
        assert (ROOT / path).exists(), path


# Tests are named in sentences, too.
def test_tests_in_the_text_exist():
    named = re.findall(r"`(\w+):\s(\w+)`", TEXT)
    assert len(named) > 40
    for file, name in named:
        check_is_there(file, name)


# A check of names that accepts any proves nothing.
def test_unknown_test_is_noticed():
    for file, name in (("modes", "modes_of_nothing"), ("mode", None)):
        with pytest.raises(AssertionError):
            check_is_there(file, name)
