"""Draws the README's chart, the cost of a cycle for each client, as an SVG.
The scale is logarithmic because the costs span four orders of magnitude."""
import math
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT = 760, 290, 70
TOP, ROW, BAR = 54, 34, 13
AXIS = [10, 100, 1000, 10000, 100000]
PLAIN, TLS, OWN_PLAIN, OWN_TLS = "#9bb4c8", "#5b7f9b", "#e0a458", "#b9722b"

STYLE = """<style>
text { font: 12px sans-serif; fill: #333 }
.small { font-size: 11px; fill: #777 }
.grid { stroke: #ddd }
@media (prefers-color-scheme: dark) {
  text { fill: #ddd } .small { fill: #999 } .grid { stroke: #444 }
}
</style>"""


def at(cost):
    """The position of a cost on the axis."""
    share = math.log10(cost / AXIS[0]) / math.log10(AXIS[-1] / AXIS[0])
    return LEFT + (WIDTH - LEFT - RIGHT) * share


def text(x, y, what, anchor="start", css=""):
    css = f' class="{css}"' if css else ""
    return (f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}"{css}>'
            f'{escape(what)}</text>')


def bar(y, cost, color):
    end = at(cost)
    return (f'<rect x="{LEFT}" y="{y}" width="{end - LEFT:.1f}" '
            f'height="{BAR}" fill="{color}"/>'
            + text(end + 5, y + BAR - 2, f"{cost:,.0f}", css="small"))


def grid(height):
    for cost in AXIS:
        yield (f'<line class="grid" x1="{at(cost):.0f}" y1="{TOP - 8}" '
               f'x2="{at(cost):.0f}" y2="{height - 30}"/>')
        yield text(at(cost), height - 14, f"{cost:,}", "middle", "small")


def draw(rows):
    """rows: (title, is_own, plain, TLS), in CPU microseconds per cycle; None if
    not measured."""
    height = TOP + ROW * len(rows) + 40
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
             f'height="{height}" viewBox="0 0 {WIDTH} {height}" role="img">',
             "<title>CPU microseconds a cycle, 64 queues at once</title>",
             STYLE,
             text(0, 18, "CPU microseconds of the client for one cycle (fetch "
                  "16 messages, parse, mark), 64 at once"),
             text(0, 36, "upper bar: plain, lower bar: TLS 1.3; logarithmic",
                  css="small"), *grid(height)]
    for i, (title, is_own, *costs) in enumerate(rows):
        top = TOP + i * ROW
        lines.append(text(LEFT - 8, top + BAR + 4, title, "end"))
        colors = (OWN_PLAIN, OWN_TLS) if is_own else (PLAIN, TLS)
        lines += [bar(top + j * (BAR + 1), cost, color)
                  for j, (cost, color) in enumerate(zip(costs, colors))
                  if cost is not None]
    return "\n".join([*lines, "</svg>"]) + "\n"


def of_results(cycles, titles):
    """Builds the rows from the records in the file of results. titles: by
    client name."""
    costs = {(one["client"], one["tls"]): one["cpu_us"] for one in cycles
             if one["at_once"] == 64 and one["hosts"] == 1}
    return draw([(title, name in ("library",) or name.startswith("daemon"),
                  costs.get((name, False)), costs.get((name, True)))
                 for name, title in titles.items()
                 if (name, False) in costs])
