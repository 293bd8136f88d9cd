/** What /readyz calls ready must serve: reviews that are read and written, whoever made the tables. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import {
  createBackendTables,
  query,
  startTestDatabase,
  type TestDatabaseServer,
} from '../../../scripts/lab/database.ts';
import { until } from '../../../scripts/lab/programs.ts';
import { parseDatabaseUrl } from '../../../src/config/database-url.ts';
import { createLogger, type Log } from '../../../src/infra/logger.ts';
import { migrateDatabase } from '../../../src/infra/postgres/migrate.ts';
import { schema } from '../../../src/schema.ts';
import { api } from '../../support/api.ts';
import { createOldTable } from '../../support/old-reviews.ts';
import { startSidecar } from '../../support/start-sidecar.ts';

let server: TestDatabaseServer;

before(async () => {
  server = await startTestDatabase();
});

after(() => server.stop());

const migrate = (url: string) => migrateDatabase(parseDatabaseUrl(url), schema);

interface Seen {
  /** Of /readyz, asked until it is that, or for too long. */
  readonly until: (database: 'ok' | 'down') => Promise<void>;
  /** /readyz is asked until a reason is that: a busy machine may give another one at first. */
  readonly untilTold: (sentence: string) => Promise<void>;
  readonly reads: () => Promise<number>;
  readonly writes: () => Promise<number>;
  /** What the log told the operator. */
  readonly told: string[];
}

/** A sidecar on that database; products and users are there. */
async function withSidecar(
  url: string,
  env: Record<string, string>,
  work: (seen: Seen) => Promise<void>,
): Promise<void> {
  const told: string[] = [];
  const warn = ({ reason }: { reason?: string }) => void told.push(reason ?? '');
  const log = Object.assign(createLogger('silent'), { warn }) as Log;
  const sidecar = await startSidecar({ DATABASE_URL: url, ...env }, log);
  const at = `${sidecar.url}/api/products/1/reviews`;
  const readyz = async () => (await api('GET', `${sidecar.url}/readyz`)).body.checks.database;
  const asked = (what: string, isIt: (found: unknown) => boolean) =>
    until(what, async () => isIt(await readyz()), { everyMs: 100 }).catch((error) =>
      assert.fail(`${error.message} It told: ${told.join('; ')}`),
    );
  try {
    await work({
      told,
      reads: async () => (await api('GET', at)).status,
      writes: async () => (await api('POST', at, { user: 1, json: { rating: 5 } })).status,
      until: (wanted) => asked(`the database to be ${wanted}`, (found) => found === wanted),
      untilTold: (sentence) => asked(`"${sentence}"`, () => told.some((line) => line.includes(sentence))),
    });
  } finally {
    await sidecar.stop();
  }
}

async function backendDatabase(): Promise<string> {
  const url = await createOldTable(server);
  await createBackendTables(url);
  return url;
}

const BY_HAND = { MIGRATE_ON_START: 'false' };

test('without our tables the database is down, and ok as soon as somebody has made them', async () => {
  const url = await backendDatabase();
  await withSidecar(url, BY_HAND, async ({ until, untilTold, reads, writes }) => {
    await untilTold('the table product_review_stats is missing');
    assert.deepEqual([await reads(), await writes()], [503, 503]);
    await migrate(url);
    await until('ok');
    assert.deepEqual([await reads(), await writes()], [200, 200]);
  });
});

test('while the migration waits for a busy table, it is down; once ok, the first request is served', async () => {
  const url = await backendDatabase();
  const busy = new pg.Client({ connectionString: url });
  await busy.connect();
  await busy.query('BEGIN; LOCK TABLE product_reviews');
  await withSidecar(url, {}, async ({ until, reads, writes }) => {
    await until('down');
    await busy.end();
    await until('ok');
    assert.deepEqual([await reads(), await writes()], [200, 200]);
  });
});

const LOSSES: Record<string, string> = {
  'the stats': 'DROP TABLE product_review_stats',
  'a function': 'DROP FUNCTION product_reviews_make_current(text[], text[])',
  'the triggers': 'ALTER TABLE product_reviews DISABLE TRIGGER ALL',
  'the place of the sequence': `SELECT setval('product_reviews_id_seq', 1, false)`,
};
for (const [what, sql] of Object.entries(LOSSES)) {
  test(`a database that loses ${what} under a running sidecar is down until that is put right`, async () => {
    const url = await backendDatabase();
    await migrate(url);
    // One that migrates would still be at it, and put right at once what is broken here.
    await withSidecar(url, BY_HAND, async ({ until, writes }) => {
      await until('ok');
      await query(url, sql);
      await until('down');
      assert.notEqual(await writes(), 500);
      await migrate(url);
      await until('ok');
      assert.equal(await writes(), 200);
    });
  });
}

