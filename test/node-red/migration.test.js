// From the node "cluster-leader" of node-red-contrib-cluster-leader to ours: its flows are converted, and
// its replicas replaced one by one.
'use strict';

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { after, before, test } = require('node:test');
const { setInterval: every } = require('node:timers');
const { NodeRed, Redis, alive, answer, dir, gate, request, tab, until } = require('./harness.js');

const TTL = 10;
const redis = new Redis();
const started = [];
before(async () => {
  await redis.start();
  await redis.ripen(TTL);
});
after(async () => {
  for (const one of started) await one.stop().catch(() => {});
  await redis.stop();
});

// --- Flows ---

const old = (id, z, properties, wires = [[], []]) =>
  ({ id, z, type: 'cluster-leader', name: id, valkey: '', lockKey: 'nodered:leader', lockTTL: 10, x: 300, y: 100, ...properties, wires });

const config = (id) =>
  ({ id, type: 'valkey-config', name: 'server', host: '127.0.0.1', port: redis.port, database: '0' });

function oldFlows() {
  return [
    tab('t'), ...alive('t'), config('used'), config('shared'),
    { id: 'user', z: 't', type: 'comment', name: 'another node', info: '', server: 'shared', x: 1, y: 1, wires: [] },
    ...request('t', '/plain', 'plain'),
    old('plain', 't', { lockKey: 'job-plain', lockTTL: 12 }, [['plain-led'], ['plain-followed']]),
    ...answer('plain-led', 't', 1), ...answer('plain-followed', 't', 2),
    { id: 'group', z: 't', type: 'group', name: 'jobs', style: { label: true }, nodes: ['grouped'], x: 1, y: 1, w: 9, h: 9 },
    old('grouped', 't', { lockKey: 'job-grouped', valkey: 'used', g: 'group' }),
    old('sharing', 't', { lockKey: 'job-shared', valkey: 'shared', d: true }),
    {
      id: 'sub', type: 'subflow', name: 'job', info: '', category: '', env: [],
      in: [{ x: 1, y: 1, wires: [{ id: 'inner' }] }],
      out: [{ x: 1, y: 1, wires: [{ id: 'inner', port: 0 }] }, { x: 1, y: 2, wires: [{ id: 'inner', port: 1 }] }],
    },
    old('inner', 'sub', { lockKey: 'job-inner', valkey: 'used' }),
    ...request('t', '/inner', 'instance'),
    { id: 'instance', z: 't', type: 'subflow:sub', name: '', x: 1, y: 1, wires: [['inner-led'], ['inner-followed']] },
    ...answer('inner-led', 't', 1), ...answer('inner-followed', 't', 2),
  ];
}

const environment = () => ({ REDIS_HOST: '127.0.0.1', REDIS_PORT: String(redis.port) });

test('converted flows run: with and without a config node, in a group and in a subflow', async () => {
  const one = new NodeRed('converted', [], environment());
  one.prepare();
  const program = path.join(one.user, 'node_modules/.bin/cluster-leader-convert-flows');
  const convert = (...args) => spawnSync(program, args, { cwd: dir, encoding: 'utf8' });
  const before = oldFlows();
  fs.writeFileSync(path.join(dir, 'old.json'), JSON.stringify(before), { mode: 0o600 });
  const { status, stdout, stderr } = convert('old.json', 'new.json');
  assert.equal(status, 0, stderr);
  assert.deepEqual(stdout.split('\n').filter(Boolean), [
    'converted 4 nodes into new.json',
    'config node shared was kept, since node user (comment) uses it',
    'passwords were not converted: if a config node had one, set REDIS_PASSWORD in the environment of Node-RED',
  ]);
  assert.equal(fs.readFileSync(path.join(dir, 'old.json'), 'utf8'), JSON.stringify(before));
  assert.equal(fs.statSync(path.join(dir, 'new.json')).mode & 0o777, 0o600);

  const flows = JSON.parse(fs.readFileSync(path.join(dir, 'new.json'), 'utf8'));
  const at = { host: '127.0.0.1', port: String(redis.port), db: '0', arguments: '' };
  const here = { host: '', port: '', db: '', arguments: '' };
  const changes = {
    plain: { key: 'job-plain', ttl: '12', ...here }, grouped: { key: 'job-grouped', ttl: '10', ...at },
    sharing: { key: 'job-shared', ttl: '10', ...at }, inner: { key: 'job-inner', ttl: '10', ...at },
  };
  const expected = before.filter(({ id }) => id !== 'used').map((node) => {
    if (!changes[node.id]) return node;
    const { valkey, lockKey, lockTTL, ...rest } = node;
    return { ...rest, type: 'cluster-leader-cli', ...changes[node.id] };
  });
  assert.deepEqual(flows, JSON.parse(JSON.stringify(expected)));

  // Node-RED starts nothing of a flow with a type that it does not have.
  one.flows = flows.filter(({ id }) => id !== 'shared');
  one.prepare();
  started.push(one);
  await one.start();
  await until('both lead', () => one.leads('plain') && one.leads('grouped'));
  assert.equal((await one.get('/plain')).output, 1);
  await until('the one in the subflow leads', async () => (await one.get('/inner')).output === 1);

  for (const [args, what] of [
    [['old.json', 'new.json'], /cannot write new.json: it exists/],
    [['absent.json', 'x.json'], /cannot read absent.json: /],
    [['new.json', 'x.json', 'more'], /requires two files/],
    [['package.json', 'x.json'], /package.json has no flows of Node-RED/],
    [['others.json', 'x.json'], /others.json has no node of the type cluster-leader; nothing was written/],
  ]) {
    fs.writeFileSync(path.join(dir, 'package.json'), '{}');
    fs.writeFileSync(path.join(dir, 'others.json'), '[{"id":"a","type":"tab"}]');
    const ended = convert(...args);
    assert.equal(ended.status, 1);
    assert.match(ended.stderr, what);
    assert.equal(ended.stderr.split('\n').length, 2);
  }
  assert.ok(!fs.existsSync(path.join(dir, 'x.json')));

  // As the admin API has it, with numbers and texts mixed and properties missing.
  fs.writeFileSync(path.join(dir, 'api.json'), '{"rev":"r","flows":[{"id":"a","type":"cluster-leader","valkey":"gone","wires":[[],[]]}]}');
  const api = convert('api.json', 'api-new.json');
  assert.match(api.stdout, /node a uses the config node gone, which is not in this file/);
  assert.deepEqual(JSON.parse(fs.readFileSync(path.join(dir, 'api-new.json'))), {
    rev: 'r', flows: [{ id: 'a', type: 'cluster-leader-cli', wires: [[], []], key: 'nodered:leader', ttl: '10', ...here }],
  });
});

