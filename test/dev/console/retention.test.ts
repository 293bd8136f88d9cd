/** What is forgotten first: memory is bounded, and errors and pinned requests outlive ordinary ones. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ended, Started } from '../../../scripts/dev/console/messages.ts';
import { Records } from '../../../scripts/dev/console/store/records.ts';
import { makeScratchFolder } from '../../../scripts/lab/scratch-folder.ts';

const folder = makeScratchFolder('console-records');
process.once('exit', folder.remove);

const started = (id: number): Started => ({
  ...{ type: 'start', id: `1-${id}`, at: id, method: 'GET', target: `/${id}`, httpVersion: '1.1' },
  ...{ peer: { address: '127.0.0.1', port: id }, headers: [], isWebSocket: false },
});
const ended = (id: number, status: number): Ended => ({
  ...{
    type: 'end',
    id: `1-${id}`,
    requestId: `r${id}`,
    status,
    isForwarded: true,
    isAborted: false,
    fault: null,
    ms: 1,
  },
  ...{ marks: {}, steps: [], responseHead: '', backendRequestHead: '', backendResponseHead: '' },
  ...{ bytesIn: 0, bytesOut: 0, unkeptIn: 0, unkeptOut: 0 },
});

function filled(limits: { ordinary: number; errors: number; pinned: number; bytes: number }) {
  const records = new Records({ folder: folder.path, limits });
  const pass = (id: number, status = 200) => {
    records.take(started(id));
    records.take(ended(id, status));
  };
  return { records, pass, kept: () => [...records.all()].map(({ n }) => n) };
}

const ROOM = { ordinary: 3, errors: 2, pinned: 2, bytes: 1e9 };

test('errors and pinned requests stay when ordinary ones have gone', () => {
  const { records, pass, kept } = filled(ROOM);
  pass(1);
  const first = records.get(1);
  assert.ok(first);
  records.pin(first, true);
  pass(2, 500);
  for (let id = 3; id < 10; id += 1) pass(id);
  assert.deepEqual(kept(), [1, 2, 7, 8, 9]);
  pass(10, 404);
  pass(11, 404);
  assert.deepEqual(kept(), [1, 8, 9, 10, 11]);
  records.clear();
  assert.deepEqual(kept(), [1]);
});

test('the bytes have a limit, whatever holds them', () => {
  const { records, kept } = filled({ ...ROOM, ordinary: 100, bytes: 50_000 });
  for (let id = 1; id <= 10; id += 1) {
    records.take(started(id));
    records.take({ type: 'piece', id: `1-${id}`, way: 'out', at: 0, data: new Uint8Array(10_000) });
    records.take(ended(id, 200));
  }
  assert.deepEqual(kept(), [7, 8, 9, 10]);
  assert.ok(records.figures().bytes <= 50_000);
});

test('listeners hear of what has gone', () => {
  const { records, pass } = filled(ROOM);
  const gone: number[] = [];
  records.listen({ onChange: () => undefined, onGone: (n) => gone.push(n) });
  for (let id = 1; id <= 5; id += 1) pass(id);
  assert.deepEqual(gone, [1, 2]);
});

test('what the log says of a request counts, whether it comes before the end or after it', () => {
  const { records } = filled({ ...ROOM, ordinary: 100 });
  const line = (id: number) => ({ id: `r${id}`, method: 'GET', path: `/${id}`, kind: 'rejected' });
  for (const id of [1, 2]) records.take(started(id));
  records.hear(line(1));
  records.take(ended(1, 200));
  records.take(ended(2, 200));
  records.hear(line(2));
  assert.deepEqual(
    [...records.all()].map(({ kind }) => kind),
    ['rejected', 'rejected'],
  );
});
