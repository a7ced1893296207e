// Batches as JavaScript sees them, with both styles of delivery.
'use strict';

const assert = require('node:assert');
const http = require('node:http');
const {test} = require('node:test');
const v8 = require('node:v8');
const vm = require('node:vm');

const {PACKAGE, Sim, waitFor} = require('./lib/sim.js');
const {Poller, compareStates} = require(PACKAGE);

// A poller for one queue, closed with the test, whose first poll is due now.
async function poll(t, sim, options = {}) {
  const poller = new Poller({servers: [sim.server({backoffMs: 1})], ...options});
  t.after(() => poller.close());
  const queue = poller.server('app1').queue('q1');
  queue.pollNow();
  return {poller, queue};
}

const ONE_QUEUE = ['--apps=1', '--queues=1', '--messages=50'];

// The simplest program: nothing is lost, reordered or changed.
test('an async iterator yields all messages, exactly', async (t) => {
  const sim = await Sim.start(t, ...ONE_QUEUE, '--tls');
  const {poller} = await poll(t, sim);
  const bodies = [];
  for await (const batch of poller.batches()) {
    assert.strictEqual(batch.messages.length, batch.messageCount);
    bodies.push(...batch.messages.map((each) => each.body.toString()));
    assert.strictEqual(batch.accept(), true);
    if (bodies.length === 50) {
      break;
    }
  }
  assert.deepStrictEqual(bodies, await sim.bodies());
  await waitFor(async () => await sim.unread() === 0);
});

// A promise says when a batch is durable.
test('deliver() accepts what it resolves', async (t) => {
  const sim = await Sim.start(t, ...ONE_QUEUE);
  const bodies = [];
  const {poller} = await poll(t, sim, {
    async deliver(batch) {
      assert.strictEqual(batch.queue.name, 'q1');
      await new Promise(setImmediate);
      bodies.push(...batch.messages.map((each) => each.body.toString()));
    },
  });
  await new Promise((resolve) => poller.on('drained', resolve));
  assert.deepStrictEqual(bodies, await sim.bodies());
  assert.strictEqual(await sim.unread(), 0);
});

// A failure to store must never mark anything, and operators learn of it.
for (const [style, fail] of [
  ['rejects', async () => { throw new Error('the disk is full'); }],
  ['throws', () => { throw new Error('the disk is full'); }],
]) {
  test(`deliver() retries what it ${style}`, async (t) => {
    const sim = await Sim.start(t, ...ONE_QUEUE);
    const failures = [];
    let tries = 0;
    let first;
    const {poller} = await poll(t, sim, {
      async deliver(batch) {
        first ??= batch.messages[0].body.toString();
        if (++tries <= 3) {
          assert.strictEqual(batch.messages[0].body.toString(), first);
          await fail();
        }
      },
    });
    poller.on('failed', (event) => failures.push(event));
    await new Promise((resolve) => poller.on('drained', resolve));
    assert.strictEqual(failures.length, 3);
    for (const event of failures) {
      assert.strictEqual(event.code, 'HAPLO_EDELIVERY');
      assert.match(event.text, /the disk is full/);
      assert.strictEqual(event.queue.name, 'q1');
      assert.strictEqual(event.isTransient, true);
    }
    assert.strictEqual((await sim.queueStats()).marked, 50);
  });
}

// A function may answer in another way than by accepting.
test('deliver() may answer by itself', async (t) => {
  const sim = await Sim.start(t, ...ONE_QUEUE);
  const {poller, queue} = await poll(t, sim, {
    deliver: (batch) => { batch.reject('not for us'); },
  });
  const [event] = await new Promise((resolve) =>
    poller.on('failed', (...args) => resolve(args)));
  assert.strictEqual(event.code, 'HAPLO_EREJECTED');
  assert.match(event.text, /not for us/);
  assert.strictEqual(queue.stats().state, 'BLOCKED');
  assert.strictEqual((await sim.queueStats()).marked, 0);
});

