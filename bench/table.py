"""Writes the newest results into README.md, between its two marks: make
bench-table."""
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).parent.parent
BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"


def main():
    results = json.loads((ROOT / "bench" / "results.json").read_text())
    readme = ROOT / "README.md"
    before, begin, rest = readme.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        sys.exit(f"README.md: no lines {BEGIN} and {END}")
    readme.write_text(f"{before}{BEGIN}\n{results['bench']['markdown']}\n"
                      f"{END}{after}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
