/** The earlier Python module at work: a table of any size, and constant reads and writes of it. */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

export interface TableOptions {
  readonly rows: number;
  /** Of these for product 1. */
  readonly hotRows: number;
}

/** Rows of one author for one product: about one in twenty is not the only one. */
export async function makeOldTable(url: string, { rows, hotRows }: TableOptions): Promise<void> {
  await withClient(url, async (client) => {
    await client.query(`
      CREATE TABLE product_reviews (id bigserial PRIMARY KEY, product_id text NOT NULL, author_id text NOT NULL,
        author_name text NOT NULL, rating integer NOT NULL, text text, created_at timestamptz NOT NULL);
      INSERT INTO product_reviews (product_id, author_id, author_name, rating, text, created_at)
      SELECT CASE WHEN n % ${Math.ceil(rows / hotRows)} = 0 THEN '1' ELSE (2 + n * 7919::bigint % ${Math.ceil(rows / 50)})::text END,
             (n * 104729::bigint % ${Math.ceil(rows * 0.9)})::text, 'Somebody', 1 + n % 5, repeat('good ', 12), now() - n * interval '1 s'
        FROM generate_series(1, ${rows}) AS n;
      CREATE INDEX ix_product_reviews ON product_reviews (product_id, id)`);
    await client.query('VACUUM ANALYZE product_reviews');
  });
}

export interface Waits {
  readonly count: number;
  readonly longestMs: number;
  readonly p99Ms: number;
}

export interface OldModule {
  /** Ends it. @throws Error of a statement that failed */
  stop(): Promise<{ readonly reads: Waits; readonly writes: Waits }>;
}

/** Everybody reads pages and writes reviews as fast as `everyMs` allows, one in three of the hot product. */
export function startOldModule(url: string, { clients = 6, everyMs = 10, products = 1_000 } = {}): OldModule {
  let isRunning = true;
  const reads: number[] = [];
  const writes: number[] = [];
  const one = async (n: number) =>
    withClient(url, async (client) => {
      for (let round = 0; isRunning; round += 1) {
        const isRead = (round + n) % 2 === 0;
        const product = round % 3 === 0 ? '1' : String(1 + ((round * 31 + n * 7) % products));
        const from = performance.now();
        if (isRead) await client.query(READ, [product]);
        else await client.query(WRITE, [product, String((round * 17 + n) % 5_000), 1 + (round % 5)]);
        (isRead ? reads : writes).push(performance.now() - from);
        await sleep(everyMs);
      }
    });
  const done = Promise.all(Array.from({ length: clients }, (_, n) => one(n)));
  return {
    async stop() {
      isRunning = false;
      await done;
      return { reads: waitsOf(reads), writes: waitsOf(writes) };
    },
  };
}

const READ = 'SELECT * FROM product_reviews WHERE product_id = $1 ORDER BY id DESC LIMIT 20';
const WRITE = `INSERT INTO product_reviews (product_id, author_id, author_name, rating, text, created_at)
               VALUES ($1, $2, 'Somebody', $3, 'new', now())`;

function waitsOf(times: number[]): Waits {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) => Math.round(sorted[Math.floor((sorted.length - 1) * share)] ?? 0);
  return { count: sorted.length, longestMs: at(1), p99Ms: at(0.99) };
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
