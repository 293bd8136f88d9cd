/** GET /api/product-reviews/awaiting: what the caller has bought and got, and not reviewed. */
import type { RequestHandler } from 'express';
import { z } from 'zod';
import type { RequireUser } from '../../edge/auth.ts';
import { withDatabaseDeadline } from '../../edge/deadline.ts';
import type { Route } from '../../edge/route.ts';
import { pageLimit, parseQuery } from '../../edge/validate.ts';
import type { Database, RunOptions } from '../../infra/postgres/database.ts';
import { isUndefinedTable } from '../../infra/postgres/failure.ts';
import { breaks } from '../../words/messages.ts';
import { whatItMeans } from './database-refusal.ts';

const cursorMessage = breaks('cursor');
/** The time of the last one, µs since 1970, and its product. */
const CURSOR = /^(-?\d{1,18})_(\d{1,18})$/;

export const awaitingQuerySchema = z.object({
  limit: pageLimit,
  cursor: z.string({ error: cursorMessage }).regex(CURSOR, cursorMessage).optional(),
});
type Query = z.infer<typeof awaitingQuerySchema>;

interface Awaiting {
  readonly product_id: string;
  readonly product_name: string | null;
  readonly image_url: string | null;
  /** When it was ordered: the backend knows no better. */
  readonly delivered_at: string | null;
}

export interface AwaitingRoutesOptions {
  readonly database: Database;
  readonly requireUser: RequireUser;
}

export function awaitingRoutes({ database, requireUser }: AwaitingRoutesOptions): Route[] {
  const handler: RequestHandler = async (req, res) => {
    const { id } = await requireUser(req);
    const query = parseQuery(awaitingQuerySchema, req.query);
    const page = await withDatabaseDeadline(req, (untilMs) => readPage(id, query, { untilMs }));
    res.set('Cache-Control', 'no-store').json(page);
  };

  async function readPage(userId: number, { limit, cursor }: Query, options: RunOptions) {
    const [, time, product] = CURSOR.exec(cursor ?? '') ?? [];
    const after = time === undefined || product === undefined ? [] : [time, product];
    const values = [userId, userId, String(userId), ...after, limit + 1];
    const rows = await database
      .run((knex) => knex.raw<{ rows: Row[] }>(pageSql(after.length > 0), values), options)
      .then(
        (found) => found.rows,
        (error) => {
          // Without the backend's tables nobody has bought anything, as for "verified" (docs/decisions/0015).
          if (isUndefinedTable(error)) return [];
          throw whatItMeans(error);
        },
      );
    const shown = rows.slice(0, limit);
    return {
      items: shown.map(({ position: _, ...item }): Awaiting => item),
      next_cursor: rows.length > limit ? (shown.at(-1)?.position ?? null) : null,
    };
  }

  return [{ method: 'GET', path: '/api/product-reviews/awaiting', handler }];
}

interface Row extends Awaiting {
  readonly position: string;
}

const MICROSECONDS = '(extract(epoch FROM bought.at) * 1000000)::bigint';

/**
 * One row for each product, by its last order. Not those of a seller's own, which nobody may review; nor those with a review that is
 * kept back. A name or picture that `products` lacks is found one level further out, where it is null.
 */
const pageSql = (hasCursor: boolean) => `
  SELECT bought.product_id::text, product.name::text AS product_name, product.image_url::text,
         to_char(bought.at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS delivered_at,
         ${MICROSECONDS} || '_' || bought.product_id AS position
    FROM (SELECT item.product_id,
                 CASE WHEN isfinite(max(placed.created_at)::timestamptz) THEN max(placed.created_at)::timestamptz ELSE 'epoch' END AS at
            FROM orders AS placed
            JOIN order_items AS item ON item.order_id = placed.id
           WHERE placed.buyer_id = ? AND placed.status::text = 'delivered' AND item.product_id IS NOT NULL
           GROUP BY item.product_id) AS bought
   CROSS JOIN (SELECT NULL::text AS name, NULL::text AS image_url) AS absent
   CROSS JOIN LATERAL (
     SELECT name, image_url FROM products
      WHERE products.id = bought.product_id AND products.seller_id IS DISTINCT FROM ?) AS product
   WHERE NOT EXISTS (SELECT FROM product_reviews AS r
                      WHERE r.product_id = bought.product_id::text AND r.author_id = ? AND r.rating IS NOT NULL)
     ${hasCursor ? `AND (${MICROSECONDS}, bought.product_id) < (?::bigint, ?::bigint)` : ''}
   ORDER BY ${MICROSECONDS} DESC, bought.product_id DESC
   LIMIT ?`;
