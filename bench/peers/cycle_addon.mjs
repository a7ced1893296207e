// The addon for Node: all queues of a host in one server, the JSON of every
// message parsed. Its arguments are those of meter.mjs.
import { createRequire } from 'node:module'

import { atOnce, caFile, countCycle, KEY, MESSAGE_COUNT, urls } from './meter.mjs'

const { Poller } = createRequire(import.meta.url)(process.env.HAPLO_PACKAGE)

function deliver (batch) {
  let count = 0
  for (const message of batch.messages) {
    count += typeof message.json() === 'object'
  }
  if (count !== MESSAGE_COUNT) {
    throw new Error('not a batch of 16 messages')
  }
}

const poller = new Poller({ inFlightMax: atOnce, deliver })
poller.on('marked', (queue, mark) => {
  if (mark.markedCount !== MESSAGE_COUNT) {
    throw new Error('16 messages were not marked')
  }
  countCycle()
})
poller.on('failed', event => {
  throw new Error(event.text)
})
const servers = urls.map((url, i) => poller.addServer({
  name: `s${i}`,
  url,
  tlsCaFile: caFile,
  inFlightMax: Math.ceil(atOnce / urls.length)
}))
for (let i = 0; i < atOnce; i++) {
  // With a key that is proven already, all queues begin at once.
  servers[i % servers.length].addQueue({
    name: `q${i}`,
    apiKey: KEY,
    keyProven: true
  }).pollNow()
}
