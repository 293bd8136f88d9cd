/** An old table with limits of its own: what a client may not store is its 422, what nobody can store is seen at the start. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  createBackendTables,
  query,
  startTestDatabase,
  type TestDatabaseServer,
  urlOf,
} from '../../../scripts/lab/database.ts';
import { untilMigrated } from '../../../scripts/lab/until-migrated.ts';
import { parseDatabaseUrl } from '../../../src/config/database-url.ts';
import { migrateDatabase } from '../../../src/infra/postgres/migrate.ts';
import { schema } from '../../../src/schema.ts';
import { type ApiAnswer, api } from '../../support/api.ts';
import { createOldTable, oldInsert, statsAgree } from '../../support/old-reviews.ts';
import { startSidecar } from '../../support/start-sidecar.ts';

let server: TestDatabaseServer;

before(async () => {
  server = await startTestDatabase();
});

after(() => server.stop());

interface Client {
  readonly at: string;
  readonly post: (text: string | null, user?: number) => Promise<ApiAnswer>;
}

async function withSidecar(url: string, work: (client: Client) => Promise<void>): Promise<void> {
  await createBackendTables(url);
  const sidecar = await startSidecar({ DATABASE_URL: url });
  const at = `${sidecar.url}/api/products/1/reviews`;
  try {
    await untilMigrated(url);
    // Not ready, where something objects to reviews; but connected.
    await api('GET', `${sidecar.url}/readyz`);
    await work({ at, post: (text, user = 1) => api('POST', at, { user, json: { rating: 5, text } }) });
  } finally {
    await sidecar.stop();
  }
}

const altered = async (change: string) => {
  const url = await createOldTable(server);
  await query(url, `ALTER TABLE product_reviews ${change}`);
  return url;
};
const refused = ({ status, body }: ApiAnswer) => [status, body.detail];

test('text that the column has no room for is 422, and a name is shortened to fit', async () => {
  const url = await altered('ALTER text TYPE varchar(500), ALTER author_name TYPE varchar(3)');
  await withSidecar(url, async ({ at, post }) => {
    assert.deepEqual(refused(await post('x'.repeat(600))), [
      422,
      'text: must not be longer than 500 characters',
    ]);
    assert.equal((await post('ж'.repeat(500))).status, 200);
    assert.deepEqual(refused(await post('x'.repeat(501))), [
      422,
      'text: must not be longer than 500 characters',
    ]);
    assert.equal((await api('GET', at)).body.items[0].author_name, 'Anna');
    assert.deepEqual(await query(url, `SELECT author_name FROM product_reviews WHERE author_id = '1'`), [
      { author_name: 'Ann' },
    ]);
    await statsAgree(url);
  });
});

test('a rule of the table’s own is the client’s 422, with its name', async () => {
  const url = await altered('ADD CONSTRAINT no_links CHECK (text NOT LIKE $$%://%$$)');
  await withSidecar(url, async ({ post }) => {
    assert.deepEqual(refused(await post('http://x')), [
      422,
      'The review breaks a rule of this server (no_links).',
    ]);
    assert.equal((await post('no link')).status, 200);
  });
});

test('in a LATIN1 database what it cannot hold is 422, in the text as in the path', async () => {
  const name = 'latin1';
  await query(
    server.url,
    `CREATE DATABASE ${name} ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'`,
  );
  await withSidecar(urlOf(server.url, name), async ({ at, post }) => {
    const sentence = 'The review has characters that this server cannot store.';
    assert.deepEqual(refused(await post('so 😀')), [422, sentence]);
    assert.equal((await post('très bien')).body.review.text, 'très bien');
    assert.deepEqual(refused(await api('GET', at.replace('/1/', '/%F0%9F%98%80/'))), [
      422,
      'The product id is not valid.',
    ]);
  });
});

test('a SQL_ASCII database holds and gives back everything', async () => {
  const name = 'ascii';
  await query(
    server.url,
    `CREATE DATABASE ${name} ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'`,
  );
  await withSidecar(urlOf(server.url, name), async ({ at, post }) => {
    assert.equal((await post('очень 😀')).status, 200);
    assert.equal((await api('GET', at)).body.items[0].text, 'очень 😀');
    assert.equal((await api('GET', at.replace('/1/', '/%F0%9F%98%80/'))).status, 200);
  });
});

test('what the table comes to demand later is 503, never 500', async () => {
  const url = await createOldTable(server);
  await withSidecar(url, async ({ at, post }) => {
    assert.equal((await post('good')).status, 200);
    const unavailable = 'Reviews are not available. Please try again.';
    for (const [changes, sentence] of [
      ['ADD shop text NOT NULL DEFAULT $$x$$; ALTER shop DROP DEFAULT', unavailable],
      ['ALTER shop DROP NOT NULL; ADD EXCLUDE USING btree (product_id WITH =) WHERE (id > 4)', unavailable],
      [
        'DROP CONSTRAINT product_reviews_product_id_excl; ALTER product_id TYPE integer USING id',
        'Reviews are being set up. Please try again.',
      ],
    ] as const) {
      for (const change of changes.split('; ')) await query(url, `ALTER TABLE product_reviews ${change}`);
      assert.deepEqual(refused(await post('better', 5)), [503, sentence], changes);
    }
    assert.notEqual((await api('GET', at)).status, 500);
  });
});

test('a trigger of the backend’s that objects is 503, with its reason in the log only', async () => {
  const url = await createOldTable(server);
  const objectWith = (code: string) =>
    query(
      url,
      `CREATE OR REPLACE FUNCTION object() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN RAISE EXCEPTION 'secret reason' USING ERRCODE = '${code}'; END $$`,
    );
  await objectWith('P0001');
  await query(
    url,
    `CREATE TRIGGER object BEFORE INSERT ON product_reviews FOR EACH ROW WHEN (NEW.text = 'x') EXECUTE FUNCTION object()`,
  );
  await withSidecar(url, async ({ post }) => {
    for (const code of ['P0001', 'P0002', '45000', '27000', '55000']) {
      await objectWith(code);
      assert.deepEqual(refused(await post('x')), [503, 'Reviews are not available. Please try again.'], code);
    }
  });
});

test('what a trigger of the backend’s keeps out of the table is 503, not a success without a review', async () => {
  const url = await createOldTable(server);
  await query(
    url,
    `CREATE FUNCTION keep_out() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
     CREATE TRIGGER keep_out BEFORE INSERT OR UPDATE ON product_reviews FOR EACH ROW WHEN (NEW.text = 'x') EXECUTE FUNCTION keep_out()`,
  );
  await withSidecar(url, async ({ post }) => {
    assert.equal((await post('x')).status, 503);
    assert.equal((await post('y')).status, 200);
    assert.equal((await post('x')).status, 503, 'an edit as well');
  });
});

test('what a trigger of the backend’s keeps in the table is 503, of one review, of all and of a decision, and nothing is done', async () => {
  const url = await createOldTable(server);
  await query(
    url,
    `CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
     CREATE TRIGGER keep_in BEFORE DELETE ON product_reviews FOR EACH ROW EXECUTE FUNCTION keep()`,
  );
  await withSidecar(url, async ({ at, post }) => {
    await query(url, `UPDATE users SET role = 'admin' WHERE id = 5`);
    const { review, summary } = (await post('x')).body;
    const all = at.replace(/products.*/, 'product-reviews');
    assert.equal((await api('GET', at.replace(/api.*/, 'readyz'))).body.checks.database, 'ok');
    assert.equal((await api('DELETE', `${at}/me`, { user: 1 })).status, 503);
    assert.equal((await api('DELETE', `${all}/mine`, { user: 1 })).status, 503);
    assert.deepEqual((await api('GET', at)).body.summary, summary);
    await query(
      url,
      `CREATE TRIGGER keep_as_it_is BEFORE UPDATE ON product_reviews FOR EACH ROW EXECUTE FUNCTION keep()`,
    );
    const json = { action: 'hide', reason: 'spam' };
    assert.equal((await api('POST', `${all}/${review.id}/moderation`, { user: 5, json })).status, 503);
    await query(
      url,
      'DROP TRIGGER keep_in ON product_reviews; DROP TRIGGER keep_as_it_is ON product_reviews',
    );
    assert.equal((await api('DELETE', `${all}/mine`, { user: 1 })).body.deleted.reviews, 1);
    assert.equal((await api('DELETE', `${at}/me`, { user: 1 })).status, 200);
  });
});

