/**
 * Our triggers on product_reviews beside the simplest ones, and none (docs/decisions/0005-reviews-stats-by-trigger.md): 200,000
 * reviews of 20,000 products in a PostgreSQL of its own, all indexes there. Run by itself: `node scripts/bench/trigger-designs.ts`.
 */
import { parseDatabaseUrl } from '../../src/config/database-url.ts';
import { migrateDatabase } from '../../src/infra/postgres/migrate.ts';
import { schema } from '../../src/schema.ts';
import { createBackendTables, query } from '../lab/database.ts';
import { startEmbeddedPostgres } from '../lab/postgres.ts';
import { makeScratchFolder } from '../lab/scratch-folder.ts';
import { manyRows, manyWriters, oneInsert } from './trigger-designs/measures.ts';
import { SIMPLE, WITHOUT_OURS } from './trigger-designs/simple-triggers.ts';

const DESIGNS: Readonly<Record<string, string>> = { ours: '', simple: SIMPLE, none: WITHOUT_OURS };

async function fill(url: string): Promise<void> {
  await createBackendTables(url);
  await query(
    url,
    `CREATE TABLE product_reviews (id bigserial PRIMARY KEY, product_id text NOT NULL, author_id text NOT NULL,
       author_name text NOT NULL, rating integer NOT NULL, text text, created_at timestamptz NOT NULL DEFAULT now());
     CREATE INDEX product_reviews_product ON product_reviews (product_id, id);
     INSERT INTO product_reviews (product_id, author_id, author_name, rating, text)
     SELECT (1 + n * 7919 % 20000)::text, (1 + n / 10 % 20000)::text, 'User Name', 1 + n % 5, 'Warm and soft.'
       FROM generate_series(1, 200000) AS n`,
  );
  await migrateDatabase(parseDatabaseUrl(url), schema);
  await query(url, 'VACUUM ANALYZE');
}

async function main(): Promise<void> {
  const folder = makeScratchFolder('trigger-designs');
  const server = await startEmbeddedPostgres({
    ...{ dataDir: folder.at('data'), port: 0, user: 'app', password: 'bench', database: 'app' },
    settings: ['max_connections=260'],
  });
  try {
    await fill(server.url);
    const urls: Record<string, string> = {};
    for (const [name, sql] of Object.entries(DESIGNS)) {
      await query(server.url.replace(/app$/, 'postgres'), `CREATE DATABASE ${name} TEMPLATE app`);
      urls[name] = server.url.replace(/app$/, name);
      if (sql !== '') await query(urls[name], sql);
    }
    const insertUs = await oneInsert(urls);
    for (const [name, url] of Object.entries(urls)) {
      const rowsS = await manyRows(url);
      const { p50Ms, p99Ms, failed, notes } = await manyWriters(url);
      console.log(
        `${name}: an insert ${Math.round(insertUs[name] ?? 0)} µs, 100,000 rows ${rowsS.toFixed(1)} s of the server's CPU; ` +
          `200 writers p50 ${p50Ms} ms, p99 ${p99Ms} ms, failed ${failed.length} ${[...new Set(failed)].join(' ')}, notes ${notes}`,
      );
    }
  } finally {
    await server.stop();
    folder.remove();
  }
}

await main();
