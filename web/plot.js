// Small plots, as inline SVG: the last values of something, the newest on the
// right, from zero.

import {setAttribute, svg} from './dom.js';

const WIDTH = 96;
const HEIGHT = 30;

export function makePlot() {
  return svg('svg', {
    class: 'plot', viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    preserveAspectRatio: 'none', 'aria-hidden': 'true', focusable: 'false',
  }, svg('path', {class: 'area'}), svg('path', {
    class: 'line', 'vector-effect': 'non-scaling-stroke',
  }));
}

function pathOf(values, slots) {
  const top = Math.max(...values.filter((value) => value !== null), 0);
  const step = WIDTH / (slots - 1);
  const first = slots - values.length;
  const scale = top > 0 ? (HEIGHT - 3) / top : 0;
  return values.map((value, index) => {
    const x = ((first + index) * step).toFixed(1);
    const y = (HEIGHT - 1 - (value ?? 0) * scale).toFixed(1);
    return `${x} ${y}`;
  });
}

// slots: how many values fit.
export function drawPlot(plot, values, slots) {
  const [area, line] = plot.children;
  if (values.length < 2 || !values.some((value) => value > 0)) {
    setAttribute(area, 'd', null);
    setAttribute(line, 'd', null);
    return;
  }
  const points = pathOf(values, slots);
  const left = points[0].split(' ')[0];
  setAttribute(line, 'd', `M${points.join('L')}`);
  setAttribute(area, 'd',
    `M${left} ${HEIGHT}L${points.join('L')}L${WIDTH} ${HEIGHT}Z`);
}
