/**
 * Whatever many users, moderators, the old module and psql do at once, through several sidecars: afterwards every list and figure is
 * what a plain model says. Each lane has users and reviews of its own, so that what it does has one outcome; products, and with
 * them stats and locks, are everybody's.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import type { Knex } from 'knex';
import { query, startTestDatabase, type TestDatabaseServer } from '../../../scripts/lab/database.ts';
import { until } from '../../../scripts/lab/programs.ts';
import { makeScratchFolder } from '../../../scripts/lab/scratch-folder.ts';
import { parseDatabaseUrl } from '../../../src/config/database-url.ts';
import { createImporter, type Importer } from '../../../src/features/reviews/operator/import.ts';
import { lineSchema } from '../../../src/features/reviews/operator/line.ts';
import { createKnex } from '../../../src/infra/postgres/knex.ts';
import { type ApiAnswer, api, untilAvailable } from '../../support/api.ts';
import { type ModelReview, ReviewModel } from '../../support/review-model.ts';
import { allTables } from '../../support/sidecar-with-database.ts';
import { startSidecar, type TestSidecar } from '../../support/start-sidecar.ts';

const LANES = 3;
const USERS_PER_LANE = 4;
const SELLER = 2;
const ADMIN = 6;
const PRODUCTS = ['1', '2'];
const BLOCKED = 'rude';
const TIME_LIMIT_MS = 20_000;

const userOf = (lane: number, place: number) => 100 + lane * USERS_PER_LANE + place;
const USERS = Array.from({ length: LANES * USERS_PER_LANE }, (_, i) => 100 + i);
/** The first three of a lane have the first product. */
const hasBought = (user: number, product: string) => product === '1' && (user - 100) % USERS_PER_LANE < 3;

interface World {
  readonly moderation: 'post' | 'pre';
  readonly url: string;
  readonly sidecars: readonly TestSidecar[];
  /** Of npm run reviews. */
  readonly importer: Importer;
}

const folder = makeScratchFolder('property');
let server: TestDatabaseServer;
const worlds: World[] = [];
const knexes: Knex[] = [];

before(async () => {
  server = await startTestDatabase();
  const words = folder.at('words');
  writeFileSync(words, `${BLOCKED}\n`);
  for (const moderation of ['post', 'pre'] as const) {
    const url = await server.createDatabase(allTables);
    await query(
      url,
      `INSERT INTO users (id, email, name, role) VALUES (${ADMIN}, 'a@demo.com', 'Dora', 'admin');
       INSERT INTO users (id, email, name) SELECT n, n || '@demo.com', 'User ' || n FROM unnest('{${USERS}}'::int[]) n;
       INSERT INTO orders (id, buyer_id, status) SELECT n, n, 'delivered' FROM unnest('{${USERS.filter((user) => hasBought(user, '1'))}}'::int[]) n;
       INSERT INTO order_items (order_id, product_id) SELECT id, 1 FROM orders`,
    );
    const env = {
      // At the end of a migration they would rehearse what is written, which a TRUNCATE may not meet.
      ...{ DATABASE_URL: url, MIGRATE_ON_START: 'false' },
      ...{ REVIEWS_MODERATION: moderation, REVIEWS_HOLD_AFTER_REPORTS: '2' },
      ...{ REVIEWS_BLOCKED_WORDS_FILE: words, REVIEWS_WRITES_PER_MINUTE: '0', REVIEWS_VOTES_PER_MINUTE: '0' },
    };
    const sidecars = [await startSidecar(env), await startSidecar(env)];
    // The old module's rows are judged by the database alone, which is told at the start.
    await api('POST', `${sidecars[0]?.url}/api/products/1/reviews`, {
      user: userOf(0, 0),
      json: { rating: 1 },
    });
    await until('the triggers to know', async () => {
      const found = await query(url, 'SELECT FROM product_review_settings WHERE moderation = $1', [
        moderation,
      ]);
      return found.length > 0;
    });
    const knex = createKnex(parseDatabaseUrl(url), { poolMax: 2, statements: 'long' });
    knexes.push(knex);
    worlds.push({ moderation, url, sidecars, importer: await createImporter(knex, { dryRun: false }) });
  }
});