test('columns of the backend’s own may be called as something in our SQL', async () => {
  const names = ['event', 'place', 'file', 'leaving', 'arriving', 'gone', 'r'];
  const url = await altered(names.map((name) => `ADD ${name} integer`).join(', '));
  await withSidecar(url, async ({ at, post }) => {
    await query(url, `UPDATE users SET role = 'admin' WHERE id = 5`);
    assert.equal((await post('x')).status, 200);
    const { body } = await post('y');
    const { origin } = new URL(at);
    for (const json of [{ action: 'hide', reason: 'spam' }, { action: 'publish' }]) {
      const path = `/api/product-reviews/${body.review.id}/moderation`;
      assert.equal((await api('POST', origin + path, { user: 5, json })).status, 200, json.action);
    }
    assert.equal((await api('GET', `${at}/me`, { user: 1 })).body.review.text, 'y');
    await query(
      url,
      `SET default_transaction_isolation = 'repeatable read';
       INSERT INTO product_reviews (product_id, author_id, author_name, rating) VALUES ('1', '1', 'x', 1), ('1', '9', 'x', 2)`,
    );
    assert.equal((await api('GET', at)).status, 200);
    await statsAgree(url);
    const erased = await api('DELETE', `${origin}/api/product-reviews/mine`, { user: 1 });
    assert.equal(erased.body.deleted.reviews, 2);
  });
});

