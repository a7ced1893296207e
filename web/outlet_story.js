// The story of one outlet: its state and why, which queues are held up, its
// dead letters and replays, what happened before.

import * as api from './api.js';
import {drawState, makeState} from './columns.js';
import {el, setAttribute, setHidden, setText, syncList} from './dom.js';
import {count, duration, isKnown, time} from './format.js';
import {tone} from './health.js';
import {Letters, loadLetters} from './letters.js';
import {drawFacts, drawTransitions, makeConfirmed, makeSection, sinceText,
  whenText} from './story_parts.js';

const STATES = {
  working: 'It forwards messages',
  waiting: 'It waits for its next attempt',
  blocked: 'A refused message holds up its queue; others go on',
  broken: 'Its destination accepts nothing',
  closed: 'It is closed',
};

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
    this.state = makeState();
    this.since = el('span', {class: 'dim'});
    this.cause = el('p');
    this.next = el('p', {class: 'next'});
    this.box = el('div', {class: 'box'}, this.cause, this.next);
    this.lanes = el('ul', {class: 'letters'});
    this.held = makeSection('Queues that are held up', this.lanes);
    this.letters = new Letters(this.model, this.act);
    this.replays = el('ul', {class: 'letters'});
    this.again = makeSection('Replays', this.replays);
    this.history = el('ol', {class: 'history'});
    this.past = makeSection('Recent transitions', this.history);
    this.facts = el('dl', {class: 'facts-list'});
    this.body.append(
      el('p', {class: 'story-now'}, this.state, ' ', this.since), this.box,
      this.held, this.letters.section, this.again,
      this.past,
      makeSection('Since the start', this.facts));
    setHidden(this.body, true);
  }

  async load() {
    const detail = await api.get(`outlets/${api.pathOf(this.name)}`);
    const [found, replays] = await Promise.all([
      loadLetters(this.name), this.loadReplays()]);
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
    drawState(this.state, outlet.health, outlet.state);
    setText(this.since, sinceText(outlet.since, now));
    setAttribute(this.box, 'data-health', tone(outlet.health));
    setText(this.cause, outlet.cause ?? STATES[outlet.state] ?? outlet.state);
    setText(this.next, isKnown(outlet.next_at)
      ? `Next try ${whenText(outlet.next_at, now)}` : '');
    this.showLanes(lanes, now);
    this.letters.show([found]);
    this.showReplays(replays);
    setHidden(this.past, transitions.length === 0);
    drawTransitions(this.history, transitions, now);
    drawFacts(this.facts, this.factsOf(outlet, now));
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
