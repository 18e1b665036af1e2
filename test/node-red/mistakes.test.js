// What is wrong with a node, its settings or its server is shown under that node, and never passes for
// leadership.
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { after, before, test } = require('node:test');
const { NodeRed, PACKAGE, Redis, alive, answer, dir, gate, processes, request, tab, until } = require('./harness.js');

const redis = new Redis('--requirepass', 'right');
const started = [];
before(() => redis.start());
after(async () => {
  for (const one of started) await one.stop().catch(() => {});
  await redis.stop();
});

async function start(name, nodes, environment = {}, settings = {}, change = () => {}) {
  const one = new NodeRed(name, [tab('t'), ...alive('t'), ...nodes], environment, settings);
  started.push(one);
  one.prepare();
  change(one);
  await one.start();
  return one;
}

/// A gate that is asked by GET `/${id}`.
const asked = (id, properties) => [
  ...request('t', `/${id}`, id), gate(id, 't', properties, [[`${id}-led`], [`${id}-followed`]]),
  ...answer(`${id}-led`, 't', 1), ...answer(`${id}-followed`, 't', 2),
];

const inFolder = (name) => {
  const folder = path.join(dir, name);
  fs.mkdirSync(folder, { recursive: true });
  return { arguments: `--server file://${folder}` };
};

const text = (one, id) => one.statuses.get(id)?.text ?? '';
const isRed = (one, id, what) => until(`${id} is red: ${what}`, () => one.look(id) === 'red ring' && what.test(text(one, id)));

test('without the exec node nobody leads, and the ring and the log say why', async () => {
  const one = await start('no-exec', asked('gate', inFolder('leases')), {}, { nodesExcludes: ['90-exec.js'] });
  await isRed(one, 'gate', /the exec node is excluded by nodesExcludes/);
  assert.match(one.log(), /\[error\] .*gate: the exec node is excluded by nodesExcludes/);
  assert.equal((await one.get('/gate')).output, 2);
});

test('where elect prints nothing, messages wait for 30 s and then come out of the second output', async () => {
  const silent = path.join(dir, 'silent');
  fs.mkdirSync(silent);
  fs.writeFileSync(path.join(silent, 'cluster-leader'), "#!/bin/sh\ntrap '' USR1\nexec /bin/sleep 1000\n", { mode: 0o755 });
  const one = await start('silent-elect', asked('gate', inFolder('leases')), { PATH: `${silent}:/usr/bin:/bin` }, {},
    ({ user }) => fs.rmSync(path.join(user, 'node_modules', PACKAGE, `bin/linux-${process.arch}/cluster-leader`)));
  const begin = performance.now();
  assert.equal((await one.get('/gate', 60000)).output, 2);
  const ms = performance.now() - begin;
  // It had been started a little earlier than it was asked.
  assert.ok(ms > 20000 && ms < 45000, `${ms} ms`);
  await isRed(one, 'gate', /elect has printed nothing for 30 s; is the exec node enabled\?/);
});

test('with a wrong password the pauses grow, and each warning names node and key', async () => {
  const at = { host: '127.0.0.1', port: String(redis.port), key: 'job-a' };
  const one = await start('wrong-password', asked('gate', at), { REDIS_PASSWORD: 'wrong' });
  const pauses = () => [...one.log().matchAll(/restarting it in (\d+) s/g)].map(([, seconds]) => seconds);
  await until('three restarts', () => pauses().length >= 3);
  assert.deepEqual(pauses().slice(0, 3), ['1', '2', '4']);
  const warnings = one.log().split('\n').filter((line) => line.includes('[warn] [cluster-leader-cli'));
  assert.ok(warnings.length >= 6, one.log());
  for (const line of warnings) assert.match(line, /gate, key 'job-a': /);
});

test('the ring says why there is no server', async () => {
  const one = await start('no-server', asked('gate', { host: '127.0.0.1', port: '1' }));
  await isRed(one, 'gate', /^no server: connection refused/);
});

test('a mistake in the properties is named, and a missing one is the default', async () => {
  const folder = inFolder('defaults');
  const { key, ...withoutKey } = gate('without-key', 't', folder);
  const { arguments: absent, db, ...missing } = gate('missing', 't', { key: 'job-m', host: '127.0.0.1', port: '1' });
  const one = await start('properties', [
    ...asked('url', { arguments: '--server redis://user:secret@127.0.0.1' }),
    gate('variable', 't', { ...folder, key: '${UNSET_KEY}' }),
    gate('typed', 't', { ...folder, key: { type: 'env', value: 'UNSET_KEY' } }),
    gate('set', 't', { ...folder, key: '${SET_KEY}' }),
    gate('blank', 't', { ...folder, key: '' }),
    withoutKey,
    missing,
  ], { SET_KEY: 'job-s' });
  await isRed(one, 'url', /a password in a URL is visible to others/);
  assert.equal((await one.get('/url')).output, 2);
  assert.doesNotMatch(one.log(), /secret/);
  for (const id of ['variable', 'typed', 'blank']) await isRed(one, id, /the key is blank, or its environment variable is not set/);
  await until('those with a key lead', () => one.leads('set') && one.leads('without-key'));
  for (const name of [key, 'job-s']) assert.notDeepEqual(processes(one.user, `--key=${name}`), []);
  await isRed(one, 'missing', /^no server: connection refused/);
});
