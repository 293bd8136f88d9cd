/** What a design of triggers costs: one insert, many rows at once, many writers at once. */
import pg from 'pg';
import { query } from '../../lab/database.ts';
import { cpuMicroseconds } from '../../lab/proc.ts';
import { median } from '../statistics.ts';

const ROUNDS = 9;
const INSERTS = 100;
const ROWS = 100_000;
const WRITERS = 200;
const WRITES = 10;

async function connect(url: string) {
  const client = new pg.Client(url);
  await client.connect();
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  return { client, pid: rows[0]?.pid ?? 0 };
}

/** CPU µs of the server for an INSERT of the former module's, within a transaction that is taken back. */
export async function oneInsert(urls: Readonly<Record<string, string>>): Promise<Record<string, number>> {
  const samples: Record<string, number[]> = {};
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const [name, url] of Object.entries(urls)) {
      const { client, pid } = await connect(url);
      const some = (from: number) => `DO $$ BEGIN FOR n IN ${from}..${from + INSERTS - 1} LOOP
          INSERT INTO product_reviews (product_id, author_id, author_name, rating, text)
          VALUES ((1 + (n * 7919 + ${round * 104_729}) % 20000)::text, (1000000 + n)::text, 'User Name', 5, 'Warm and soft.');
        END LOOP; END $$`;
      await client.query('BEGIN');
      // The first ones are planned.
      await client.query(some(0));
      const before = cpuMicroseconds([pid]);
      await client.query(some(INSERTS));
      const us = (cpuMicroseconds([pid]) - before) / INSERTS;
      await client.query('ROLLBACK');
      await client.end();
      if (round > 0) samples[name] = [...(samples[name] ?? []), us];
    }
  }
  return Object.fromEntries(Object.entries(samples).map(([name, all]) => [name, median(all)]));
}

/** CPU s of the server for ROWS rows in one statement, a tenth of which supersede another. */
export async function manyRows(url: string): Promise<number> {
  const { client, pid } = await connect(url);
  await client.query('BEGIN');
  const before = cpuMicroseconds([pid]);
  await client.query(`
    INSERT INTO product_reviews (product_id, author_id, author_name, rating, text)
    SELECT (1 + n * 7919 % 20000)::text, (2000000 + n % 20000 + n / 22222 * 20000)::text, 'User Name', 1 + n % 5, 'Warm and soft.'
      FROM generate_series(1, ${ROWS}) AS n`);
  const us = cpuMicroseconds([pid]) - before;
  await client.query('ROLLBACK');
  await client.end();
  return us / 1e6;
}

export interface Crowd {
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** SQLSTATE of those that failed. */
  readonly failed: readonly string[];
  readonly notes: number;
}

/** WRITERS connections at one product: most insert a row, some twenty, in opposite orders, some delete. */
export async function manyWriters(url: string): Promise<Crowd> {
  const connections = await Promise.all(Array.from({ length: WRITERS }, () => connect(url)));
  const tookMs: number[] = [];
  const failed: string[] = [];
  await Promise.all(
    connections.map(async ({ client }, writer) => {
      for (let n = 0; n < WRITES; n += 1) {
        const from = performance.now();
        await client.query(writeOf(writer, n)).catch((error) => failed.push(error.code));
        tookMs.push(performance.now() - from);
      }
      await client.end();
    }),
  );
  const [unsettled] = await query<{ n: number }>(
    url,
    'SELECT count(*)::integer AS n FROM product_reviews_unsettled',
  );
  const sorted = tookMs.toSorted((a, b) => a - b);
  const at = (share: number) => Math.round(sorted[Math.floor(sorted.length * share)] ?? 0);
  return { p50Ms: at(0.5), p99Ms: at(0.99), failed, notes: unsettled?.n ?? 0 };
}

function writeOf(writer: number, n: number): string {
  const author = (writer * 7 + n * 13) % 300;
  if (n === 7 && writer % 4 === 0)
    return `DELETE FROM product_reviews WHERE product_id = '77' AND author_id = '${author}'`;
  const insert = 'INSERT INTO product_reviews (product_id, author_id, author_name, rating)';
  return n === 4 && writer % 10 === 0
    ? `${insert} SELECT '77', n::text, 'x', 3 FROM generate_series(1, 20) AS n ORDER BY n ${writer % 20 ? 'DESC' : ''}`
    : `${insert} VALUES ('77', '${author}', 'x', ${1 + ((writer + n) % 5)})`;
}
