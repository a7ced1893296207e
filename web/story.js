// The story of one queue, server, outlet or inbox, beside the list. Which one it
// is stands in the fragment of the page's URL, #queue/SERVER/QUEUE or
// #outlet/NAME: so it survives a reload, and can be sent to a colleague.
//
// It is loaded when it is opened, when an event is about it, and with every
// refresh of the model. It is built once and then kept up to date, so that
// focus, selection and scroll position stay.

import {ApiError} from './api.js';
import {byId, el, setHidden} from './dom.js';
import {hashOf} from './story_parts.js';
import {InboxStory} from './inbox_story.js';
import {OutletStory} from './outlet_story.js';
import {QueueStory} from './queue_story.js';
import {ServerStory} from './server_story.js';

const KINDS = {
  queue: QueueStory, server: ServerStory, outlet: OutletStory,
  inbox: InboxStory,
};

export class Story {
  // on_open(kind, name): another story is shown, or none (null, null);
  // on_close(): it was closed, and nothing has the focus; on_server(name): only
  // the queues of this server are asked for; on_failed(error): of an action.
  constructor(model, {on_open, on_close, on_server, on_failed, say}) {
    this.model = model;
    this.on_open = on_open;
    this.on_close = on_close;
    this.on_server = on_server;
    this.on_failed = on_failed;
    this.say = say;
    this.root = byId('story');
    this.current = null; // one of KINDS
    this.detail = null;  // what was last loaded for it
    this.name = null;    // of the queue, server, outlet or inbox
    this.kind = null;
    this.opener = null;  // what had the focus before
    window.addEventListener('hashchange', () => this.follow(true));
    document.addEventListener('keydown', (event) => {
      if (event.key === 'Escape' && this.current !== null) {
        this.close();
      }
    });
  }

  open(kind, ...names) {
    const hash = hashOf(kind, ...names);
    this.opener = document.activeElement;
    if (location.hash === hash) {
      this.root.querySelector('h2')?.focus();
    } else {
      location.hash = hash;
    }
  }

  close() {
    history.pushState(null, '', location.pathname + location.search);
    this.follow(false);
    if (this.opener?.isConnected && this.opener.matches('button')) {
      this.opener.focus();
    } else {
      this.on_close();
    }
  }

  // Shows what the fragment names.
  follow(withFocus) {
    const [kind, ...names] = location.hash.slice(1).split('/')
      .map(decodeURIComponent);
    const isStory = kind in KINDS && names.length === (kind === 'queue' ? 2 : 1);
    this.root.replaceChildren();
    this.current = null;
    this.detail = null;
    this.kind = isStory ? kind : null;
    this.name = isStory ? names.join('/') : null;
    if (isStory) {
      this.begin(names, withFocus);
    }
    setHidden(this.root, !isStory);
    setHidden(byId('side'), isStory);
    this.on_open(this.kind, this.name);
  }

  begin(names, withFocus) {
    const body = el('div');
    const title = el('h2', {id: 'story-title', tabindex: '-1'});
    this.root.append(el('div', {class: 'story-head'}, title,
      el('button', {
        type: 'button', class: 'quiet', onclick: () => this.close(),
      }, 'Close')), body);
    this.root.scrollTop = 0;
    this.current = new KINDS[this.kind](this.model, names,
      {title, body, act: (work) => this.act(work), on_server: this.on_server});
    setHidden(this.root, false);
    this.load();
    if (withFocus) {
      title.focus({preventScroll: true});
    }
  }

  async load() {
    const {current} = this;
    if (current === null) {
      return;
    }
    try {
      const detail = await current.load();
      if (current === this.current) {
        this.detail = detail;
        current.show(detail);
      }
    } catch (error) {
      if (current !== this.current) {
        return;
      }
      if (!(error instanceof ApiError)) {
        throw error;
      }
      if (error.status === 404) {
        current.body.replaceChildren(el('p', {class: 'empty'}, error.message));
      } // of a lost connection, the bar says more
    }
  }

  // Times go on.
  tick() {
    if (this.detail !== null) {
      this.current.show(this.detail);
    }
  }

  note(kind, name) {
    if (kind === this.kind && name === this.name) {
      this.load();
    }
  }

  // Carries out what a button asks for, says what became of it, and shows it.
  async act(work) {
    try {
      this.say(await work());
    } catch (error) {
      if (!(error instanceof ApiError)) {
        throw error;
      }
      this.on_failed(error);
    }
    await this.load();
  }
}
