// Polls a queue until it is drained: node polling.js APP QUEUE COUNT. Each of
// its messages arrives once, and their JSON can be read.
'use strict';
const assert = require('assert');

const {pollerOf} = require('./scene.js');

const [app, queue, count] = process.argv.slice(2);
const ids = [];
const poller = pollerOf(app, queue, (batch) => {
  for (const message of batch.messages) {
    ids.push(message.json().id);
  }
});
poller.on('failed', (event) => assert.fail(event.text));
poller.on('drained', async () => {
  await poller.close();
  assert.strictEqual(ids.length, Number(count));
  assert.strictEqual(new Set(ids).size, ids.length);
  console.log(`${ids.length} messages`);
});
