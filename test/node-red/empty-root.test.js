// The program in a root that holds nothing else, as in the image that is built from scratch: as uid
// 1000, without a loader, a C library or a shell, with the /etc/hosts and /etc/resolv.conf that an
// engine supplies. Must be root, for chroot and for port 53.
'use strict';

const assert = require('node:assert/strict');
const { spawn, spawnSync } = require('node:child_process');
const dgram = require('node:dgram');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { after, before, test } = require('node:test');
const { Redis, dir } = require('./harness.js');

const root = path.join(dir, 'root');
const redis = new Redis();
const names = dgram.createSocket('udp4');
// Not 127.0.0.1, where the machine may have a name server of its own.
const nameServer = '127.7.5.3';
const asked = new Set();

/// Answers every question for an A record of by-dns.test with 127.0.0.1, and that there is no such
/// name or record otherwise.
function answer(question, client) {
  let end = 12;
  const labels = [];
  for (; question[end] !== 0; end += question[end] + 1) labels.push(question.toString('latin1', end + 1, end + 1 + question[end]));
  const name = labels.join('.').toLowerCase();
  const isA = question.readUInt16BE(end + 1) === 1;
  asked.add(name);
  const known = name === 'by-dns.test';
  const header = Buffer.from([question[0], question[1], 0x81, known ? 0x80 : 0x83, 0, 1, 0, known && isA ? 1 : 0, 0, 0, 0, 0]);
  const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
  const parts = [header, question.subarray(12, end + 5), ...(known && isA ? [record] : [])];
  names.send(Buffer.concat(parts), client.port, client.address);
}

before(async () => {
  assert.equal(process.getuid(), 0, 'must be root, for chroot and for port 53');
  await redis.start();
  names.on('message', answer).bind(53, nameServer);
  await once(names, 'listening');
  fs.mkdirSync(root);
  fs.copyFileSync(process.env.BINARY, path.join(root, 'cluster-leader'));
  fs.chmodSync(path.join(root, 'cluster-leader'), 0o755);
  fs.chmodSync(root, 0o555);
  // So that the chroot can be reached by anybody.
  fs.chmodSync(dir, 0o755);
});
after(async () => {
  names.close();
  await redis.stop();
});

function supply(name, text) {
  fs.mkdirSync(path.join(root, 'etc'), { recursive: true });
  fs.writeFileSync(path.join(root, 'etc', name), text);
}

/// What an engine mounts: `run` looks for the descendants of its job in /proc.
const withProc = ['unshare', '--mount', '--pid', '--fork', '--kill-child', `--mount-proc=${root}/proc`];

async function inRoot(args, before = []) {
  const [command, ...rest] = [...before, 'chroot', '--userspec=1000:1000', root, '/cluster-leader', ...args];
  const child = spawn(command, rest, { env: { PATH: process.env.PATH }, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr']) child[name].on('data', (data) => { output[name] += data; });
  const [status] = await once(child, 'close');
  return { status, ...output };
}

const at = (host) => ['--server', `redis://${host}:${redis.port}`];

test('it has no interpreter', () => {
  const { stdout, status } = spawnSync('readelf', ['--wide', '--program-headers', process.env.BINARY], { encoding: 'utf8' });
  assert.equal(status, 0);
  assert.match(stdout, /\bLOAD\b/);
  assert.doesNotMatch(stdout, /\bINTERP\b/);
});

test('it runs where there is no other file', async () => {
  assert.deepEqual(fs.readdirSync(root), ['cluster-leader']);
  const { status, stdout } = await inRoot(['--version']);
  assert.equal(status, 0);
  assert.match(stdout, /^cluster-leader \d/);
  assert.equal((await inRoot(['status', ...at('127.0.0.1')])).status, 0);
});

test('it finds a server by /etc/hosts', async () => {
  supply('hosts', '127.0.0.1 by-hosts\n');
  const { status, stderr } = await inRoot(['status', ...at('by-hosts')]);
  assert.equal(status, 0, stderr);
});

test('it finds a server by the name server of /etc/resolv.conf', async () => {
  supply('resolv.conf', `nameserver ${nameServer}\nsearch test\n`);
  for (const name of ['by-dns.test', 'by-dns']) {
    const { status, stderr } = await inRoot(['status', ...at(name)]);
    assert.equal(status, 0, stderr);
  }
  assert.ok(asked.has('by-dns.test'));
  const { status, stderr } = await inRoot(['status', ...at('absent.test')]);
  assert.equal(status, 69);
  assert.match(stderr, /cannot resolve the host name/);
});

test('it holds a lease there and runs a job', async () => {
  supply('resolv.conf', `nameserver ${nameServer}\n`);
  fs.mkdirSync(path.join(root, 'proc'));
  await redis.ripen(1);
  const { status, stdout, stderr } = await inRoot(
    ['run', '--key', 'a', '--ttl', '1s', ...at('by-dns.test'), '--', '/cluster-leader', '--version'], withProc);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^cluster-leader \d/);
});

test('it stands in an election there', async () => {
  const child = spawn(withProc[0], [...withProc.slice(1), 'chroot', '--userspec=1000:1000', root, '/cluster-leader',
    'elect', '--key', 'b', '--ttl', '1s', '--node', 'n', ...at('by-dns.test')], { env: { PATH: process.env.PATH }, stdio: ['pipe', 'pipe', 'inherit'] });
  let lines = '';
  for await (const data of child.stdout) {
    lines += data;
    if (lines.includes('"state":"leader"')) break;
  }
  assert.match(lines, /"state":"leader"/);
  child.kill('SIGKILL');
});