// Who filters by the head of a message pays for nothing else.
test('messages are made when they are asked for, once', async (t) => {
  const sim = await Sim.start(t, ...ONE_QUEUE);
  const {poller} = await poll(t, sim);
  const {value: batch} = await poller.batches().next();
  const [message] = batch.messages;
  assert.strictEqual(batch.messages[0], message);
  assert.ok(Buffer.isBuffer(message.body));
  assert.strictEqual(message.body, message.body);
  assert.deepStrictEqual(message.json(), JSON.parse(message.body));
  assert.strictEqual(message.json(), message.json());
  assert.strictEqual(message.key.length, 16);
  assert.strictEqual(message.isRepeat, false);
  assert.strictEqual(typeof message.id, 'string');
  assert.strictEqual(typeof message.datetime, 'string');
  assert.strictEqual(batch.newCount, batch.messageCount);
  batch.accept();
});

// They are parsed together if they are small, and one by one if not. The second
// message makes a string of the other kind, the last one a batch that is large.
test('the JSON of messages is that of their bodies', async (t) => {
  const sim = await Sim.start(t, '--apps=1', '--queues=1', '--messages=0');
  const messages = [{a: '1'}, {a: 'Zoë, ☃ \\"😀'}, {a: 'x'.repeat(70_000)}];
  const add = (data) => sim.control('/messages', {
    method: 'POST', body: JSON.stringify([data]), app: 'app1', queue: 'q1'});
  await add(messages[0]);
  await add(messages[1]);
  const {poller, queue} = await poll(t, sim);
  const batches = poller.batches();
  for (const count of [2, 1]) {
    const {value: batch} = await batches.next();
    const parsed = batch.messages.map((each) => each.json());
    assert.deepStrictEqual(
      parsed, batch.messages.map((each) => JSON.parse(each.body)));
    assert.deepStrictEqual(parsed.map((each) => each.a),
                           messages.splice(0, count).map((each) => each.a));
    batch.accept();
    if (count === 2) {
      await add(messages[0]);
      await waitFor(async () => await sim.unread() === 1);
      queue.pollNow();
    }
  }
});

