"""docs/security.md names tests for what it promises: they must exist."""
import re

import pytest

from sim import ROOT

TEXT = (ROOT / "docs" / "security.md").read_text()
INTEGRATION = ROOT / "test" / "integration"


def rows():
    """The last cell of each row of the tables with tests."""
    part = TEXT[TEXT.index("## By what"):TEXT.index("## The sandbox")]
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
        if len(name) == 2 or (INTEGRATION / f"test_{quoted}.py").exists():
            file = name[0]
            name = name[1:]
        yield file, name[0] if name else None


def test_all_measures_have_a_test():
    assert len(rows()) > 20
    for cell in rows():
        assert list(named_tests(cell)) or "test/" in cell, cell


@pytest.mark.parametrize("cell", rows())
def test_named_tests_exist(cell):
    for file, name in named_tests(cell):
        text = (INTEGRATION / f"test_{file}.py").read_text()
        assert name is None or f"\ndef test_{name}(" in text, (file, name)
    for path in re.findall(r"\btest/[\w/.]+\w", re.sub(r"`[^`]*`", "", cell)):
        assert (ROOT / path).exists(), path
