-- Scenes for test_lua.py: scenes.lua NAME URL, with the API key in KEY. Each
-- prints what it sees.
local uv = require "luv"
local haplo = require "haplopoll"
local url, key = arg[2], os.getenv "KEY"
local scenes = {}
io.stdout:setvbuf "line"

local function say(...)
  local words = {}
  for i = 1, select("#", ...) do
    words[i] = tostring((select(i, ...)))
  end
  print(table.concat(words, " "))
end

local function new_queue(options, poller_options)
  local poller = assert(haplo.poller(poller_options))
  local server = assert(poller:add_server { name = "s", url = url })
  options.name = options.name or "q1"
  options.api_key = options.api_key or key
  local queue = assert(server:add_queue(options))
  queue:poll_now()
  return queue, poller, server
end

local function accept(batch)
  assert(batch:accept())
end

-- Each answer, and what a second one returns.

function scenes.retry()
  local deliveries = 0
  local poller
  _, poller = new_queue {
    deliver = function(batch)
      deliveries = deliveries + 1
      say("delivered", #batch:messages(), batch:new_count())
      if deliveries < 3 then
        say(batch:retry(1, "not now"))
        say(batch:accept())
        say(batch:messages())
      else
        say(batch:accept())
      end
    end,
    drained = function(queue)
      say(queue:stats().deliver_retry_count, queue:stats().state)
      poller:close()
    end,
  }
  uv.run()
end

function scenes.drop()
  local deliveries = 0
  local poller
  _, poller = new_queue {
    backoff_ms = 1,
    deliver = function(batch)
      deliveries = deliveries + 1
      say(deliveries < 2 and batch:drop "no room" or batch:accept())
    end,
    drained = function(queue)
      say(queue:stats().fetch_count >= 2)
      poller:close()
    end,
  }
  uv.run()
end

function scenes.reject()
  local poller
  _, poller = new_queue({
    deliver = function(batch)
      say(batch:reject "never")
    end,
  }, {
    event = function(event)
      if event.to == "BLOCKED" then
        say(event.server, event.queue, event.from, event.error, event.text)
      end
    end,
  })
  uv.run() -- a blocked queue does not keep the loop alive
  poller:close()
  uv.run()
end

-- The state says what is stored, over two pollers.
function scenes.state()
  local stored = ""
  local poller
  local function poll()
    local queue
    queue, poller = new_queue {
      state = stored,
      deliver = function(batch)
        local before = stored
        stored = batch:state()
        say(haplo.compare_states(stored, before),
          haplo.compare_states(stored, stored),
          haplo.compare_states(stored, "another"))
        accept(batch)
      end,
      marked = function(own, mark)
        say("marked", own == queue, mark.message_count, mark.marked_count,
          mark.unread_count, haplo.compare_states(mark.state, stored))
        stored = mark.state
      end,
      drained = function()
        poller:close()
      end,
    }
    uv.run()
  end
  poll()
  say("messages", io.read())
  poll()
end

function scenes.stale()
  local poller
  local is_first = true
  _, poller = new_queue {
    backoff_ms = 1,
    deliver = function(batch)
      if is_first then
        is_first = false
        say(batch:stale "")
      else
        accept(batch)
      end
    end,
    drained = function()
      poller:close()
    end,
  }
  uv.run()
  local _, other = new_queue {
    deliver = function(batch)
      say(batch:stale "this is no state")
    end,
  }
  say("messages", io.read())
  uv.run()
  other:close()
  uv.run()
end

-- Whatever becomes of an object, its methods say so.
function scenes.closed()
  local kept
  local queue, poller, server = new_queue {
    deliver = function(batch)
      kept = batch
      uv.stop()
    end,
  }
  uv.run()
  say(kept:queue() == queue, queue:server() == server, queue:name(),
    server:name(), poller:stats().queue_count, server:stats().state)
  poller:close(function()
    say "closed"
  end)
  say(kept:accept())
  say(kept:messages())
  uv.run()
  say(kept:accept())
  for _, object in ipairs { queue, server, poller } do
    say(select(2, pcall(function() object:stats() end)):match "[^:(]+$")
  end
  queue, poller, server = nil, nil, nil
  collectgarbage()
  say(kept:retry())
end

function scenes.removed()
  local queue, poller, server
  local options
  options = {
    deliver = accept,
    drained = function()
      say(server:remove())
      say(queue:remove(function()
        say "removed"
        options.drained = function()
          say "drained again"
          poller:close()
        end
        queue = assert(server:add_queue(options))
        queue:poll_now()
      end))
      say(queue:remove())
    end,
  }
  queue, poller, server = new_queue(options)
  uv.run()
  -- The last queue takes its server along.
  queue, poller, server = new_queue { deliver = accept }
  queue:remove(function()
    say(server:remove())
    poller:close()
  end)
  uv.run()
  say(pcall(server.name, server))
end

function scenes.stopped()
  local _, poller
  _, poller = new_queue {
    deliver = function(batch)
      poller:stop(60000, function(batches_left)
        say("stopped", batches_left)
        poller:close()
      end)
      say(poller:stop(1))
      accept(batch)
    end,
  }
  uv.run()
end

function scenes.unref()
  local _, poller = new_queue {
    interval_ms = 3600000,
    deliver = accept,
    drained = function(queue)
      queue:server() -- still there
      uv.stop()
    end,
  }
  uv.run()
  say(uv.loop_alive())
  poller:unref()
  say(uv.loop_alive())
  poller:ref()
  say(uv.loop_alive())
end

-- A batch that nobody keeps is delivered again.
function scenes.forgotten()
  local poller
  local collector = uv.new_idle()
  local deliveries = 0
  _, poller = new_queue {
    backoff_ms = 1,
    deliver = function(batch)
      deliveries = deliveries + 1
      if deliveries == 3 then
        collector:close()
        accept(batch)
        poller:close()
      end
    end,
  }
  collector:start(collectgarbage)
  uv.run()
  say(deliveries)
end

-- What coroutines make and leave still works.
function scenes.coroutines()
  local poller
  local timer = uv.new_timer()
  local function store(batch)
    local this = coroutine.running()
    timer:start(1, 0, function()
      assert(coroutine.resume(this))
    end)
    coroutine.yield()
    say("stored", #batch:messages())
    accept(batch)
  end
  coroutine.wrap(function()
    _, poller = new_queue {
      deliver = function(batch)
        coroutine.wrap(store)(batch)
      end,
      drained = coroutine.wrap(function()
        timer:close()
        poller:close()
      end),
    }
  end)()
  collectgarbage()
  uv.run()
end

function scenes.options()
  local poller = assert(haplo.poller {})
  local function try(what, ...)
    say(pcall(what, ...))
  end
  local function add_server(options)
    return poller:add_server(options)
  end
  try(haplo.poller, { in_flight = 3 })
  try(haplo.poller, { event = "print" })
  try(add_server, { "server" })
  try(add_server, { name = "s", url = "ftp://example.org" })
  try(add_server, { name = "s", url = url, in_flight_max = 1.5 })
  try(add_server, { name = "s", url = url, in_flight_max = -1 })
  try(add_server, { name = "s", url = url, total_timeout_ms = 2 ^ 60 })
  try(add_server, { name = "s\0t", url = url })
  try(add_server, { name = 5, url = url })
  local server = assert(poller:add_server { name = "s", url = url })
  local function add_queue(options)
    return server:add_queue(options)
  end
  try(add_server, { name = "s", url = url })
  try(add_queue, { name = "q1", api_key = key, format = "xml" })
  try(add_queue, { name = "q1", api_key = key })
  try(add_queue, { name = "q1", api_key = "short", deliver = print })
  try(add_queue, { name = "q1", api_key = key, deliver = print, state = "no" })
  try(server.add_queue, poller, {})
  poller:close()
  uv.run()
end

function scenes.events()
  local poller
  _, poller = new_queue({
    api_key = ("wrong"):rep(8),
    deliver = accept,
  }, {
    event = function(event)
      if event.queue then
        say(event.server, event.queue, event.from, event.to, event.error)
      end
      if event.to == "REFUSED" then
        poller:close()
      end
    end,
  })
  uv.run()
end

-- Each thread has a Lua state and a loop of its own.
function scenes.thread()
  local thread = uv.new_thread(function(cpath, own_url, own_key)
    package.cpath = cpath
    local own_uv = require "luv"
    local own = require("haplopoll").poller()
    local server = own:add_server { name = "s", url = own_url }
    server:add_queue({
      name = "q1",
      api_key = own_key,
      deliver = function(batch)
        batch:accept()
      end,
      drained = function()
        own_uv.stop() -- the poller is closed with the state
      end,
    }):poll_now()
    own_uv.run()
  end, package.cpath, url, key)
  thread:join()
  say "joined"
end

-- Errors of callbacks.

function scenes.failing()
  new_queue {
    deliver = function(batch)
      say(#batch:messages())
      error "no disk"
    end,
  }
  uv.run()
end

-- In a program that goes on after an error.
function scenes.recovering()
  local deliveries = 0
  local poller
  _, poller = new_queue({
    backoff_ms = 1,
    deliver = function(batch)
      deliveries = deliveries + 1
      say("delivered", #batch:messages())
      if deliveries == 1 then
        error "before the answer"
      end
      accept(batch)
      error "after the answer"
    end,
    marked = function()
      error "marked"
    end,
    drained = function()
      poller:close(function()
        error "closed"
      end)
      error "drained"
    end,
  }, {
    event = function()
      error "event"
    end,
  })
  uv.run()
end

-- The process ends here, without close(), at a moment of its life.

local function ending(options, to)
  local is_event = false
  local queue, poller = new_queue(options, {
    event = to and function(event)
      if event.to == to and not is_event then
        is_event = true
        uv.stop()
      end
    end,
  })
  return queue, poller
end

function scenes.end_at_once()
  assert(haplo.poller())
end

function scenes.end_before_run()
  new_queue { deliver = accept }
end

function scenes.end_while_resolving()
  local poller = assert(haplo.poller())
  local server = assert(poller:add_server {
    name = "s",
    url = "https://localhost:1",
  })
  assert(server:add_queue { name = "q", api_key = key, deliver = accept })
    :poll_now()
  uv.run "nowait"
end

function scenes.end_while_fetching()
  ending({ deliver = accept }, "FETCHING")
  uv.run()
  uv.run "nowait"
end

function scenes.end_while_delivering()
  Kept = {}
  ending {
    deliver = function(batch)
      Kept[1] = batch
      uv.stop()
    end,
  }
  uv.run()
end

function scenes.end_while_marking()
  ending({ deliver = accept }, "MARKING")
  uv.run()
  uv.run "nowait"
end

function scenes.end_while_closing()
  local _, poller = ending({ deliver = accept }, "IDLE")
  uv.run()
  poller:close(function()
    say "closed"
  end)
end

function scenes.end_in_callback()
  ending {
    deliver = function()
      os.exit(0, true)
    end,
  }
  uv.run()
end

-- Other handles, made before and after, are open as well.
function scenes.end_among_others()
  local timer = uv.new_timer()
  timer:start(0, 1, function() end)
  ending {
    deliver = function(batch)
      accept(batch)
      uv.stop()
    end,
  }
  local other = uv.new_timer()
  other:start(0, 1, function() end)
  uv.run()
end

scenes[arg[1]]()
