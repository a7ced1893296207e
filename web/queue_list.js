// Which queues are shown, and in which order. Pure.

import {HEALTHS, rank} from './health.js';

// Names are compared where the model puts queues in order (sortByName), and
// sorting is stable: so queues that are equal here stay in the order of names.
const collator = new Intl.Collator('en', {numeric: true});

export const SORTS = {
  health: (a, b) => rank(a.health) - rank(b.health),
  name: () => 0,
  since: (a, b) => compareTimes(a.since, b.since),
  unread: (a, b) => (b.unread ?? -1) - (a.unread ?? -1),
  rate: (a, b) => b.rate - a.rate,
  last: (a, b) => compareTimes(b.last_success_at, a.last_success_at),
};

export function sortByName(items) {
  return items.sort((a, b) => collator.compare(a.name, b.name));
}

// What never happened comes last.
function compareTimes(a, b) {
  if (a === b) {
    return 0;
  }
  if (a === null || b === null) {
    return a === null ? 1 : -1;
  }
  return a < b ? -1 : 1;
}

export function healthCounts(queues) {
  const counts = {total: 0};
  HEALTHS.forEach((health) => {
    counts[health] = 0;
  });
  for (const queue of queues) {
    counts.total += 1;
    counts[queue.health] += 1;
  }
  return counts;
}

function matches(queue, filter, words) {
  if (filter.health !== '' && queue.health !== filter.health) {
    return false;
  }
  if (filter.server !== '' && queue.server !== filter.server) {
    return false;
  }
  if (words.length === 0) {
    return true;
  }
  const text = `${queue.name} ${queue.cause ?? ''} ${queue.state_text} ` +
    `${queue.polled_by ?? ''}`;
  const lower = text.toLowerCase();
  return words.every((word) => lower.includes(word));
}

// queues: in order of their names.
// filter: {health, server, text}, each '' for any; sort: {by, isReversed}.
export function selectQueues(queues, filter, sort) {
  const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean);
  const selected = queues.filter((queue) => matches(queue, filter, words));
  if (sort.by === 'name') {
    return sort.isReversed ? selected.reverse() : selected;
  }
  const compare = SORTS[sort.by];
  const sign = sort.isReversed ? -1 : 1;
  return selected.sort((a, b) => sign * compare(a, b));
}
