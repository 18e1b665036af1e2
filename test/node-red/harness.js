// What the tests with real Node-RED share: a redis-server, instances of Node-RED with our package
// installed, and what they show and answer. Everything listens on loopback only.
'use strict';

const { spawn, spawnSync } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const { createRequire } = require('node:module');
const net = require('node:net');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');

const { NODE_RED_HOME: home, TARBALL: tarball, TEST_DIR: dir, REDIS_SERVER: redisServer } = process.env;
const WebSocket = createRequire(path.join(home, 'node_modules/node-red/red.js'))('ws');
const program = path.join(home, 'node_modules/node-red/red.js');
const PACKAGE = 'node-red-contrib-cluster-leader-cli';

const children = new Set();
process.on('exit', () => children.forEach((child) => child.kill('SIGKILL')));

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/// Waits until `look` returns something true, and returns that. The bound is far above what it takes
/// on a busy machine, so that only what never happens fails a test.
async function until(what, look, seconds = 60) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`not within ${seconds} s: ${what}`);
    await sleep(10);
  }
}

/// A child that does not outlive us, whose output goes to a file.
function start(command, args, name, options = {}) {
  const log = fs.openSync(path.join(dir, name + '.log'), 'a');
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', command, ...args],
    { stdio: ['ignore', log, log], cwd: dir, ...options });
  fs.closeSync(log);
  children.add(child);
  child.ended = once(child, 'exit').finally(() => children.delete(child));
  return child;
}

class Redis {
  /// `options` are more of redis-server's.
  constructor(...options) {
    this.options = options;
  }

  async start() {
    this.port ??= await freePort();
    this.child = start(redisServer,
      ['--port', this.port, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', ...this.options], 'redis');
    await until('redis-server listens', () => new Promise((resolve) => {
      const socket = net.connect(this.port, '127.0.0.1')
        .on('connect', () => { socket.destroy(); resolve(true); })
        .on('error', () => resolve(false));
    }));
    this.startedAt = Date.now();
  }

  /// A server that is younger than the ttl and 1 s grants nothing.
  async ripen(ttl) {
    await sleep(Math.max(0, this.startedAt + (ttl + 1) * 1000 + 500 - Date.now()));
  }

  async stop() {
    this.child.kill();
    await this.child.ended;
  }
}

/// A user directory with the package installed from its tarball, once for all.
let template;
function userDirectory(name) {
  if (!template) {
    template = path.join(dir, 'template');
    fs.mkdirSync(template);
    fs.writeFileSync(path.join(template, 'package.json'), '{"name":"user","version":"1.0.0","private":true}');
    const npm = spawnSync('npm', ['install', '--offline', '--no-audit', '--no-fund', tarball],
      { cwd: template, encoding: 'utf8' });
    if (npm.status !== 0) throw new Error(`npm install failed: ${npm.stderr}`);
  }
  const user = path.join(dir, name);
  fs.cpSync(template, user, { recursive: true });
  return user;
}

class NodeRed {
  constructor(name, flows, environment = {}, settings = {}) {
    this.name = name;
    this.settings = settings;
    this.flows = flows;
    this.environment = environment;
    this.statuses = new Map();
  }

  /// Makes the user directory.
  prepare() {
    this.user ??= userDirectory(this.name);
    fs.writeFileSync(path.join(this.user, 'flows.json'), JSON.stringify(this.flows));
    fs.writeFileSync(path.join(this.user, 'settings.js'), `module.exports = ${JSON.stringify({
      uiHost: '127.0.0.1',
      flowFile: 'flows.json',
      credentialSecret: false,
      telemetry: { enabled: false, updateNotification: false },
      externalModules: { autoInstall: false, palette: { allowInstall: false } },
      editorTheme: { tours: false, palette: { catalogues: [] } },
      ...this.settings,
    })};`);
  }

  async start() {
    this.port ??= await freePort();
    if (!this.user) this.prepare();
    this.child = start(process.execPath, [program, '--userDir', this.user, '--port', this.port], this.name,
      { env: { ...process.env, HOME: this.user, NAME: this.name, LOGS: dir, ...this.environment } });
    await until(`${this.name} answers`, () => this.get('/alive').then(() => true, () => false));
    await this.watch();
  }

  /// Keeps `statuses` as the editor would, by node.
  async watch() {
    this.statuses.clear();
    this.comms = new WebSocket(`ws://127.0.0.1:${this.port}/comms`);
    this.comms.on('error', () => {});
    this.comms.on('message', (data) => {
      for (const { topic, data: status } of [JSON.parse(data)].flat()) {
        if (topic?.startsWith('status/')) this.statuses.set(topic.slice('status/'.length), status);
      }
    });
    await once(this.comms, 'open');
    this.comms.send('{"subscribe":"status/#"}');
  }

  async stop(signal = 'SIGTERM') {
    this.comms.terminate();
    this.child.kill(signal);
    await this.child.ended;
    this.statuses.clear();
  }

  async get(url, timeout = 30000) {
    const answer = await fetch(`http://127.0.0.1:${this.port}${url}`, { signal: AbortSignal.timeout(timeout) });
    if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
    return answer.json();
  }

  async deploy(flows, type = 'full') {
    const answer = await fetch(`http://127.0.0.1:${this.port}/flows`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'Node-RED-Deployment-Type': type },
      body: JSON.stringify(flows),
    });
    if (!answer.ok) throw new Error(`deploy: ${answer.status} ${await answer.text()}`);
  }

