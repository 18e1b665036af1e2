// `cluster-leader run` in exec nodes, and the examples of the package.
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { after, before, test } = require('node:test');
const { NodeRed, PACKAGE, Redis, alive, dir, gate, newId, processes, tab, until } = require('./harness.js');

const redis = new Redis();
const started = [];

/// Starts one whose `cluster-leader` is the one that came with the package.
async function replica(name, flows, environment = {}) {
  const one = new NodeRed(name, flows, {
    REDIS_HOST: '127.0.0.1', REDIS_PORT: String(redis.port), CLUSTER_LEADER_NODE: name, ...environment,
  });
  one.environment.PATH = `${path.join(dir, name, 'node_modules/.bin')}:${process.env.PATH}`;
  started.push(one);
  await one.start();
  return one;
}

function exec(z, command, spawns, wires = [[], [], []]) {
  return {
    id: newId(), z, type: 'exec', command, addpay: '', append: '', useSpawn: String(spawns), timer: '',
    oldrc: false, wires, x: 1, y: 1,
  };
}

function inject(z, target, repeat, delay) {
  return {
    id: newId(), z, type: 'inject', props: [], repeat, once: true, onceDelay: delay, wires: [[target]], x: 1, y: 1,
  };
}

before(() => redis.start());

after(async () => {
  for (const one of started) await one.stop().catch(() => {});
  await redis.stop();
});

// Seven ways to be run: the direct child of Node-RED differs, and so does who gets the signal.
const SHAPES = {
  spawn: (command) => command,
  simple: (command) => command,
  sequence: (command) => `${command}; true`,
  pipe: (command) => `${command} | cat`,
  'stderr to stdout': (command) => `${command} 2>&1`,
  'all to /dev/null': (command) => `${command} </dev/null >/dev/null 2>&1; true`,
  background: (command) => `${command} & wait`,
};

test('with --die-with-parent no shape of command line leaves a process behind', async (t) => {
  const job = path.join(dir, 'job-that-sleeps');
  fs.symlinkSync('/bin/sleep', job);
  const flows = [tab('shapes'), ...alive('shapes')];
  for (const [name, shape] of Object.entries(SHAPES)) {
    const key = name.replace(/\W/g, '-');
    const command = shape(`cluster-leader run --wait 10 --server file://${dir}/leases --key ${key} --die-with-parent -- ${job} 1000`);
    const node = exec('shapes', command, name === 'spawn');
    flows.push(node, inject('shapes', node.id, '', 0.1));
  }
  const all = Object.keys(SHAPES).length;
  // The job itself, and the two processes of ours above it, which have its command line in theirs.
  const running = () => processes(job);
  const jobs = () => running().filter(({ line }) => line.startsWith(job)).map(({ pid }) => pid);
  fs.mkdirSync(path.join(dir, 'leases'));
  const one = await replica('shapes', flows);
  await until('all jobs run', () => jobs().length === all);

  const old = running().map(({ pid }) => pid);
  await one.deploy([tab('shapes'), ...alive('shapes')]);
  let begin = performance.now();
  await until('nothing is left after a redeploy', () => running().length === 0);
  t.diagnostic(`redeploy: all gone after ${(performance.now() - begin).toFixed(0)} ms`);
  assert.ok(old.length >= 3 * all);

  await one.deploy(flows);
  await until('all jobs run again', () => jobs().length === all);
  await one.stop('SIGKILL');
  begin = performance.now();
  await until('nothing is left after SIGKILL', () => running().length === 0);
  t.diagnostic(`SIGKILL: all gone after ${(performance.now() - begin).toFixed(0)} ms`);
});

test('three replicas whose timers are not aligned run a sticky job once in each tick', async (t) => {
  // A leader whose tick is late by less than the ttl goes on leading: a busy machine has that long.
  const period = 2, ttl = 12, ticks = 4;
  await redis.ripen(ttl);
  const log = path.join(dir, 'ticks');
  fs.writeFileSync(log, '');
  const names = ['first', 'second', 'third'];
  await Promise.all(names.map((name, index) => {
    const flows = [tab('ticks'), ...alive('ticks')];
    const command = `cluster-leader run --sticky --ttl ${ttl} --key tick -- true; echo "${name} $?" >>${log}`;
    const node = exec('ticks', command, false);
    return replica(name, [...flows, node, inject('ticks', node.id, String(period), 0.1 + index * period / 3)]);
  }));
  // How each tick of a replica has ended, however many of them there were before the last replica was up.
  const statuses = (name) => fs.readFileSync(log, 'utf8').split('\n').filter((line) => line.startsWith(name))
    .map((line) => line.split(' ')[1]);
  const before = names.map((name) => statuses(name).length);
  await until(`${ticks} ticks of each replica`,
    () => names.every((name, index) => statuses(name).length >= before[index] + ticks));
  const seen = names.map((name) => [...new Set(statuses(name))].join());
  t.diagnostic(`the statuses of the replicas: ${seen.join('/')}, at ${names.map((name) => statuses(name).length).join('/')} ticks`);
  assert.deepEqual(seen.toSorted(), ['0', '75', '75']);
});

