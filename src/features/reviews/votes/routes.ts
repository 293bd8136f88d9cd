/** PUT and DELETE P/{rid}/helpful. */
import type { RequestHandler } from 'express';
import type { RequireUser } from '../../../edge/auth.ts';
import { withDatabaseDeadline } from '../../../edge/deadline.ts';
import type { Route } from '../../../edge/route.ts';
import { parseInput } from '../../../edge/validate.ts';
import { reviewIdSchema } from '../id-page.ts';
import { productIdSchema } from '../schema.ts';
import { sendJson } from '../send-json.ts';
import type { Perform } from '../write/perform.ts';

export interface VoteRoutesOptions {
  readonly perform: Perform;
  readonly requireUser: RequireUser;
  readonly votesPerMinute: number;
}

const PATH = '/api/products/:productId/reviews/:reviewId/helpful';

export function voteRoutes({ perform, requireUser, votesPerMinute }: VoteRoutesOptions): Route[] {
  const vote =
    (helpful: boolean): RequestHandler =>
    async (req, res) => {
      const { id } = await requireUser(req);
      const productId = parseInput(productIdSchema, req.params.productId);
      const reviewId = parseInput(reviewIdSchema, req.params.reviewId);
      const { helpful_count } = await withDatabaseDeadline(req, (untilMs) =>
        perform(
          productId,
          {
            ...{ name: 'vote', json: 'publicJson', values: () => [reviewId, productId, id] },
            rules: { per_minute: votesPerMinute, helpful },
          },
          { untilMs },
        ),
      );
      sendJson(res, JSON.stringify({ helpful_count }));
    };

  return [
    { method: 'PUT', path: PATH, handler: vote(true) },
    { method: 'DELETE', path: PATH, handler: vote(false) },
  ];
}
