// The story of one queue: its state and why, what happens next and when, how
// far its messages have got, what happened before.

import * as api from './api.js';
import {el, setAttribute, setHidden, setText, syncList} from './dom.js';
import {bytes, count, counted, duration, rate, time} from './format.js';
import {polledBy, tone, wordOf} from './health.js';
import {Letters, loadLetters} from './letters.js';
import {drawPlot, makePlot} from './plot.js';
import {drawFacts, hashOf, History, makeSection, Standing, whenText}
  from './story_parts.js';

// The lanes of a queue in its outlets, of which only those in trouble are
// known one by one.
async function loadOutlet(name, server, queue) {
  const detail = await api.get(`outlets/${api.pathOf(name)}`);
  const {outlet} = detail;
  const lane = detail.lanes.find((one) => one.server === server &&
    one.queue === queue) ?? null;
  const found = await loadLetters(name, `${server}/${queue}`);
  return {outlet, lane, found};
}

function outletStep({outlet, lane, found}) {
  const {letters} = found;
  const dead = letters.length > 0 ? `, ${counted(letters.length, 'dead letter')}`
    : '';
  const behind = outlet.lag_messages > 0
    ? `${count(outlet.lag_messages)} behind`
    : outlet.is_caught_up ? 'caught up' : 'behind';
  return {
    key: `outlet ${outlet.name}`,
    what: `Outlet ${outlet.name}`,
    link: hashOf('outlet', outlet.name),
    state: lane !== null ? lane.state : `${behind}${dead}`,
    why: lane?.cause ?? (outlet.health === 'ok' ? '' : outlet.cause ?? ''),
    health: lane === null ? outlet.health
      : lane.state === 'blocked' ? 'blocked' : 'failing',
  };
}

export class QueueStory {
  constructor(model, [server, queue], {title, body, act}) {
    this.model = model;
    this.server = server;
    this.queue = queue;
    this.path = `queues/${api.pathOf(server, queue)}`;
    this.body = body;
    title.append(el('span', {}, `${server}/`), queue);
    this.make(act);
  }

  make(act) {
    this.standing = new Standing();
    this.steps = el('ol', {class: 'path'});
    this.plot = makePlot();
    this.rate = el('span');
    this.facts = el('dl', {class: 'facts-list'});
    this.error = el('pre', {tabindex: '0', 'aria-label': 'Last error'});
    this.errors = makeSection('Last error', this.error);
    this.letters = new Letters(this.model, act, `${this.server}/${this.queue}`);
    this.history = new History();
    this.body.append(...this.standing.elements, this.makeActions(act),
      makeSection('Its messages', this.steps,
        el('p', {class: 'flow'}, this.plot, this.rate)),
      this.errors, this.letters.section, this.history.section,
      makeSection('Since the start', this.facts));
    setHidden(this.body, true);
  }

  // Buttons

  makeActions(act) {
    const ask = (verb, body, text) => act(async () => {
      this.model.noteQueue(await api.post(`${this.path}/${verb}`, body));
      return text;
    });
    const name = `${this.server}/${this.queue}`;
    this.poll = el('button', {
      type: 'button',
      onclick: () => ask('poll-now', undefined, `${name} is polled`),
    }, 'Poll now');
    this.resume = el('button', {
      type: 'button',
      onclick: () => ask('resume', undefined, `${name} is resumed`),
    }, 'Resume');
    this.pause = el('button', {
      type: 'button', onclick: () => this.askReason(true),
    }, 'Pause …');
    this.reason = el('input', {
      placeholder: 'Reason', 'aria-label': 'Reason for the pause',
      maxlength: 256,
    });
    this.form = el('form', {
      class: 'actions', hidden: true,
      onsubmit: (event) => {
        event.preventDefault();
        this.askReason(false);
        ask('pause', {reason: this.reason.value.trim()}, `${name} is paused`);
      },
    }, this.reason, el('button', {class: 'primary'}, 'Pause'),
    el('button', {
      type: 'button', class: 'quiet', onclick: () => this.askReason(false),
    }, 'Cancel'));
    this.buttons = el('div', {class: 'actions'}, this.poll, this.pause,
      this.resume);
    this.actions = el('div', {}, this.buttons, this.form);
    return this.actions;
  }

  // Of pause and resume, the one that makes sense; it gets the focus of the
  // other.
  showActions(isPaused) {
    const [shown, other] = isPaused ? [this.resume, this.pause]
      : [this.pause, this.resume];
    const hadFocus = document.activeElement === other;
    setHidden(this.actions, !this.model.mayAct);
    setHidden(shown, false);
    setHidden(other, true);
    if (hadFocus) {
      shown.focus();
    }
  }