after(async () => {
  await Promise.all(worlds.flatMap(({ sidecars }) => sidecars.map((sidecar) => sidecar.stop())));
  await Promise.all(knexes.map((knex) => knex.destroy()));
  await server.stop();
  folder.remove();
});

const step = fc.record({
  kind: fc.constantFrom(
    ...([
      'post',
      'post',
      'post',
      'patch',
      'withdraw',
      'vote',
      'vote',
      'unvote',
      'report',
      'report',
      'reply',
    ] as const),
    ...([
      'moderate',
      'moderate',
      'moderate',
      'old',
      'old',
      'bulk',
      'import',
      'psql delete',
      'psql rate',
      'erase',
    ] as const),
  ),
  // Most of it to the same few reviews: rules about what came before need them.
  user: fc.constantFrom(0, 0, 0, 1, 1, 2, 3),
  product: fc.constantFrom('1', '1', '1', '2'),
  rating: fc.integer({ min: 1, max: 5 }),
  text: fc.constantFrom(null, 'good', 'bad', `so ${BLOCKED}!`),
  title: fc.constantFrom(undefined, null, 'Title'),
  /** Which of the lane's reviews, from the newest. */
  target: fc.oneof(fc.constant(0), fc.constant(0), fc.nat(1000)),
  action: fc.constantFrom(
    'publish',
    'publish',
    'hide',
    'hold',
    'discard_edit',
    'mark_incentivized',
    'unmark_incentivized',
  ),
  reason: fc.constantFrom('spam', 'fake', 'other'),
  sidecar: fc.nat(1),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

test('every list and figure is what the model says, whoever writes and however much at once', async (t) => {
  const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
  t.diagnostic(`seed ${seed}`);
  let runs = 0;
  const lanes = fc.tuple(
    ...Array.from({ length: LANES }, () => fc.array(step, { minLength: 10, maxLength: 40 })),
  );
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(0, 1), lanes, async (which, steps) => {
      const world = worlds[which] as World;
      runs += 1;
      await query(
        world.url,
        `TRUNCATE product_reviews; TRUNCATE product_review_moderated, product_review_history`,
      );
      const models = await Promise.all(steps.map((ofLane, lane) => runLane(world, lane, ofLane)));
      await compare(world, models);
    }),
    { seed, numRuns: 1_000, interruptAfterTimeLimit: TIME_LIMIT_MS, markInterruptAsFailure: false },
  );
  t.diagnostic(`${runs} sequences`);
  assert.ok(runs > 0);
});

async function runLane(world: World, lane: number, steps: readonly Step[]): Promise<ReviewModel> {
  const rules = {
    moderation: world.moderation,
    holdAfterReports: 2,
    blockedWord: BLOCKED,
    seller: SELLER,
    hasBought,
  };
  const model = new ReviewModel(rules);
  for (const one of steps) await take(world, lane, model, one);
  return model;
}

/** Each has a time of its own. */
let importedLines = 0;

