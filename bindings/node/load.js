// load.js - loads the addon, if this runtime can have it.
'use strict';

const UV_VERSION_MIN = 0x012200; // 1.34.0; what it calls is older than this

function refuse(sentence) {
  return Object.assign(new Error(sentence), {code: 'HAPLO_ENOTSUP'});
}

// Other runtimes load addons for Node too, but without Node's libuv loop. They
// would crash at the first call.
for (const [name, title] of [['bun', 'Bun'], ['deno', 'Deno']]) {
  if (process.versions[name] !== undefined) {
    throw refuse(`haplopoll polls in the libuv loop of Node.js, which ${title} ` +
      'does not have: run the program with Node.js');
  }
}

const addon = require('./haplopoll.node');

// A second libuv in the process would know nothing of Node's loop.
if (addon.uvVersion !== process.versions.uv ||
    addon.uvVersionNumber < UV_VERSION_MIN) {
  throw refuse(`the addon of haplopoll calls libuv ${addon.uvVersion}, but the ` +
    `loop of this Node.js is one of libuv ${process.versions.uv}: build the ` +
    'addon with this Node.js, and without linking libuv');
}

module.exports = addon;
