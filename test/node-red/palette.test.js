// The package is installed with the palette manager of a running Node-RED, without a network and without
// cluster-leader on its PATH.
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { after, test } = require('node:test');
const { NodeRed, PACKAGE, alive, dir, gate, tab, until } = require('./harness.js');

let one;
after(() => one?.stop());

test('a tarball that is uploaded in the palette manager leads', async () => {
  const user = path.join(dir, 'uploaded');
  fs.mkdirSync(user);
  fs.mkdirSync(path.join(dir, 'leases'));
  // What this test and npm need, and no cluster-leader.
  const bin = path.join(dir, 'bin');
  fs.mkdirSync(bin);
  for (const name of ['setpriv', 'npm', 'node', 'sh', 'env', 'uname', 'readlink', 'dirname']) {
    const found = process.env.PATH.split(':').map((folder) => path.join(folder, name)).find((file) => fs.existsSync(file));
    fs.symlinkSync(found, path.join(bin, name));
  }
  const before = [tab('main'), ...alive('main')];
  one = new NodeRed('uploaded', before, { PATH: bin }, { externalModules: { palette: { allowInstall: true, allowUpload: true } } });
  one.user = user;
  one.prepare();
  await one.start();

  const form = new FormData();
  form.append('tarball', new Blob([fs.readFileSync(process.env.TARBALL)]), path.basename(process.env.TARBALL));
  const answer = await fetch(`http://127.0.0.1:${one.port}/nodes`, { method: 'POST', body: form });
  const text = await answer.text();
  assert.equal(answer.status, 200, text);
  assert.equal(JSON.parse(text).name, PACKAGE);

  await one.deploy([...before, gate('gate', 'main', { arguments: `--server 'file://${dir}/leases'` }, [[], []])]);
  await until('the green dot', () => one.leads('gate'));
  assert.ok(fs.existsSync(path.join(user, 'node_modules', PACKAGE, `bin/linux-${process.arch}/cluster-leader`)));
});