/** One step in the world and in the model. What may not be done has to be refused. */
async function take(
  { url, sidecars, importer }: World,
  lane: number,
  model: ReviewModel,
  one: Step,
): Promise<void> {
  const user = userOf(lane, one.user);
  const base = `${sidecars[one.sidecar]?.url}/api`;
  const expect = async (
    status: number,
    method: string,
    path: string,
    as: number,
    json?: unknown,
  ): Promise<ApiAnswer> => {
    const answer = await untilAvailable(() =>
      api(method, `${base}/${path}`, { user: as, ...(json === undefined ? {} : { json }) }),
    );
    assert.equal(
      answer.status,
      status,
      `${method} ${path} by ${as}: ${JSON.stringify(answer.body)} after ${JSON.stringify(one)}`,
    );
    return answer;
  };
  const insert = async (ratings: readonly number[]) => {
    const rows = await query<{ id: string; rating: number }>(
      url,
      `INSERT INTO product_reviews (product_id, author_id, author_name, rating)
       SELECT $1, $2, 'Old', n FROM unnest($3::int[]) n RETURNING id, rating`,
      [one.product, String(user), ratings],
    );
    const inserted = rows.map(({ id, rating }) => ({ id: Number(id), rating }));
    for (const { id, rating } of inserted) model.insert(id, one.product, user, rating);
  };
  const rows = [...model.rows.values()];
  const target = rows.at(-1 - (one.target % Math.max(1, rows.length)));
  const ofTarget = target && `products/${target.product}/reviews/${target.id}`;
  const { rating, text, title } = one;
  switch (one.kind) {
    case 'post': {
      const json = title === undefined ? { rating, text } : { rating, text, title };
      const { body } = await expect(200, 'POST', `products/${one.product}/reviews`, user, json);
      return model.write(body.review.id, one.product, user, json);
    }
    case 'patch': {
      const [own] = model.ofPair(one.product, user);
      const json = one.target % 2 === 0 ? { rating } : { text };
      await expect(own ? 200 : 404, 'PATCH', `products/${one.product}/reviews/me`, user, json);
      return own && model.write(own.id, one.product, user, json);
    }
    case 'withdraw':
      await expect(200, 'DELETE', `products/${one.product}/reviews/me`, user);
      return model.remove(model.ofPair(one.product, user));
    case 'vote':
    case 'unvote': {
      if (target === undefined) return;
      const status = !model.isShown(target) ? 404 : target.author === user ? 403 : 200;
      const isVote = one.kind === 'vote';
      const { body } = await expect(status, isVote ? 'PUT' : 'DELETE', `${ofTarget}/helpful`, user);
      if (status !== 200) return;
      if (isVote) target.votes.add(user);
      else target.votes.delete(user);
      return assert.equal(body.helpful_count, target.votes.size);
    }
    case 'report': {
      if (target === undefined) return;
      const isKnown = target.reports.has(user);
      const status = isKnown ? 200 : !model.isShown(target) ? 404 : target.author === user ? 403 : 200;
      await expect(status, 'POST', `${ofTarget}/report`, user, { reason: 'spam' });
      return status === 200 ? model.report(target, user) : undefined;
    }
    case 'reply': {
      if (target === undefined) return;
      const isShown = model.isShown(target);
      await expect(isShown ? 200 : 404, 'PUT', `${ofTarget}/reply`, SELLER, { text: `thanks ${one.target}` });
      if (isShown) target.reply = `thanks ${one.target}`;
      return;
    }
    case 'moderate': {
      if (target === undefined) return;
      const reason = one.action === 'hide' || one.action === 'hold' ? one.reason : null;
      const path = `product-reviews/${target.id}/moderation`;
      const { body } = await expect(200, 'POST', path, ADMIN, { action: one.action, reason });
      model.moderate(target, one.action, reason);
      return assert.deepEqual([body.review.status, body.review.reason], [target.status, target.reason]);
    }
    case 'old':
      return insert([rating]);
    case 'bulk':
      return insert([rating, 1 + (rating % 5)]);
    case 'import': {
      importedLines += 1;
      const at = new Date(1_600_000_000_000 + importedLines).toISOString();
      const line = { product_id: one.product, author_id: user, author_name: 'Old', rating, created_at: at };
      await importer.put([{ number: 1, review: lineSchema.parse(line) }]);
      const [row] = await query<{ id: string }>(url, 'SELECT id FROM product_reviews WHERE created_at = $1', [
        at,
      ]);
      if (model.isReviewedHere(one.product, user)) return assert.equal(row, undefined);
      return model.importLine(Number(row?.id), one.product, user, rating);
    }
    case 'psql delete':
      if (target === undefined) return;
      await query(url, 'DELETE FROM product_reviews WHERE id = $1', [target.id]);
      return model.remove([target]);
    case 'psql rate':
      if (target === undefined) return;
      await query(url, 'UPDATE product_reviews SET rating = $2 WHERE id = $1', [target.id, rating]);
      target.rating = rating;
      return;
    case 'erase':
      await expect(200, 'DELETE', 'product-reviews/mine', user);
      return model.erase(user);
  }
}

