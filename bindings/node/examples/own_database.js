// own_database.js - stores the messages of one queue in the application's own
// SQLite database, each exactly once, however it fails or is stopped:
//     node own_database.js URL QUEUE FILE < FILE-WITH-THE-API-KEY
// deliver() and onMarked() do it: see "Exactly once", docs/embedding.md.
//
// node:sqlite comes with Node.js 22.5 and later. For earlier ones set
// SQLITE_MODULE=better-sqlite3, which has the same functions.
'use strict';

const fs = require('node:fs');

const {Poller, compareStates} = require('haplopoll');

const sqlite = require(process.env.SQLITE_MODULE ?? 'node:sqlite');

const [url, name, file] = process.argv.slice(2);
const db = new (sqlite.DatabaseSync ?? sqlite)(file);
db.exec(`PRAGMA busy_timeout = 10000;
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  CREATE TABLE IF NOT EXISTS messages (body BLOB);
  CREATE TABLE IF NOT EXISTS states (id PRIMARY KEY, state)`);
const readState = db.prepare('SELECT state FROM states');
const setState = db.prepare('REPLACE INTO states VALUES (1, ?)');
const addMessage = db.prepare('INSERT INTO messages VALUES (?)');

// undefined if none is stored yet.
function storedState() {
  return readState.get()?.state;
}

// Commits what work() does, unless that throws.
function transaction(work) {
  db.exec('BEGIN IMMEDIATE');
  try {
    work();
    db.exec('COMMIT');
  } catch (error) {
    try {
      db.exec('ROLLBACK');
    } catch {
      // it has been rolled back already
    }
    throw error;
  }
}

// The messages that are not stored yet, and the state that says so.
function storeBatch(batch) {
  for (const message of batch.messages) {
    if (!message.isRepeat) {
      addMessage.run(message.body);
    }
  }
  setState.run(batch.state);
}

// What it throws is a reason to deliver the batch again; otherwise the batch is
// accepted, unless it has been answered.
function deliver(batch) {
  let found;
  let stored;
  transaction(() => {
    stored = storedState();
    found = compareStates(batch.state, stored);
    if (found === 'current') {
      storeBatch(batch);
    }
  });
  if (found === 'stale') {
    batch.stale(stored);
  }
}

// If this fails, the messages are confirmed with those of a later batch.
function onMarked(queue, mark) {
  try {
    transaction(() => {
      if (compareStates(mark.state, storedState()) === 'current') {
        setState.run(mark.state);
      }
    });
  } catch (error) {
    console.error(`${queue.name}: not confirmed: ${error.message}`);
  }
}

const poller = new Poller({
  deliver,
  servers: [{
    name: 'server',
    url,
    tlsCaFile: process.env.CA_FILE,
    queues: [{
      name,
      apiKey: fs.readFileSync(0, 'utf8').trim(),
      state: storedState(),
    }],
  }],
});
poller.on('marked', onMarked);
poller.on('failed', ({text}) => console.error(text));
poller.server('server').queue(name).pollNow();
