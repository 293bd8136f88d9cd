/** Rows as they come, to the pages that are open: server-sent events, a few times a second, only what their filter shows. */
import type { ServerResponse } from 'node:http';
import type { RequestRecord, Row } from '../store/record.ts';
import type { Records } from '../store/records.ts';
import { maskText } from './mask.ts';

/** Often enough to look immediate, seldom enough for 500 requests a second, ms. */
const EVERY_MS = 100;
/** A page shows as many rows at its beginning. */
const MAX_FIRST_ROWS = 3_000;

const shown = (row: Row): Row => ({ ...row, target: maskText(row.target) });

/** Sends what matches, now and from now on, until the page closes. */
export function sendLive(
  res: ServerResponse,
  records: Records,
  test: (record: RequestRecord) => boolean,
  state: () => object,
): void {
  res.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
  const sent = new Set<number>();
  const changed = new Set<RequestRecord>();
  let gone: number[] = [];
  let lastState = '';

  const send = (event: string, data: unknown) =>
    res.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  const rowsOf = (found: Iterable<RequestRecord>): Row[] => {
    const rows: Row[] = [];
    for (const record of found) {
      if (test(record)) {
        sent.add(record.n);
        rows.push(shown(record.row()));
      } else if (sent.delete(record.n)) gone.push(record.n);
    }
    return rows;
  };
  const flush = () => {
    const now = JSON.stringify(state());
    if (now !== lastState) send('state', state());
    lastState = now;
    // A page that does not read gets it later, in one.
    if (res.writableNeedDrain) return;
    const rows = rowsOf(changed);
    changed.clear();
    if (rows.length > 0) send('rows', rows);
    if (gone.length > 0) send('gone', gone);
    gone = [];
  };

  const stop = records.listen({
    onChange: (record) => changed.add(record),
    onGone: (n) => {
      if (sent.delete(n)) gone.push(n);
    },
  });
  const timer = setInterval(flush, EVERY_MS);
  res.on('close', () => {
    stop();
    clearInterval(timer);
  });
  const first = rowsOf(records.all());
  for (const { n } of first.slice(0, -MAX_FIRST_ROWS)) sent.delete(n);
  gone = [];
  send('first', first.slice(-MAX_FIRST_ROWS));
  flush();
}
