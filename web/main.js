// The page of haplo-poll: puts its parts together.
//
//   - The model has what is known, live.js keeps it up to date.
//   - The summary, the cards, the grid of queues and the story of one object
//     each show a part of it, and change only what has changed.
//   - If the process asks for a login, the form is shown instead.

import {drawCards} from './cards.js';
import {queueColumns} from './columns.js';
import {byId, setHidden, setText} from './dom.js';
import {Filters} from './filters.js';
import {time} from './format.js';
import {Grid} from './grid.js';
import {Live} from './live.js';
import {Login} from './login.js';
import {Model} from './model.js';
import {Reload} from './reload.js';
import {Story} from './story.js';
import {drawSummary} from './summary.js';

const TOAST_MS = 6000;
const TICK_MS = 1000;

const model = new Model();
let toastTimer = null;

function say(text) {
  setText(byId('toast'), text);
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => setText(byId('toast'), ''), TOAST_MS);
}

// Of an action, which is not repeated.
function actionFailed(error) {
  if (error.status === 401) {
    live.loggedOut();
  } else {
    say(error.message);
  }
}

const LINK_TEXTS = {
  live: () => 'Live',
  polling: () => 'Every 5 seconds',
  lost: (sinceMs) => `Connection lost since ${time(sinceMs, Date.now())}`,
  refused: (reason) => `Not available: ${reason}`,
  login: () => 'Not logged in',
};

function showLink(state, detail) {
  byId('link').dataset.link = state;
  document.body.dataset.link = state; // what is old must not look like new
  setText(byId('link-text'), LINK_TEXTS[state](detail));
  if (state === 'lost') {
    document.title = 'haplo-poll: connection lost';
  }
}

const grid = new Grid(byId('grid'), queueColumns(model), {
  on_open: (name) => story.open('queue', ...splitName(name)),
  on_sort: (key) => filters.sortBy(key),
});

function splitName(name) {
  const {server, queue} = model.byName.get(name);
  return [server, queue];
}

const filters = new Filters(model, grid);

const story = new Story(model, {
  say,
  on_open(kind, name) {
    grid.select(kind === 'queue' ? name : null);
  },
  on_close: () => grid.focusActive(),
  on_failed: actionFailed,
  on_server: (name) => filters.byServer(name),
});

const live = new Live(model, {
  on_link: showLink,
  on_login() {
    setHidden(byId('app'), true);
    reload.offer(false);
    showLink('login', null);
    login.ask();
  },
  on_event: (kind, object) => story.note(kind, object.name),
  on_loaded() {
    story.load();
    login.offerLogOut();
  },
});

const login = new Login({
  on_done() {
    live.start();
    story.follow(false);
  },
});

const reload = new Reload({
  on_done: () => live.refreshSoon(),
  on_failed: actionFailed,
});

function draw() {
  if (model.status === null || live.isStopped) {
    return;
  }
  drawSummary(model);
  reload.offer(model.mayAct);
  setHidden(byId('role'), model.mayAct);
  drawCards(model, (kind, name) => story.open(kind, name));
  filters.draw();
}

model.subscribe(draw);
document.querySelector('.skip').addEventListener('click', (event) => {
  event.preventDefault();
  byId('queues').focus();
});
setInterval(() => {
  live.tell(); // it may have become silent
  if (!document.hidden) {
    grid.draw(); // "since" and "in 5 s" go on
    story.tick();
  }
}, TICK_MS);
story.follow(false);
live.start();
