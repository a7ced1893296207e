// The story of one server: whether it is in use and why not, its queues by
// state, what it thinks of our keys, and its certificates.

import * as api from './api.js';
import {drawState, makeState} from './columns.js';
import {el, setAttribute, setHidden, setText, syncList} from './dom.js';
import {count, counted, day, time} from './format.js';
import {HEALTHS, polledBy} from './health.js';
import {drawFacts, History, makeSection, Standing, whenText}
  from './story_parts.js';

const DAY_MS = 86400000;

function certificateText(expiresAt, now) {
  if (expiresAt === null) {
    return null;
  }
  const days = Math.floor((Date.parse(expiresAt) - now) / DAY_MS);
  return days < 0 ? `expired on ${day(expiresAt)}`
    : `${day(expiresAt)}, in ${counted(days, 'day')}`;
}

export class ServerStory {
  constructor(model, [name], {title, body, on_server}) {
    this.model = model;
    this.name = name;
    this.body = body;
    title.append(el('span', {}, 'server '), name);
    this.make(on_server);
  }

  make(on_server) {
    this.standing = new Standing();
    this.states = el('ul', {class: 'tally'});
    this.show_all = el('button', {
      type: 'button', onclick: () => on_server(this.name),
    }, 'List its queues');
    this.history = new History();
    this.facts = el('dl', {class: 'facts-list'});
    this.body.append(...this.standing.elements,
      makeSection('Its queues', this.states,
        el('div', {class: 'actions'}, this.show_all)),
      this.history.section,
      makeSection('Requests and keys', this.facts));
    setHidden(this.body, true);
  }

  load() {
    return api.get(`servers/${api.pathOf(this.name)}`);
  }

  show({server, transitions}) {
    const {now} = this.model;
    setHidden(this.body, false);
    this.standing.show({
      ...server, word: server.health === 'ok' ? 'ok'
        : server.state.toLowerCase(),
      cause: server.health === 'elsewhere' ? `It is ${polledBy(server)}`
        : server.cause ?? `It ${server.state_text}`,
      code: [server.state, server.error].filter(Boolean).join(' · '),
      next: server.next_at ? `Next try ${whenText(server.next_at, now)}` : '',
    }, now);
    this.showStates(server.queues);
    this.history.show(transitions, now);
    drawFacts(this.facts, this.factsOf(server, now));
  }

  showStates(counts) {
    const healths = HEALTHS.filter((health) => counts[health] > 0);
    syncList(this.states, healths, (health) => health,
      () => el('li', {}, makeState(), el('span')), (child, health) => {
        drawState(child.firstChild, health, health);
        setText(child.lastChild, count(counts[health]));
      });
    setAttribute(this.show_all, 'disabled', counts.total > 0 ? null : '');
  }

  factsOf(server, now) {
    return [
      ['URL', server.url],
      ['Last success', server.last_success_at &&
        time(server.last_success_at, now)],
      ['In flight', `${server.in_flight} of ${server.in_flight_max}`],
      ['Requests', count(server.requests_total)],
      ['Failures in a row', server.failures > 0 ? count(server.failures) : null],
      ['Failed logins in a row', count(server.failed_logins)],
      ['Failed logins', count(server.failed_logins_total)],
      ['Keys that have not worked yet', server.logins_held
        ? 'wait: too many logins have failed' : null],
      ['Silenced by the server', server.throttles_total > 0
        ? counted(server.throttles_total, 'time') : null],
      ['Its certificate expires',
        certificateText(server.certificate_expires_at, now)],
      ['Its CA certificate expires',
        certificateText(server.ca_certificate_expires_at, now)],
      ['Our certificate expires',
        certificateText(server.client_certificate_expires_at, now)],
    ];
  }
}
