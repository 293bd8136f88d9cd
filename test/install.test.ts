/** What `npm ci` does and says, as far as it can be known without the network. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';

const PROJECT = resolve(import.meta.dirname, '..');
const read = (file: string) => JSON.parse(readFileSync(join(PROJECT, file), 'utf8'));

test('every package with an install script is allowed or denied it by name, so that npm warns of none', () => {
  const { allowScripts } = read('package.json');
  const packages: [string, { hasInstallScript?: boolean }][] = Object.entries(
    read('package-lock.json').packages,
  );
  const withScripts = packages.filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => path);
  const names = withScripts.map((path) => path.replace(/^.*node_modules\//, ''));
  assert.ok(names.includes('node'), 'the lockfile says which packages have one');
  for (const name of names) assert.equal(typeof allowScripts[name], 'boolean', name);
});

test('npm itself has nothing to say about the install scripts of what is installed', (t) => {
  const { status, stdout } = spawnSync('npm', ['install-scripts', 'ls'], { cwd: PROJECT, encoding: 'utf8' });
  if (status !== 0) t.skip('needs npm 11.16 or newer');
  else assert.match(stdout, /^No packages with unreviewed install scripts/);
});

test('the lockfile names no registry', () => {
  const packages: [string, { resolved?: string }][] = Object.entries(read('package-lock.json').packages);
  for (const [path, { resolved }] of packages) assert.equal(resolved, undefined, path);
});
