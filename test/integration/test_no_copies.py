"""Tests link the product; they do not copy it. A copy drifts, and then shows
that itself works."""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
RUN_LINES_MAX = 8
OTHERS = ["src/sim"]  # a program of its own: not what is tested


def lines_of(path):
    """(number, text) of each line that says something: without comments,
    includes, blank lines and lone braces; spaces do not count."""
    text = re.sub(r"/\*.*?\*/", lambda m: "\n" * m.group(0).count("\n"),
                  path.read_text(encoding="utf-8"), flags=re.S)
    for number, line in enumerate(text.split("\n"), 1):
        line = re.sub(r"\s+", "", line)
        if line.strip("{}();") and not line.startswith("#include"):
            yield number, line


def runs_of(path):
    """Each run of RUN_LINES_MAX lines, with the number of its first."""
    lines = list(lines_of(path))
    for i in range(len(lines) - RUN_LINES_MAX + 1):
        run = tuple(text for _, text in lines[i:i + RUN_LINES_MAX])
        yield run, lines[i][0]


def sources(folder):
    return sorted(p for p in (ROOT / folder).rglob("*.[ch]")
                  if not any(str(p).startswith(str(ROOT / known))
                             for known in OTHERS))


def copies():
    product = {}
    for path in sources("src"):
        for run, number in runs_of(path):
            product.setdefault(run, f"{path.relative_to(ROOT)}:{number}")
    for path in sources("test"):
        for run, number in runs_of(path):
            if run in product:
                yield f"{path.relative_to(ROOT)}:{number}: {product[run]}"


def test_no_product_code_is_copied_into_tests():
    """As many lines in a row are no accident."""
    assert not list(copies())


def test_a_copy_would_be_seen(tmp_path):
    """Else the test above would say nothing."""
    original = ROOT / "src/core/queue.c"
    copy = tmp_path / "copy.c"
    copy.write_text(re.sub(r"^ {4}", "\t", original.read_text(), flags=re.M))
    seen = {run for run, _ in runs_of(copy)}
    assert seen == {run for run, _ in runs_of(original)}
    assert len(seen) > 100
