/** What a terminal shows of a request, and what can be typed there. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Paint, requestLine } from '../../scripts/dev/terminal.ts';

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
