// child.js - runs a program in a Node.js of its own.
'use strict';

const {spawn} = require('node:child_process');

const {PACKAGE} = require('./sim.js');

// Runs a function, whose source must stand for itself: it gets the package and
// the argument. Returns {code, signal, stdout, stderr} when it has ended.
function runChild(main, argument, options = []) {
  const source = `'use strict';
    process.on('disconnect', () => process.exit(99)); // the test has ended
    (${main})(require(${JSON.stringify(PACKAGE)}), ${JSON.stringify(argument)});
    process.channel.unref();`;
  const child = spawn(process.execPath, [...options, '-e', source],
                      {stdio: ['ignore', 'pipe', 'pipe', 'ipc']});
  const result = {stdout: '', stderr: ''};
  for (const name of ['stdout', 'stderr']) {
    child[name].setEncoding('utf8');
    child[name].on('data', (part) => { result[name] += part; });
  }
  return new Promise((resolve) => {
    child.on('close', (code, signal) => resolve({...result, code, signal}));
  });
}

module.exports = {runChild};
