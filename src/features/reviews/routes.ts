/**
 * GET, HEAD and POST /api/products/:productId/reviews, and the routes of its parts.
 */
import type { RequestHandler } from 'express';
import type { RequireUser } from '../../edge/auth.ts';
import { withDatabaseDeadline } from '../../edge/deadline.ts';
import type { Route } from '../../edge/route.ts';
import { parseInput, readJsonBody } from '../../edge/validate.ts';
import type { Database } from '../../infra/postgres/database.ts';
import { awaitingRoutes } from './awaiting.ts';
import { moderationRoutes } from './moderation/routes.ts';
import { type PolicySettings, policyRoutes } from './policy.ts';
import { privacyRoutes } from './privacy/routes.ts';
import type { ReviewEvents } from './review-events.ts';
import { pageQuerySchema, productIdSchema, reviewBodySchema } from './schema.ts';
import { sellerRoutes } from './seller.ts';
import type { ReviewStore } from './store.ts';
import type { ReviewViews } from './view.ts';

export interface ReviewRoutesOptions {
  readonly reviews: ReviewStore;
  readonly requireUser: RequireUser;
  readonly database: Database;
  readonly views: ReviewViews;
  readonly events: ReviewEvents;
  readonly settings: PolicySettings;
}

const PATH = '/api/products/:productId/reviews';

export function reviewRoutes(options: ReviewRoutesOptions): Route[] {
  const { reviews, requireUser } = options;
  /** Public: no token is asked for, and a bad one is not looked at. */
  const list: RequestHandler = async (req, res) => {
    const productId = parseInput(productIdSchema, req.params.productId);
    const { limit, cursor } = parseInput(pageQuerySchema, req.query);
    const page = await withDatabaseDeadline(req, (untilMs) =>
      reviews.list(productId, { limit, cursor }, { untilMs }),
    );
    res.set('Cache-Control', 'no-store');
    res.json({ items: page.items, next_cursor: page.nextCursor, summary: page.summary });
  };

  const put: RequestHandler = async (req, res) => {
    const user = await requireUser(req);
    const productId = parseInput(productIdSchema, req.params.productId);
    const content = await readJsonBody(req, res, reviewBodySchema);
    const { review, summary } = await withDatabaseDeadline(req, (untilMs) =>
      reviews.put(productId, user, content, { untilMs }),
    );
    res.set('Cache-Control', 'no-store');
    // 200, not 201: the clients show anything else as an error.
    res.status(200).json({ review, summary });
  };

  return [
    { method: 'GET', path: PATH, handler: list },
    { method: 'HEAD', path: PATH, handler: list },
    { method: 'POST', path: PATH, handler: put },
    ...moderationRoutes(options),
    ...privacyRoutes(options),
    ...sellerRoutes(options),
    ...awaitingRoutes(options),
    ...policyRoutes(options.settings),
  ];
}
