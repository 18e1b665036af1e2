// The editor in a browser. Pictures of it are kept; scripts/node-red/leader.png is `leader-5.png`.
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const { createRequire } = require('node:module');
const path = require('node:path');
const { after, before, test } = require('node:test');
const { NodeRed, Redis, alive, dir, tab, until } = require('./harness.js');

const { NODE_RED_HOME: home, ARTEFACTS: artefacts } = process.env;
const { chromium } = createRequire(path.join(home, 'package.json'))('playwright-core');
const version = path.basename(home);
const TTL = 3;

const redis = new Redis();
const replicas = [];
let browser, page;

function flows() {
  const example = JSON.parse(fs.readFileSync(
    path.join(__dirname, '../../scripts/node-red/examples/follower-actions.json'), 'utf8'));
  Object.assign(example.find(({ id }) => id === 'cl3gate'), { ttl: String(TTL) });
  return [...example, tab('other'), ...alive('other')];
}

before(async () => {
  await redis.start();
  for (const name of ['worker-1', 'worker-2']) {
    replicas.push(new NodeRed(name, flows(), {
      REDIS_HOST: '127.0.0.1', REDIS_PORT: String(redis.port), HOSTNAME: name,
    }));
  }
  await Promise.all(replicas.map((replica) => replica.start()));
  browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
});

after(async () => {
  await browser?.close();
  for (const replica of replicas) await replica.stop().catch(() => {});
  await redis.stop();
});

async function open(replica) {
  const page = await browser.newPage({ viewport: { width: 1500, height: 720 } });
  // Nothing but the replica is asked for anything.
  await page.route((url) => url.hostname !== '127.0.0.1', (route) => route.abort());
  await page.goto(`http://127.0.0.1:${replica.port}/#flow/cl3tab`);
  await page.waitForSelector('#cl3gate');
  return page;
}

/// What stands under the node: the class of its dot, and its text.
function shown(page) {
  return page.evaluate(() => {
    const node = document.getElementById('cl3gate');
    const dot = node.querySelector('[class*="red-ui-flow-node-status-"][class*="-green"], [class*="red-ui-flow-node-status-"][class*="-yellow"], [class*="red-ui-flow-node-status-"][class*="-grey"], [class*="red-ui-flow-node-status-"][class*="-red"]');
    const text = node.querySelector('.red-ui-flow-node-status-label');
    return { dot: dot?.getAttribute('class') ?? '', text: text?.textContent ?? '' };
  });
}

const picture = (page, name) =>
  page.screenshot({ path: path.join(artefacts, `${name}-${version}.png`) });

test('the editor of a follower turns green on failover, without being loaded again', async (t) => {
  await until('a leader and a follower', () =>
    replicas.map((replica) => replica.look('cl3gate')).toSorted().join() === 'green dot,yellow ring');
  const leader = replicas.find((replica) => replica.leads('cl3gate'));
  const follower = replicas.find((replica) => replica !== leader);
  page = await open(follower);
  let seen = await until('the yellow ring', async () => {
    const now = await shown(page);
    return now.dot.includes('yellow') && now;
  });
  assert.match(seen.dot, /ring-yellow/);
  assert.equal(seen.text, `follower of ${leader.name}`);
  await picture(page, 'follower');

  let loads = 0;
  page.on('load', () => { ++loads; });
  const begin = performance.now();
  const stopped = leader.stop();
  seen = await until('the green dot', async () => {
    const now = await shown(page);
    return now.dot.includes('green') && now;
  });
  const ms = performance.now() - begin;
  t.diagnostic(`the dot in the editor is green ${ms.toFixed(0)} ms after SIGTERM of the leader`);
  await stopped;
  // A lease that is not given back ends 2.4 s after the loss of its leader, or later.
  assert.ok(ms < 2000, `${ms} ms`);
  assert.match(seen.dot, /dot-green/);
  assert.equal(seen.text, `leader: ${follower.name}`);
  assert.equal(loads, 0);
  await picture(page, 'after-failover');
  // The picture of the README: the flow and nothing around it.
  const box = await page.locator('#red-ui-workspace-chart').boundingBox();
  await page.screenshot({
    path: path.join(artefacts, `leader-${version}.png`),
    clip: { x: box.x + 40, y: box.y + 40, width: 840, height: 250 },
  });
});

test('the palette has the node, and its dialog all properties', async () => {
  await page.waitForSelector('[data-palette-type="cluster-leader-cli"]', { state: 'attached' });
  await page.dblclick('#cl3gate');
  await page.waitForSelector('#subflow-input-ui');
  const labels = await until('all fields', async () => {
    const found = await page.locator('#subflow-input-ui .form-row label').allInnerTexts();
    return found.length >= 6 && found.map((label) => label.trim());
  });
  assert.deepEqual(labels, ['Key', 'TTL (s)', 'Host', 'Port', 'Database', 'Arguments']);
  await picture(page, 'properties');
});
