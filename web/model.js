// What the page knows of the process: the last response about each object, and
// the past of some numbers.
//
//   - load() gets everything; note() takes what an event has brought.
//   - Whoever shows something subscribes; all are called once after a burst of
//     changes, not for each of them.
//
// With up to FULL_MAX queues, all are here, and are filtered and sorted here.
// With more, the process does that, and the first PART_MAX of them are here.

import * as api from './api.js';
import {sortByName} from './queue_list.js';
import {keepSeries, Rate, recallSeries, Series} from './series.js';

const FULL_MAX = 5000;
const PART_MAX = 1000;
const BURST_MS = 40;
const SORT_NAMES = {
  health: 'health', name: 'name', since: 'since', unread: '-unread',
  rate: '-messages', last: '-last_success_at',
};

function knownOf(outlets, member) {
  return outlets.map((outlet) => (outlet.is_caught_up ? 0 : outlet[member]))
    .filter((value) => value !== null);
}

export class Model {
  constructor() {
    this.status = null;       // Status, or null before the first
    this.queues = [];         // in order of their names
    this.byName = new Map();  // the same, by name
    this.matched = 0;         // queues that the filter selects, in all
    this.isPart = false;      // the process filters and sorts
    this.servers = [];
    this.outlets = [];
    this.inboxes = [];
    this.totals = {
      stored: new Rate(), delivered: new Rate(),
      backlog: new Series(), lag: new Series(),
    };
    this.outletLags = new Map();
    this.skew = 0;            // of this clock, in milliseconds
    this.listeners = [];
    this.timer = null;
    this.query = null;        // of the filter, while isPart
    this.loadCount = 0;       // of the queues
    recallSeries(this.totals);
  }

  // The time of the process: what is compared with its times.
  get now() {
    return Date.now() + this.skew;
  }

  // Of all outlets: messages that they have not passed, and the age of the oldest;
  // null if no outlet knows.
  get backlog() {
    const known = knownOf(this.outlets, 'lag_messages');
    return known.length > 0 ? known.reduce((sum, one) => sum + one, 0) : null;
  }

  get lag() {
    const known = knownOf(this.outlets, 'lag_seconds');
    return known.length > 0 ? Math.max(...known) : null;
  }

  get mayAct() {
    return this.status?.role === 'full';
  }

  subscribe(listener) {
    this.listeners.push(listener);
  }

  changed() {
    this.timer ??= setTimeout(() => {
      this.timer = null;
      const begin = performance.now();
      this.listeners.forEach((listener) => listener());
      performance.measure('update', {start: begin});
      performance.clearMeasures('update'); // observers have seen it
    }, BURST_MS);
  }

  // Loading

  async load() {
    const [status, servers, outlets, inboxes] = await Promise.all([
      api.get('status'), api.getList('servers', 'servers'),
      api.get('outlets'), api.get('inboxes')]);
    this.noteStatus(status);
    this.servers = servers.items;
    this.outlets = outlets.outlets;
    this.inboxes = inboxes.inboxes;
    this.sampleOutlets();
    await this.loadQueues();
    this.changed();
  }

  async loadQueues() {
    this.isPart = this.status.queues.total > FULL_MAX;
    const query = this.isPart ? this.query ?? {sort: 'health'} : {};
    this.loadCount += 1;
    const number = this.loadCount;
    const list = await api.getList('queues', 'queues', query,
      this.isPart ? PART_MAX : Infinity);
    if (number !== this.loadCount) {
      return; // a newer one, with another filter, is on its way
    }
    this.matched = list.matched;
    this.setQueues(list.items);
  }

  // Where not all queues are here: which ones shall be.
  async filterThere(filter, sort) {
    const name = SORT_NAMES[sort.by];
    this.query = {
      health: filter.health, server: filter.server, match: filter.text,
      sort: sort.isReversed ? `-${name}`.replace('--', '') : name,
    };
    await this.loadQueues();
    this.changed();
  }

  setQueues(queues) {
    const old = this.byName;
    const nowMs = performance.now();
    this.byName = new Map();
    for (const queue of queues) {
      queue.past = old.get(queue.name)?.past ?? new Rate();
      queue.past.note(queue.messages_total, nowMs);
      queue.rate = queue.past.last ?? 0;
      this.byName.set(queue.name, queue);
    }
    // In the order of the process, if it has sorted them.
    this.queues = this.isPart ? queues : sortByName(queues);
  }

  // Events

  noteStatus(status) {
    const nowMs = performance.now();
    this.skew = Date.parse(status.now) - Date.now();
    if (this.status !== null && this.status.started_at !== status.started_at) {
      this.totals.stored.total = null; // another process
      this.totals.delivered.total = null;
    }
    this.status = status;
    this.totals.stored.note(status.totals.stored_messages, nowMs);
    this.totals.delivered.note(status.totals.delivered_messages, nowMs);
    this.changed();
  }

  noteQueue(queue) {
    const old = this.byName.get(queue.name);
    if (old === undefined) {
      return; // it comes with the next load()
    }
    Object.assign(old, queue);
    this.changed();
  }

  noteServer(server) {
    this.replace(this.servers, server);
  }

  noteOutlet(outlet) {
    this.replace(this.outlets, outlet);
  }

  replace(list, item) {
    const index = list.findIndex((one) => one.name === item.name);
    if (index >= 0) {
      list[index] = item;
      this.changed();
    }
  }

  // The past

  sampleOutlets() {
    for (const outlet of this.outlets) {
      const past = this.outletLags.get(outlet.name) ?? new Series();
      past.add(outlet.is_caught_up ? 0 : outlet.lag_messages);
      this.outletLags.set(outlet.name, past);
    }
    this.totals.backlog.add(this.backlog);
    this.totals.lag.add(this.lag);
    keepSeries(this.totals);
  }
}
