// The peer "Node undici": a Pool for each host, a loop for each queue.
//
//     node cycle_undici.mjs HOSTS AT-ONCE WARM-CYCLES CYCLES CA-FILE
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createSecureContext } from 'node:tls'

// Installed beside the other build products, not here.
const { Pool } = createRequire(process.env.BENCH_NODE_MODULES)('undici')

const POLL = '/api/haplo-integration-messages/poll/'
const KEY = '0123456789012345678901234567890123456789abcd'
const MESSAGE_COUNT = 16
const authorization =
  'Basic ' + Buffer.from('haplo:' + KEY).toString('base64')
const fetchHeaders = { authorization }
const markHeaders = {
  authorization,
  'content-type': 'application/x-www-form-urlencoded'
}

const [hosts, atOnceText, warmText, cyclesText, caFile] =
  process.argv.slice(2)
const atOnce = Number(atOnceText)
const warm = Number(warmText)
const cycles = Number(cyclesText)
const urls = readFileSync(hosts, 'ascii').split('\n').filter(Boolean)

let done = 0
let cpu
let wall

function cpuMicroseconds () {
  const usage = process.cpuUsage()
  return usage.user + usage.system
}

function count () {
  done++
  if (done === warm) {
    cpu = cpuMicroseconds()
    wall = performance.now()
  } else if (done === warm + cycles) {
    console.log(JSON.stringify({
      cycles,
      cpu_us: cpuMicroseconds() - cpu,
      wall_us: (performance.now() - wall) * 1000
    }))
    process.exit(0)
  }
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
    count()
  }
}

// Made once: the CA file is large, and would be read for each connection.
const connect = caFile === '-'
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