// --- Replicas ---

/// Plays a replica with the old node, by the commands that its documentation names: SET NX EX with its host
/// name, every 2 s EXPIRE while it leads, and DEL at its end.
class OldReplica {
  constructor(name, key) {
    Object.assign(this, { name, key, leads: false, replies: [], rest: '' });
    this.socket = net.connect(redis.port, '127.0.0.1').on('data', (data) => this.read(String(data)));
    this.beat();
    this.timer = every(() => this.beat(), 2000);
  }

  read(data) {
    // Each reply is one line, but for a bulk string, whose length comes in a line before.
    const lines = (this.rest + data).split('\r\n');
    this.rest = lines.pop();
    for (const line of lines) if (!/^\$\d/.test(line)) this.replies.shift()(line);
  }

  ask(...words) {
    this.socket.write(`*${words.length}\r\n${words.map((word) => `$${String(word).length}\r\n${word}\r\n`).join('')}`);
    return new Promise((resolve) => this.replies.push(resolve));
  }

  async beat() {
    const isSet = await this.ask('SET', this.key, this.name, 'NX', 'EX', TTL) === '+OK';
    this.holder = await this.ask('GET', this.key);
    this.leads = isSet || this.holder === this.name;
    if (this.leads) await this.ask('EXPIRE', this.key, TTL);
  }

  async stop() {
    clearInterval(this.timer);
    const led = this.leads;
    this.leads = false;
    if (led) await this.ask('DEL', this.key);
    this.socket.destroy();
  }
}

test('replicas are replaced one by one on one key, and back, without two leaders', async (t) => {
  const key = 'rolling';
  const ours = (name) => new NodeRed(name, [tab('t'), ...alive('t'), gate('gate', 't', { key, ttl: String(TTL) })],
    { ...environment(), HOSTNAME: name });
  const replicas = new Set();
  const leaders = () => [...replicas].filter((one) => (one instanceof NodeRed ? one.leads('gate') : one.leads));
  const most = { count: 0 };
  const watch = every(() => { most.count = Math.max(most.count, leaders().length); }, 5);
  t.after(() => clearInterval(watch));
  const leave = async (one) => { replicas.delete(one); await one.stop(); };
  const next = async (what) => {
    const begin = performance.now();
    const [leader] = await until(`a leader after ${what}`, () => leaders().length === 1 && leaders());
    t.diagnostic(`${what}: ${(performance.now() - begin).toFixed(0)} ms until ${leader.name} leads`);
    return leader;
  };

  const first = new OldReplica('old-1', key);
  replicas.add(first);
  await until('the first leads', () => first.leads);
  const second = new OldReplica('old-2', key);
  replicas.add(second);

  const a = ours('new-a');
  started.push(a);
  await a.start();
  replicas.add(a);
  await until('ours follows the old leader', () => a.statuses.get('gate')?.text === 'follower of old-1');
  // The second one must not win the race for the key that the first one deletes.
  await leave(second);
  await leave(first);
  assert.equal(await next('the end of the last old replica'), a);

  const third = new OldReplica('old-3', key);
  replicas.add(third);
  t.after(() => third.stop());
  await until('the old one sees our leader', () => third.holder?.startsWith('new-a/'));
  assert.ok(!third.leads);
  await leave(a);
  assert.equal(await next('the end of ours'), third);
  assert.equal(most.count, 1);
});
