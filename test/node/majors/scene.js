// What the scripts of this folder share: the addon as it was installed, the
// simulator that run.py has started, and ways to get a poller into a state that
// it stays in.
'use strict';
const {readFileSync} = require('fs');

const {Poller} = require(process.env.HAPLO_PACKAGE);
const sim = JSON.parse(process.env.HAPLO_SIM);
const ca = sim.dir + '/ca.pem';

// The key of a queue; app is "plain" or "tls".
function keyOf(app, queue) {
  return readFileSync(`${sim.dir}/keys/${app}-${queue}`, 'ascii').trim();
}

// A poller with one queue, which is polled as soon as listeners have been added.
// The server "silent" has no keys of its own.
function pollerOf(app, queue, deliver, options = {}) {
  const poller = new Poller({deliver});
  const server = poller.addServer({
    name: app,
    url: sim.urls[app],
    ...(app === 'plain' ? {} : {tlsCaFile: ca}),
  });
  const added = server.addQueue({
    name: queue,
    apiKey: keyOf(app === 'silent' ? 'tls' : app, queue),
    intervalMs: 20,
    ...options,
  });
  setImmediate(() => {
    if (!poller.isClosed) added.pollNow();
  });
  return poller;
}

// Calls reached() when the queue of the poller gets into a state.
function whenIn(state, poller, reached) {
  poller.on('event', (event) => {
    if (event.queue && event.to === state) reached();
  });
}

function never() {
  throw new Error('delivered what cannot be fetched');
}

async function accept() {}

// For each state a function that calls reached() once a poller is in it. What
// stalls does so in the simulator: all fetches of q2, and all marks of q3.
const states = {
  delivering(reached) {
    pollerOf('tls', 'q1', () => {
      reached();
      return new Promise(() => {});
    });
  },
  fetching(reached) {
    whenIn('FETCHING', pollerOf('tls', 'q2', never), reached);
  },
  connecting(reached) {
    whenIn('FETCHING', pollerOf('silent', 'q1', never), reached);
  },
  marking(reached) {
    whenIn('MARKING', pollerOf('tls', 'q3', accept), reached);
  },
  idle(reached) {
    pollerOf('tls', 'q4', never, {intervalMs: 3600000}).on('drained', () =>
      reached(),
    );
  },
  closing(reached) {
    const poller = pollerOf('tls', 'q2', never);
    whenIn('FETCHING', poller, () => {
      poller.close();
      reached();
    });
  },
};

module.exports = {Poller, sim, ca, keyOf, pollerOf, states};
