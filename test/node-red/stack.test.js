// The stack file for Docker Swarm, as Docker's own client reads it: `docker stack config` checks it
// against the schema and needs no engine.
'use strict';

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const { createRequire } = require('node:module');
const path = require('node:path');
const { test } = require('node:test');

const { NODE_RED_HOME: home, DOCKER: docker, TEST_DIR: dir } = process.env;
const yaml = createRequire(path.join(home, 'node_modules/node-red/red.js'))('js-yaml');
const scripts = path.join(__dirname, '../../scripts/node-red');
const text = fs.readFileSync(path.join(scripts, 'docker-compose.swarm.yml'), 'utf8');

function config(source) {
  const file = path.join(dir, 'stack.yml');
  fs.writeFileSync(file, source);
  return spawnSync(docker, ['stack', 'config', '--compose-file', file], { encoding: 'utf8' });
}

test('Docker takes the stack file, and would not take every file', () => {
  const good = config(text);
  assert.equal(good.status, 0, good.stderr);
  assert.equal(good.stderr, '');
  const bad = config(text.replace('replicas: 3', 'replica: 3'));
  assert.notEqual(bad.status, 0);
  assert.match(bad.stderr, /Additional property replica is not allowed/);
});

test('one admin may write /data, three workers with names of their own may not', () => {
  const { services } = yaml.load(config(text).stdout);
  const { redis, 'nodered-admin': admin, 'nodered-worker': worker } = services;
  assert.equal(Object.keys(services).length, 3);
  assert.equal(redis.image, 'valkey/valkey:8-alpine');
  assert.equal(admin.deploy.replicas, 1);
  assert.equal(worker.deploy.replicas, 3);
  assert.deepEqual(admin.volumes, [{ type: 'volume', source: 'nodered_data', target: '/data' }]);
  assert.deepEqual(worker.volumes, [{ ...admin.volumes[0], read_only: true }]);
  assert.match(worker.hostname, /\{\{\.Task\.Slot\}\}/);
  for (const service of [admin, worker]) {
    assert.equal(service.init, true);
    assert.equal(service.environment.REDIS_HOST, 'redis');
    assert.deepEqual(Object.keys(service.networks), Object.keys(redis.networks));
  }
});

test('the README shows this file', () => {
  const readme = fs.readFileSync(path.join(scripts, 'README.md'), 'utf8');
  const [, shown] = /## Docker Swarm\n[^#]*?```yaml\n([^]*?)```/.exec(readme);
  assert.equal(shown, text);
});
