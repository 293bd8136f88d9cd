/**
 * A PostgreSQL with five million reviews of 20,000 products, one of which has half a million. It stays below the temporary folder, since
 * making it takes minutes; a release with other tables migrates it.
 */
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseDatabaseUrl } from '../../src/config/database-url.ts';
import { migrateDatabase } from '../../src/infra/postgres/migrate.ts';
import { schema } from '../../src/schema.ts';
import { moveTo } from '../lab/cores.ts';
import { createBackendTables, query } from '../lab/database.ts';
import { startEmbeddedPostgres } from '../lab/postgres.ts';
import { cpuWithEnded } from '../lab/proc.ts';
import type { BenchDatabase } from './bench-database.ts';

const FOLDER = join(tmpdir(), 'sidecar-bench-reviews');
export const REVIEWS = 5_000_000;
export const PRODUCTS = 20_000;
export const USERS = 500_000;
/** Has every tenth review; the others share the rest. */
export const HOT_PRODUCT = '1';
const BATCHES = 20;

/** Starts it, after making it the first time. @param core of its connections */
export async function startReviewsDatabase(
  core: number | undefined,
  say: (text: string) => void,
): Promise<BenchDatabase> {
  mkdirSync(FOLDER, { recursive: true, mode: 0o755 });
  const account = { user: 'app', password: 'bench', database: 'app' };
  const server = await startEmbeddedPostgres({ dataDir: join(FOLDER, 'data'), port: 0, ...account });
  try {
    await fill(server.url, say);
  } catch (error) {
    await server.stop();
    throw error;
  }
  // Those that it starts for connections run where it runs.
  moveTo(core, server.pid);
  return {
    url: server.url,
    cpuUs: () => cpuWithEnded(server.pid),
    [Symbol.asyncDispose]: () => server.stop(),
  };
}

async function fill(url: string, say: (text: string) => void): Promise<void> {
  const [made] = await query(url, `SELECT to_regclass('bench_is_made') IS NOT NULL AS yes`);
  if (!made?.yes) {
    await query(url, 'DROP SCHEMA public CASCADE; CREATE SCHEMA public');
    await makeBackend(url, say);
    await makeReviews(url, say);
  }
  say('reviews: migrating');
  await migrateDatabase(parseDatabaseUrl(url), schema);
  if (!made?.yes) {
    say('reviews: VACUUM ANALYZE');
    await query(url, 'VACUUM ANALYZE');
    await query(url, 'CREATE TABLE bench_is_made ()');
  }
  await copyPlain(url, say);
}

/** As the former module would have it today: the same rows, without our columns, triggers and indexes. */
async function copyPlain(url: string, say: (text: string) => void): Promise<void> {
  await query(url, `CREATE TABLE IF NOT EXISTS plain_reviews ()`);
  const [copied] = await query<{ rows: number }>(url, 'SELECT count(*)::integer AS rows FROM plain_reviews');
  if (copied !== undefined && copied.rows >= REVIEWS) return;
  say('reviews: the rows once more, in a table without triggers');
  await query(
    url,
    `DROP TABLE plain_reviews;
     CREATE TABLE plain_reviews (id bigserial, product_id text NOT NULL, author_id text NOT NULL,
       author_name text NOT NULL, rating integer NOT NULL, text text, created_at timestamptz NOT NULL);
     INSERT INTO plain_reviews
     SELECT id, product_id, author_id, author_name, rating, text, created_at FROM product_reviews WHERE id <= ${REVIEWS} ORDER BY id;
     SELECT setval('plain_reviews_id_seq', ${REVIEWS});
     ALTER TABLE plain_reviews ADD PRIMARY KEY (id);
     CREATE INDEX ON plain_reviews (product_id, id)`,
  );
  await query(url, 'VACUUM ANALYZE plain_reviews');
}

async function makeBackend(url: string, say: (text: string) => void): Promise<void> {
  say('reviews: users and products');
  await createBackendTables(url);
  await query(
    url,
    `UPDATE users SET is_blocked = false, is_active = true;
     INSERT INTO users (email, name, avatar_url)
     SELECT 'user' || n || '@example.com', 'User Name ' || n, 'https://cdn.example.com/avatars/' || n || '.jpg'
       FROM generate_series(6, ${USERS}) AS n;
     INSERT INTO products (seller_id, name) SELECT 2, 'Product ' || n FROM generate_series(4, ${PRODUCTS}) AS n`,
  );
}

/** The former module's table, with what the sidecar would have written in its columns; the migrations adopt it. */
async function makeReviews(url: string, say: (text: string) => void): Promise<void> {
  await query(
    url,
    `CREATE TABLE product_reviews (id bigserial, product_id text NOT NULL, author_id text NOT NULL,
       author_name text NOT NULL, rating integer NOT NULL, text text, created_at timestamptz NOT NULL DEFAULT now(),
       title text, verified boolean, media jsonb, reply jsonb)`,
  );
  for (let batch = 0; batch < BATCHES; batch += 1) {
    say(`reviews: ${Math.round((100 * batch) / BATCHES)} % of ${REVIEWS.toLocaleString('en')} rows`);
    const size = REVIEWS / BATCHES;
    await query(
      url,
      `INSERT INTO product_reviews (product_id, author_id, author_name, rating, text, created_at, title, verified, media, reply)
       SELECT CASE WHEN n % 10 = 0 THEN '${HOT_PRODUCT}' ELSE (2 + n * 7919 % ${PRODUCTS - 1})::text END,
              (1 + n / 10 % ${USERS})::text, 'User Name', 1 + (hashint8(n) & 15) % 5, repeat('Warm and soft. ', 1 + (n % 12)::integer),
              timestamptz '2026-01-01' - (${REVIEWS} - n) * interval '3 seconds', CASE WHEN n % 3 = 0 THEN 'Just as shown' END,
              CASE WHEN hashint8(n + 1) % 2 = 0 THEN true END,
              CASE WHEN hashint8(n + 2) % 10 = 0 THEN jsonb_build_array(jsonb_build_object('upload_id', gen_random_uuid(), 'type', 'image',
                'key', 'uploads/1/review_image/' || n || '.jpg', 'content_type', 'image/jpeg')) END,
              CASE WHEN hashint8(n + 4) % 20 = 0 THEN '{"text":"Thank you","created_at":"2026-01-01T00:00:00.000Z","edited_at":null,"author_id":2}'::jsonb END
         FROM generate_series(${batch * size + 1}::bigint, ${(batch + 1) * size}) AS n`,
    );
  }
  say('reviews: the former indexes');
  await query(
    url,
    `ALTER TABLE product_reviews ADD PRIMARY KEY (id);
     CREATE INDEX product_reviews_product ON product_reviews (product_id, id)`,
  );
}