test('a database whose users are hidden from our role, or are another kind of table, is down', async () => {
  const url = await backendDatabase();
  await migrate(url);
  await query(
    url,
    `CREATE ROLE plain LOGIN PASSWORD 'x';
     GRANT ALL ON ALL TABLES IN SCHEMA public TO plain; GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO plain`,
  );
  const plain = Object.assign(new URL(url), { username: 'plain', password: 'x' }).href;
  for (const [change, back, reason] of [
    [
      'ENABLE ROW LEVEL SECURITY',
      'DISABLE ROW LEVEL SECURITY',
      'row level security hides all of the table users',
    ],
    ['RENAME is_active TO active', 'RENAME active TO is_active', 'is_active'],
  ] as const) {
    await query(url, `ALTER TABLE users ${change}`);
    await withSidecar(plain, BY_HAND, async ({ until, untilTold, writes }) => {
      await untilTold(reason);
      await query(url, `ALTER TABLE users ${back}`);
      await until('ok');
      assert.equal(await writes(), 200);
    });
  }
});

test('a role without a right that we need is named with the right', async () => {
  const url = await backendDatabase();
  await migrate(url);
  await query(
    url,
    `CREATE ROLE web LOGIN PASSWORD 'word';
     GRANT ALL ON ALL TABLES IN SCHEMA public TO web;
     GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO web`,
  );
  const asWeb = url.replace(/\/\/[^@]*@/, '//web:word@');
  await withSidecar(asWeb, BY_HAND, async ({ until, writes, told }) => {
    await until('down');
    assert.match(told.join('\n'), /GRANT USAGE ON SEQUENCE product_reviews_id_seq TO web/);
    await query(url, 'GRANT USAGE ON SEQUENCE product_reviews_id_seq TO web');
    await until('ok');
    assert.equal(await writes(), 200);
    await query(url, 'REVOKE SELECT ON product_review_stats FROM web');
    await until('down');
    assert.match(told.join('\n'), /GRANT SELECT ON product_review_stats TO web/);
  });
});

test('a database that no longer takes writes is down', async () => {
  const url = await backendDatabase();
  await migrate(url);
  await query(url, `ALTER DATABASE ${new URL(url).pathname.slice(1)} SET default_transaction_read_only = on`);
  await withSidecar(url, BY_HAND, async ({ until, reads, writes }) => {
    await until('down');
    assert.deepEqual([await reads(), await writes()], [200, 503]);
  });
});

test('a newer release’s tables are ready for this one', async () => {
  const url = await backendDatabase();
  await migrate(url);
  await query(
    url,
    `INSERT INTO gogomarket_sidecar_migrations (name) VALUES ('9999-newer');
     ALTER FUNCTION product_reviews_after_insert() SET work_mem = '8MB'`,
  );
  await withSidecar(url, {}, async ({ until, writes }) => {
    await until('ok');
    assert.equal(await writes(), 200);
  });
});

test('a table that cannot be adopted is down, and the reason is told once', async () => {
  const url = await backendDatabase();
  await query(url, 'ALTER TABLE product_reviews ALTER rating TYPE numeric');
  await withSidecar(url, {}, async ({ until, untilTold, reads, told }) => {
    for (let n = 0; n < 3; n += 1) {
      await until('down');
      await sleep(1_100);
    }
    assert.equal(await reads(), 503);
    const sentence =
      'rating is numeric instead of integer (ALTER TABLE product_reviews ALTER COLUMN rating TYPE integer USING rating::integer)';
    await untilTold(sentence);
    // A busy machine may have given another reason in between; what has none is about something else.
    assert.deepEqual(
      told.filter((line) => line !== '').filter((line, i, all) => line === all[i - 1]),
      [],
    );
    await query(url, 'ALTER TABLE product_reviews ALTER rating TYPE integer');
    await until('ok');
    assert.equal(await reads(), 200);
  });
});
