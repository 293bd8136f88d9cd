/** The routes of reviews: GET and HEAD /api/products/:productId/reviews, and those of its parts. */
import type { RequestHandler } from 'express';
import { withDatabaseDeadline } from '../../edge/deadline.ts';
import type { Route } from '../../edge/route.ts';
import { parseInput } from '../../edge/validate.ts';
import { awaitingRoutes } from './awaiting.ts';
import { moderationRoutes } from './moderation/routes.ts';
import { policyRoutes } from './policy.ts';
import { privacyRoutes } from './privacy/routes.ts';
import type { ReviewEvents } from './review-events.ts';
import { pageQuerySchema, productIdSchema } from './schema.ts';
import { sellerRoutes } from './seller.ts';
import type { ReviewStore } from './store.ts';
import { type WritingOptions, writingRoutes } from './writing.ts';

export interface ReviewRoutesOptions extends WritingOptions {
  readonly reviews: ReviewStore;
  readonly events: ReviewEvents;
}

const PATH = '/api/products/:productId/reviews';

export function reviewRoutes(options: ReviewRoutesOptions): Route[] {
  const { reviews } = options;
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

  return [
    { method: 'GET', path: PATH, handler: list },
    { method: 'HEAD', path: PATH, handler: list },
    ...writingRoutes(options),
    ...moderationRoutes(options),
    ...privacyRoutes(options),
    ...sellerRoutes(options),
    ...awaitingRoutes(options),
    ...policyRoutes(options.settings),
  ];
}
