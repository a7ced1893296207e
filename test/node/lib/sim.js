// sim.js - starts haplo-sim for a test, and talks to its control port, like
// test/integration/sim.py. It ends with the test's process at the latest.
'use strict';

const {spawn} = require('node:child_process');
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');

const BUILD = path.resolve(process.env.HAPLO_BUILD ??
  path.join(__dirname, '../../../build'));
const PACKAGE = process.env.HAPLO_PACKAGE ??
  path.join(BUILD, 'bindings/node');
const WAIT_MS_MAX = 120_000; // only a test that fails waits so long

// A test that failed may have left a poller that keeps the process.
setTimeout(() => process.exit(98), 5 * WAIT_MS_MAX).unref();

// The first true value of condition(), which may be a promise.
async function waitFor(condition, what = String(condition)) {
  const end = Date.now() + WAIT_MS_MAX;
  for (;;) {
    const value = await condition();
    if (value) {
      return value;
    }
    if (Date.now() > end) {
      throw new Error(`${what} did not come true`);
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function firstLine(process) {
  return new Promise((resolve, reject) => {
    let text = '';
    process.stdout.setEncoding('utf8');
    process.stdout.on('data', (part) => {
      text += part;
      if (text.includes('\n')) {
        resolve(text.split('\n')[0]);
      }
    });
    process.on('exit', () => reject(new Error('haplo-sim ended')));
  });
}

class Sim {
  // Arguments are those of haplo-sim(1). The test that is passed stops it.
  static async start(test, ...options) {
    const sim = new Sim();
    sim.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'haplo-sim-'));
    sim.process = spawn(
      'setpriv',
      ['--pdeathsig=KILL', path.join(BUILD, 'haplo-sim'),
        '--until-stdin-closes', `--dir=${sim.dir}`, ...options],
      {stdio: ['pipe', 'pipe', 'inherit']});
    test.after(() => sim.stop());
    sim.ready = JSON.parse(await firstLine(sim.process));
    return sim;
  }

  async stop() {
    const ended = new Promise((resolve) => this.process.on('exit', resolve));
    this.process.stdin.end();
    await ended;
    fs.rmSync(this.dir, {recursive: true});
  }

  url(app = 'app1') {
    return this.ready.apps.find((each) => each.name === app).url;
  }

  key(queue = 'q1', app = 'app1') {
    return fs.readFileSync(path.join(this.dir, 'keys', `${app}-${queue}`),
                           'utf8').trim();
  }

  // Options of a server with these queues.
  server({queues = ['q1'], app = 'app1', ...options} = {}) {
    return {
      name: app,
      url: this.url(app),
      tlsCaFile: path.join(this.dir, 'ca.pem'),
      queues: queues.map((queue) => ({
        name: queue, apiKey: this.key(queue, app), ...options,
      })),
    };
  }

  async control(name, {method = 'GET', body, ...query} = {}) {
    const url = new URL(name, this.ready.control);
    Object.entries(query).forEach((each) => url.searchParams.set(...each));
    return new Promise((resolve, reject) => {
      const request = http.request(url, {method, agent: false}, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (part) => { text += part; });
        response.on('end', () => (response.statusCode === 200
          ? resolve(JSON.parse(text)) : reject(new Error(text))));
      });
      request.on('error', reject);
      request.end(body);
    });
  }

  script(...lines) {
    return this.control('/script', {method: 'POST', body: lines.join('\n')});
  }

  async queueStats(queue = 'q1', app = 'app1') {
    const {apps} = await this.control('/stats', {app, queue});
    return apps[0].queues[0];
  }

  async unread(queue = 'q1', app = 'app1') {
    return (await this.queueStats(queue, app)).unread;
  }

  // The exact bytes of each message, in the order of the queue.
  async bodies(queue = 'q1', app = 'app1') {
    const {apps} = await this.control('/messages', {app, queue, bytes: 1});
    return apps[0].queues[0].messages.map((each) => each.bytes);
  }
}

module.exports = {BUILD, PACKAGE, Sim, waitFor};
