#!/usr/bin/env node
// Converts flows with the node "cluster-leader" of node-red-contrib-cluster-leader into flows with the node
// of this package.
'use strict';

const fs = require('fs');

const USAGE = `usage: cluster-leader-convert-flows FLOWS.json NEW.json

Writes FLOWS.json to NEW.json with each node "cluster-leader" of node-red-contrib-cluster-leader
replaced by the node "cluster-leader-cli". FLOWS.json is not changed, and NEW.json must not exist.
Config nodes "valkey-config" that nothing else uses are left out. Passwords are not converted:
set REDIS_PASSWORD in the environment of Node-RED.`;

const OLD_TYPE = 'cluster-leader';
const OLD_CONFIG_TYPE = 'valkey-config';
const NEW_TYPE = 'cluster-leader-cli';
const OLD_PROPERTIES = ['valkey', 'lockKey', 'lockTTL'];

/// As text, as the properties of a subflow are stored.
const text = (value) => (value === undefined || value === null ? '' : String(value));

/// The node in its new form. Everything that is not a property of the old type stays as it is: wires,
/// position, group, labels.
function converted(node, config) {
  const rest = Object.fromEntries(Object.entries(node).filter(([name]) => !OLD_PROPERTIES.includes(name)));
  return {
    ...rest,
    type: NEW_TYPE,
    key: text(node.lockKey) || 'nodered:leader',
    ttl: text(node.lockTTL) || '10',
    host: text(config?.host),
    port: text(config?.port),
    db: text(config?.database),
    arguments: '',
  };
}

/// Whether `value`, a part of a flow, has the string `id` anywhere.
function mentions(value, id) {
  if (value === id) return true;
  return typeof value === 'object' && value !== null && Object.values(value).some((part) => mentions(part, id));
}

/// Returns the new flows, how many nodes have been converted, and what else the user must know.
function convert(flows) {
  const configs = new Map(flows.filter(({ type }) => type === OLD_CONFIG_TYPE).map((node) => [node.id, node]));
  const notes = [];
  const nodes = flows.map((node) => {
    if (node.type !== OLD_TYPE) return node;
    if (node.valkey && !configs.has(node.valkey)) {
      notes.push(`node ${node.id} uses the config node ${node.valkey}, which is not in this file; its server is now that of the environment`);
    }
    return converted(node, configs.get(node.valkey));
  });
  const result = nodes.filter((node) => {
    if (node.type !== OLD_CONFIG_TYPE) return true;
    const user = nodes.find((other) => other !== node && mentions(other, node.id));
    if (user) notes.push(`config node ${node.id} was kept, since node ${user.id} (${user.type}) uses it`);
    return user !== undefined;
  });
  return { flows: result, count: flows.filter(({ type }) => type === OLD_TYPE).length, configs: configs.size, notes };
}

function die(message) {
  console.error(`cluster-leader-convert-flows: ${message}`);
  process.exit(1);
}

function main([from, to, ...more]) {
  if (from === '--help' || from === '-h') {
    console.log(USAGE);
    return;
  }
  if (!from || !to || more.length > 0) die('requires two files (--help shows the usage)');
  let file;
  try {
    file = JSON.parse(fs.readFileSync(from, 'utf8').replace(/^\ufeff/, ''));
  } catch (error) {
    die(`cannot read ${from}: ${error.message}`);
  }
  // The admin API, unlike the file and the editor's export, has the nodes in an object with a revision.
  const old = Array.isArray(file) ? file : file?.flows;
  if (!Array.isArray(old)) die(`${from} has no flows of Node-RED`);
  const { flows, count, configs, notes } = convert(old);
  if (count === 0 && configs === 0) die(`${from} has no node of the type ${OLD_TYPE}; nothing was written`);
  const written = Array.isArray(file) ? flows : { ...file, flows };
  try {
    // Flows may contain secrets, so that nobody else may read the new ones either.
    const { mode } = fs.statSync(from);
    fs.writeFileSync(to, JSON.stringify(written, null, 4), { flag: 'wx', mode: mode & 0o777 });
  } catch (error) {
    die(`cannot write ${to}: ${error.code === 'EEXIST' ? 'it exists' : error.message}`);
  }
  console.log(`converted ${count} ${count === 1 ? 'node' : 'nodes'} into ${to}`);
  for (const note of notes) console.log(note);
  if (configs > 0) console.log('passwords were not converted: if a config node had one, set REDIS_PASSWORD in the environment of Node-RED');
}

main(process.argv.slice(2));
