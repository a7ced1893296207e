// When pollers, servers and queues come and go, and when the process ends.
'use strict';

const assert = require('node:assert');
const {test} = require('node:test');

const {runChild} = require('./lib/child.js');
const {PACKAGE, Sim, waitFor} = require('./lib/sim.js');
const {Poller} = require(PACKAGE);

// A consumer that is being closed finishes its batch; it must not read memory
// that is gone, nor believe that the batch was marked.
test('close() waits for a batch that is being stored', async (t) => {
  const sim = await Sim.start(t, '--apps=1', '--queues=2', '--messages=5');
  const queues = ['q1', 'q2'];
  const poller = new Poller({servers: [sim.server({queues})]});
  const server = poller.server('app1');
  queues.forEach((each) => server.queue(each).pollNow());
  const batches = poller.batches();
  const {value: batch} = await batches.next();
  await waitFor(() => server.queues.every((queue) =>
    queue.stats().state === 'DELIVERING'));
  let isClosed = false;
  const closed = poller.close().then(() => { isClosed = true; });
  assert.deepStrictEqual(await batches.next(), {value: undefined, done: true});
  for (let i = 0; i < 100; i++) {
    await new Promise(setImmediate);
  }
  assert.strictEqual(isClosed, false);
  assert.strictEqual(batch.messages[0].body.length > 0, true);
  assert.strictEqual(batch.accept(), false);
  await closed;
  assert.strictEqual((await sim.control('/stats')).unread, 10);
});

// What is left of a closed poller says so, whatever is asked of it.
test('objects of a closed poller throw', async (t) => {
  const sim = await Sim.start(t, '--apps=1', '--queues=1');
  const poller = new Poller({servers: [sim.server()]});
  const server = poller.server('app1');
  const queue = server.queue('q1');
  const removed = queue.remove();
  assert.strictEqual(poller.close(), poller.close());
  await poller.close();
  await removed;
  for (const late of [() => poller.stats(), () => poller.servers,
    () => poller.ref(), () => poller.stop(0), () => poller.server('app1'),
    () => poller.addServer(sim.server()), () => server.stats(),
    () => server.queues, () => server.remove(), () => queue.stats(),
    () => queue.pause(), () => queue.setKey('x'.repeat(20)),
    () => queue.remove()]) {
    assert.throws(late, {code: 'HAPLO_ESTOPPED', message: 'the poller is closed'});
  }
  assert.strictEqual(queue.name, 'q1');
  assert.strictEqual(queue.server, server);
  assert.strictEqual(server.poller, poller);
});

// stop() is the way to end without repeats.
test('stop() finishes what has been delivered', async (t) => {
  const sim = await Sim.start(t, '--apps=1', '--queues=1', '--messages=5');
  const poller = new Poller({servers: [sim.server()]});
  poller.server('app1').queue('q1').pollNow();
  const {value: batch} = await poller.batches().next();
  const stopped = poller.stop(60_000);
  assert.strictEqual(batch.accept(), true);
  assert.strictEqual(await stopped, 0);
  assert.strictEqual((await sim.queueStats()).marked, 5);
  await poller.close();
});

// Who is impatient must not leave somebody waiting forever.
test('close() ends stop() and remove()', async (t) => {
  const sim = await Sim.start(t, '--apps=1', '--queues=1', '--messages=5');
  const poller = new Poller({servers: [sim.server()]});
  const queue = poller.server('app1').queue('q1');
  queue.pollNow();
  const {value: batch} = await poller.batches().next();
  const ends = [queue.remove(), poller.stop(86_400_000), poller.close()];
  batch.drop();
  assert.deepStrictEqual(await Promise.all(ends),
                         [undefined, undefined, undefined]);
});

// Institutions add and drop systems while everything else goes on.
test('servers and queues come and go while others are polled', async (t) => {
  const sim = await Sim.start(t, '--apps=2', '--queues=2', '--messages=5');
  const seen = [];
  const poller = new Poller({
    deliver: (batch) => { seen.push(`${batch.queue.server.name}/${batch.queue.name}`); },
  });
  t.after(() => poller.close());
  const first = poller.addServer(sim.server({queues: ['q1']}));
  first.queue('q1').pollNow();
  await waitFor(async () => await sim.unread('q1', 'app1') === 0);
  const second = poller.addServer({...sim.server({app: 'app2'}), queues: []});
  const [options] = sim.server({app: 'app2', queues: ['q2']}).queues;
  assert.deepStrictEqual(second.queues, []);
  second.addQueue(options).pollNow();
  assert.throws(() => second.addQueue(options), {code: 'HAPLO_EEXIST'});
  await waitFor(async () => await sim.unread('q2', 'app2') === 0);
  assert.deepStrictEqual(poller.servers.map((each) => each.name), ['app1', 'app2']);
  assert.deepStrictEqual(seen, ['app1/q1', 'app2/q2']);

  const events = [];
  poller.on('removed', (queue) => events.push(queue.name));
  assert.throws(() => second.remove(), {code: 'HAPLO_EBUSY'});
  const queue = second.queue('q2');
  await queue.remove();
  assert.throws(() => queue.pollNow(), {code: 'HAPLO_EINVAL'});
  second.addQueue(options);
  await second.queue('q2').remove();
  second.remove();
  assert.deepStrictEqual(events, ['q2', 'q2']);
  assert.strictEqual(poller.server('app2'), undefined);
  assert.strictEqual(poller.stats().serverCount, 1);
});

