// The palette node "Cluster Leader": a subflow of core nodes around `cluster-leader elect`.
'use strict';

const fs = require('fs');
const path = require('path');

/// The binary of this package if it can run here, else the one on the PATH of Node-RED.
function program() {
  const shipped = path.join(__dirname, 'bin', 'cluster-leader');
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'cluster-leader';
  try {
    fs.accessSync(shipped, fs.constants.X_OK);
  } catch {
    return 'cluster-leader';
  }
  return /\s/.test(shipped) ? `"${shipped}"` : shipped;
}

module.exports = function (RED) {
  const read = (name) => fs.readFileSync(path.join(__dirname, name), 'utf8');
  const subflow = JSON.parse(read('subflow.json'));
  subflow.meta.version = JSON.parse(read('package.json')).version;
  for (const node of subflow.flow) {
    if (node.type === 'exec') node.command = program();
    if (node.type === 'function') node.initialize = read('election.js');
  }
  RED.nodes.registerSubflow(subflow);
};