  /// The button of an inject node.
  async press(id) {
    const answer = await fetch(`http://127.0.0.1:${this.port}/inject/${id}`, { method: 'POST' });
    if (!answer.ok) throw new Error(`inject: ${answer.status}`);
  }

  /// "green dot", "yellow ring" and so on.
  look(id) {
    const { fill, shape } = this.statuses.get(id) ?? {};
    return `${fill} ${shape}`;
  }

  /// What it has written so far.
  log() {
    return fs.readFileSync(path.join(dir, this.name + '.log'), 'utf8');
  }

  leads(id) {
    return this.look(id) === 'green dot';
  }
}

/// The processes that have all of `words` in their command lines.
function processes(...words) {
  const found = [];
  for (const pid of fs.readdirSync('/proc').filter(Number)) {
    try {
      const line = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ');
      if (words.every((word) => line.includes(word))) found.push({ pid: Number(pid), line });
    } catch {
      // It has ended meanwhile.
    }
  }
  return found;
}

// --- Parts of flows ---

let lastId = 0;
const newId = () => `n${++lastId}`;

function gate(id, z, properties, wires = [[], []]) {
  return {
    id, z, type: 'cluster-leader-cli', name: id, x: 300, y: 100, key: 'nodered:leader', ttl: '10',
    host: '', port: '', db: '', arguments: '', ...properties, wires,
  };
}

/// GET `url` sends a message to `target`; what comes to the node `${target}-${n}` is the answer.
function request(z, url, target, change = '') {
  const [input, shape] = [newId(), newId()];
  return [
    { id: input, z, type: 'http in', url, method: 'get', wires: [[shape]], x: 100, y: 100 },
    { id: shape, z, type: 'function', func: `${change}; return msg;`, outputs: 1, wires: [[target]], x: 200, y: 100 },
  ];
}

function answer(id, z, output) {
  const response = newId();
  return [
    {
      id, z, type: 'function', outputs: 1, wires: [[response]], x: 500, y: 100,
      func: `if (!msg.res) return null;
        const { isLeader, leaderHost, followerHost, fencingToken } = msg;
        msg.payload = { output: ${output}, isLeader, leaderHost, followerHost, fencingToken }; return msg;`,
    },
    { id: response, z, type: 'http response', statusCode: '200', wires: [], x: 600, y: 100 },
  ];
}

const tab = (id) => ({ id, type: 'tab', label: id });

const alive = (z) => [...request(z, '/alive', 'alive'), ...answer('alive', z, 0)];

module.exports = { NodeRed, PACKAGE, Redis, alive, answer, dir, gate, newId, processes, request, sleep, tab, until };
