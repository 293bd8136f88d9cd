/** POST P/{rid}/report, and POST R/{rid}/appeal: the author's answer to what a moderator has hidden. */
import type { RequestHandler } from 'express';
import { z } from 'zod';
import type { RequireUser } from '../../../edge/auth.ts';
import { withDatabaseDeadline } from '../../../edge/deadline.ts';
import type { Route } from '../../../edge/route.ts';
import { parseInput, readJsonBody } from '../../../edge/validate.ts';
import { breaks, isError } from '../../../words/messages.ts';
import { reviewIdSchema } from '../id-page.ts';
import { optionalText, requiredText } from '../plain-text.ts';
import { MAX_TEXT_LENGTH, productIdSchema } from '../schema.ts';
import { sendJson } from '../send-json.ts';
import type { Perform } from '../write/perform.ts';

export interface ReportRoutesOptions {
  readonly perform: Perform;
  readonly requireUser: RequireUser;
  readonly writesPerMinute: number;
  /** Reports, by buyers of the product, that hold a review; 0: none do. */
  readonly holdAfterReports: number;
}

const REASONS = ['spam', 'offensive', 'off_topic', 'fake', 'privacy', 'other'] as const;
const notAnObject = { error: isError('not_an_object') };

export const reportSchema = z.object(
  {
    reason: z.enum(REASONS, { error: breaks('one_of', { allowed: REASONS }) }),
    note: optionalText(MAX_TEXT_LENGTH).optional(),
  },
  notAnObject,
);
export const appealSchema = z.object({ text: requiredText(MAX_TEXT_LENGTH) }, notAnObject);

export function reportRoutes(options: ReportRoutesOptions): Route[] {
  const { perform, requireUser, writesPerMinute, holdAfterReports } = options;

  const report: RequestHandler = async (req, res) => {
    const { id } = await requireUser(req);
    const productId = parseInput(productIdSchema, req.params.productId);
    const reviewId = parseInput(reviewIdSchema, req.params.reviewId);
    const { reason, note } = await readJsonBody(req, res, reportSchema);
    await withDatabaseDeadline(req, (untilMs) =>
      perform(
        productId,
        {
          ...{ name: 'report', json: 'publicJson', values: () => [reviewId, productId, id] },
          rules: { per_minute: writesPerMinute, hold_after: holdAfterReports, reason, note },
        },
        { untilMs },
      ),
    );
    sendJson(res, '{"reported":true}');
  };

  const appeal: RequestHandler = async (req, res) => {
    const { id } = await requireUser(req);
    const reviewId = parseInput(reviewIdSchema, req.params.reviewId);
    const { text } = await readJsonBody(req, res, appealSchema);
    await withDatabaseDeadline(req, (untilMs) =>
      perform(
        '',
        {
          ...{ name: 'appeal', json: 'ownJson', values: () => [reviewId, id] },
          rules: { per_minute: writesPerMinute, text },
        },
        { untilMs },
      ),
    );
    sendJson(res, '{"appealed":true}');
  };

  return [
    { method: 'POST', path: '/api/products/:productId/reviews/:reviewId/report', handler: report },
    { method: 'POST', path: '/api/product-reviews/:reviewId/appeal', handler: appeal },
  ];
}
