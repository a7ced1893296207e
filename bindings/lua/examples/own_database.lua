-- own_database.lua - stores the messages of one queue in the application's own
-- SQLite database, each exactly once, however it fails or is stopped:
--     lua5.1 own_database.lua URL QUEUE FILE < FILE-WITH-THE-API-KEY
-- It does what examples/own_database.c does: see "Exactly once" in
-- docs/embedding.md. LuaSQL cannot bind values, hence the literals.
local uv = require "luv"
local haplo = require "haplopoll"
local db = assert(require("luasql.sqlite3").sqlite3():connect(arg[3]))

local function execute(sql)
  return assert(db:execute(sql))
end

local function literal(bytes)
  return "X'" .. bytes:gsub(".", function(byte)
    return ("%02x"):format(byte:byte())
  end) .. "'"
end

-- Empty if no state is stored.
local function read_state()
  local cursor = execute "SELECT hex(max(state)) FROM states"
  local hex = cursor:fetch()
  cursor:close()
  return (hex:gsub("..", function(byte)
    return string.char(tonumber(byte, 16))
  end))
end

local function write_state(state)
  execute("REPLACE INTO states VALUES (1, " .. literal(state) .. ")")
end

-- In one transaction: compares the states, and stores the messages that are not
-- stored yet, with the state that says so. Returns the result, and what was
-- stored before.
local function store(batch)
  execute "BEGIN IMMEDIATE"
  local now = read_state()
  local found = haplo.compare_states(batch:state(), now)
  if found == "current" then
    for _, message in ipairs(batch:messages()) do
      if not message.is_repeat then
        execute("INSERT INTO messages VALUES (" .. literal(message.body) .. ")")
      end
    end
    write_state(batch:state())
    execute "COMMIT"
  end
  return found, now
end

-- An error becomes a retry, as does a COMMIT of unknown outcome.
local function deliver(batch)
  local is_done, found, now = pcall(store, batch)
  if not is_done then
    batch:retry(0, found)
  elseif found == "stale" then
    batch:stale(now)
  else
    batch:accept()
  end
  db:execute "ROLLBACK" -- of what was not committed
end

-- If this fails, the mark is confirmed later.
local function marked(_, mark)
  pcall(function()
    execute "BEGIN IMMEDIATE"
    if haplo.compare_states(mark.state, read_state()) == "current" then
      write_state(mark.state)
    end
    execute "COMMIT"
  end)
  db:execute "ROLLBACK"
end

execute("PRAGMA journal_mode = WAL"):close()
execute "PRAGMA synchronous = FULL"
execute "CREATE TABLE IF NOT EXISTS messages (body BLOB)"
execute "CREATE TABLE IF NOT EXISTS states (id PRIMARY KEY, state)"

local poller = assert(haplo.poller())
local server = assert(poller:add_server {
  name = "server",
  url = arg[1],
  tls_ca_file = os.getenv "CA_FILE",
})
local queue = assert(server:add_queue {
  name = arg[2],
  api_key = io.read(),
  state = read_state(),
  deliver = deliver,
  marked = marked,
})
queue:poll_now()
uv.run()
