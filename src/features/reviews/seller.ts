/** GET /api/product-reviews/seller: what is shown under the caller's products. */
import type { RequestHandler } from 'express';
import { z } from 'zod';
import type { RequireUser } from '../../edge/auth.ts';
import { withDatabaseDeadline } from '../../edge/deadline.ts';
import type { Route } from '../../edge/route.ts';
import { parseQuery } from '../../edge/validate.ts';
import { isStandalone } from '../../infra/postgres/backend-tables.ts';
import type { Database, RunOptions } from '../../infra/postgres/database.ts';
import { isUndefinedTable } from '../../infra/postgres/failure.ts';
import { breaks } from '../../words/messages.ts';
import { whatItMeans } from './database-refusal.ts';
import { AFTER_EVERY_ID, idPageFields, type PageRow, toPage } from './id-page.ts';
import { ratingList } from './list/schema.ts';
import { sendJson } from './send-json.ts';
import type { ReviewView, ReviewViews } from './view.ts';

export interface SellerRoutesOptions {
  readonly database: Database;
  readonly views: ReviewViews;
  readonly requireUser: RequireUser;
}

const unrepliedMessage = breaks('one_of', { allowed: ['1', '0'] });

export const sellerQuerySchema = z.object({
  unreplied: z
    .enum(['1', '0'], { error: unrepliedMessage })
    .default('0')
    .transform((flag) => flag === '1'),
  rating: ratingList.optional(),
  ...idPageFields,
});
type Query = z.infer<typeof sellerQuerySchema>;

export function sellerRoutes({ database, views, requireUser }: SellerRoutesOptions): Route[] {
  const handler: RequestHandler = async (req, res) => {
    const { id } = await requireUser(req);
    const query = parseQuery(sellerQuerySchema, req.query);
    const page = await withDatabaseDeadline(req, (untilMs) => readPage(id, query, { untilMs }));
    sendJson(res, page);
  };

  /** In a standalone database nobody sells anything. */
  async function readPage(sellerId: number, query: Query, options: RunOptions): Promise<string> {
    const { limit, cursor = AFTER_EVERY_ID, rating } = query;
    const values = [cursor, ...(rating === undefined ? [] : [rating]), limit + 1, sellerId, limit + 1];
    const read = (view: ReviewView) =>
      database.run((knex) => knex.raw<{ rows: PageRow[] }>(pageSql(view, query), values), options);
    try {
      return toPage((await views.using(read, options)).rows, limit);
    } catch (error) {
      if (isUndefinedTable(error) && (await isStandalone(database, options))) return toPage([], limit);
      throw whatItMeans(error);
    }
  }

  return [{ method: 'GET', path: '/api/product-reviews/seller', handler }];
}

/** The newest of each product, by the index that its page is read by, and of these the newest. */
const pageSql = ({ publicJson, joinAuthor }: ReviewView, { unreplied, rating }: Query) => `
  SELECT r.id::text, ${publicJson} AS json
    FROM (SELECT newest.id
            FROM products
           CROSS JOIN LATERAL (
             SELECT id FROM product_reviews
              WHERE product_id = products.id::text AND superseded_at IS NULL AND id + 0 < ?::bigint
                ${rating === undefined ? '' : 'AND least(5, greatest(1, rating)) = ANY (?::integer[])'}
                ${unreplied ? 'AND reply IS NULL' : ''}
              ORDER BY id + 0 DESC LIMIT ?) AS newest
           WHERE products.seller_id = ?
           ORDER BY newest.id DESC LIMIT ?) AS page
    JOIN product_reviews AS r ON r.id = page.id ${joinAuthor}
   ORDER BY r.id DESC`;
