// Keeps the model up to date.
//
//   - Server-sent events bring what changes; every REFRESH_MS all else, such as
//     counters, is loaded; less often where there are thousands of queues.
//   - If no event arrives for SILENCE_MS although a status is due every five
//     seconds, as behind a proxy that holds responses back, everything is loaded
//     every POLL_MS instead. Events are used again as soon as one arrives.
//   - If a request has no response, the page says since when; if it is refused,
//     as while the process starts, the page says why. It tries again, at first
//     soon, then every RETRY_MS_MAX.
//   - While nobody looks, everything is loaded every HIDDEN_MS.
//   - If the process asks for a login, on_login is called, and nothing more is
//     done until start().

import {ApiError, openEvents} from './api.js';

const REFRESH_MS = 10000;
const REFRESH_MS_PER_QUEUE = 10; // thousands are a megabyte each time
const SOON_MS = 50; // whatever else arrives meanwhile needs no load of its own
const POLL_MS = 5000;
const SILENCE_MS = 12000;
const RETRY_MS_MIN = 1000;
const RETRY_MS_MAX = 10000;
const HIDDEN_MS = 60000;

export class Live {
  // on_link(state, detail): 'live', 'polling', 'lost' with the time since when,
  // or 'refused' with the reason; on_event(name, item).
  constructor(model, {on_link, on_login, on_event, on_loaded}) {
    this.model = model;
    this.on_link = on_link;
    this.on_login = on_login;
    this.on_event = on_event;
    this.on_loaded = on_loaded;
    this.events = null;     // EventSource
    this.eventAtMs = 0;     // when the last event arrived
    this.lostAtMs = null;   // since when there is no response
    this.refusal = null;    // why a request was refused
    this.retryMs = RETRY_MS_MIN;
    this.timer = null;
    this.isLoading = false;
    this.isStale = false;   // what is being loaded is out of date
    this.isStopped = true;
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) {
        this.refreshSoon();
      }
    });
  }

  start() {
    this.isStopped = false;
    this.connect();
    this.refresh();
  }

  stop() {
    this.isStopped = true;
    clearTimeout(this.timer);
    this.events?.close();
    this.events = null;
  }

  // Also to be called if an action found that there is no session.
  loggedOut() {
    this.stop();
    this.on_login();
  }

  get isLive() {
    return Date.now() - this.eventAtMs < SILENCE_MS;
  }

  connect() {
    this.events?.close();
    this.events = openEvents();
    const on = (name, take) => {
      this.events.addEventListener(name, (event) => {
        this.eventAtMs = Date.now();
        take(JSON.parse(event.data));
        this.tell();
      });
    };
    on('status', (status) => {
      const old = this.model.status?.configuration.generation;
      this.model.noteStatus(status);
      if (old !== undefined && old !== status.configuration.generation) {
        this.refreshSoon(); // queues may have come and gone
      }
    });
    on('queue', (queue) => {
      this.model.noteQueue(queue);
      this.on_event('queue', queue);
    });
    on('server', (server) => {
      this.model.noteServer(server);
      this.on_event('server', server);
    });
    on('inbox', (inbox) => {
      this.model.noteInbox(inbox);
      this.on_event('inbox', inbox);
    });
    on('outlet', (outlet) => {
      this.model.noteOutlet(outlet);
      this.on_event('outlet', outlet);
    });
    on('gap', () => this.refreshSoon());
    this.events.onerror = () => {
      const wasLive = this.isLive;
      this.eventAtMs = 0;
      if (wasLive) {
        this.refreshSoon(); // is it only the events, or the process?
      }
    };
  }

  // Loading

  refreshSoon() {
    if (this.isLoading) {
      this.isStale = true;
    } else if (!this.isStopped) {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.refresh(), SOON_MS);
    }
  }

  async refresh() {
    this.isLoading = true;
    this.isStale = false;
    let delayMs = 0;
    try {
      await this.model.load();
      delayMs = this.found();
      this.on_loaded();
    } catch (error) {
      delayMs = this.failed(error);
    }
    this.isLoading = false;
    if (!this.isStopped) {
      this.tell();
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.refresh(), delayMs);
    }
  }

  found() {
    this.lostAtMs = null;
    this.refusal = null;
    this.retryMs = RETRY_MS_MIN;
    if (this.events?.readyState === EventSource.CLOSED) {
      this.connect(); // the browser has given up, this page has not
    }
    if (this.isStale) {
      return SOON_MS;
    }
    return document.hidden ? HIDDEN_MS
      : Math.max(this.isLive ? REFRESH_MS : POLL_MS,
        this.model.queues.length * REFRESH_MS_PER_QUEUE);
  }

  failed(error) {
    if (!(error instanceof ApiError)) {
      console.error(error); // a fault of this page
      return RETRY_MS_MAX;
    }
    if (error.status === 401) {
      this.loggedOut();
      return 0;
    }
    this.eventAtMs = 0;
    this.refusal = error.status > 0 ? error.message : null;
    this.lostAtMs = error.status > 0 ? null : this.lostAtMs ?? Date.now();
    this.retryMs = Math.min(this.retryMs * 1.5, RETRY_MS_MAX);
    return this.retryMs;
  }

  tell() {
    if (this.isStopped) {
      return;
    }
    if (this.lostAtMs !== null && this.eventAtMs > this.lostAtMs) {
      this.lostAtMs = null;
    }
    if (this.refusal !== null) {
      this.on_link('refused', this.refusal);
    } else if (this.lostAtMs !== null) {
      this.on_link('lost', this.lostAtMs);
    } else {
      this.on_link(this.isLive ? 'live' : 'polling', null);
    }
  }
}
