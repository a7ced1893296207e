// Workers that are terminated while their poller is in each of the states:
//
//     node workers.js COUNT
//
// Nothing crashes, no worker reports an error, and at the end there are no more
// descriptors than before.
'use strict';
const assert = require('assert');
const {readdirSync} = require('fs');
const {
  Worker,
  isMainThread,
  parentPort,
  workerData,
} = require('worker_threads');

const {states} = require('./scene.js');

const AT_ONCE = 4;
const WAIT_MS_MAX = 60000; // only where it fails

function terminateIn(state) {
  return new Promise((resolve, reject) => {
    const worker = new Worker(__filename, {workerData: state});
    worker.on('message', () => worker.terminate());
    worker.on('error', reject);
    worker.on('exit', resolve);
  });
}

async function terminateMany(count) {
  const names = Object.keys(states);
  let next = 0;
  async function one() {
    while (next < count) {
      await terminateIn(names[next++ % names.length]);
    }
  }
  await Promise.all(Array.from({length: AT_ONCE}, one));
}

function descriptorCount() {
  return readdirSync('/proc/self/fd').length;
}

async function main(count) {
  await terminateMany(Object.keys(states).length); // what stays open is open
  const before = descriptorCount();
  await terminateMany(count);
  const end = Date.now() + WAIT_MS_MAX;
  while (descriptorCount() > before && Date.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.ok(descriptorCount() <= before, 'descriptors are left open');
  console.log(`${count} workers terminated`);
}

if (isMainThread) {
  main(Number(process.argv[2]));
} else {
  states[workerData](() => parentPort.postMessage('reached'));
}
