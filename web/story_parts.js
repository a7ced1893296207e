// Parts that the stories of queues and outlets have in common.

import {drawState, makeState} from './columns.js';
import {el, setAttribute, setHidden, setText, syncList} from './dom.js';
import {duration, fullTime, isKnown, time} from './format.js';
import {tone} from './health.js';

// The address of a story.
export function hashOf(kind, ...names) {
  return `#${kind}/${names.map(encodeURIComponent).join('/')}`;
}

// How all stories begin: the state, since when, why, and what is next.
export class Standing {
  constructor() {
    this.state = makeState();
    this.since = el('span', {class: 'dim'});
    this.cause = el('p');
    this.code = el('p', {class: 'code'});
    this.next = el('p', {class: 'next'});
    this.box = el('div', {class: 'box'}, this.cause, this.code, this.next);
    this.elements = [el('p', {class: 'story-now'}, this.state, ' ', this.since),
      this.box];
  }

  show({health, word, since, cause, code = '', next = ''}, now) {
    drawState(this.state, health, word);
    setText(this.since, sinceText(since, now));
    setAttribute(this.box, 'data-health', tone(health));
    setText(this.cause, cause);
    setText(this.code, code);
    setText(this.next, next);
  }
}

// What happened before.
export class History {
  constructor() {
    this.list = el('ol', {class: 'history'});
    this.section = makeSection('Recent transitions', this.list);
  }

  show(transitions, now) {
    setHidden(this.section, transitions.length === 0);
    drawTransitions(this.list, transitions, now);
  }
}

export function makeSection(title, ...children) {
  return el('section', {}, el('h3', {}, title), ...children);
}

// A list of names and values.
export function drawFacts(list, facts) {
  syncList(list, facts.filter(([, value]) => isKnown(value)).flatMap(
    ([name, value]) => [{key: `${name} `, text: name, tag: 'dt'},
      {key: name, text: value, tag: 'dd'}]),
  (fact) => fact.key, (fact) => el(fact.tag),
  (child, fact) => setText(child, fact.text));
}

// What happens next: at 12:03:20, in 45 s.
export function whenText(when, now) {
  if (!isKnown(when)) {
    return '';
  }
  const seconds = (Date.parse(when) - now) / 1000;
  return seconds <= 0 ? 'now'
    : `at ${time(when, now)}, in ${duration(Math.ceil(seconds))}`;
}

// When a state began: since 12:03:20, for 2 min 5 s.
function sinceText(when, now) {
  return isKnown(when) ? `since ${time(when, now)}, for ` +
    `${duration(Math.round((now - Date.parse(when)) / 1000))}` : '';
}

function makeTransition() {
  return el('li', {}, el('time'), el('span', {class: 'change'}),
    el('span', {class: 'text'}));
}

// The newest first.
function drawTransitions(list, transitions, now) {
  const seen = new Map();
  const items = transitions.map((one) => {
    const key = `${one.at} ${one.from} ${one.to}`;
    seen.set(key, (seen.get(key) ?? 0) + 1);
    return {...one, key: `${key} ${seen.get(key)}`};
  }).reverse();
  syncList(list, items, (one) => one.key, makeTransition, (child, one) => {
    const [when, change, text] = child.children;
    setText(when, time(one.at, now));
    setAttribute(when, 'datetime', one.at);
    setAttribute(when, 'title', fullTime(one.at));
    setText(change, one.from === one.to ? one.to : `${one.from} → ${one.to}`);
    setText(text, [one.cause, one.failures > 1 ? `${one.failures} in a row`
      : null, one.next_seconds > 0
      ? `next try after ${duration(one.next_seconds)}` : null]
      .filter(isKnown).join('; '));
  });
}

// A button that asks once more before it does something.
export function makeConfirmed(text, question, work) {
  const first = el('button', {type: 'button'}, text);
  const yes = el('button', {type: 'button', class: 'primary'}, question);
  const no = el('button', {type: 'button', class: 'quiet'}, 'Cancel');
  const box = el('span', {class: 'confirmed'}, first, yes, no);
  const ask = (isAsking) => {
    first.hidden = isAsking;
    yes.hidden = !isAsking;
    no.hidden = !isAsking;
    (isAsking ? yes : first).focus();
  };
  first.addEventListener('click', () => ask(true));
  no.addEventListener('click', () => ask(false));
  yes.addEventListener('click', () => {
    ask(false);
    work();
  });
  yes.hidden = true;
  no.hidden = true;
  return box;
}
