// install.sh: into a user directory that a real Node-RED then runs, and into containers, which are
// played by docker-stand-in.sh.
'use strict';

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { after, test } = require('node:test');
const { NodeRed, PACKAGE, Redis, alive, dir, gate, tab, until } = require('./harness.js');

const { TARBALL: tarball } = process.env;
const scripts = path.join(__dirname, '../../scripts/node-red');
const children = [];
after(() => Promise.all(children.map((child) => child.stop())));

function install(args, environment = {}) {
  const { status, stdout, stderr } = spawnSync(path.join(scripts, 'install.sh'), args,
    { cwd: dir, encoding: 'utf8', env: { ...process.env, ...environment } });
  return { status, stdout, stderr, lines: stderr.split('\n').filter(Boolean) };
}

function makeUserFolder(name) {
  const folder = path.join(dir, name);
  fs.mkdirSync(folder, { recursive: true });
  return folder;
}

function installedFile(folder, name) {
  return path.join(folder, 'node_modules', PACKAGE, name);
}

test('a user directory gets a package that works in Node-RED', async () => {
  const folder = makeUserFolder('with spaces');
  const { status, stderr } = install(['--package', tarball, '--user-dir', folder]);
  assert.equal(status, 0, stderr);
  const redis = new Redis();
  await redis.start();
  children.push(redis);
  const red = new NodeRed('installed', [tab('t'), ...alive('t'), gate('gate', 't', { ttl: '2' })],
    { REDIS_HOST: '127.0.0.1', REDIS_PORT: String(redis.port) });
  red.user = folder;
  red.prepare();
  await red.start();
  children.push(red);
  await until('it leads', () => red.leads('gate'));
});

test('a second time changes nothing, and another build of the same version takes its place', () => {
  const folder = makeUserFolder('twice');
  const args = (file) => ['--package', file, '--user-dir', folder];
  assert.equal(install(args(tarball)).status, 0);
  const before = fs.readFileSync(path.join(folder, 'package-lock.json'), 'utf8');
  // The tarball that lies there already will do as well.
  assert.equal(install(args(path.join(folder, path.basename(tarball)))).status, 0);
  assert.equal(fs.readFileSync(path.join(folder, 'package-lock.json'), 'utf8'), before);

  const other = makeUserFolder('other');
  spawnSync('tar', ['-xzf', tarball, '-C', other]);
  fs.appendFileSync(path.join(other, 'package/README.md'), 'another build\n');
  spawnSync('tar', ['-czf', path.join(other, 'other.tgz'), '-C', other, 'package']);
  const { status, stderr } = install(args(path.join(other, 'other.tgz')));
  assert.equal(status, 0, stderr);
  assert.match(fs.readFileSync(installedFile(folder, 'README.md'), 'utf8'), /another build/);
});

test('other packages of a user directory can still be installed', () => {
  const folder = makeUserFolder('others');
  assert.equal(install(['--package', tarball, '--user-dir', folder]).status, 0);
  const another = makeUserFolder('another');
  fs.writeFileSync(path.join(another, 'package.json'), '{"name":"another","version":"1.0.0"}');
  fs.rmSync(path.join(folder, 'node_modules'), { recursive: true });
  const npm = spawnSync('npm', ['install', '--no-audit', '--no-fund', another], { cwd: folder, encoding: 'utf8' });
  assert.equal(npm.status, 0, npm.stderr);
  assert.ok(fs.existsSync(installedFile(folder, 'bin/cluster-leader')));
});

test('each mistake is one line', () => {
  const folder = makeUserFolder('mistakes');
  const broken = path.join(dir, 'broken.tgz');
  fs.writeFileSync(broken, 'no tarball');
  const mistakes = [
    [[], /requires --user-dir or a container/],
    [['--package'], /--package requires a value/],
    [['--user-dir', ''], /--user-dir requires a value/],
    [['--frobnicate'], /unknown option '--frobnicate'/],
    [[''], /an empty name would match every container/],
    [['--user-dir', folder, 'nodered'], /--user-dir and containers cannot be combined/],
    [['--user-dir', '/nonexistent'], /\/nonexistent is not a folder/],
    [['--package', '/nonexistent', '--user-dir', folder], /\/nonexistent cannot be read/],
    [['--package', broken, '--user-dir', folder], /broken.tgz is not a package made by pack.sh/],
  ];
  for (const [args, text] of mistakes) {
    const { status, stdout, lines } = install(args);
    assert.equal(status, 1, args.join(' '));
    assert.equal(stdout, '');
    assert.equal(lines.length, 1, lines.join('\n'));
    assert.match(lines[0], text);
  }
  assert.deepEqual(fs.readdirSync(folder), []);
});

