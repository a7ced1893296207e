// sqlite.js - DatabaseSync of node:sqlite, as far as own_database.js uses it.
'use strict';

const sqlite = require(process.env.SQLITE_ADDON);

class DatabaseSync {
  #db;

  constructor(path) {
    this.#db = sqlite.open(null, path);
  }

  exec(sql) {
    sqlite.execute(this.#db, sql);
  }

  prepare(sql) {
    const statement = sqlite.prepare(this.#db, sql);
    return {
      get: () => {
        const state = sqlite.step(statement);
        return state && {state};
      },
      run: (blob) => { sqlite.step(statement, blob); },
    };
  }
}

module.exports = {DatabaseSync};
