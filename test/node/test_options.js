// What is refused, and how: each error says which option is wrong.
'use strict';

const assert = require('node:assert');
const {test} = require('node:test');

const {runChild} = require('./lib/child.js');
const {PACKAGE} = require('./lib/sim.js');
const {Poller, compareStates} = require(PACKAGE);

const KEY = 'k'.repeat(44);
const QUEUE = {name: 'q1', apiKey: KEY};
const SERVER = {name: 'server', url: 'http://localhost:1', queues: [QUEUE]};

const withServer = (options) => ({servers: [{...SERVER, ...options}]});
const withQueue = (options) => withServer({queues: [{...QUEUE, ...options}]});

const WRONG = [
  [1, /^options must be an object/],
  [null, /^options must be an object/],
  [{intervalMs: 1}, /^there is no option intervalMs/],
  [{inFlightMax: -1}, /^inFlightMax must be an integer from 0/],
  [{inFlightMax: 1.5}, /^inFlightMax must be an integer from 0/],
  [{inFlightMax: 2 ** 32}, /^inFlightMax must be an integer from 0 to 4294967295/],
  [{undeliveredBytesMax: '1M'}, /^undeliveredBytesMax must be an integer/],
  [{seed: NaN}, /^seed must be an integer/],
  [{deliver: 'x'}, /^deliver must be a function/],
  [{servers: SERVER}, /^servers must be an array/],
  [{servers: [1]}, /^servers\[0\]: options must be an object/],
  [withServer({name: undefined}), /^servers\[0\]: .*name/],
  [withServer({name: 'a\0b'}), /^servers\[0\]: name must not contain NUL/],
  [withServer({url: 'ftp://x'}), /^servers\[0\]: .*URL/i],
  [withServer({url: 'http://example.org'}), /^servers\[0\]: .*https/i],
  [withServer({allowHttp: 1}), /^servers\[0\]: allowHttp must be true or false/],
  [withServer({tlsCaFile: 5}), /^servers\[0\]: tlsCaFile must be a string/],
  [withServer({timeoutMs: 5}), /^servers\[0\]: there is no option timeoutMs/],
  [withServer({queues: 5}), /^servers\[0\]: queues must be an array/],
  [withServer({deliver: 5}), /^servers\[0\]: deliver must be a function/],
  [withQueue({apiKey: 'short'}), /^servers\[0\]\.queues\[0\]: .*API key/],
  [withQueue({apiKey: undefined}), /^servers\[0\]\.queues\[0\]: .*API key/],
  [withQueue({format: 'xml'}), /queues\[0\]: format must be "json" or "raw"/],
  [withQueue({format: 'raw'}), /queues\[0\]: .*pattern/],
  [withQueue({state: 'abc'}), /queues\[0\]: state must be a Buffer/],
  [withQueue({state: Buffer.from('abc')}), /queues\[0\]: .*state/],
  [withQueue({tokenPointer: 'token'}), /queues\[0\]: .*pointer/],
  [withQueue({deliver: {}}), /queues\[0\]: deliver must be a function/],
  [withQueue({api_key: KEY}), /queues\[0\]: there is no option api_key/],
];

// Nobody should have to guess which of 2,000 queues is meant.
for (const [options, message] of WRONG) {
  const what = JSON.stringify(options)?.slice(0, 120);
  test(`it refuses ${what} (${message.source})`, () => {
    assert.throws(() => new Poller(options), {code: 'HAPLO_EINVAL', message});
  });
}

// A server that cannot be added as a whole is not added.
test('a server with a wrong queue is taken back', async (t) => {
  const poller = new Poller();
  t.after(() => poller.close());
  assert.throws(
    () => poller.addServer({...SERVER, queues: [QUEUE, QUEUE]}),
    {code: 'HAPLO_EEXIST', message: /^queues\[1\]: /});
  await new Promise((resolve) => poller.once('removed', resolve));
  await new Promise(setImmediate);
  assert.deepStrictEqual(poller.servers, []);
  poller.addServer(SERVER);
});

// null is what a database or a form has for "none".
test('undefined and null are defaults', async () => {
  const poller = new Poller({
    inFlightMax: undefined,
    servers: [{...SERVER, proxy: null, queues: [{...QUEUE, state: null}]}],
  });
  assert.strictEqual(poller.server('server').queue('q1').stats().generation, 0);
  await poller.close();
});

// A getter is code of somebody else, which may fail.
test('exceptions of getters are passed on', () => {
  const failing = {get inFlightMax() { throw new RangeError('mine'); }};
  assert.throws(() => new Poller(failing), RangeError);
});

// Methods are found on prototypes, where anything may be their `this`.
test('methods refuse what is not theirs', async () => {
  const {Server, Queue, Batch} = require(PACKAGE);
  const poller = new Poller(withServer({}));
  const server = poller.server('server');
  for (const other of [{}, null, 1, poller, server, Object.create(server)]) {
    assert.throws(() => Queue.prototype.pause.call(other), TypeError);
    assert.throws(() => Batch.prototype.accept.call(other), TypeError);
  }
  assert.throws(() => Server.prototype.stats.call(server.queue('q1')), TypeError);
  for (const made of [Server, Queue, Batch]) {
    assert.throws(() => new made(), {code: 'HAPLO_EINVAL', message: /by new/});
  }
  await poller.close();
});

test('arguments of methods are checked', async () => {
  const poller = new Poller(withServer({}));
  const queue = poller.server('server').queue('q1');
  const wrong = {code: 'HAPLO_EINVAL'};
  assert.throws(() => poller.stop('soon'), {...wrong, message: /deadline/});
  assert.throws(() => poller.server(5), {...wrong, message: /name of a server/});
  assert.throws(() => poller.setLimits({seed: 1}), {...wrong, message: /seed/});
  assert.throws(() => queue.setKey('short'), {...wrong, message: /too short/});
  assert.throws(() => queue.setOptions({intervalMs: -1}),
                {...wrong, message: /^intervalMs/});
  assert.throws(() => queue.resumeFrom(null), {code: 'HAPLO_EBUSY'});
  assert.throws(() => compareStates('a', 'b'), {...wrong, message: /state/});
  await poller.close();
});

// They would crash in the first call of libuv.
for (const [name, title] of [['bun', 'Bun'], ['deno', 'Deno']]) {
  test(`${title} is refused with a sentence`, async () => {
    const done = await runChild((_, {name, path}) => {
      Object.defineProperty(process.versions, name, {value: '1.0'});
      for (const each of Object.keys(require.cache)) {
        delete require.cache[each];
      }
      try {
        require(path);
      } catch (error) {
        process.stdout.write(`${error.code} ${error.message}`);
      }
    }, {name, path: PACKAGE});
    assert.match(done.stdout, new RegExp(`^HAPLO_ENOTSUP .*${title}.*Node\\.js`));
    assert.strictEqual(done.code, 0);
  });
}
