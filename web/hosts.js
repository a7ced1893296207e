// The hosts of the fleet, if there is one: who is alive, and how many slots each
// has, which are parts of the servers.

import {byId, el, setAttribute, setHidden, setText, syncList} from './dom.js';
import {count, counted, duration} from './format.js';
import {drawState, makeState} from './columns.js';

const HEALTHS = {
  alive: 'ok', draining: 'paused', expired: 'failing', gone: 'elsewhere',
};

function makeHost() {
  return el('li', {}, el('div', {class: 'card'},
    el('p', {class: 'title'}, el('span'), el('small')),
    el('p', {class: 'stand'}, makeState()),
    el('p', {class: 'facts'}),
    el('p', {class: 'facts right'}),
    el('p', {class: 'why'})));
}

function slotsText(host) {
  const rest = host.desired_slots - host.slots;
  const change = rest === 0 ? '' : `, ${count(Math.abs(rest))} ` +
    `${rest > 0 ? 'to come' : 'to go'}`;
  return counted(host.slots, 'slot') + change;
}

function heardText(host, now) {
  return host.renewed_at === null ? '' : 'heard ' +
    `${duration(Math.round((now - Date.parse(host.renewed_at)) / 1000))} ago`;
}

function drawHost(item, host, now) {
  const [title, state, left, end, why] = item.firstChild.children;
  const reasons = [host.configuration_differs ? 'another configuration' : '',
    host.state === 'expired' ? host.state_text : ''].filter(Boolean);
  setText(title.firstChild, host.name);
  setText(title.lastChild, host.self ? 'this host' : '');
  drawState(state.firstChild, HEALTHS[host.state], host.state);
  setAttribute(item.firstChild, 'data-health',
    host.configuration_differs ? 'failing' : state.firstChild.dataset.health);
  setText(left, slotsText(host));
  setText(end, heardText(host, now));
  setText(why, reasons.join('; '));
  setHidden(why, reasons.length === 0);
}

export function drawHosts({status, now}) {
  const {fleet} = status;
  setHidden(byId('host-panel'), fleet === null);
  if (fleet === null) {
    return;
  }
  const hosts = fleet.hosts.filter((host) => host.state !== 'gone');
  setText(byId('host-count'), count(hosts.length));
  syncList(byId('host-list'), hosts, (host) => host.name, makeHost,
    (item, host) => drawHost(item, host, now));
}

// What is wrong with the fleet, for the top of the page.
export function fleetNotes({fleet, now}) {
  const notes = [];
  if (fleet === null) {
    return notes;
  }
  if (fleet.state !== 'member') {
    const stops = fleet.stops_polling_at === null ? '' : '; it stops polling ' +
      `in ${duration((Date.parse(fleet.stops_polling_at) - Date.parse(now)) / 1000)}`;
    notes.push(`This host ${fleet.state_text}` +
      `${fleet.cause === null ? '' : `: ${fleet.cause}`}${stops}`);
  }
  if (fleet.slots.without_owner > 0) {
    notes.push(`No host polls ${count(fleet.slots.without_owner)} of ` +
      `${counted(fleet.slots.total, 'slot')}`);
  }
  if (fleet.configurations_differ) {
    notes.push('Hosts have different configurations');
  }
  return notes;
}
