"""Golden files: what a program is expected to print. With UPDATE=1 in the
environment they are written instead of compared."""
import difflib
import os
import pathlib
import re

from sim import ROOT

CONFIG = ROOT / "test" / "config"


def assert_golden(path, text):
    path = pathlib.Path(path)
    if os.environ.get("UPDATE") == "1":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return
    assert path.exists(), f"{path} is missing: run the test with UPDATE=1"
    expected = path.read_text()
    assert text == expected, "\n".join(
        difflib.unified_diff(expected.splitlines(), text.splitlines(),
                             str(path), "printed", lineterm=""))


def codes_in(paths):
    """The codes that appear in any of the files."""
    return {code for path in paths
            for code in re.findall(r"\[(HP\d{4})\]", path.read_text())}