// Options change without a gap.
test('options and keys are replaced at work', async (t) => {
  const sim = await Sim.start(t, '--apps=1', '--queues=1', '--messages=5');
  const {queues: [queueOptions], ...serverOptions} = sim.server();
  const poller = new Poller({deliver: () => {}});
  t.after(() => poller.close());
  const server = poller.addServer(serverOptions);
  const queue = server.addQueue({...queueOptions, apiKey: 'x'.repeat(44)});
  const refused = new Promise((resolve) => poller.once('failed', resolve));
  queue.pollNow();
  assert.strictEqual((await refused).code, 'HAPLO_EREFUSED');
  assert.strictEqual(queue.stats().state, 'REFUSED');
  queue.setKey(queueOptions.apiKey);
  await waitFor(async () => await sim.unread() === 0);
  queue.setOptions({intervalMs: 5});
  await waitFor(async () => (await sim.queueStats()).fetches > 5);
  queue.pause();
  await waitFor(() => queue.stats().state === 'PAUSED');
  server.setOptions({...serverOptions, breakerFailures: 2});
  queue.resume();
  poller.setLimits({inFlightMax: 1});
  await new Promise((resolve) => poller.once('drained', resolve));
});

// A listener that fails is a fault of the program: Node reports it as such, and
// the batches that are under way neither get lost nor marked because of it.
test('exceptions of listeners are uncaught exceptions', async (t) => {
  const sim = await Sim.start(t, '--apps=1', '--queues=1', '--messages=50');
  const done = await runChild(({Poller}, options) => {
    const poller = new Poller(options);
    const caught = [];
    process.on('uncaughtException', (error) => caught.push(error.message));
    let held = 0;
    (async () => {
      for await (const batch of poller.batches()) {
        held += batch.messageCount;
        batch.accept();
      }
    })();
    poller.on('marked', () => { throw new Error('marked'); });
    poller.on('event', () => { throw new Error('event'); });
    poller.on('drained', () => {
      process.stdout.write(JSON.stringify({caught, held}));
      poller.close();
      throw new Error('drained');
    });
    poller.servers[0].queues[0].pollNow();
  }, {servers: [sim.server()]});
  assert.deepStrictEqual([done.code, done.stderr], [0, '']);
  const {caught, held} = JSON.parse(done.stdout);
  assert.strictEqual(held, 50);
  assert.ok(caught.includes('marked') && caught.includes('event'), done.stdout);
  assert.strictEqual((await sim.queueStats()).marked, 50);
});

// Without a handler the process dies of it, as Node's programs do.
test('an uncaught exception of a listener ends the process', async (t) => {
  const sim = await Sim.start(t, '--apps=1', '--queues=1', '--messages=5');
  const done = await runChild(({Poller}, options) => {
    const poller = new Poller({...options, deliver: () => {}});
    poller.on('marked', () => { throw new Error('as it must be'); });
    poller.servers[0].queues[0].pollNow();
  }, {servers: [sim.server()]});
  assert.strictEqual(done.code, 1);
  assert.match(done.stderr, /Error: as it must be/);
});

// A program whose main work is done must not be held up by polling.
test('unref() lets the process end', async (t) => {
  const sim = await Sim.start(t, '--apps=1', '--queues=1', '--messages=5');
  const done = await runChild(({Poller}, options) => {
    const poller = new Poller({...options, deliver: () => {}});
    poller.servers[0].queues[0].pollNow();
    poller.on('drained', () => {
      process.stdout.write('drained');
      poller.unref();
    });
  }, {servers: [sim.server({intervalMs: 86_400_000})]});
  assert.deepStrictEqual(done, {stdout: 'drained', stderr: '', code: 0, signal: null});
});

// ref() takes it back.
test('ref() keeps the process', async (t) => {
  const sim = await Sim.start(t, '--apps=1', '--queues=1', '--messages=5');
  const done = await runChild(({Poller}, options) => {
    const poller = new Poller({...options, deliver: () => {}});
    poller.servers[0].queues[0].pollNow();
    poller.unref().ref();
    poller.on('drained', () => {
      process.stdout.write('drained');
      poller.close();
    });
  }, {servers: [sim.server()]});
  assert.deepStrictEqual(done, {stdout: 'drained', stderr: '', code: 0, signal: null});
});

// process.exit() in the middle of whatever is going on.
for (const [state, faults, mode] of [
  ['fetching', ['fault on=fetch do=stall times=0'], 'fetch'],
  ['holding a batch', [], 'hold'],
  ['marking', ['fault on=mark do=stall done=no times=0'], 'mark'],
  ['inside deliver()', [], 'deliver'],
  ['closing', [], 'close'],
]) {
  test(`process.exit() while ${state} is an exit`, async (t) => {
    const sim = await Sim.start(t, '--apps=1', '--queues=1', '--messages=5', '--tls');
    if (faults.length > 0) {
      await sim.script(...faults);
    }
    const done = await runChild(({Poller}, {options, mode}) => {
      const exit = () => process.exit(7);
      const poller = new Poller({...options, async deliver(batch) {
        if (mode === 'deliver') {
          exit();
        } else if (mode === 'close') {
          poller.close();
          exit();
        } else if (mode === 'hold') {
          setImmediate(exit);
          await new Promise(() => {});
        }
      }});
      const queue = poller.servers[0].queues[0];
      poller.on('event', ({queue, to}) => {
        if (queue !== null && to === {fetch: 'FETCHING', mark: 'MARKING'}[mode]) {
          setTimeout(exit, 20);
        }
      });
      queue.pollNow();
    }, {options: {servers: [sim.server()]}, mode});
    assert.deepStrictEqual(done, {stdout: '', stderr: '', code: 7, signal: null});
    assert.strictEqual((await sim.queueStats()).marked, 0);
  });
}
