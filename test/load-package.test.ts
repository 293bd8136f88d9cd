/** A library that could not be loaded is loaded when it can be. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

/** What takes every descriptor while a package is half loaded, as accepted connections do. */
const GREEDY = `
const { closeSync, openSync } = require('node:fs');
const taken = [];
try { for (;;) taken.push(openSync('/dev/null')); } catch {}
setTimeout(() => taken.forEach((descriptor) => closeSync(descriptor)));
`;

const PACKAGES: Record<string, Record<string, string>> = {
  'a CommonJS package': {
    'package.json': '{ "name": "p", "main": "index.js" }',
    'index.js': `require('./greedy.js'); exports.answer = require('./inner.js')`,
    'greedy.js': GREEDY,
    'inner.js': 'module.exports = 42',
  },
  'an ES module over a CommonJS package': {
    'package.json': '{ "name": "p", "type": "module", "main": "index.js", "dependencies": { "below": "1" } }',
    'index.js': `import below from 'below'; export const answer = below`,
    'node_modules/below/package.json': '{ "name": "below", "main": "index.js" }',
    'node_modules/below/index.js': `require('./greedy.js'); module.exports = require('./inner.js')`,
    'node_modules/below/greedy.js': GREEDY,
    'node_modules/below/inner.js': 'module.exports = 42',
  },
};

for (const [kind, files] of Object.entries(PACKAGES)) {
  test(`${kind} for which the descriptors ran out halfway is loaded later`, () => {
    const folder = mkdtempSync(join(tmpdir(), 'sidecar-test-package-'));
    try {
      const root = join(folder, 'node_modules/p');
      for (const [path, text] of Object.entries(files)) {
        mkdirSync(dirname(join(root, path)), { recursive: true });
        writeFileSync(join(root, path), text);
      }
      const program = `
        import { setTimeout as sleep } from 'node:timers/promises';
        import { loadPackage } from ${JSON.stringify(join(import.meta.dirname, '../src/load-package.ts'))};
        const attempt = () => { try { return loadPackage(${JSON.stringify(join(root, 'index.js'))}).answer } catch (error) { return error } };
        const first = attempt();
        await sleep(100);
        console.log(first.status, first.cause?.message, attempt());
      `;
      const [status, reason, later] = [...run(program).matchAll(/^(\d+) (.*) (\d+)$/gm)][0]?.slice(1) ?? [];
      assert.deepEqual([status, later], ['503', '42']);
      assert.match(reason ?? '', /too many open files/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}

test('every package that is loaded late is loaded that way', () => {
  const src = join(import.meta.dirname, '../src');
  for (const file of readdirSync(src, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts')) continue;
    assert.doesNotMatch(readFileSync(join(src, file), 'utf8'), /await import\('[^.]/, file);
  }
});

const run = (program: string): string =>
  execFileSync(
    'sh',
    ['-c', 'ulimit -n 64; exec "$0" --input-type=module -e "$1"', process.execPath, program],
    {
      encoding: 'utf8',
    },
  );