// --- Containers ---

class Engine {
  constructor(name) {
    this.folder = makeUserFolder(name);
    const bin = makeUserFolder(`${name}-bin`);
    fs.symlinkSync(path.join(__dirname, 'docker-stand-in.sh'), path.join(bin, 'docker'));
    this.environment = { CONTAINERS: this.folder, PATH: `${bin}:${process.env.PATH}` };
  }

  /// `dataOf` is the container with which it shares /data, which it then may only read.
  add(id, name, { service, dataOf } = {}) {
    const root = path.join(this.folder, id);
    fs.mkdirSync(path.join(root, 'usr/local/bin'), { recursive: true });
    fs.writeFileSync(path.join(root, 'name'), name);
    if (service) fs.writeFileSync(path.join(root, 'service'), service);
    if (dataOf) {
      fs.symlinkSync(path.join(this.folder, dataOf, 'data'), path.join(root, 'data'));
      fs.writeFileSync(path.join(root, 'read-only'), '');
    } else {
      fs.mkdirSync(path.join(root, 'data'));
    }
  }

  install(...names) {
    return install(['--package', tarball, ...names], this.environment);
  }

  has(id, file) {
    return fs.existsSync(path.join(this.folder, id, file));
  }

  hasPackage(id) {
    return this.has(id, `data/node_modules/${PACKAGE}/bin/cluster-leader`);
  }

  /// The calls that begin with `verb`.
  calls(verb) {
    return fs.readFileSync(path.join(this.folder, 'calls'), 'utf8').split('\n')
      .filter((call) => call.startsWith(`${verb} `));
  }
}

test('containers get the package and the program, and are restarted', () => {
  const engine = new Engine('plain');
  engine.add('a1', 'project-nodered-admin-1');
  engine.add('b1', 'project-nodered-worker-1', { dataOf: 'a1' });
  engine.add('b2', 'project-nodered-worker-2', { dataOf: 'a1' });
  engine.add('c1', 'project-redis-1');
  // The workers first: they can only have it when the admin has.
  for (let time = 1; time <= 2; ++time) {
    const { status, stderr } = engine.install('nodered-worker', 'nodered-admin', 'worker-2');
    assert.equal(status, 0, stderr);
    for (const id of ['a1', 'b1', 'b2']) {
      assert.ok(engine.hasPackage(id), id);
      assert.ok(engine.has(id, 'usr/local/bin/cluster-leader'), id);
    }
    assert.ok(!engine.hasPackage('c1'));
    assert.deepEqual(engine.calls('restart').slice(-3), ['restart b1', 'restart b2', 'restart a1']);
    assert.equal(engine.calls('restart').length, 3 * time);
  }
});

test('the tasks of a Swarm are restarted as a service, once', () => {
  const engine = new Engine('swarm');
  engine.add('a1', 'stack_nodered-admin.1.x', { service: 'stack_nodered-admin' });
  engine.add('b1', 'stack_nodered-worker.1.y', { service: 'stack_nodered-worker', dataOf: 'a1' });
  engine.add('b2', 'stack_nodered-worker.2.z', { service: 'stack_nodered-worker', dataOf: 'a1' });
  const { status, stderr } = engine.install('nodered-admin', 'nodered-worker');
  assert.equal(status, 0, stderr);
  assert.ok(engine.hasPackage('b2'));
  assert.deepEqual(engine.calls('restart'), []);
  assert.deepEqual(engine.calls('service'), [
    'service update --force --detach stack_nodered-admin',
    'service update --force --detach stack_nodered-worker',
  ]);
});

test('what is wrong with a container is one line, and nothing is restarted', () => {
  const engine = new Engine('wrong');
  engine.add('a1', 'nodered-admin');
  engine.add('b1', 'worker-of-another-volume', { dataOf: 'a1' });
  engine.add('d1', 'database');
  fs.rmdirSync(path.join(engine.folder, 'd1/data'));
  engine.add('s1', 'task', { service: 'refused' });
  const wrong = [
    [['absent'], /no running container has 'absent' in its name/],
    [['worker'], /\/data of container b1 is read-only, and does not share the package/],
    [['nodered', 'database'], /container d1 has no \/data or no npm, so it is not Node-RED; nothing was changed/],
    [['task'], /docker service update --force refused, on a manager/],
  ];
  for (const [names, text] of wrong) {
    const { status, lines } = engine.install(...names);
    assert.equal(status, 1, names.join(' '));
    assert.equal(lines.length, 1, lines.join('\n'));
    assert.match(lines[0], text);
  }
  assert.ok(!engine.hasPackage('a1'));
  assert.deepEqual(engine.calls('restart'), []);
});
