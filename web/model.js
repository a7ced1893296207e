// What the page knows of the process: the last response about each object, and
// the past of some numbers, of which the process remembers the last hours.
//
//   - load() gets everything; note() takes what an event has brought.
//   - Whoever shows something subscribes; all are called once after a burst of
//     changes, not for each of them.
//
// With up to FULL_MAX queues, all are here, and are filtered and sorted here.
// With more, the process does that, and the first PART_MAX of them are here.

import * as api from './api.js';
import {troubleCount} from './health.js';
import {sortByName} from './queue_list.js';
import {Past, Rate} from './series.js';

const FULL_MAX = 5000;
const PART_MAX = 1000;
const BURST_MS = 40;
const PAST_MS = 60000;      // there is a new minute
const PAST_OUTLETS_MAX = 20; // of which it is loaded before anybody asks
const SORT_NAMES = {
  health: 'health', name: 'name', since: 'since', unread: '-unread',
  rate: '-messages', last: '-last_success_at',
};

// The past of the whole, or of an outlet.
function makePast() {
  return {
    received: new Past(), forwarded: new Past(), backlog: new Past(),
    lag: new Past(), trouble: new Past(), loadedMs: 0,
    receiveRate: new Rate(), forwardRate: new Rate(),
  };
}

async function loadPast(past, path) {
  past.loadedMs = Date.now();
  const timeline = await api.get(path);
  const {end} = timeline;
  past.forwarded.load(end, timeline.forwarded_messages, 1 / 60);
  past.backlog.load(end, timeline.lag_messages);
  past.lag.load(end, timeline.lag_seconds);
  past.received.load(end, timeline.received_messages ?? [], 1 / 60);
  past.trouble.load(end, timeline.queues_in_trouble ?? []);
}

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
    this.past = makePast();
    this.outletPasts = new Map(); // by name
    this.skew = 0;            // of this clock, in milliseconds
    this.listeners = [];
    this.timer = null;
    this.query = null;        // of the filter, while isPart
    this.loadCount = 0;       // of the queues
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
    await Promise.all([this.loadQueues(), this.loadPasts()]);
    this.changed();
  }

  async loadPasts() {
    if (Date.now() - this.past.loadedMs < PAST_MS) {
      return;
    }
    await loadPast(this.past, 'timeline');
    await Promise.all(this.outlets.slice(0, PAST_OUTLETS_MAX)
      .map(({name}) => this.loadOutletPast(name)));
  }

  async loadOutletPast(name) {
    const past = this.outletPast(name);
    if (Date.now() - past.loadedMs >= PAST_MS) {
      await loadPast(past, `outlets/${api.pathOf(name)}/timeline`);
    }
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
    if (this.status?.started_at !== status.started_at) {
      this.past = makePast(); // of another process
      this.outletPasts.clear();
    }
    this.status = status;
    const {past} = this;
    past.receiveRate.note(status.totals.stored_messages, nowMs);
    past.forwardRate.note(status.totals.delivered_messages, nowMs);
    past.received.now = past.receiveRate.mean;
    past.forwarded.now = past.forwardRate.mean;
    past.trouble.now = troubleCount(status.queues);
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

  noteInbox(inbox) {
    this.replace(this.inboxes, inbox);
  }

  replace(list, item) {
    const index = list.findIndex((one) => one.name === item.name);
    if (index >= 0) {
      list[index] = item;
      this.changed();
    }
  }

  // The past

  outletPast(name) {
    if (!this.outletPasts.has(name)) {
      this.outletPasts.set(name, makePast());
    }
    return this.outletPasts.get(name);
  }

  sampleOutlets() {
    for (const outlet of this.outlets) {
      const past = this.outletPast(outlet.name);
      past.forwardRate.note(outlet.delivered_total, performance.now());
      past.forwarded.now = past.forwardRate.mean;
      past.backlog.now = outlet.is_caught_up ? 0 : outlet.lag_messages;
      past.lag.now = outlet.is_caught_up ? 0 : outlet.lag_seconds;
    }
    this.past.backlog.now = this.backlog;
    this.past.lag.now = this.lag;
  }
}
