// The package as its users get it: what it declares, its first program, and its
// installation.
'use strict';

const assert = require('node:assert');
const {execFile} = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const {test} = require('node:test');
const {promisify} = require('node:util');

const {BUILD, PACKAGE, Sim} = require('./lib/sim.js');

const run = promisify(execFile);
const ROOT = path.join(__dirname, '../..');
const SOURCE = path.join(ROOT, 'bindings/node');
const DECLARED = fs.readFileSync(path.join(SOURCE, 'index.d.ts'), 'utf8');
const HEADER = fs.readFileSync(path.join(ROOT, 'include/haplopoll.h'), 'utf8');

// What index.js calls of the addon, and nobody else should.
const HIDDEN = ['add', 'startRemoving', 'bodyOf', 'textOf', 'texts', 'idOf',
  'datetimeOf', 'keyOf', 'isRepeatOf'];
// What index.js sets in objects that the addon makes.
const OWN = {Server: ['name', 'poller'], Queue: ['name', 'server'],
  Batch: ['queue']};

function folder(t) {
  const made = fs.mkdtempSync(path.join(os.tmpdir(), 'haplo-node-'));
  t.after(() => fs.rmSync(made, {recursive: true}));
  return made;
}

// The names that a class or an interface declares, each once.
function declared(kind, name) {
  const [, body] = new RegExp(
    `export ${kind} ${name} [^{]*\\{\\n(.*?)\\n\\}`, 's').exec(DECLARED);
  const names = [...body.matchAll(/^ {2}(?:readonly )?(\w+)[?(:]/gm)];
  return new Set(names.map((each) => each[1]));
}

function sorted(names) {
  return [...names].sort();
}

// A method that is declared and missing fails at the customer's.
test('the classes have what index.d.ts declares', () => {
  const exported = require(PACKAGE);
  for (const name of ['Poller', 'Server', 'Queue', 'Batch', 'Message']) {
    const there = Object.getOwnPropertyNames(exported[name].prototype)
      .filter((each) => !HIDDEN.includes(each) && each !== 'constructor')
      .concat(OWN[name] ?? []);
    const names = declared('class', name);
    // Of EventEmitter; constructors are private, or documented.
    for (const inherited of ['on', 'once', 'constructor']) {
      names.delete(inherited);
    }
    assert.deepStrictEqual(sorted(there), sorted(names), name);
  }
  const names = [...DECLARED.matchAll(/^export (?:const|function|class) (\w+)/gm)];
  assert.deepStrictEqual(sorted(Object.keys(exported)),
                         sorted(names.map((each) => each[1])));
});

// The members of a struct of haplopoll.h, in camelCase, but those that only C
// has.
function membersOf(struct) {
  const [, body] = new RegExp(`^struct ${struct} \\{\\n(.*?)^\\};`, 'ms')
    .exec(HEADER);
  const code = body.replace(/\/\*.*?\*\//gs, '');
  return new Set([...code.matchAll(/(\w+);/g)]
    .map((each) => each[1])
    .filter((name) => !/^(struct_size|data|\w+_cb)$/.test(name))
    .map((name) => name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase())));
}

// What is added to the library is missed here, until the binding has it.
for (const [struct, ...interfaces] of [
  ['haplo_poller_options', 'PollerOptions', 'PollerLimits'],
  ['haplo_server_options', 'ServerOptions'],
  ['haplo_queue_options', 'QueueOptions'],
  ['haplo_poller_stats', 'PollerStats'],
  ['haplo_server_stats', 'ServerStats'],
  ['haplo_queue_stats', 'QueueStats'],
  ['haplo_mark', 'Mark'],
]) {
  test(`${interfaces[0]} has the names of struct ${struct}`, () => {
    const names = new Set(interfaces.flatMap((each) =>
      [...declared('interface', each)]));
    for (const own of ['servers', 'queues', 'deliver']) {
      names.delete(own);
    }
    assert.deepStrictEqual(sorted(names), sorted(membersOf(struct)));
  });
}

// And the addon knows each of these, and no other.
test('the addon knows the options that are declared', (t) => {
  const {Poller} = require(PACKAGE);
  const poller = new Poller();
  t.after(() => poller.close());
  const server = {name: 'server', url: 'http://localhost:1'};
  const queue = {name: 'q1', apiKey: 'k'.repeat(44)};
  for (const [kind, options, add] of [
    ['Server', server, (all) => poller.addServer(all)],
    ['Queue', queue, (all) => poller.server('server').addQueue(all)],
  ]) {
    const all = {...options};
    for (const name of declared('interface', `${kind}Options`)) {
      all[name] ??= name === 'queues' ? [] : undefined;
    }
    add(all);
  }
  const stats = poller.server('server').queue('q1').stats();
  assert.deepStrictEqual(sorted(Object.keys(stats)),
                         sorted(declared('interface', 'QueueStats')));
});

// The project where the package is installed from its tarball, without network;
// the library is where pkg-config says.
async function install(t) {
  const made = folder(t);
  const library = path.join(made, 'library');
  fs.mkdirSync(library);
  const [file] = fs.readdirSync(BUILD)
    .filter((name) => /^libhaplopoll\.so\.\d+\.\d+\.\d+$/.test(name));
  for (const name of ['libhaplopoll.so', 'libhaplopoll.so.0']) {
    fs.symlinkSync(path.join(BUILD, file), path.join(library, name));
  }
  fs.writeFileSync(path.join(library, 'haplopoll.pc'),
                   `Name: haplopoll\nDescription: test\nVersion: 0.1.0\n` +
                   `Cflags: -I${path.join(ROOT, 'include')}\n` +
                   `Libs: -L${library} -lhaplopoll\n`);
  const env = {
    ...process.env,
    CFLAGS: '-O0',
    HOME: made,
    PKG_CONFIG_PATH: library,
    LD_LIBRARY_PATH: library,
    npm_config_cache: path.join(made, 'cache'),
  };
  for (const name of Object.keys(env)) {
    // Of the make that runs the tests, of their runner, and of a sanitizer,
    // which is for the program alone.
    if (/^(MAKE|MFLAGS|NODE_TEST|LD_PRELOAD)/.test(name)) {
      delete env[name];
    }
  }
  const project = path.join(made, 'project');
  fs.mkdirSync(project);
  await run('npm', ['pack', '--silent', '--pack-destination', made, SOURCE],
            {env, cwd: made});
  await run('npm', ['install', '--offline', '--no-audit', '--no-fund',
    path.join(made, 'haplopoll-0.1.0.tgz')], {env, cwd: project});
  return {project, env: {...process.env, ...env}};
}

// What a new user does first, from the README to the first message.
test('the first program of the README runs where the tarball is installed',
     async (t) => {
  const {project, env} = await install(t);
  const readme = fs.readFileSync(path.join(SOURCE, 'README.md'), 'utf8');
  const [, program] = /```js\n(\/\/ first\.js.*?)```/s.exec(readme);
  fs.writeFileSync(path.join(project, 'first.js'), program);
  const sim = await Sim.start(t, '--apps=1', '--queues=1', '--messages=3', '--tls');
  const print = `JSON.parse(${JSON.stringify(JSON.stringify(await sim.bodies()))})
    .forEach((each) => console.log(JSON.parse(each)))`;
  const expected = await run(process.execPath, ['-e', print]);
  const done = await run(
    process.execPath, ['first.js', sim.url(), 'q1', sim.key()],
    {cwd: project, env: {...env, CA_FILE: path.join(sim.dir, 'ca.pem')}});
  assert.deepStrictEqual(done, expected);
  assert.strictEqual((await sim.queueStats()).marked, 3);
  const files = fs.readdirSync(path.join(project, 'node_modules/haplopoll'));
  assert.ok(files.includes('index.d.ts') && files.includes('README.md'));
});

// As modules of ECMAScript import it.
test('import finds all names', async () => {
  const names = Object.keys(require(PACKAGE));
  const module = await import(path.join(PACKAGE, 'index.js'));
  for (const name of names) {
    assert.strictEqual(module[name], require(PACKAGE)[name], name);
  }
});
