// The top of the page: what the whole is like, in one sentence, and the rates,
// the backlog and the lag.

import {byId, el, setAttribute, setHidden, setText, syncList} from './dom.js';
import {count, counted, duration, rate} from './format.js';
import {drawGauge, makeGauge} from './gauge.js';
import {HEALTHS, tone, troubleCount, wordOf} from './health.js';
import {fleetNotes} from './hosts.js';
import {makeState, drawState} from './columns.js';

const PHASES = {
  opening: 'Starting', draining: 'Finishing its work', closing: 'Stopping',
};

function verdictOf(status) {
  const {total, elsewhere} = status.queues;
  const own = total - elsewhere;
  const trouble = troubleCount(status.queues);
  if (status.phase !== 'open') {
    return PHASES[status.phase];
  }
  if (total === 0) {
    return 'No queues are configured';
  }
  if (own === 0) {
    return 'Other hosts poll all queues';
  }
  const place = elsewhere > 0 ? ' of this host' : '';
  if (trouble > 0) {
    return `${count(trouble)} of ${counted(own, 'queue')}${place} ` +
      `${trouble === 1 ? 'is' : 'are'} in trouble`;
  }
  return own === 1 ? `The queue${place} is fine`
    : `All ${count(own)} queues${place} are fine`;
}

// What else is wrong, besides queues; or that nothing is.
function notesOf(status) {
  const notes = fleetNotes(status);
  const add = (counts, noun, plural) => {
    const trouble = troubleCount(counts);
    if (trouble > 0) {
      notes.push(`${counted(trouble, noun, plural)} in trouble`);
    }
  };
  add(status.servers, 'server');
  add(status.outlets, 'outlet');
  add(status.inboxes, 'inbox', 'inboxes');
  if (status.configuration.last_reload_ok === false) {
    notes.push('The last reload was rejected');
  }
  if (notes.length === 0 && troubleCount(status.queues) === 0) {
    notes.push(`${counted(status.servers.total, 'server')}, ` +
      `${counted(status.outlets.total, 'outlet')} and ` +
      `${counted(status.inboxes.total, 'inbox', 'inboxes')}: nothing is wrong`);
  }
  return notes;
}

function drawNotes(status) {
  const states = HEALTHS.filter((health) => health !== 'ok' &&
    status.queues[health] > 0).map((health) => ({health, key: health}));
  const notes = notesOf(status).map((text) => ({text, key: text}));
  syncList(byId('verdict-note'), [...states, ...notes], (item) => item.key,
    (item) => item.health ? makeState() : el('span', {class: 'dim'}),
    (child, item) => {
      if (item.health) {
        drawState(child, item.health,
          `${count(status.queues[item.health])} ${wordOf(item.health)}`);
      } else {
        setText(child, item.text);
      }
    });
}

function drawSpectrum(counts) {
  const parts = HEALTHS.filter((health) => counts[health] > 0);
  syncList(byId('spectrum'), parts, (health) => health, () => el('span'),
    (child, health) => {
      setAttribute(child, 'data-health', tone(health));
      child.style.flex = `${counts[health]} 1 0`;
    });
  setAttribute(byId('spectrum'), 'aria-label', 'Queues by state: ' +
    parts.map((health) => `${counts[health]} ${wordOf(health)}`).join(', '));
}

const GAUGES = [
  {key: 'trouble', title: 'In trouble', unit: 'queues', text: count},
  {key: 'received', title: 'Received', unit: 'messages/s', text: rate},
  {key: 'forwarded', title: 'Forwarded', unit: 'messages/s', text: rate},
  {key: 'backlog', title: 'Backlog', unit: 'messages', text: count,
    hint: 'Messages that outlets have not processed yet'},
  {key: 'lag', title: 'Lag', unit: '', text: duration,
    hint: 'How long ago the oldest of the backlog was stored'},
];

function drawGauges({past, now}) {
  syncList(byId('gauges'), GAUGES, (gauge) => gauge.key, makeGauge,
    (child, gauge) => drawGauge(child, past[gauge.key], gauge.text, now));
}

// Tells a screen reader when the number of queues in trouble has changed, but
// not more often than a person wants to hear it.
const TELL_MS = 10000;
let told = {text: null, atMs: 0};

function announce(text) {
  const nowMs = Date.now();
  if (told.text === text || nowMs - told.atMs < TELL_MS) {
    return;
  }
  if (told.text !== null) {
    setText(byId('announcement'), text);
  }
  told = {text, atMs: nowMs};
}

export function drawSummary(model) {
  const {status} = model;
  const text = verdictOf(status);
  const {environment, version, configuration} = status;
  setText(byId('verdict'), text);
  setText(byId('about'), [environment && `environment ${environment}`,
    `version ${version}`,
    `up ${duration(status.uptime_seconds)}`,
    `configuration ${configuration.generation}`].filter(Boolean).join(' · '));
  setAttribute(byId('about'), 'title', configuration.path);
  const trouble = troubleCount(status.queues);
  const title = `${trouble > 0 ? `(${trouble}) ` : ''}haplo-poll` +
    `${environment ? ` ${environment}` : ''}`;
  if (document.title !== title) {
    document.title = title;
  }
  drawNotes(status);
  drawSpectrum(status.queues);
  drawGauges(model);
  announce(text);
  setHidden(byId('app'), false);
}
