// process.exit() while a poller is in a state, with the status 7:
//
//     node exit.js STATE inside|later
//
// Inside the callback that reports the state, or in a turn of the loop of its
// own.
'use strict';
const {states} = require('./scene.js');

const [state, when] = process.argv.slice(2);
states[state](() => {
  if (when === 'inside') {
    process.exit(7);
  }
  setImmediate(() => process.exit(7));
});
