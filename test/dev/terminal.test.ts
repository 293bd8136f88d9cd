/** What a terminal shows of a request, and what can be typed there. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import {
  COMMANDS_HELP,
  type Paint,
  readCommands,
  requestLine,
  type TypedCommands,
} from '../../scripts/dev/terminal.ts';
import { until } from '../../scripts/lab/programs.ts';
import { makeScratchFolder } from '../../scripts/lab/scratch-folder.ts';

const plain: Paint = (_style, text) => text;
const entry = {
  ...{ time: '2026-11-26T12:00:01.000Z', method: 'GET', path: '/api/products', status: 200, ms: 3.1 },
  kind: 'proxy',
};

test('columns stand under each other, whatever they hold', () => {
  const lines = [
    requestLine(entry, 100, plain),
    requestLine({ ...entry, method: 'OPTIONS', status: 204, ms: 1234.5, kind: 'preflight' }, 100, plain),
  ];
  assert.equal(lines[0], '12:00:01  200  GET        3.1 ms  proxy      /api/products');
  const columns = lines.map((line) => line.indexOf('/api/products'));
  assert.equal(columns[0], columns[1]);
});

test('a line is no wider than the terminal, and keeps the end of the path', () => {
  const path = `/api/${'x'.repeat(300)}/the-end`;
  for (const columns of [60, 80, 200]) {
    const line = requestLine({ ...entry, path, aborted: true }, columns, plain);
    assert.ok(line.length <= columns, `${line.length} of ${columns}`);
    assert.match(line, /…\S*the-end {2}cut short$/);
  }
});

test('colours say what the status is, and add nothing to what is read', () => {
  const painted: string[] = [];
  const paint: Paint = (style, text) => {
    painted.push(`${style}:${text}`);
    return text;
  };
  requestLine({ ...entry, status: 503 }, 100, paint);
  requestLine({ ...entry, status: 404 }, 100, paint);
  assert.ok(painted.includes('red:503') && painted.includes('yellow:404'));
});

/** @returns types a line, and waits until that was done or said */
function typing(more: Partial<TypedCommands> = {}) {
  const seen: string[] = [];
  const input = new PassThrough();
  const commands: TypedCommands = {
    consoleUrl: null,
    token: async (account) => {
      throw new Error(`no token for ${account}`);
    },
    restart: async () => void seen.push('restarted'),
    quit: () => void seen.push('quit'),
    data: {
      run: async (action, name = '') => `did ${action} ${name}`.trim(),
      sets: async () => [{ name: 'full', bytes: 12_000_000 }],
    },
    ...more,
  };
  readCommands(commands, (text) => seen.push(text), input);
  return async (line: string, expected?: string) => {
    input.write(`${line}\n`);
    if (expected === undefined) return;
    await until(`${line} to lead to ${expected}`, () => seen.at(-1) === expected);
  };
}

test('r restarts, q quits, and whoever types something else is told what there is', async () => {
  const type = typing();
  await type('r', 'restarted');
  await type('  q ', 'quit');
  await type('?', COMMANDS_HELP);
  await type('r', 'restarted');
  await type('rubbish', COMMANDS_HELP);
});

test('t gives a token of the account that is named, of the buyer otherwise; no token is told', async () => {
  const type = typing();
  await type('t seller', 'no token for seller');
  await type('t', 'no token for buyer');
});

test('o opens the console in a browser', async (t) => {
  if (process.platform !== 'linux') return t.skip('the browser is opened by another program there');
  const folder = makeScratchFolder('opener');
  const { PATH } = process.env;
  try {
    writeFileSync(
      folder.at('xdg-open'),
      `#!/bin/sh\necho "$1" > ${folder.at('opened.new')} && mv ${folder.at('opened.new')} ${folder.at('opened')}\n`,
    );
    chmodSync(folder.at('xdg-open'), 0o755);
    process.env.PATH = `${folder.path}:${PATH}`;
    const url = 'http://127.0.0.1:8010/dev';
    const type = typing({ consoleUrl: url });
    await type('?', COMMANDS_HELP);
    await type('o');
    await until('a browser', () => existsSync(folder.at('opened')));
    assert.equal(readFileSync(folder.at('opened'), 'utf8').trim(), url);
    process.env.PATH = '/nowhere';
    await typing({ consoleUrl: url })('o', `No browser could be opened: open ${url}`);
  } finally {
    process.env.PATH = PATH;
    folder.remove();
  }
  await typing()('o', 'The console is off (--no-console).');
});

test('d says what can be done to the data, and does it', async () => {
  const type = typing();
  await type('d fill', 'did fill');
  await type('d save monday', 'did save monday');
  await type('d list', 'full, 12 MB');
  await type('d reset', 'did reset');
  await typing({ data: { run: async () => '', sets: async () => null } })('d list', 'There are no sets.');
});
