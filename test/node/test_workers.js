// Workers that are terminated, or end, while their pollers are at work. Each
// has a loop of its own, which Node frees: it aborts if a handle is left on it.
'use strict';

const assert = require('node:assert');
const {test} = require('node:test');
const {Worker} = require('node:worker_threads');

const {PACKAGE, Sim} = require('./lib/sim.js');

// In each state, one after the other; `make test-node` has more of them.
const TERMINATIONS = Number(process.env.HAPLO_TERMINATIONS ?? 1);
const QUEUES = ['q1', 'q2']; // of workers that run at the same time

// Runs in the worker: posts "there" in the state that is asked for.
const MAIN = `
const {parentPort, workerData: {options, state}} = require('node:worker_threads');
const there = () => parentPort.postMessage('there');
const {Poller} = require(${JSON.stringify(PACKAGE)});
if (state === 'LOADED') {
  there();
  setInterval(() => {}, 1000);
} else {
  run();
}

function run() {
  const poller = new Poller(options);
  const queue = poller.servers[0].queues[0];
  poller.on('event', (event) => {
    if (event.queue !== null && event.to === state) {
      setImmediate(there);
    }
  });
  poller.on('marked', (queue, mark) => {
    if (state === 'MARKED') {
      there();
      for (;;) {} // until it is terminated, here, inside a callback
    }
  });
  (async () => {
    for await (const batch of poller.batches()) {
      if (state === 'DELIVERING') {
        globalThis.held = batch;
      } else if (state === 'STORING') {
        there();
        for (;;) {}
      } else if (state === 'DELIVER_WAIT') {
        batch.retry('not now', 60_000);
      } else if (state === 'CLOSING') {
        globalThis.held = batch;
        poller.close();
        there();
      } else if (state === 'STOPPING') {
        globalThis.held = batch;
        poller.stop(60_000);
        there();
      } else if (state === 'CLOSED') {
        batch.accept();
        poller.close().then(there);
        setInterval(() => {}, 1000);
      } else if (state === 'RETURNING') {
        batch.accept();
        there();
        process.exit();
      } else if (state === 'FORGOTTEN') {
        there();
      } else if (state === 'BLOCKED') {
        batch.reject('never');
      } else {
        batch.accept();
      }
    }
  })();
  if (state === 'IDLE') {
    poller.on('drained', there);
  } else if (state === 'LOOKING_UP') {
    setImmediate(there);
  } else if (state === 'REMOVING') {
    queue.remove();
    there();
  } else if (state === 'THROWING') {
    poller.on('drained', () => { throw new Error('of the worker'); });
  }
  queue.pollNow();
}`;

const FETCH = 'fault on=fetch do=stall times=0';
const MARK = 'fault on=mark do=stall done=no times=0';
const STATES = {
  LOADED: [], IDLE: [], LOOKING_UP: [FETCH], FETCHING: [FETCH], DELIVERING: [],
  STORING: [], DELIVER_WAIT: [], MARKING: [MARK], MARKED: [], CLOSING: [],
  STOPPING: [], CLOSED: [], RETURNING: [], FORGOTTEN: [], BLOCKED: [],
  REMOVING: [FETCH], THROWING: [],
  BACKOFF: ['fault on=fetch do=status code=500 times=0'],
};

const ACCEPTING = ['IDLE', 'MARKED', 'CLOSED', 'RETURNING', 'THROWING'];

// Resolves when the worker has ended: terminated, unless it ends by itself.
function endIn(state, options) {
  const worker = new Worker(MAIN, {eval: true, workerData: {options, state}});
  return new Promise((resolve, reject) => {
    worker.on('message', () => {
      if (state !== 'RETURNING') {
        worker.terminate();
      }
    });
    worker.on('error', (error) => {
      if (error.message !== 'of the worker') {
        reject(error);
      }
    });
    worker.on('exit', resolve);
  });
}

// One of them may have marked all messages: each finds some of its own.
async function endOften(sim, state, queue) {
  const options = {servers: [sim.server({queues: [queue]})]};
  for (let i = 0; i < TERMINATIONS; i++) {
    await sim.script(`message app1 ${queue} count=2`);
    await endIn(state, options);
  }
}

// A service that restarts its workers must not crash, wherever they were; and
// only what they have accepted is marked.
test('workers end', async (t) => {
  const sim = await Sim.start(t, '--apps=1', '--queues=2', '--tls');
  for (const [state, faults] of Object.entries(STATES)) {
    await t.test(`in state ${state}`, async () => {
      await sim.script('clear faults', ...faults);
      const before = await sim.control('/stats');
      await Promise.all(QUEUES.map((queue) => endOften(sim, state, queue)));
      const after = await sim.control('/stats');
      if (!ACCEPTING.includes(state)) {
        assert.strictEqual(after.unread,
                           before.unread + 2 * QUEUES.length * TERMINATIONS);
      }
    });
  }
});
