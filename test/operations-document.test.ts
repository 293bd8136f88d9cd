/** docs/operations.md, its commands, and its Russian twin; the page for whoever is on call. */
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';
import { commandsOf } from './support/documented.ts';
import { ONCALL_COMMANDS } from './support/oncall-commands.ts';
import { OPERATIONS_COMMANDS } from './support/operations-commands.ts';

const PROJECT = resolve(import.meta.dirname, '..');
const read = (path: string) => readFileSync(join(PROJECT, path), 'utf8');
const ENGLISH = 'docs/operations.md';

test('every command of docs/operations.md is run by a test, or listed as not run', () => {
  const listed = new Set(Object.keys(OPERATIONS_COMMANDS));
  const there = new Set(commandsOf(ENGLISH));
  assert.deepEqual(
    [...there].filter((command) => !listed.has(command)),
    [],
    'add it to test/support/operations-commands.ts',
  );
  assert.deepEqual(
    [...listed].filter((command) => !there.has(command)),
    [],
    'no longer in the document',
  );
});

test('so is every command of docs/ru/oncall.md', () => {
  const there = new Set(commandsOf('docs/ru/oncall.md'));
  assert.ok(there.size > 15, `${[...there]}`);
  assert.deepEqual(
    [...there].filter((command) => !(command in OPERATIONS_COMMANDS || command in ONCALL_COMMANDS)),
    [],
    'add it to test/support/oncall-commands.ts',
  );
  const isNeedless = (command: string) => command in OPERATIONS_COMMANDS || !there.has(command);
  assert.deepEqual(Object.keys(ONCALL_COMMANDS).filter(isNeedless), []);
});

test('the tests that are said to run them exist', () => {
  for (const [command, proof] of Object.entries({ ...OPERATIONS_COMMANDS, ...ONCALL_COMMANDS })) {
    if (proof.startsWith('not run: ')) continue;
    const { file = '', title = '' } = /^(?<file>\S+): (?<title>.+)$/.exec(proof)?.groups ?? {};
    assert.ok(existsSync(join(PROJECT, file)), `${command}: ${file}`);
    assert.match(read(file).replaceAll('`', "'"), new RegExp(`test\\(\\s*'${escaped(title)}'`), command);
  }
});

test('the Russian document has the commands and the sections of the English one', () => {
  const russian = 'docs/ru/operations.md';
  const [there, wanted] = [commandsOf(russian), commandsOf(ENGLISH)];
  assert.deepEqual(
    wanted.filter((command) => !there.includes(command)),
    [],
  );
  assert.deepEqual(there.length, wanted.length);
  assert.deepEqual(sectionsOf(russian), sectionsOf(ENGLISH));
});

test('so does docs/ru/configuration.md, and it has every setting', () => {
  const [russian, english] = ['docs/ru/configuration.md', 'docs/configuration.md'];
  assert.deepEqual(sectionsOf(russian), sectionsOf(english));
  const settings = (page: string) =>
    [...read(page).matchAll(/^\| `([A-Z][A-Z0-9_]+)` \|/gm)].map(([, name]) => name);
  assert.ok(settings(english).length > 30);
  assert.deepEqual(settings(russian), settings(english));
});

test('links into a section of a document lead to one that exists', () => {
  const pages = [
    'README.ru.md',
    ...globSync('docs/*.md', { cwd: PROJECT }),
    ...globSync('docs/ru/*.md', { cwd: PROJECT }),
  ];
  for (const page of pages) {
    for (const [, target = '', anchor = ''] of read(page).matchAll(/\]\(([^)#\s:]*)#([^)\s]+)\)/g)) {
      const path = target === '' ? page : join(dirname(page), target);
      assert.ok(anchorsOf(path).includes(anchor), `${page}: ${target}#${anchor}`);
    }
  }
});

/** As GitHub makes them. */
const anchorsOf = (page: string) =>
  [...read(page).matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(/\s/g, '-'),
  );

const sectionsOf = (page: string) => [...read(page).matchAll(/^(#+) /gm)].map(([, level]) => level);

const escaped = (text: string) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
