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
  // The machine may be busy.
  page.setDefaultTimeout(120_000);
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

test('the palette has the node with an icon, and its dialog all properties with hints', async () => {
  const icon = await page.waitForSelector(
    '[data-palette-type="cluster-leader-cli"], #red-ui-palette .red-ui-palette-node[data-palette-type="cluster-leader-cli"]', { state: 'attached' });
  assert.ok(await icon.$('.fa-flag'), 'the palette shows the icon');
  await page.dblclick('#cl3gate');
  await page.waitForSelector('#subflow-input-ui');
  const labels = await until('all fields', async () => {
    const found = await page.locator('#subflow-input-ui .form-row label').allInnerTexts();
    return found.length >= 6 && found.map((label) => label.trim());
  });
  assert.deepEqual(labels, ['Key', 'TTL', 'Host', 'Port', 'Database', 'Arguments']);
  const hints = await page.locator('#subflow-input-ui .red-ui-typedInput-input-wrap input').evaluateAll(
    (inputs) => inputs.map((input) => input.getAttribute('placeholder')));
  assert.deepEqual(hints, ['required, such as nodered:leader', '10 (seconds), 1500ms or 2m', 'REDIS_HOST or redis',
    'REDIS_PORT or 6379', 'REDIS_DB or 0', 'options of cluster-leader elect']);
  await picture(page, 'properties');
  await page.click('#node-dialog-cancel');
});

test('the ports have names, and values that cannot be right are marked', async () => {
  const valid = (property, value) => page.evaluate(([property, value]) => {
    const { validate } = RED.nodes.getType('cluster-leader-cli').defaults[property];
    return validate(value, {});
  }, [property, value]);
  assert.deepEqual(await page.evaluate(() => [0, 1].map((port) => RED.nodes.node('cl3gate')._def.outputLabels[port])), ['leader', 'follower']);
  for (const value of ['', '10', '1500ms', '2m', '1h30m', '0.5m', '1d', '${TTL}', { type: 'env', value: 'TTL' }]) {
    assert.equal(await valid('ttl', value), true, JSON.stringify(value));
  }
  for (const value of ['abc', '10 s', '999ms', '2d', '-1', '5x', 'm']) assert.match(await valid('ttl', value), /a duration from 1s to 1d/, value);
  for (const value of ['0', '65536', '63a']) assert.match(await valid('port', value), /a number from 1 to 65535/);
  assert.equal(await valid('port', '6379'), true);
  assert.match(await valid('db', '-1'), /a number from 0 on/);
  assert.match(await valid('host', 'redis://redis'), /a URL goes into the arguments/);
  assert.match(await valid('arguments', '--server redis://u:p@h'), /a password in a URL/);
  assert.equal(await valid('arguments', '--server redis://u@h/0 --prefix a:'), true);
  // Node-RED asks them: the triangle of a node in error appears.
  const isMarked = (ttl) => page.evaluate((ttl) => {
    const node = RED.nodes.node('cl3gate');
    node.ttl = ttl;
    RED.editor.validateNode(node);
    return !node.valid;
  }, ttl);
  assert.equal(await isMarked('abc'), true);
  assert.equal(await isMarked('3'), false);
});

test('the help lists properties and what messages have', async () => {
  const help = await page.evaluate(() => {
    const part = document.createElement('div');
    part.innerHTML = RED.nodes.getNodeHelp('cluster-leader-cli');
    return {
      terms: [...part.querySelectorAll('dt')].map((term) => `${term.firstChild.textContent.trim()} ${term.querySelector('.property-type')?.textContent}`),
      types: [...part.querySelectorAll('dt .property-type')].map((type) => type.textContent),
      texts: [...part.querySelectorAll('dd')].map((text) => text.textContent.trim()),
      rest: [...part.querySelectorAll('p, li')].map((text) => text.textContent).filter((text) => /^:|\n:/.test(text)),
    };
  });
  assert.deepEqual(help.terms, ['Key string', 'TTL duration', 'Host string', 'Port number', 'Database number', 'Arguments options',
    'topic string', 'isLeader boolean', 'leaderHost string', 'fencingToken number', 'isLeader boolean', 'leaderHost string', 'followerHost string']);
  assert.equal(help.types.length, help.terms.length);
  assert.equal(help.texts.length, help.terms.length);
  assert.ok(help.texts.every((text) => text.length > 3), help.texts.join('|'));
  assert.deepEqual(help.rest, []);
});