const SORTS: Readonly<Record<string, (a: ModelReview, b: ModelReview) => number>> = {
  newest: (a, b) => b.id - a.id,
  oldest: (a, b) => a.id - b.id,
  highest: (a, b) => b.rating - a.rating || b.id - a.id,
  lowest: (a, b) => a.rating - b.rating || b.id - a.id,
  helpful: (a, b) => b.votes.size - a.votes.size || b.id - a.id,
};
const FILTERS: readonly [query: string, passes: (row: ModelReview) => boolean][] = [
  ['', () => true],
  ['&rating=4,5', ({ rating }) => rating >= 4],
  ['&verified=1', ({ verified }) => verified],
  ['&rating=1&verified=1', ({ rating, verified }) => rating === 1 && verified],
];
const NUMBERS = [1, 2, 3, 4, 5] as const;

async function compare({ sidecars }: World, models: readonly ReviewModel[]): Promise<void> {
  const base = `${sidecars[1]?.url}/api`;
  const get = async (path: string, user?: number) => {
    const answer = await untilAvailable(() =>
      api('GET', `${base}/${path}`, user === undefined ? {} : { user }),
    );
    assert.equal(answer.status, 200, `GET ${path}: ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  /** Every item of a list, page by page. */
  const walk = async (path: string, user?: number) => {
    // biome-ignore lint/suspicious/noExplicitAny: as a client would
    const items: any[] = [];
    for (let cursor = ''; ; ) {
      const page = await get(`${path}&limit=7${cursor}`, user);
      items.push(...page.items);
      if (page.next_cursor === null) return items;
      cursor = `&cursor=${page.next_cursor}`;
    }
  };
  const rows = models.flatMap((model) => [...model.rows.values()]);
  const shown = models.flatMap((model) => [...model.rows.values()].filter((row) => model.isShown(row)));
  const count = (of: readonly ModelReview[], rating: number) =>
    of.filter((row) => row.rating === rating).length;

  const compareProduct = async (product: string) => {
    const ofProduct = shown.filter((row) => row.product === product);
    for (const [sort, order] of Object.entries(SORTS)) {
      for (const [filter, passes] of product === '1' ? FILTERS : FILTERS.slice(0, 1)) {
        const items = await walk(`products/${product}/reviews?sort=${sort}${filter}`);
        const wanted = ofProduct.filter(passes).toSorted(order).map(publicOf);
        assert.deepEqual(items.map(seenPublic), wanted, `product ${product}, ${sort}${filter}`);
      }
    }
    const { summary } = await get(`products/${product}/reviews?limit=1`);
    const sum = ofProduct.reduce((total, { rating }) => total + rating, 0);
    const { score, ...figures } = summary;
    assert.deepEqual(figures, {
      count: ofProduct.length,
      avg_rating: ofProduct.length === 0 ? 0 : Math.round((sum / ofProduct.length) * 100) / 100,
      histogram: Object.fromEntries(NUMBERS.map((n) => [n, count(ofProduct, n)])),
      verified_count: ofProduct.filter(({ verified }) => verified).length,
      media_count: 0,
    });
    const { summaries } = await get(`product-reviews/summary?product_ids=${product}`);
    assert.deepEqual({ ...summaries[product], score }, summary);
    for (const user of USERS.slice(0, USERS_PER_LANE)) {
      const me = await get(`products/${product}/reviews/me`, user);
      const voted = ofProduct.filter(({ votes }) => votes.has(user)).map(({ id }) => id);
      assert.deepEqual(
        me.helpful_ids.toSorted((a: number, b: number) => a - b),
        voted.toSorted((a, b) => a - b),
      );
    }
  };
  await Promise.all(PRODUCTS.map(compareProduct));

  for (const user of USERS) {
    const items = await walk('product-reviews/mine?', user);
    assert.deepEqual(
      items.map(seenOwn),
      models.flatMap((model) => mineOf(model, user)).map(ownOf),
      `mine of ${user}`,
    );
  }
  const openReports = ({ reports }: ModelReview) => [...reports.values()].filter(Boolean).length;
  const queues: Record<string, (row: ModelReview) => boolean> = {
    pending: ({ status, pendingEdit }) => status === 'pending' || pendingEdit !== null,
    held: ({ status }) => status === 'held',
    hidden: ({ status }) => status === 'hidden',
    reported: (row) => openReports(row) > 0 && row.status !== 'hidden',
  };
  for (const [status, isIn] of Object.entries(queues)) {
    const items = await walk(`product-reviews/moderation?status=${status}`, ADMIN);
    const wanted = rows.filter(isIn).toSorted((a, b) => a.id - b.id);
    assert.deepEqual(
      items.map((item) => [...seenOwn(item), item.report_count]),
      wanted.map((row) => [...ownOf(row), openReports(row)]),
      status,
    );
  }
  const kept = (status: string) =>
    Object.fromEntries(
      NUMBERS.map((n) => [
        n,
        count(
          rows.filter((row) => row.status === status),
          n,
        ),
      ]),
    );
  const total = (byReason: Record<string, number>) => Object.values(byReason).reduce((sum, n) => sum + n, 0);
  const stats = await get('product-reviews/moderation/stats', ADMIN);
  const totals = (of: Record<string, Record<string, number>>) =>
    Object.fromEntries(Object.entries(of).map(([rating, byReason]) => [rating, total(byReason)]));
  assert.deepEqual(
    [stats.published, totals(stats.hidden), totals(stats.held)],
    [Object.fromEntries(NUMBERS.map((n) => [n, count(shown, n)])), kept('hidden'), kept('held')],
  );
}

/** Newest first: what no newer row has replaced, one that only waits excepted. */
function mineOf(model: ReviewModel, user: number): ModelReview[] {
  const own = [...model.rows.values()].filter(({ author }) => author === user);
  const isReplaced = (row: ModelReview) =>
    model.ofPair(row.product, user).some(({ id, status }) => id > row.id && status !== 'pending');
  return own.filter((row) => !isReplaced(row)).toSorted((a, b) => b.id - a.id);
}

const publicOf = (row: ModelReview) => [
  ...[row.id, row.product, String(row.author), row.rating, row.text, row.title, row.votes.size, row.verified],
  ...[row.incentivized, row.reply],
];
const ownOf = (row: ModelReview) => [
  ...publicOf(row),
  ...[
    row.status,
    row.reason,
    row.pendingEdit && [row.pendingEdit.rating, row.pendingEdit.text, row.pendingEdit.title],
  ],
];
// biome-ignore lint/suspicious/noExplicitAny: as a client would
const seenPublic = (item: any) => [
  ...[item.id, item.product_id, item.author_id, item.rating, item.text, item.title, item.helpful_count],
  ...[item.verified_purchase, item.incentivized, item.reply?.text ?? null],
];
// biome-ignore lint/suspicious/noExplicitAny: as a client would
const seenOwn = (item: any) => [
  ...seenPublic(item),
  ...[
    item.status,
    item.reason,
    item.pending_edit && [item.pending_edit.rating, item.pending_edit.text, item.pending_edit.title],
  ],
];
