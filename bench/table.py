"""Copies the newest results into the README: make bench-table. They become the
table between its two markers and the chart docs/bench.svg."""
import json
import pathlib
import sys

from harness import chart

ROOT = pathlib.Path(__file__).parent.parent
BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"
CHART = "docs/bench.svg"


def main():
    bench = json.loads((ROOT / "bench" / "results.json").read_text())["bench"]
    readme = ROOT / "README.md"
    before, begin, rest = readme.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        sys.exit(f"README.md: no lines {BEGIN} and {END}")
    (ROOT / CHART).write_text(chart.of_results(bench["cycles"],
                                               bench["titles"]))
    readme.write_text(f"{before}{BEGIN}\n![What a cycle costs]({CHART})\n\n"
                      f"{bench['markdown']}\n{END}{after}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
