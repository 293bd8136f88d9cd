/**
 * What PostgreSQL alone takes for a new row among five million, in CPU: in the former module's table, and in ours with all its
 * indexes but no trigger, which is the least that a new review can cost (docs/performance.md). One prepared INSERT, each row committed
 * by itself, over as many connections as the reviews workload has, in turns. Run by itself: `node scripts/bench/new-rows.ts`.
 */
import pg from 'pg';
import { chooseCores } from '../lab/cores.ts';
import { PRODUCTS, startReviewsDatabase, USERS } from './reviews-database.ts';
import { median } from './statistics.ts';

const ROUNDS = 9;
const CONNECTIONS = 8;
/** Of each connection in a round. */
const ROWS = 75;

/** Without a time of its own the row of the second is shown: the default is for rows that wait for the triggers. */
const TABLES: Readonly<Record<string, string>> = {
  'the former module’s table':
    'INSERT INTO plain_reviews (product_id, author_id, author_name, rating, text, created_at',
  'ours, without triggers':
    'INSERT INTO product_reviews (product_id, author_id, author_name, rating, text, created_at, superseded_at',
};
const valuesOf = (insert: string) =>
  `VALUES ($1, $2, 'User Name', 5, 'Warm and soft, just as shown.', now()${insert.includes('superseded_at') ? ', NULL' : ''}) RETURNING id`;

/** Triggers do not fire in such a session. */
async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client(url);
  await client.connect();
  await client.query('SET session_replication_role = replica');
  return client;
}

const product = () => String(1 + Math.floor(Math.random() * PRODUCTS));
/** Nobody's who has reviews, of whom there are no seven digits, and between theirs in each index. */
const author = () => `${100_000 + Math.floor(Math.random() * (USERS - 100_000))}0`;

async function main(): Promise<void> {
  const say = (text: string) => console.error(text);
  await using database = await startReviewsDatabase(chooseCores().load, say);
  const clients = await Promise.all(Array.from({ length: CONNECTIONS }, () => connect(database.url)));
  const added: string[] = [];
  const insertSome = (name: string, insert: string) =>
    clients.map(async (client) => {
      for (let n = 0; n < ROWS; n += 1) {
        const text = `${insert}) ${valuesOf(insert)}`;
        const { rows } = await client.query<{ id: string }>({ name, text, values: [product(), author()] });
        if (name.startsWith('ours')) added.push(...rows.map(({ id }) => id));
      }
    });
  const samples: Record<string, number[]> = {};
  // The first round prepares the statements.
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const [name, insert] of Object.entries(TABLES)) {
      const before = database.cpuUs();
      await Promise.all(insertSome(name, insert));
      const us = (database.cpuUs() - before) / (CONNECTIONS * ROWS);
      if (round > 0) samples[name] = [...(samples[name] ?? []), us];
    }
  }
  for (const [name, all] of Object.entries(samples))
    console.log(`${name}: ${Math.round(median(all))} µs (${all.map(Math.round).join(', ')})`);
  // The stats have not counted them.
  await clients[0]?.query('DELETE FROM product_reviews WHERE id = ANY ($1::bigint[])', [added]);
  await Promise.all(clients.map((client) => client.end()));
}

await main();
