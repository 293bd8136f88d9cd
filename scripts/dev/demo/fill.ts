/** Puts the demo's shop into database and bucket. What is there already stays, so it may be begun again at any moment. */
import type { Knex } from 'knex';
import type { StorageConfig } from '../../../src/config/config.ts';
import { type DatabaseTarget, parseDatabaseUrl } from '../../../src/config/database-url.ts';
import { operateReviews } from '../../../src/features/reviews/operator/connect.ts';
import { createImporter } from '../../../src/features/reviews/operator/import.ts';
import { lineSchema } from '../../../src/features/reviews/operator/line.ts';
import { belongsToAnotherBackend } from '../../lab/demo-backend/server.ts';
import { putPeople, type ShopIds } from './people.ts';
import { type DemoReview, type DemoShop, makeShop } from './shop.ts';
import { type DemoPicture, picturesOf, putPictures } from './uploads.ts';

export interface FillOptions {
  readonly databaseUrl: string;
  /** null: without pictures. */
  readonly storage: StorageConfig | null;
  /** Whether events are told of. */
  readonly isTold: boolean;
  /** @param share 0 to 1 */
  readonly onProgress: (share: number, text: string) => void;
}

export interface Filled {
  readonly products: number;
  readonly reviews: number;
  readonly pictures: number;
  /** Of the reviews: they were there before. */
  readonly known: number;
}

const BATCH = 250;

/** @throws Error with a sentence */
export async function fillDemo({ databaseUrl, storage, isTold, onProgress }: FillOptions): Promise<Filled> {
  const target = parseDatabaseUrl(databaseUrl);
  if (await belongsToAnotherBackend(databaseUrl))
    throw new Error('The users in this database are not the demo’s: no demo data is put beside them.');
  const shop = makeShop();
  return operateReviews(target, async (knex) => {
    await refuseWithoutTables(knex);
    onProgress(0, 'people, products, orders');
    const ids = await putPeople(knex, shop);
    const pictures = storage === null ? [] : picturesOf(shop, ids);
    if (storage !== null) await putAll(knex, { target, storage, isTold, pictures, ids, onProgress });
    const known = await putReviews(knex, shop, ids, pictures, onProgress);
    onProgress(0.95, 'votes and reports');
    await putOpinions(knex, shop, ids);
    await knex.raw('ANALYZE');
    onProgress(1, 'done');
    return { products: shop.products.length, reviews: shop.reviews.length, pictures: pictures.length, known };
  });
}

async function refuseWithoutTables(knex: Knex): Promise<void> {
  const { rows } = await knex.raw<{ rows: { users: boolean; reviews: boolean }[] }>(
    `SELECT to_regclass('users') IS NOT NULL AS users, to_regclass('product_reviews') IS NOT NULL AS reviews`,
  );
  if (!rows[0]?.users)
    throw new Error('There are no accounts of the demo backend in this database: it has not run with it.');
  if (!rows[0].reviews) throw new Error('The sidecar has not made its tables yet: npm run migrate.');
}

async function putAll(
  knex: Knex,
  {
    target,
    storage,
    isTold,
    pictures,
    ids,
    onProgress,
  }: {
    target: DatabaseTarget;
    storage: StorageConfig;
    isTold: boolean;
    pictures: readonly DemoPicture[];
    ids: ShopIds;
    onProgress: FillOptions['onProgress'];
  },
): Promise<void> {
  onProgress(0.1, 'pictures');
  await putPictures(knex, pictures, {
    ...{ target, storage, isTold },
    onProgress: (share) => onProgress(0.1 + 0.5 * share, `${Math.round(share * pictures.length)} pictures`),
  });
  const urls = ids.products.map((id, i) => ({ id, url: `${storage.publicBaseUrl}/${pictures[i]?.key}` }));
  await knex.raw(
    'UPDATE products SET image_url = p.url FROM json_to_recordset(?) AS p (id integer, url text) WHERE products.id = p.id',
    [JSON.stringify(urls)],
  );
}

/** As `npm run reviews -- import` does it. @returns how many were there before */
async function putReviews(
  knex: Knex,
  { reviews, buyers, products }: DemoShop,
  ids: ShopIds,
  pictures: readonly DemoPicture[],
  onProgress: FillOptions['onProgress'],
): Promise<number> {
  const byId = new Map(pictures.map((picture) => [picture.id, picture]));
  const toLine = (review: DemoReview) => ({
    ...{ product_id: String(ids.products[review.product]), author_id: String(ids.buyers[review.author]) },
    ...{
      author_name: buyers[review.author]?.name,
      rating: review.rating,
      title: review.title,
      text: review.text,
    },
    ...{ created_at: review.createdAt.toISOString(), edited_at: review.editedAt?.toISOString() },
    ...{ status: review.status, reason: review.reason, verified_purchase: review.isVerified },
    display_name: review.isShortName ? 'short' : 'full',
    reply: review.reply && { text: review.reply.text, created_at: review.reply.at.toISOString() },
    reply_author_id: review.reply && ids.sellers[products[review.product]?.seller ?? 0],
    media_files: review.pictures.flatMap((id) => {
      const key = byId.get(id)?.key;
      return key === undefined ? [] : [{ upload_id: id, type: 'image', key, content_type: 'image/png' }];
    }),
  });
  const importer = await createImporter(knex, { dryRun: false });
  let known = 0;
  for (let at = 0; at < reviews.length; at += BATCH) {
    const lines = reviews.slice(at, at + BATCH).map((review, i) => ({
      ...{ number: at + i + 1, review: lineSchema.parse(toLine(review)) },
    }));
    const put = await importer.put(lines);
    if (put.refused[0] !== undefined) throw new Error(`A review is not taken: ${put.refused[0].reason}`);
    known += put.known;
    onProgress(0.6 + (0.35 * at) / reviews.length, `${at + lines.length} reviews`);
  }
  return known;
}

async function putOpinions(knex: Knex, { reviews }: DemoShop, ids: ShopIds): Promise<void> {
  const pairs = (of: (review: DemoReview) => readonly number[]) =>
    JSON.stringify(
      reviews.flatMap((review) =>
        of(review).map((who) => ({
          ...{ product: String(ids.products[review.product]), author: String(ids.buyers[review.author]) },
          who: ids.buyers[who],
        })),
      ),
    );
  await knex.raw(VOTES, [pairs(({ voters }) => voters)]);
  await knex.raw(REPORTS, [pairs(({ reporters }) => reporters)]);
}

const OPINIONS = `json_to_recordset(?) AS o (product text, author text, who bigint)
    JOIN product_reviews AS r ON r.product_id = o.product AND r.author_id = o.author AND r.superseded_at IS NULL`;

const VOTES = `
  INSERT INTO product_review_votes (review_id, user_id, product_id)
  SELECT r.id, o.who, r.product_id FROM ${OPINIONS} ORDER BY r.id ON CONFLICT DO NOTHING`;

/** As features/reviews/reports/functions.ts does it. */
const REPORTS = `
  WITH reported AS (
    INSERT INTO product_review_reports (review_id, user_id, reason)
    SELECT r.id, o.who, 'fake' FROM ${OPINIONS} ON CONFLICT DO NOTHING RETURNING review_id
  )
  UPDATE product_reviews AS r SET report_count = coalesce(r.report_count, 0) + n.count
    FROM (SELECT review_id, count(*)::integer AS count FROM reported GROUP BY review_id) AS n
   WHERE r.id = n.review_id`;
