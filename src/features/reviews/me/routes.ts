/** GET P/me: may the caller review this product, and what there is of theirs. */
import type { RequestHandler } from 'express';
import type { RequireUser } from '../../../edge/auth.ts';
import { withDatabaseDeadline } from '../../../edge/deadline.ts';
import type { Route } from '../../../edge/route.ts';
import { parseInput } from '../../../edge/validate.ts';
import type { Database, RunOptions } from '../../../infra/postgres/database.ts';
import { whatItMeans } from '../database-refusal.ts';
import { productIdSchema } from '../schema.ts';
import { sendJson } from '../send-json.ts';
import type { ReviewView, ReviewViews } from '../view.ts';

export interface MeRoutesOptions {
  readonly database: Database;
  readonly views: ReviewViews;
  readonly requireUser: RequireUser;
  readonly requirePurchase: boolean;
}

/** The row that the function gives back is made a row again, for view.ts. */
const sql = (view: ReviewView) => `
  WITH found AS MATERIALIZED (
    SELECT product_review_standing($1::text, $2::bigint, ${view.joinAuthor === ''}) AS standing)
  SELECT (standing -> 'is_found')::boolean AS is_found, (standing -> 'is_seller')::boolean AS is_seller,
         (standing -> 'is_bought')::boolean AS is_bought, standing ->> 'helpful_ids' AS helpful_ids,
         CASE WHEN r.id IS NOT NULL THEN ${view.ownJson} ELSE 'null' END AS review
    FROM found
   CROSS JOIN LATERAL jsonb_populate_record(NULL::product_reviews, nullif(standing -> 'review', 'null')) AS r ${view.joinAuthor}`;

interface Standing {
  readonly is_found: boolean;
  readonly is_seller: boolean;
  readonly is_bought: boolean;
  /** JSON texts. */
  readonly helpful_ids: string;
  readonly review: string;
}

export function meRoutes({ database, views, requireUser, requirePurchase }: MeRoutesOptions): Route[] {
  async function standingOf(productId: string, userId: number, options: RunOptions): Promise<Standing> {
    const [standing] = await views
      .using((view) => {
        const statement = { name: 'review_me', text: sql(view), values: [productId, userId] };
        return database.query<Standing>(statement, options);
      }, options)
      .catch((error) => {
        throw whatItMeans(error, { reading: productId });
      });
    if (standing === undefined) throw new Error('SELECT returned no row');
    return standing;
  }

  /** A product that is not there is no 404: that would hide the feature (docs/contract.md, 3). */
  const me: RequestHandler = async (req, res) => {
    const { id } = await requireUser(req);
    const productId = parseInput(productIdSchema, req.params.productId);
    const { is_found, is_seller, is_bought, helpful_ids, review } = await withDatabaseDeadline(
      req,
      (untilMs) => standingOf(productId, id, { untilMs }),
    );
    const isUnbought = requirePurchase && !is_bought;
    const reason = is_seller ? 'own_product' : isUnbought && is_found ? 'purchase_required' : null;
    const facts = { can_review: is_found && reason === null, reason, verified_purchase: is_bought };
    sendJson(res, `${JSON.stringify(facts).slice(0, -1)},"review":${review},"helpful_ids":${helpful_ids}}`);
  };

  return [{ method: 'GET', path: '/api/products/:productId/reviews/me', handler: me }];
}
