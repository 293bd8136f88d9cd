/** PUT and DELETE P/{rid}/reply. */
import type { Request, RequestHandler } from 'express';
import { z } from 'zod';
import type { RequireUser } from '../../../edge/auth.ts';
import { withDatabaseDeadline } from '../../../edge/deadline.ts';
import type { Route } from '../../../edge/route.ts';
import { parseInput, readJsonBody } from '../../../edge/validate.ts';
import { isError } from '../../../words/messages.ts';
import { reviewIdSchema } from '../id-page.ts';
import { requiredText } from '../plain-text.ts';
import { MAX_TEXT_LENGTH, productIdSchema } from '../schema.ts';
import { sendJson } from '../send-json.ts';
import type { Perform } from '../write/perform.ts';

export interface ReplyRoutesOptions {
  readonly perform: Perform;
  readonly requireUser: RequireUser;
  readonly writesPerMinute: number;
}

const PATH = '/api/products/:productId/reviews/:reviewId/reply';

export const replySchema = z.object(
  { text: requiredText(MAX_TEXT_LENGTH) },
  { error: isError('not_an_object') },
);

export function replyRoutes({ perform, requireUser, writesPerMinute }: ReplyRoutesOptions): Route[] {
  /** @param text null: none any more @returns the answer, as JSON text */
  async function reply(req: Request, userId: number, text: string | null): Promise<string> {
    const productId = parseInput(productIdSchema, req.params.productId);
    const reviewId = parseInput(reviewIdSchema, req.params.reviewId);
    const { review } = await withDatabaseDeadline(req, (untilMs) =>
      perform(
        productId,
        {
          ...{ name: 'reply', json: 'publicJson', values: () => [reviewId, productId, userId] },
          rules: { per_minute: writesPerMinute, text },
        },
        { untilMs },
      ),
    );
    return `{"review":${review}}`;
  }

  const put: RequestHandler = async (req, res) => {
    const { id } = await requireUser(req);
    const { text } = await readJsonBody(req, res, replySchema);
    sendJson(res, await reply(req, id, text));
  };
  const remove: RequestHandler = async (req, res) => {
    const { id } = await requireUser(req);
    sendJson(res, await reply(req, id, null));
  };

  return [
    { method: 'PUT', path: PATH, handler: put },
    { method: 'DELETE', path: PATH, handler: remove },
  ];
}
