// Which queues the grid shows, and in which order: by state, by server, by
// words; by any column. The choice is kept while the tab is open.

import {byId, el, setAttribute, setText, syncList} from './dom.js';
import {count} from './format.js';
import {HEALTHS, wordOf} from './health.js';
import {drawState, makeState} from './columns.js';
import {healthCounts, selectQueues} from './queue_list.js';

const KEY = 'haplo-poll-filter';
const TYPING_MS = 150;
const ALL = {health: '', server: '', text: ''};

function recall() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY)) ?? {};
  } catch {
    return {};
  }
}

export class Filters {
  constructor(model, grid) {
    const kept = recall();
    this.model = model;
    this.grid = grid;
    this.filter = {...ALL, ...kept.filter};
    this.sort = kept.sort ?? {by: 'health', isReversed: false};
    this.timer = null;
    byId('search').value = this.filter.text;
    byId('search').addEventListener('input', () => this.onTyping());
    byId('server-filter').addEventListener('change', (event) => {
      this.change({server: event.target.value});
    });
    byId('filters').addEventListener('submit', (event) => {
      event.preventDefault();
      grid.focusActive();
    });
  }

  onTyping() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.change({text: byId('search').value});
    }, TYPING_MS);
  }

  byServer(name) {
    byId('search').value = '';
    this.change({...ALL, server: name});
  }

  change(filter) {
    Object.assign(this.filter, filter);
    this.grid.root.scrollTop = 0;
    this.apply();
  }

  sortBy(key) {
    this.sort = {
      by: key, isReversed: this.sort.by === key && !this.sort.isReversed,
    };
    this.apply();
  }

  apply() {
    try {
      sessionStorage.setItem(KEY,
        JSON.stringify({filter: this.filter, sort: this.sort}));
    } catch {
      // It is not kept, then.
    }
    if (this.model.isPart) {
      this.model.filterThere(this.filter, this.sort);
    } else {
      this.draw();
    }
  }

  // Drawing

  draw() {
    const {model, filter, sort} = this;
    const shown = model.isPart ? model.queues
      : selectQueues(model.queues, filter, sort);
    this.drawChips(model.isPart ? model.status.queues
      : healthCounts(model.queues));
    this.drawServers();
    setText(byId('queue-count'), this.countText(shown.length));
    this.grid.showSort(sort.by, sort.isReversed);
    this.grid.show(shown, model.queues.length === 0
      ? 'There are no queues.' : 'No queue matches.');
  }

  countText(shown) {
    const all = this.model.isPart ? this.model.matched : this.model.queues.length;
    return shown === all ? count(all) : `${count(shown)} of ${count(all)}`;
  }

  drawChips(counts) {
    const items = ['', ...HEALTHS.filter((health) => counts[health] > 0 ||
      this.filter.health === health)];
    syncList(byId('chips'), items, (health) => health || 'all', (health) =>
      el('button', {
        type: 'button', onclick: () => this.change({health}),
      }, health ? makeState() : el('span', {}, 'all'),
      el('span', {class: 'number'})),
    (button, health) => {
      if (health) {
        drawState(button.firstChild, health, wordOf(health));
      }
      setText(button.lastChild, count(health ? counts[health] : counts.total));
      setAttribute(button, 'aria-pressed', this.filter.health === health);
    });
  }

  drawServers() {
    const select = byId('server-filter');
    const names = this.model.servers.map((server) => server.name);
    syncList(select, ['', ...names], (name) => name || 'all', (name) =>
      el('option', {value: name}, name || 'All servers'), () => {});
    if (select.value !== this.filter.server) {
      select.value = names.includes(this.filter.server)
        ? this.filter.server : '';
    }
  }
}
