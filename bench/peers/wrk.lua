-- The floor: a fetch and a mark in turns, nothing read and nothing parsed.
-- Arguments: warm-up cycles, cycles. Reads the process's CPU time itself, so
-- that the start is not counted, as in all clients.
local ffi = require("ffi")
ffi.cdef [[
struct bench_rusage { long user_s, user_us, system_s, system_us, rest[14]; };
int getrusage(int who, struct bench_rusage *usage);
int getpid(void);
int kill(int pid, int signal);
typedef struct { long s, ns; } bench_time;
int clock_gettime(int clock, bench_time *time);
]]

local RUSAGE_SELF, CLOCK_MONOTONIC, SIGINT = 0, 1, 2
local POLL = "/api/haplo-integration-messages/poll/q/"
local TOKEN = "token=MiwzLDQsNSw2LDcsOCw5LDEwLDExLDEyLDEzLDE0LDE1LDE2LDE3%2Bw%3D%3D"
local KEY = "Basic aGFwbG86MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OWFiY2Q="

local function cpu_us()
  local usage = ffi.new("struct bench_rusage")
  ffi.C.getrusage(RUSAGE_SELF, usage)
  return tonumber(usage.user_s + usage.system_s) * 1e6
       + tonumber(usage.user_us + usage.system_us)
end

local function wall_us()
  local time = ffi.new("bench_time")
  ffi.C.clock_gettime(CLOCK_MONOTONIC, time)
  return tonumber(time.s) * 1e6 + tonumber(time.ns) / 1e3
end

local fetch, mark, requests_warm, requests_max, cpu, wall
local requests = 0

function init(args)
  requests_warm = 2 * tonumber(args[1])
  requests_max = requests_warm + 2 * tonumber(args[2])
  fetch = wrk.format("GET", POLL .. "fetch", {Authorization = KEY})
  mark = wrk.format("POST", POLL .. "mark", {
    Authorization = KEY,
    ["Content-Type"] = "application/x-www-form-urlencoded"}, TOKEN)
end

function request()
  requests = requests + 1
  if requests == requests_warm then
    cpu, wall = cpu_us(), wall_us()
  elseif requests == requests_max then
    io.write(string.format(
      '{"cycles": %d, "cpu_us": %.0f, "wall_us": %.0f}\n',
      (requests_max - requests_warm) / 2, cpu_us() - cpu, wall_us() - wall))
    ffi.C.kill(ffi.C.getpid(), SIGINT)
  end
  return requests % 2 == 1 and fetch or mark
end

function done(summary)
  local errors = summary.errors
  if errors.status + errors.connect + errors.read + errors.timeout > 0 then
    io.stderr:write("wrk: some requests failed\n")
    os.exit(1)
  end
end