/** A change of the table; the sentence about it; whether the old module's own INSERT fits the changed table. */
const UNUSABLE: [change: string, sentence: RegExp, fits: boolean][] = [
  ['ALTER id TYPE text', /id is text instead of bigint/, true],
  ['ALTER product_id TYPE integer USING id', /product_id is integer instead of text/, true],
  ['ALTER author_id TYPE char(20)', /author_id is character instead of text/, true],
  ['ALTER author_id TYPE varchar(5)', /author_id holds 5 characters and needs 10/, true],
  ['ALTER rating TYPE numeric', /rating is numeric instead of integer/, true],
  ['ALTER created_at TYPE date', /created_at is date instead of timestamp with time zone/, true],
  ['ALTER created_at TYPE varchar(26)', /created_at holds 26 characters and needs 29/, true],
  ['DROP created_at', /created_at is missing/, false],
  ['ALTER text TYPE json USING NULL', /text is json instead of text/, true],
  ['ADD place text NOT NULL DEFAULT $$x$$; ALTER place DROP DEFAULT', /place is NOT NULL without/, false],
  ['ALTER text SET DEFAULT $$x$$; ALTER text SET NOT NULL', /text is NOT NULL/, false],
  ['ADD edited_at text', /edited_at is text instead of timestamp with time zone/, true],
  ['ENABLE ROW LEVEL SECURITY; FORCE ROW LEVEL SECURITY; OWNER TO secured', /row level security hides/, true],
  ['ADD CHECK (rating < 4)', /refuses what a request would write: .*product_reviews_rating_check/, true],
];
for (const [changes, sentence, fits] of UNUSABLE) {
  test(`a table with ${changes} is not adopted, which is said at the start, and the old module goes on`, async () => {
    const url = await createOldTable(server);
    await query(url, `DELETE FROM product_reviews WHERE rating > 3; UPDATE product_reviews SET text = 'x'`);
    const isSecured = changes.includes('secured');
    if (isSecured) {
      await query(url, `CREATE ROLE secured LOGIN PASSWORD 'word'; GRANT ALL ON SCHEMA public TO secured`);
    }
    for (const change of changes.split('; ')) await query(url, `ALTER TABLE product_reviews ${change}`);
    const target = parseDatabaseUrl(isSecured ? url.replace(/\/\/[^@]*@/, '//secured:word@') : url);
    await assert.rejects(migrateDatabase(target, schema), sentence);
    if (fits) await oldInsert(url, ['1', '7', 'A', 3, null, '2024-06-01']);
  });
}
