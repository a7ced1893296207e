// A number, how it got there in the last hours, and its peak.

import {el, setText} from './dom.js';
import {duration} from './format.js';
import {drawPlot, makePlot} from './plot.js';

export function makeGauge({title, unit, hint}) {
  return el('div', {class: 'gauge', title: hint},
    el('div', {class: 'gauge-head'}, el('h3', {}, title),
      el('p', {class: 'peak'})),
    el('p', {class: 'value'}, el('span'), ' ', el('small', {}, unit)),
    makePlot());
}

// past: a Past; text(value): the number for people.
export function drawGauge(gauge, past, text, nowMs) {
  const [head, value, plot] = gauge.children;
  setText(value.firstChild, text(past.now));
  setText(head.lastChild, past.peak > 0
    ? `peak ${text(past.peak)} in ${duration(past.span(nowMs))}` : '');
  drawPlot(plot, past.points(nowMs));
}
