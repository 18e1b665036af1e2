// The palette node "Cluster Leader": a subflow of core nodes around `cluster-leader elect`.
'use strict';

const fs = require('fs');
const path = require('path');

/// The binary of this package if it can run here, else the one on the PATH of Node-RED.
function program() {
  const shipped = path.join(__dirname, 'bin', `${process.platform}-${process.arch}`, 'cluster-leader');
  try {
    fs.accessSync(shipped, fs.constants.X_OK);
  } catch {
    return 'cluster-leader';
  }
  return /\s/.test(shipped) ? `"${shipped}"` : shipped;
}

/// Node-RED reads the properties of an instance with `env.map`, and throws where one is missing, as in a
/// flow that was written by hand: that node would be dead, and others of its flow too. There is no other
/// place to supply the default.
function mapWithDefaults(read) {
  return Array.from(this, (property, index) => {
    try {
      return read(property, index, this);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      return { name: property.name, type: property.type, value: property.value };
    }
  });
}

module.exports = function (RED) {
  const read = (name) => fs.readFileSync(path.join(__dirname, name), 'utf8');
  const subflow = JSON.parse(read('subflow.json'));
  subflow.meta.version = JSON.parse(read('package.json')).version;
  // Without the exec node nothing starts, and nothing would say so.
  const isExcluded = (RED.settings.nodesExcludes ?? []).includes('90-exec.js');
  for (const node of subflow.flow) {
    if (node.type === 'exec') node.command = program();
    if (node.type === 'function') {
      node.initialize = `const EXEC_IS_EXCLUDED = ${isExcluded};\n${read('election.js')}`;
    }
  }
  Object.defineProperty(subflow.env, 'map', { value: mapWithDefaults });
  RED.nodes.registerSubflow(subflow);
};
