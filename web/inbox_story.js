// The story of one inbox: whether it can store, how long that takes, how much
// space it has left.

import * as api from './api.js';
import {el, setHidden} from './dom.js';
import {bytes, count, duration, isKnown, time} from './format.js';
import {drawFacts, History, makeSection, Standing} from './story_parts.js';

const STATES = {
  opening: 'It is being opened',
  open: 'It stores messages',
  failed: 'It cannot be opened',
};

export class InboxStory {
  constructor(model, [name], {title, body}) {
    this.model = model;
    this.name = name;
    this.body = body;
    title.append(el('span', {}, 'inbox '), name);
    this.standing = new Standing();
    this.history = new History();
    this.facts = el('dl', {class: 'facts-list'});
    this.body.append(...this.standing.elements, this.history.section,
      makeSection('Since the start', this.facts));
    setHidden(this.body, true);
  }

  load() {
    return api.get(`inboxes/${api.pathOf(this.name)}`);
  }

  show(detail) {
    const {inbox, transitions} = detail;
    const {now} = this.model;
    setHidden(this.body, false);
    this.standing.show({
      ...inbox, word: inbox.health === 'ok' ? 'ok' : inbox.state,
      cause: inbox.cause ?? STATES[inbox.state] ?? inbox.state,
    }, now);
    this.history.show(transitions, now);
    drawFacts(this.facts, this.factsOf(detail, now));
  }

  factsOf({inbox, ...detail}, now) {
    const {commits_total: commits} = detail;
    return [
      ['Type', inbox.type],
      ['Last stored', inbox.last_success_at && time(inbox.last_success_at, now)],
      ['Commits', count(commits)],
      ['A commit takes, on average', commits > 0
        ? duration(detail.commit_seconds_total / commits) : null],
      ['Failed commits', count(detail.failed_commits_total)],
      ['Warnings', count(detail.warnings_total)],
      ['Messages that no outlet forwards', inbox.unrouted_total > 0
        ? count(inbox.unrouted_total) : null],
      ['Free on its disk', isKnown(detail.free_bytes)
        ? `${bytes(detail.free_bytes)} of ${bytes(detail.disk_bytes)}` : null],
      ['Write-ahead log', isKnown(detail.wal_bytes)
        ? bytes(detail.wal_bytes) : null],
      ['Identity', inbox.uuid],
    ];
  }
}