// A queue of another format than JSON must not yield what nobody has sent.
test('a message that is no JSON is not parsed as several', async (t) => {
  const server = http.createServer((request, response) => {
    response.setHeader('Content-Type', 'text/csv');
    response.end('1,"token"');
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const poller = new Poller({servers: [{
    name: 'app1',
    url: `http://127.0.0.1:${server.address().port}`,
    allowHttp: true,
    queues: [{name: 'q1', apiKey: 'a-key-of-this-test', format: 'raw',
              tokenPattern: '"([a-z]+)"'}],
  }]});
  t.after(() => poller.close());
  poller.server('app1').queue('q1').pollNow();
  const {value: batch} = await poller.batches().next();
  try {
    assert.strictEqual(batch.messages[0].body.toString(), '1,"token"');
    assert.throws(() => batch.messages[0].json(), SyntaxError);
  } finally {
    batch.drop(); // close() waits for it
  }
});

// The memory of a batch belongs to the library: JavaScript never sees it freed.
test('what was read remains, and the rest is gone with the answer', async (t) => {
  const sim = await Sim.start(t, ...ONE_QUEUE);
  const {poller} = await poll(t, sim);
  const {value: batch} = await poller.batches().next();
  const [read, unread] = batch.messages;
  const text = read.body.toString();
  const state = batch.state;
  assert.strictEqual(batch.isAnswered, false);
  batch.accept();
  assert.strictEqual(batch.isAnswered, true);
  assert.strictEqual(read.body.toString(), text);
  assert.strictEqual(compareStates(state, undefined), 'current');
  for (const late of [() => unread.body, () => unread.json(),
    () => unread.isRepeat, () => batch.state, () => batch.accept(),
    () => batch.retry('again'), () => batch.drop(), () => batch.reject(),
    () => batch.stale(state), () => batch.messageCount]) {
    assert.throws(late, {code: 'HAPLO_EANSWERED'});
  }
});

// The state contract of the library, through JavaScript.
test('states tell new messages from repeats', async (t) => {
  const sim = await Sim.start(t, ...ONE_QUEUE);
  const first = await poll(t, sim);
  const {value: batch} = await first.poller.batches().next();
  const stored = batch.state;
  assert.strictEqual(compareStates(stored, stored), 'stored');
  assert.strictEqual(compareStates(stored, Buffer.from('other')), 'stale');
  batch.drop('its mark is lost');
  await first.poller.close();

  const poller = new Poller({servers: [sim.server({state: stored})]});
  t.after(() => poller.close());
  poller.server('app1').queue('q1').pollNow();
  const batches = poller.batches();
  const {value: again} = await batches.next();
  assert.strictEqual(again.newCount, 0);
  assert.ok(again.messages.every((each) => each.isRepeat));
  assert.strictEqual(compareStates(again.state, stored), 'current');
  const marked = new Promise((resolve) =>
    poller.once('marked', (queue, mark) => resolve(mark)));
  const {state, messageCount} = again;
  again.accept();
  const mark = await marked;
  assert.strictEqual(mark.messageCount, messageCount);
  assert.strictEqual(mark.markedCount, messageCount);
  assert.strictEqual(compareStates(mark.state, state), 'current');
});

// Another process has stored the queue in the meantime.
test('a stale batch is fetched again and compared with what is stored',
     async (t) => {
  const sim = await Sim.start(t, ...ONE_QUEUE);
  const {poller} = await poll(t, sim);
  const batches = poller.batches();
  const {value: batch} = await batches.next();
  const stored = batch.state;
  batch.stale(stored);
  const {value: again} = await batches.next();
  assert.strictEqual(again.newCount, 0);
  assert.throws(() => again.stale(Buffer.from('damaged')),
                {code: 'HAPLO_EINVAL'});
  assert.strictEqual(again.isAnswered, true);
});

// Nobody can answer it any more, so that its queue would stand still forever.
test('a forgotten batch is fetched again', async (t) => {
  const sim = await Sim.start(t, ...ONE_QUEUE);
  const {poller} = await poll(t, sim);
  v8.setFlagsFromString('--expose-gc');
  const collect = vm.runInNewContext('gc');
  const batches = poller.batches();
  const failures = [];
  poller.on('failed', (event) => failures.push(event));
  await batches.next();
  await waitFor(() => {
    collect();
    return failures.length > 0;
  }, 'the batch is dropped');
  assert.match(failures[0].text, /garbage-collected/);
  const {value: again} = await batches.next();
  assert.strictEqual(again.messages[0].body.toString(),
                     (await sim.bodies())[0]);
  again.accept();
});

// Several loops share the work, and one that ends leaves the rest to others.
test('each batch goes to one of several iterators', async (t) => {
  const sim = await Sim.start(t, '--apps=1', '--queues=4', '--messages=5');
  const queues = ['q1', 'q2', 'q3', 'q4'];
  const poller = new Poller({servers: [sim.server({queues})]});
  t.after(() => poller.close());
  const seen = [];
  async function work(isOnce) {
    for await (const batch of poller.batches()) {
      seen.push(batch.queue.name);
      await new Promise(setImmediate);
      batch.accept();
      if (isOnce) {
        break;
      }
    }
  }
  const workers = [work(true), work(false), work(false)];
  queues.forEach((each) => poller.server('app1').queue(each).pollNow());
  await workers[0];
  await waitFor(async () => (await sim.control('/stats')).unread === 0);
  await poller.close();
  await Promise.all(workers);
  assert.deepStrictEqual(seen.sort(), queues);
});
