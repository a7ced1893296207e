// What the clients on Node share: their arguments, and what a cycle cost.
//
//     node CLIENT.mjs HOSTS AT-ONCE WARM-CYCLES CYCLES CA-FILE
import { readFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'

export const KEY = '0123456789012345678901234567890123456789abcd'
export const MESSAGE_COUNT = 16
const RESOLUTION_MS = 10 // of the delay: the interval of a timer

const [hosts, atOnceText, warmText, cyclesText, ca] = process.argv.slice(2)
export const atOnce = Number(atOnceText)
export const urls = readFileSync(hosts, 'ascii').split('\n').filter(Boolean)
export const caFile = ca === '-' ? undefined : ca
const warm = Number(warmText)
const cycles = Number(cyclesText)
const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })

let done = 0
let cpu
let wall

function cpuMicroseconds () {
  const usage = process.cpuUsage()
  return usage.user + usage.system
}

// A cycle is complete. Ends the process after the last one.
export function countCycle () {
  done++
  if (done === warm) {
    delay.enable()
    cpu = cpuMicroseconds()
    wall = performance.now()
  } else if (done === warm + cycles) {
    const cpuEnd = cpuMicroseconds()
    const wallEnd = performance.now()
    delay.disable()
    console.log(JSON.stringify({
      cycles,
      cpu_us: cpuEnd - cpu,
      wall_us: (wallEnd - wall) * 1000,
      // The timer is late by so much.
      late_p99_ms: delay.percentile(99) / 1e6 - RESOLUTION_MS,
      rss_kib: process.memoryUsage().rss / 1024
    }))
    process.exit(0)
  }
}