  askReason(isAsking) {
    setHidden(this.form, !isAsking);
    setHidden(this.buttons, isAsking);
    (isAsking ? this.reason : this.pause).focus();
  }

  // Loading

  async load() {
    const detail = await api.get(this.path);
    const outlets = await Promise.all(detail.outlets.map(
      (name) => loadOutlet(name, this.server, this.queue)));
    return {...detail, lanes: outlets};
  }

  show(detail) {
    const {queue} = detail;
    const {now} = this.model;
    setHidden(this.body, false);
    this.showCause(queue, now);
    this.showActions(queue.pause !== null);
    this.showSteps(detail);
    this.showError(detail, now);
    this.letters.show(detail.lanes.map((one) => one.found));
    this.history.show(detail.transitions, now);
    drawFacts(this.facts, this.factsOf(detail, now));
  }

  showCause(queue, now) {
    const {pause} = queue;
    const when = whenText(queue.next_at, now);
    this.standing.show({
      ...queue, word: wordOf(queue.health),
      cause: pause !== null ? `Paused by ${pause.by} at ` +
        `${time(pause.at, now)}${pause.reason ? `: ${pause.reason}` : ''}`
        : queue.health === 'elsewhere' ? `It is ${polledBy(queue)}`
          : queue.cause ?? queue.state_text,
      code: [queue.state, pause === null ? queue.error : null]
        .filter(Boolean).join(' · '),
      next: `Next${when ? ` (${when})` : ''}: ${queue.next}`,
    }, now);
  }

  // The newest failure, if the box above does not have it.
  showError({queue, transitions}, now) {
    const last = transitions.findLast((one) => one.error !== null);
    const isNews = last !== undefined && last.cause !== queue.cause;
    setHidden(this.errors, !isNews);
    if (isNews) {
      setText(this.error, `${time(last.at, now)} ${last.error}\n${last.cause}`);
    }
  }

  // From the server through the inbox to the receivers.
  showSteps({queue, lanes}) {
    const items = [{
      key: 'server',
      what: `Server ${queue.server}`,
      link: hashOf('server', queue.server),
      state: queue.unread === null ? 'unread unknown'
        : `${count(queue.unread)} unread`,
      why: '',
      health: queue.health,
    }, {
      key: 'inbox',
      what: `Inbox ${queue.inbox ?? ''}`,
      link: queue.inbox === null ? null : hashOf('inbox', queue.inbox),
      state: `${count(queue.stored_messages_total)} stored`,
      why: queue.unconfirmed > 0
        ? `${count(queue.unconfirmed)} not known to be marked` : '',
      health: 'ok',
    }, ...lanes.map(outletStep)];
    syncList(this.steps, items, (item) => item.key,
      () => el('li', {}, el('a'), el('span', {class: 'right'}),
        el('span', {class: 'why'})), (child, item) => {
        setAttribute(child, 'data-health', tone(item.health));
        setAttribute(child.children[0], 'href', item.link);
        setText(child.children[0], item.what);
        setText(child.children[1], item.state);
        setText(child.children[2], item.why);
        setHidden(child.children[2], item.why === '');
      });
    const listed = this.model.byName.get(queue.name);
    drawPlot(this.plot, listed?.past.points ?? []);
    setText(this.rate, `${rate(listed?.rate ?? 0)} messages/s`);
  }

  factsOf({queue, interval_seconds: interval, api_key: key, place}, now) {
    return [
      ['Last success', queue.last_success_at &&
        time(queue.last_success_at, now)],
      ['Failures in a row', queue.failures > 0 ? count(queue.failures) : null],
      ['Fetches', count(queue.fetches_total)],
      ['Batches', count(queue.batches_total)],
      ['Messages', count(queue.messages_total)],
      ['Stored', count(queue.stored_messages_total)],
      ['Marked', count(queue.marked_messages_total)],
      ['Repeats', count(queue.repeats_total)],
      ['Failures', count(queue.failures_total)],
      ['Marked by another consumer', queue.foreign_marks_total > 0
        ? count(queue.foreign_marks_total) : null],
      ['Received', bytes(queue.body_bytes_total)],
      ['Interval', interval && duration(interval)],
      ['API key from', key && `${key.from} ${key.name}`],
      ['Configured in', `${place.path}:${place.line}`],
    ];
  }
}
