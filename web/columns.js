// The columns of the list of queues.

import {el, setAttribute, setText} from './dom.js';
import {age, count, NONE, rate} from './format.js';
import {polledBy, tone, wordOf} from './health.js';
import {drawPlot, makePlot} from './plot.js';

// A state: its shape in its colour, and its name.
export function makeState() {
  return el('span', {class: 'state'}, el('span', {class: 'mark'}),
    el('span', {class: 'word'}));
}

export function drawState(state, health, word) {
  setAttribute(state, 'data-health', tone(health));
  setText(state.lastChild, word);
}

// The name of the queue stands in the same row already.
function causeText(queue) {
  return queue.health === 'ok' ? ''
    : queue.health === 'elsewhere' ? polledBy(queue) : (queue.cause ?? '').replace(` ${queue.name}: `, ': ');
}

function sinceText(when, now) {
  return when === null ? NONE : age((now - Date.parse(when)) / 1000);
}

// model: for the time.
export function queueColumns(model) {
  return [
    {
      key: 'name', title: 'Queue', isUp: true,
      make: () => [el('span'), el('b')],
      update(cell, queue) {
        setText(cell.firstChild, `${queue.server}/`);
        setText(cell.lastChild, queue.queue);
        setAttribute(cell, 'title', queue.name);
      },
    },
    {
      key: 'health', title: 'State', class: 'stand', isUp: false,
      hint: 'Sort by state: the worst first',
      make: () => [makeState()],
      update: (cell, queue) =>
        drawState(cell.firstChild, queue.health, wordOf(queue.health)),
    },
    {
      key: 'since', title: 'Since', class: 'right', isUp: false,
      hint: 'Sort by how long it has been in this state',
      update(cell, queue) {
        setText(cell, sinceText(queue.since, model.now));
      },
    },
    {
      key: 'cause', title: 'Cause', isUp: true,
      update(cell, queue) {
        const text = causeText(queue);
        setText(cell, text);
        setAttribute(cell, 'title', text === '' ? null : text);
      },
    },
    {
      key: 'unread', title: 'Unread', class: 'right', isUp: false,
      hint: 'Sort by messages that were unread on the server at the last mark',
      update(cell, queue) {
        setText(cell, count(queue.unread));
        cell.classList.toggle('zero', !(queue.unread > 0));
      },
    },
    {
      key: 'rate', title: 'Messages/s', class: 'right', isUp: false,
      hint: 'Sort by messages per second, over the last ten seconds',
      make: () => [makePlot(), el('span')],
      update(cell, queue) {
        drawPlot(cell.firstChild, queue.past.points);
        setText(cell.lastChild, rate(queue.rate));
        cell.classList.toggle('zero', !(queue.rate > 0));
      },
    },
    {
      key: 'last', title: 'Last success', class: 'right', isUp: false,
      hint: 'Sort by the last fetch or mark that succeeded',
      update(cell, queue) {
        setText(cell, sinceText(queue.last_success_at, model.now));
      },
    },
  ];
}
