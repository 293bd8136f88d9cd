/** What can be checked of the documentation: that it names every file, and that its links lead somewhere. */
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { test } from 'node:test';

const PROJECT = resolve(import.meta.dirname, '..');
const read = (path: string) => readFileSync(join(PROJECT, path), 'utf8');

test('docs/architecture.md names every file of src/', () => {
  const text = read('docs/architecture.md');
  for (const path of globSync('src/**/*.ts', { cwd: PROJECT })) {
    assert.ok(text.includes(basename(path)), `${path} is missing`);
  }
});

test('links between the documents lead to files that exist', () => {
  for (const page of globSync(['*.md', 'docs/**/*.md'], { cwd: PROJECT })) {
    for (const [, target = ''] of read(page).matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      assert.ok(existsSync(join(PROJECT, dirname(page), target)), `${page} links to ${target}`);
    }
  }
});

test('pages that a comment in the code refers to exist', () => {
  for (const path of globSync(['{src,scripts,test,deploy}/**/*.{ts,sh,py,conf,service,socket}'], {
    cwd: PROJECT,
  })) {
    for (const [page] of read(path).matchAll(/docs\/[\w/-]+\.md/g)) {
      assert.ok(existsSync(join(PROJECT, page)), `${path} names ${page}`);
    }
  }
});

test('the Russian README has the sections of the English one', () => {
  const sections = (page: string) => [...read(page).matchAll(/^(#{1,3}) /gm)].map(([, level]) => level);
  assert.deepEqual(sections('README.ru.md'), sections('README.md'));
});

test('each rule of docs/forwarding.md has tests, and they exist', () => {
  const rules = read('docs/forwarding.md')
    .split(/^(?=\*\*\d+\. )/m)
    .slice(1);
  assert.deepEqual(
    rules.map((rule) => Number(/\d+/.exec(rule)?.[0])),
    rules.map((_, i) => i + 1),
  );
  for (const rule of rules) {
    const proofs = [...rule.matchAll(/^- `(test\/[\w./-]+)`: (.+)$/gm)];
    assert.ok(proofs.length > 0, `no test for ${rule.slice(0, 60)}`);
    for (const [, file = '', name = ''] of proofs) {
      assert.ok(read(file).includes(`test('${name}'`), `${file} has no test "${name}"`);
    }
  }
});

test('no two decisions have the same number', () => {
  const numbers = globSync('docs/decisions/*.md', { cwd: PROJECT }).map((path) => basename(path).slice(0, 4));
  assert.equal(new Set(numbers).size, numbers.length, numbers.join(' '));
});
