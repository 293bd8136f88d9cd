/** The code of the release before this one, out of git, on this one's tables: after a rollback it goes on. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { query, startTestDatabase, type TestDatabaseServer } from '../../scripts/lab/database.ts';
import { startProgram } from '../../scripts/lab/programs.ts';
import { makeScratchFolder } from '../../scripts/lab/scratch-folder.ts';
import { baseEnv, followProcess } from '../../scripts/lab/sidecar.ts';
import { parseDatabaseUrl } from '../../src/config/database-url.ts';
import { recountEverything } from '../../src/features/reviews/tables/adoption.ts';
import { longWork, migrateDatabase, schemaStatus } from '../../src/infra/postgres/migrate.ts';
import { schema } from '../../src/schema.ts';
import { api } from '../support/api.ts';
import { oldInsert, statsAgree } from '../support/old-reviews.ts';
import { allTables } from '../support/sidecar-with-database.ts';

/** The last one whose reviews had neither statuses nor votes. */
const RELEASE = 'f803d8f';
const REBUILD = 'scripts/rebuild-review-stats.ts';
const HERE = resolve(import.meta.dirname, '../..');

const git = (...args: string[]) => spawnSync('git', args, { cwd: HERE, maxBuffer: 2 ** 28 });
// A copy of the files alone, or a shallow clone.
const skip =
  git('cat-file', '-e', `${RELEASE}^{commit}`).status === 0 ? false : `${RELEASE} is not in git here`;

const folder = makeScratchFolder('release');
const release = folder.at('release');
let server: TestDatabaseServer;

before(async () => {
  if (skip) return;
  mkdirSync(release);
  const archive = git('archive', RELEASE, 'src', 'package.json', REBUILD);
  assert.equal(spawnSync('tar', ['-x', '-C', release], { input: archive.stdout }).status, 0);
  symlinkSync(resolve(HERE, 'node_modules'), resolve(release, 'node_modules'));
  server = await startTestDatabase();
});
after(async () => {
  await server?.stop();
  folder.remove();
});

const shownTo = async (at: string) => {
  const { status, body } = await api('GET', at, { isOfEarlierRelease: true });
  assert.equal(status, 200, JSON.stringify(body));
  return {
    authors: body.items.map((item: { author_id: string }) => item.author_id),
    summary: body.summary as { count: number; avg_rating: number },
  };
};

test('it lists what is published and nothing else, and what it writes is right for this release', {
  skip,
}, async () => {
  const url = await server.createDatabase(allTables);
  const target = parseDatabaseUrl(url);
  for (const author of ['5', '6', '7', '8', '9'])
    await oldInsert(url, ['1', author, 'x', 4, null, new Date()]);
  await query(
    url,
    `UPDATE product_reviews SET status = 'hidden' WHERE author_id = '5';
     UPDATE product_reviews SET status = 'held' WHERE author_id = '6';
     UPDATE product_reviews SET status = 'published', title = 'a title', verified = true WHERE author_id = '7';
     INSERT INTO product_reviews (product_id, author_id, author_name, rating, status) VALUES ('1', '7', 'x', 1, 'pending');
     INSERT INTO product_review_votes (review_id, user_id, product_id) SELECT id, 1, product_id FROM product_reviews`,
  );
  {
    const env = baseEnv({ DATABASE_URL: url, MIGRATE_ON_START: 'true' });
    await using former = await followProcess(
      startProgram(process.execPath, [resolve(release, 'src/main.ts')], { env }).child,
    );
    const at = `${former.url}/api/products/1/reviews`;
    assert.deepEqual(await shownTo(at), { authors: ['9', '8', '7'], summary: { count: 3, avg_rating: 4 } });
    for (const [user, rating] of [
      [1, 5],
      [1, 2],
      // Whose review is hidden: it stays so.
      [5, 1],
    ] as const) {
      const { status, body } = await api('POST', at, {
        ...{ user, isOfEarlierRelease: true },
        json: { rating, text: 'by the former one' },
      });
      assert.equal(status, 200, JSON.stringify(body));
    }
    await query(url, `DELETE FROM product_reviews WHERE author_id = '8'`);
    assert.deepEqual(await shownTo(at), {
      authors: ['1', '9', '7'],
      summary: { count: 3, avg_rating: 3.33 },
    });
    assert.deepEqual(former.log('database repaired'), []);
  }
  await statsAgree(url);
  assert.deepEqual((await migrateDatabase(target, schema)).repaired, []);
  assert.deepEqual((await schemaStatus(target, schema)).problems, []);
});

test('its rebuild of the stats shows nothing that is not published, and this release’s puts its figures right', {
  skip,
}, async () => {
  const url = await server.createDatabase(allTables);
  const target = parseDatabaseUrl(url);
  for (const author of ['5', '6', '7', '7']) await oldInsert(url, ['1', author, 'x', 4, null, new Date()]);
  await query(
    url,
    `UPDATE product_reviews SET status = 'hidden' WHERE author_id = '5';
     UPDATE product_reviews SET status = 'held' WHERE author_id = '6';
     INSERT INTO product_reviews (product_id, author_id, author_name, rating, status) VALUES ('1', '7', 'x', 1, 'pending')`,
  );
  const { status, stderr } = spawnSync(process.execPath, [resolve(release, REBUILD)], {
    env: baseEnv({ DATABASE_URL: url }),
  });
  assert.equal(status, 0, String(stderr));
  const shown = () => query(url, 'SELECT author_id, status FROM product_reviews WHERE superseded_at IS NULL');
  assert.deepEqual(await shown(), []);
  await longWork(target, {}, recountEverything);
  assert.deepEqual(await shown(), [{ author_id: '7', status: null }]);
  await statsAgree(url);
});
