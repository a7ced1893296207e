// Node's own requests over TLS and those of a poller, concurrently:
//
//     node together.js SECONDS
//
// At least for so long, and until both have made some. Each has an OpenSSL of
// its own, which may be of another version; neither may notice.
'use strict';
const assert = require('assert');
const crypto = require('crypto');
const {readFileSync} = require('fs');
const https = require('https');

const {ca, pollerOf, sim} = require('./scene.js');

const LEAST = 200;
const end = Date.now() + 1000 * Number(process.argv[2]);
const options = {ca: readFileSync(ca), agent: false};
const counts = {requests: 0, batches: 0};

function isDone() {
  return (
    Date.now() >= end && counts.requests >= LEAST && counts.batches >= LEAST
  );
}

function request() {
  return new Promise((resolve, reject) => {
    https
      .get(sim.urls.tls + '/nothing', options, (response) => {
        const hash = crypto.createHash('sha256');
        response.on('data', (data) => hash.update(data));
        response.on('end', () => resolve(hash.digest('hex')));
      })
      .on('error', reject);
  });
}

// All get the same page.
async function requests() {
  const first = await request();
  while (!isDone()) {
    assert.strictEqual(await request(), first);
    counts.requests++;
  }
}

async function main() {
  const pollers = ['q7', 'q8'].map((queue) =>
    pollerOf('tls', queue, () => {
      counts.batches++;
    }),
  );
  for (const poller of pollers) {
    poller.on('failed', (event) => assert.fail(event.text));
  }
  await Promise.all([requests(), requests()]);
  await Promise.all(pollers.map((poller) => poller.close()));
  console.log(
    `${counts.requests} requests by Node ${process.version} with ` +
      `OpenSSL ${process.versions.openssl}, ${counts.batches} batches`,
  );
}

main();
