// Small plots, as inline SVG: a number over time, now on the right, from zero.
// Where it is not known, there is a gap.

import {setAttribute, svg} from './dom.js';

const WIDTH = 200;
const HEIGHT = 30;

export function makePlot() {
  return svg('svg', {
    class: 'plot', viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    preserveAspectRatio: 'none', 'aria-hidden': 'true', focusable: 'false',
  }, svg('path', {class: 'area'}), svg('path', {
    class: 'line', 'vector-effect': 'non-scaling-stroke',
  }));
}

// The points without a gap between them, as texts.
function piecesOf(points) {
  const top = Math.max(0, ...points.map(([, value]) => value ?? 0));
  const scale = top > 0 ? (HEIGHT - 3) / top : 0;
  const pieces = [[]];
  for (const [x, value] of points) {
    if (value !== null) {
      pieces.at(-1).push(
        [(x * WIDTH).toFixed(1), (HEIGHT - 1 - value * scale).toFixed(1)]);
    } else if (pieces.at(-1).length > 0) {
      pieces.push([]);
    }
  }
  return pieces.filter((piece) => piece.length > 0);
}

// points: [x from 0 to 1, value or null], from the left to the right.
export function drawPlot(plot, points) {
  const [area, line] = plot.children;
  if (points.length < 2 || !points.some(([, value]) => value > 0)) {
    setAttribute(area, 'd', null);
    setAttribute(line, 'd', null);
    return;
  }
  const pieces = piecesOf(points);
  setAttribute(line, 'd', pieces.map((piece) =>
    `M${piece.map((point) => point.join(' ')).join('L')}`).join(''));
  setAttribute(area, 'd', pieces.map((piece) => `M${piece[0][0]} ${HEIGHT}L` +
    `${piece.map((point) => point.join(' ')).join('L')}` +
    `L${piece.at(-1)[0]} ${HEIGHT}Z`).join(''));
}
