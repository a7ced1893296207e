// Dead letters, with buttons that send them again.

import * as api from './api.js';
import {el, setHidden, setText, syncList} from './dom.js';
import {counted, time} from './format.js';
import {makeConfirmed, makeSection} from './story_parts.js';

const SHOWN_MAX = 50;

// Of one outlet, of all queues or of one: {outlet, letters, note}. A page of them
// suffices, as they are sent again all together. If the inbox cannot be read,
// the note says why: the rest of a story does not depend on it.
export async function loadLetters(outlet, queue = null) {
  try {
    const {dead_letters: letters, next} = await api.get('dead-letters',
      {outlet, queue, limit: SHOWN_MAX});
    const note = next === null ? ''
      : `${outlet} has more; the first ${SHOWN_MAX} are listed`;
    return {outlet, letters, note};
  } catch (error) {
    if (!(error instanceof api.ApiError) || error.status === 0) {
      throw error;
    }
    return {outlet, letters: [], note: error.message};
  }
}

function replay(request) {
  return async () => (await api.post('replays',
    {dead_letters: true, ...request})).message;
}

function makeLetter(letter, act) {
  const again = el('button', {
    type: 'button',
    'aria-label': `Replay message ${letter.arrival} to ${letter.outlet}`,
    onclick: () => act(replay(
      {outlet: letter.outlet, arrival: letter.arrival})),
  }, 'Replay');
  return el('li', {}, el('p', {class: 'letter-head'}, el('span'),
    el('span', {class: 'dim'}), again), el('p'));
}

// model: for the role and the time; queue: SERVER/QUEUE, or null for all.
export class Letters {
  constructor(model, act, queue = null) {
    this.model = model;
    this.act = act;
    this.list = el('ul', {class: 'letters'});
    this.all = el('div', {class: 'actions'});
    this.more = el('p', {class: 'dim'});
    this.section = makeSection('Dead letters', this.list, this.more, this.all);
    this.queue = queue;
    this.outlets = '';
  }

  // found: of each outlet what loadLetters() returns.
  show(found) {
    const letters = found.flatMap((one) => one.letters);
    const notes = found.map((one) => one.note).filter(Boolean).join('; ');
    setHidden(this.section, letters.length === 0 && notes === '');
    syncList(this.list, letters, (one) => `${one.outlet} ${one.arrival}`,
      (one) => makeLetter(one, this.act), (child, one) => {
        const [head, reason] = child.children;
        setText(head.children[0], this.queue === null
          ? `${one.server}/${one.queue} · ${one.arrival}`
          : `Message ${one.arrival} to ${one.outlet}`);
        setText(head.children[1], time(one.refused_at, this.model.now));
        setHidden(head.children[2], !this.model.mayAct);
        setText(reason, `${one.reason} (sent ${counted(one.attempts, 'time')})`);
      });
    setText(this.more, notes);
    this.showAll(found.filter((one) => one.letters.length > 0));
  }

  // One button for each outlet; made again only if these change.
  showAll(found) {
    const names = found.map((one) => one.outlet).join(' ');
    setHidden(this.all, !this.model.mayAct);
    if (names === this.outlets) {
      return;
    }
    this.outlets = names;
    this.all.replaceChildren(...found.map(({outlet}) => makeConfirmed(
      `Replay all to ${outlet}`,
      `Send all dead letters${this.queue ? ' of this queue' : ''} to ` +
        `${outlet} again`,
      () => this.act(replay({outlet, queue: this.queue ?? undefined})))));
  }
}
