// Exceptions in what the addon calls: node exceptions.js NAME. Those of deliver()
// become a retry. All others are uncaught, as those of any listener are; if the
// program goes on, so does the poller.
'use strict';
const assert = require('assert');

const {pollerOf} = require('./scene.js');

const QUEUE = 'q6';
const OPTIONS = {backoffMs: 1};

// The batch comes again until it is accepted.
async function retriedAfter(fail) {
  let count = 0;
  await new Promise((resolve) => {
    const poller = pollerOf(
      'tls',
      QUEUE,
      () => {
        count++;
        if (count < 3) return fail();
      },
      OPTIONS,
    );
    poller.on('marked', () => resolve(poller.close()));
  });
  assert.strictEqual(count, 3);
}

// What a listener throws reaches the process, and the next batch the listener.
async function uncaughtIn(name) {
  let thrown = 0;
  let caught = 0;
  process.on('uncaughtException', (error) => {
    assert.strictEqual(error.message, name);
    caught++;
  });
  const poller = pollerOf('tls', QUEUE, () => {}, OPTIONS);
  await new Promise((resolve) =>
    poller.on(name, () => {
      if (thrown === 2) return resolve();
      thrown++;
      throw new Error(name);
    }),
  );
  await poller.close();
  assert.strictEqual(caught, 2);
}

const tests = {
  thrown: () =>
    retriedAfter(() => {
      throw new Error('thrown');
    }),
  rejected: () =>
    retriedAfter(async () => {
      throw new Error('rejected');
    }),
  marked: () => uncaughtIn('marked'),
  drained: () => uncaughtIn('drained'),
  event: () => uncaughtIn('event'),
  // Nobody catches it: run.py expects that the process ends.
  fatal: () =>
    pollerOf('tls', QUEUE, () => {}, OPTIONS).on('event', () => {
      throw new Error('fatal');
    }),
};

tests[process.argv[2]]();
