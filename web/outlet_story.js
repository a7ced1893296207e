// The story of one outlet: its state and why, which queues are held up, its
// dead letters and replays, what happened before.

import * as api from './api.js';
import {el, setHidden, setText, syncList} from './dom.js';
import {count, duration, isKnown, rate, time} from './format.js';
import {drawGauge, makeGauge} from './gauge.js';
import {Letters, loadLetters} from './letters.js';
import {drawFacts, History, makeConfirmed, makeSection, Standing, whenText}
  from './story_parts.js';

const STATES = {
  working: 'It forwards messages',
  waiting: 'It waits for its next attempt',
  blocked: 'A refused message holds up its queue; others go on',
  broken: 'Its destination accepts nothing',
  closed: 'It is closed',
};

const GAUGES = [
  {key: 'forwarded', title: 'Forwarded', unit: 'messages/s', text: rate},
  {key: 'backlog', title: 'Backlog', unit: 'messages', text: count},
  {key: 'lag', title: 'Lag', unit: '', text: duration},
];

export class OutletStory {
  constructor(model, [name], {title, body, act}) {
    this.model = model;
    this.name = name;
    this.body = body;
    this.act = act;
    title.append(el('span', {}, 'outlet '), name);
    this.make();
  }

  make() {
    this.standing = new Standing();
    this.gauges = el('div', {class: 'gauges'});
    this.lanes = el('ul', {class: 'letters'});
    this.held = makeSection('Queues that are held up', this.lanes);
    this.letters = new Letters(this.model, this.act);
    this.replays = el('ul', {class: 'letters'});
    this.again = makeSection('Replays', this.replays);
    this.history = new History();
    this.facts = el('dl', {class: 'facts-list'});
    this.body.append(...this.standing.elements, this.gauges, this.held,
      this.letters.section, this.again, this.history.section,
      makeSection('Since the start', this.facts));
    setHidden(this.body, true);
  }

  async load() {
    const detail = await api.get(`outlets/${api.pathOf(this.name)}`);
    const [found, replays] = await Promise.all([loadLetters(this.name),
      this.loadReplays(), this.model.loadOutletPast(this.name)]);
    return {...detail, found, replays};
  }

  // If the inbox cannot be read, the dead letters say so.
  async loadReplays() {
    try {
      return (await api.get('replays', {outlet: this.name})).replays;
    } catch {
      return [];
    }
  }

  show({outlet, lanes, found, replays, transitions}) {
    const {now} = this.model;
    setHidden(this.body, false);
    this.standing.show({
      ...outlet, word: outlet.state,
      cause: outlet.cause ?? STATES[outlet.state] ?? outlet.state,
      next: isKnown(outlet.next_at)
        ? `Next try ${whenText(outlet.next_at, now)}` : '',
    }, now);
    this.showGauges(now);
    this.showLanes(lanes, now);
    this.letters.show([found]);
    this.showReplays(replays);
    this.history.show(transitions, now);
    drawFacts(this.facts, this.factsOf(outlet, now));
  }

  showGauges(now) {
    const past = this.model.outletPast(this.name);
    syncList(this.gauges, GAUGES, (gauge) => gauge.key, makeGauge,
      (child, gauge) => drawGauge(child, past[gauge.key], gauge.text, now));
  }

  // Lanes

  makeLane({server, queue}) {
    const path = `outlets/${api.pathOf(this.name)}/lanes/` +
      api.pathOf(server, queue);
    const ask = (verb) => this.act(
      async () => (await api.post(`${path}/${verb}`)).message);
    const letter = makeConfirmed('Dead letter',
      'Keep it as a dead letter, and go on', () => ask('dead-letter'));
    return el('li', {}, el('p', {class: 'letter-head'}, el('span'),
      el('span', {class: 'dim'})), el('p'),
    el('div', {class: 'actions'}, el('button', {
      type: 'button', onclick: () => ask('retry'),
    }, 'Try again'), letter));
  }

  showLanes(lanes, now) {
    setHidden(this.held, lanes.length === 0);
    syncList(this.lanes, lanes, (lane) => `${lane.server}/${lane.queue}`,
      (lane) => this.makeLane(lane), (child, lane) => {
        const [head, cause, actions] = child.children;
        setText(head.children[0], `${lane.server}/${lane.queue}`);
        setText(head.children[1], `${lane.state} since ${time(lane.since, now)}`);
        setText(cause, [isKnown(lane.arrival) ? `message ${lane.arrival}` : '',
          lane.cause ?? ''].filter(Boolean).join(': '));
        setHidden(actions, !this.model.mayAct);
        setHidden(actions.lastChild, lane.state !== 'blocked');
      });
  }

  showReplays(replays) {
    setHidden(this.again, replays.length === 0);
    syncList(this.replays, replays.slice(-10).reverse(),
      (replay) => String(replay.number),
      () => el('li', {}, el('p', {class: 'letter-head'}, el('span'),
        el('span', {class: 'dim'})), el('p')), (child, replay) => {
        const [head, cause] = child.children;
        setText(head.children[0], `Replay ${replay.number}` +
          `${replay.is_of_dead_letters ? ' of dead letters' : ''}`);
        setText(head.children[1], `${replay.state}: ` +
          `${count(replay.delivered)} delivered, ${count(replay.refused)} refused`);
        setText(cause, replay.cause ?? '');
      });
  }

  factsOf(outlet, now) {
    return [
      ['Type', outlet.type],
      ['Inbox', outlet.inbox],
      ['Last delivery', outlet.last_success_at &&
        time(outlet.last_success_at, now)],
      ['Behind', isKnown(outlet.lag_messages)
        ? `${count(outlet.lag_messages)} messages` : null],
      ['Oldest of these', isKnown(outlet.lag_seconds)
        ? duration(outlet.lag_seconds) : null],
      ['Delivered', count(outlet.delivered_total)],
      ['Filtered', count(outlet.filtered_total)],
      ['Dead letters', count(outlet.dead_letters_total)],
      ['Skipped', count(outlet.skipped_total)],
      ['Retries', count(outlet.retries_total)],
      ['Done up to arrival', count(outlet.cursor)],
    ];
  }
}