test('the program may be on the PATH, and messages wait for its first word', async () => {
  // As many as may wait, and one more.
  const many = 1001;
  const count = (id) => ({
    id, z: 'path', type: 'debug', active: true, tosidebar: false, console: false, tostatus: true,
    complete: 'true', targetType: 'full', statusVal: '', statusType: 'counter', wires: [], x: 1, y: 1,
  });
  const flows = [
    tab('path'), ...alive('path'),
    gate('gate', 'path', { arguments: `--server 'file://${dir}/leases-of-path'` }, [['led'], ['followed']]),
    count('led'), count('followed'),
    {
      id: 'early', z: 'path', type: 'function', outputs: 1, wires: [['gate']], func: '', x: 1, y: 1,
      initialize: `for (let i = 0; i < ${many}; ++i) node.send({});`,
    },
  ];
  const late = path.join(dir, 'late');
  fs.mkdirSync(late);
  fs.mkdirSync(path.join(dir, 'leases-of-path'));
  const one = new NodeRed('path', flows, { PATH: `${late}:/usr/bin:/bin` });
  started.push(one);
  one.prepare();
  const shipped = path.join(one.user, 'node_modules', PACKAGE, `bin/linux-${process.arch}/cluster-leader`);
  fs.renameSync(shipped, path.join(dir, 'program'));
  await one.start();
  await until('the red ring', () => one.look('gate') === 'red ring');
  assert.equal(one.statuses.get('gate').text, 'the program cluster-leader was not found');
  await until('all at the second output', () => one.statuses.get('followed')?.text === String(many));

  fs.renameSync(path.join(dir, 'program'), path.join(late, 'cluster-leader'));
  await until('the green dot', () => one.leads('gate'));
  await one.deploy(flows);
  await until('those that have waited at the first output', () => one.statuses.get('led')?.text === String(many - 1));
  assert.equal(one.statuses.get('followed').text, '1');
});

/// The number that a debug node with a counter shows at each of `replicas`.
const counts = (replicas, id) => replicas.map((one) => Number(one.statuses.get(id)?.text ?? 0));

/// Waits until messages have come to `id` at one of `replicas` and to no other meanwhile. What came
/// before they had agreed about the leader does not count.
async function comesToOne(replicas, id) {
  let before = counts(replicas, id);
  await until(`messages at ${id}, of one replica`, () => {
    const more = counts(replicas, id).map((count, index) => count - before[index]);
    if (more.filter((count) => count !== 0).length > 1) before = counts(replicas, id);
    return Math.max(...more) >= 3 && more.filter((count) => count !== 0).length === 1;
  });
}

/// An example as it is imported, in a hurry, and with its job done by this process.
function example(name, url) {
  const flows = JSON.parse(fs.readFileSync(path.join(dir, 'template/node_modules', PACKAGE, 'examples', name)));
  for (const node of flows) {
    if (node.type === 'inject' && node.repeat) node.repeat = '1';
    if (node.type === 'http request') node.url = node.url.replace('http://api', url);
    if (node.type === 'exec') node.command = node.command.replace('--ttl 90s', '--ttl 12').replace('/data/job.sh', 'true');
    // So that it counts what comes.
    if (node.type === 'debug') Object.assign(node, { tosidebar: false, tostatus: true, complete: 'true', targetType: 'full', statusVal: '', statusType: 'counter' });
  }
  return flows;
}

test('the examples run as they are imported', async (t) => {
  const calls = [];
  const api = http.createServer((request, response) => {
    calls.push(`${request.method} ${request.url}`);
    response.end();
  }).listen(0, '127.0.0.1');
  t.after(() => api.close());
  await until('the API listens', () => api.listening);
  const url = `http://127.0.0.1:${api.address().port}`;
  const examples = ['one-scheduled-job', 'several-jobs', 'follower-actions', 'run-one-command'];
  const flows = [tab('base'), ...alive('base'), ...examples.flatMap((name) => example(name + '.json', url))];
  const replicas = started.filter(({ name }) => name === 'first' || name === 'second');
  for (const one of replicas) await one.deploy(flows);

  const gates = flows.filter(({ type }) => type === 'cluster-leader-cli').map(({ id }) => id);
  assert.equal(gates.length, 5);
  for (const id of gates) {
    await until(`a leader and a follower of ${id}`, () =>
      replicas.map((one) => one.look(id)).toSorted().join() === 'green dot,yellow ring');
  }
  // Before they had agreed, the server may have been too busy for one of them.
  const failed = counts(replicas, 'cl4failed');
  await until('all jobs have been called',
    () => ['/job', '/job-a', '/job-b', '/job-c'].every((name) => calls.includes(`POST ${name}`)));
  // Of the two replicas each node but that of failures has messages at one of them.
  for (const id of ['cl3job', 'cl3skip', 'cl4ran', 'cl4follower']) await comesToOne(replicas, id);
  assert.deepEqual(counts(replicas, 'cl4failed'), failed);
  const leader = await until('a leader', () => replicas.find((one) => one.leads('cl3gate')));
  const [other] = replicas.filter((one) => one !== leader);
  await leader.press('cl3ask');
  await until('the other replica leads', () => other.leads('cl3gate') && !leader.leads('cl3gate'));
});
