// The peer "Node undici": a Pool for each host, a loop for each queue. Its
// arguments are those of meter.mjs.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createSecureContext } from 'node:tls'

import { atOnce, caFile, countCycle, KEY, MESSAGE_COUNT, urls } from './meter.mjs'

// Installed beside the other build products, not here.
const { Pool } = createRequire(process.env.BENCH_NODE_MODULES)('undici')

const POLL = '/api/haplo-integration-messages/poll/'
const authorization =
  'Basic ' + Buffer.from('haplo:' + KEY).toString('base64')
const fetchHeaders = { authorization }
const markHeaders = {
  authorization,
  'content-type': 'application/x-www-form-urlencoded'
}

async function json ({ statusCode, body }) {
  const text = await body.text()
  if (statusCode !== 200) {
    throw new Error(`status ${statusCode}`)
  }
  return JSON.parse(text)
}

async function run (pool, name) {
  const fetch = { path: `${POLL}${name}/fetch`, method: 'GET', headers: fetchHeaders }
  const markPath = `${POLL}${name}/mark`
  for (;;) {
    const batch = await json(await pool.request(fetch))
    if (batch.messages.length !== MESSAGE_COUNT) {
      throw new Error('not a batch of 16 messages')
    }
    const mark = await json(await pool.request({
      path: markPath,
      method: 'POST',
      headers: markHeaders,
      body: 'token=' + encodeURIComponent(batch.token)
    }))
    if (mark.markedCount !== MESSAGE_COUNT) {
      throw new Error('16 messages were not marked')
    }
    countCycle()
  }
}

// Made once: the CA file is large, and would be read for each connection.
const connect = caFile === undefined
  ? {}
  : { secureContext: createSecureContext({ ca: readFileSync(caFile) }) }
const pools = urls.map(url => new Pool(url, {
  connections: Math.ceil(atOnce / urls.length),
  pipelining: 1,
  keepAliveTimeout: 3600_000,
  keepAliveMaxTimeout: 3600_000,
  connect
}))
for (let i = 0; i < atOnce; i++) {
  run(pools[i % pools.length], `q${i}`)
}
