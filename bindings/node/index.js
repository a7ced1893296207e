// index.js - polls Haplo message queues in the loop of Node.js.
//
// The addon has the classes Server, Queue and Batch; here they get what is
// easier in JavaScript: promises, iterators, messages, and options in options.
// index.d.ts says what each method does.
'use strict';

const {EventEmitter} = require('node:events');

const addon = require('./load.js');
const {BatchList} = require('./batches.js');
const {Message, messagesOf} = require('./messages.js');

const {Server, Queue, Batch, compareStates, version} = addon;
const delivers = new WeakMap(); // the option deliver of servers and queues
const list = Symbol('list'); // of the messages of a batch
const addRemoval = Symbol.for('haplopoll.addRemoval');

function invalid(sentence) {
  return Object.assign(new Error(sentence), {code: 'HAPLO_EINVAL'});
}

// Takes an option that the addon does not know out of the others.
function takeFunction(options) {
  const {deliver, ...rest} = options;
  if (deliver !== undefined && typeof deliver !== 'function') {
    throw invalid('deliver must be a function');
  }
  return [deliver, rest];
}

function takeList(name, options) {
  const {[name]: list = [], ...rest} = options;
  if (!Array.isArray(list)) {
    throw invalid(`${name} must be an array`);
  }
  return [list, rest];
}

function checkObject(options) {
  if (options === null || typeof options !== 'object') {
    throw invalid('options must be an object');
  }
  return options;
}

// Adds each of a list. Errors name an option; this says where it stands.
function addAll(name, list, add) {
  list.forEach((options, index) => {
    try {
      add(options);
    } catch (error) {
      const path = `${name}[${index}]`;
      error.message = error.path === undefined
        ? `${path}: ${error.message}` : `${path}.${error.message}`;
      error.path = path;
      throw error;
    }
  });
}

// Calls deliver(batch), and answers the batch unless that did. If it fails
// after its answer, the rejection is not handled, and Node reports it.
async function deliverTo(deliver, batch) {
  try {
    await deliver(batch);
  } catch (error) {
    if (batch.isAnswered) {
      throw error;
    }
    batch.retry(String(error?.message ?? error).replaceAll('\0', ' '));
  }
  if (!batch.isAnswered) {
    batch.accept();
  }
}

Server.prototype.addQueue = function (options) {
  const [deliver, rest] = takeFunction(checkObject(options));
  const queue = this.add(rest);
  delivers.set(queue, deliver ?? delivers.get(this));
  return queue;
};

Queue.prototype.remove = function () {
  this.startRemoving();
  return this.server.poller[addRemoval](this);
};

Object.defineProperty(Batch.prototype, 'messages', {
  configurable: true, // where this file is loaded twice, as by test runners
  get() {
    return this[list] ??= messagesOf(this);
  },
});

class Poller extends EventEmitter {
  #native;
  #deliver;
  #batches = new BatchList();
  #removals = new Map(); // of queues: what resolves their promises
  #resolveStopped;
  #resolveClosed;
  #closed; // the promise of close()

  constructor(options = {}) {
    super();
    const [deliver, others] = takeFunction(checkObject(options));
    const [servers, rest] = takeList('servers', others);
    this.#deliver = deliver;
    this.#native = addon.createPoller(rest, this.#handlers());
    this.on('newListener', (name) => {
      if (name === 'event' && !this.isClosed) {
        this.#native.wantAllEvents(true);
      }
    });
    try {
      addAll('servers', servers, (each) => this.addServer(each));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  // In the order of enum handler of the addon.
  #handlers() {
    return [
      (queue, batch) => this.#onDeliver(queue, batch),
      (queue, state, messageCount, markedCount, unreadCount) =>
        this.emit('marked', queue, {
          get state() { // made for whoever wants it
            return Buffer.from(state, 'latin1');
          },
          messageCount, markedCount, unreadCount,
        }),
      (queue) => this.emit('drained', queue),
      (queue) => this.#onRemoved(queue),
      (event) => this.#onEvent(event),
      (batchesLeft) => this.#resolveStopped(batchesLeft),
      () => this.#onClosed(),
    ];
  }

  #onDeliver(queue, batch) {
    const deliver = delivers.get(queue) ?? this.#deliver;
    batch.queue = queue;
    if (deliver === undefined) {
      this.#batches.add(batch);
    } else {
      deliverTo(deliver, batch);
    }
  }

  #onEvent(event) {
    this.emit('event', event);
    if (event.code !== null) {
      this.emit('failed', event);
    }
  }

  [addRemoval](queue) {
    return new Promise((resolve) => this.#removals.set(queue, resolve));
  }

  #onRemoved(queue) {
    this.#removals.get(queue)();
    this.#removals.delete(queue);
    this.emit('removed', queue);
  }

  #onClosed() {
    this.#removals.forEach((resolve) => resolve());
    this.#resolveStopped?.();
    this.#resolveClosed();
  }

  addServer(options) {
    const [deliver, others] = takeFunction(checkObject(options));
    const [queues, rest] = takeList('queues', others);
    const server = this.#native.add(rest);
    server.poller = this;
    delivers.set(server, deliver);
    try {
      addAll('queues', queues, (each) => server.addQueue(each));
    } catch (error) {
      this.#undo(server);
      throw error;
    }
    return server;
  }

  // Takes back a server of which only some queues could be added.
  async #undo(server) {
    await Promise.all(server.queues.map((queue) => queue.remove()));
    if (!this.isClosed) {
      server.remove();
    }
  }

  server(name) {
    return this.#native.server(name);
  }

  get servers() {
    return this.#native.servers;
  }

  batches() {
    return this.#batches.iterate();
  }

  stats() {
    return this.#native.stats();
  }

  setLimits(limits) {
    this.#native.setLimits(limits);
  }

  ref() {
    this.#native.ref();
    return this;
  }

  unref() {
    this.#native.unref();
    return this;
  }

  stop(deadlineMs) {
    this.#native.stop(deadlineMs);
    return new Promise((resolve) => {
      this.#resolveStopped = resolve;
    });
  }

  get isClosed() {
    return this.#closed !== undefined;
  }

  close() {
    if (this.#closed === undefined) {
      this.#closed = new Promise((resolve) => {
        this.#resolveClosed = resolve;
      });
      this.#native.close();
      this.#batches.end().forEach((batch) => batch.drop());
    }
    return this.#closed;
  }
}

module.exports = {
  Poller,
  Server,
  Queue,
  Batch,
  Message,
  compareStates,
  version,
};
