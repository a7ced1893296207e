// The lists beside the queues: hosts, servers, outlets and inboxes, those in trouble
// first.

import {byId, el, setAttribute, setText, syncList} from './dom.js';
import {count, counted, duration, time} from './format.js';
import {polledBy, rank, troubleCount} from './health.js';
import {drawState, makeState} from './columns.js';
import {drawHosts} from './hosts.js';
import {drawPlot, makePlot} from './plot.js';

function worstFirst(items) {
  return [...items].sort((a, b) => rank(a.health) - rank(b.health));
}

function makeCard(on_click) {
  return el('li', {}, el('div', {class: 'card'},
    el('p', {class: 'title'}, el('button', {
      type: 'button', title: 'Show its story', onclick: on_click,
    }), el('small')),
    el('p', {class: 'stand'}, makeState()),
    el('p', {class: 'facts'}),
    el('p', {class: 'facts right'}),
    el('p', {class: 'why'})));
}

function drawCard(item, {card, kind, word, facts, right, why}) {
  const [title, state, left, end, reason] = card.firstChild.children;
  setText(title.firstChild, item.name);
  setText(title.lastChild, kind);
  drawState(state.firstChild, item.health, word);
  setAttribute(card.firstChild, 'data-health',
    state.firstChild.dataset.health);
  setText(left, facts);
  if (right !== null) {
    setText(end, right);
  }
  setText(reason, why);
  reason.hidden = why === '';
}

// Why it is in trouble, and when it is tried again.
function whyOf(item, now) {
  if (item.health === 'ok') {
    return '';
  }
  if (item.health === 'elsewhere') {
    return polledBy(item);
  }
  const cause = item.cause ?? '';
  return item.next_at ? `${cause}${cause ? '; ' : ''}next try ` +
    `${time(item.next_at, now)}` : cause;
}

function worstText(counts) {
  const trouble = troubleCount(counts);
  return [trouble > 0 ? `${count(trouble)} in trouble` : '',
    counts.paused > 0 ? `${count(counts.paused)} paused` : '']
    .filter(Boolean).join(', ');
}

function drawServers(model, on_open) {
  setText(byId('server-count'), count(model.servers.length));
  syncList(byId('server-list'), worstFirst(model.servers),
    (server) => server.name,
    (server) => makeCard(() => on_open('server', server.name)),
    (card, server) => drawCard(server, {
      card,
      kind: '',
      word: server.health === 'ok' ? 'ok' : server.state.toLowerCase(),
      facts: [counted(server.queues.total, 'queue'),
        worstText(server.queues)].filter(Boolean).join(', '),
      right: `${server.in_flight} of ${server.in_flight_max} in flight`,
      why: server.logins_held && server.health === 'ok'
        ? `${counted(server.failed_logins, 'failed login')} in a row: keys ` +
          'that have not worked yet wait' : whyOf(server, model.now),
    }));
}

function outletFacts(outlet) {
  const facts = [`${count(outlet.delivered_total)} delivered`];
  if (outlet.dead_letters_total > 0) {
    facts.push(counted(outlet.dead_letters_total, 'dead letter'));
  }
  if (outlet.blocked_lanes > 0) {
    facts.push(`${counted(outlet.blocked_lanes, 'queue')} blocked`);
  }
  return facts.join(', ');
}

function lagText(outlet) {
  if (outlet.lag_messages === null || outlet.lag_messages === 0) {
    return outlet.is_caught_up ? 'caught up' : 'behind';
  }
  return `${count(outlet.lag_messages)} behind` +
    (outlet.lag_seconds === null ? '' : `, ${duration(outlet.lag_seconds)}`);
}

function drawOutlets(model, on_open) {
  setText(byId('outlet-count'), count(model.outlets.length));
  syncList(byId('outlet-list'), worstFirst(model.outlets),
    (outlet) => outlet.name,
    (outlet) => {
      const card = makeCard(() => on_open('outlet', outlet.name));
      card.firstChild.children[3].append(makePlot(), el('span'));
      return card;
    },
    (card, outlet) => {
      drawCard(outlet, {
        card,
        kind: outlet.type,
        word: outlet.health === 'ok' ? 'ok' : outlet.state,
        facts: outletFacts(outlet),
        right: null,
        why: whyOf(outlet, model.now),
      });
      const end = card.firstChild.children[3];
      drawPlot(end.firstChild,
        model.outletPast(outlet.name).backlog.points(model.now));
      setText(end.lastChild, lagText(outlet));
    });
}

function drawInboxes(model, on_open) {
  setText(byId('inbox-count'), count(model.inboxes.length));
  syncList(byId('inbox-list'), worstFirst(model.inboxes),
    (inbox) => inbox.name,
    (inbox) => makeCard(() => on_open('inbox', inbox.name)),
    (card, inbox) => drawCard(inbox, {
      card,
      kind: inbox.type,
      word: inbox.health === 'ok' ? 'ok' : inbox.state,
      facts: inbox.unrouted_total > 0
        ? `${counted(inbox.unrouted_total, 'message')} that no outlet forwards`
        : '',
      right: inbox.last_success_at === null ? '' : 'last stored at ' +
        time(inbox.last_success_at, model.now),
      why: inbox.health === 'ok' ? '' : inbox.cause ?? '',
    }));
}

// on_open(kind, name): its story is asked for.
export function drawCards(model, on_open) {
  drawHosts(model);
  drawServers(model, on_open);
  drawOutlets(model, on_open);
  drawInboxes(model, on_open);
}
