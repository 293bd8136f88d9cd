/** /api/product-reviews/moderation: for admins. */
import type { Request, RequestHandler } from 'express';
import type { RequireUser } from '../../../edge/auth.ts';
import { withDatabaseDeadline } from '../../../edge/deadline.ts';
import type { Route } from '../../../edge/route.ts';
import { parseInput, parseQuery, readJsonBody } from '../../../edge/validate.ts';
import { AppError } from '../../../errors.ts';
import { reviewIdSchema } from '../id-page.ts';
import { sendJson } from '../send-json.ts';
import { createDecide, type DecideOptions } from './decide.ts';
import { createQueues } from './queues.ts';
import { decisionSchema, queueQuerySchema } from './schema.ts';

export interface ModerationRoutesOptions extends DecideOptions {
  readonly requireUser: RequireUser;
}

export function moderationRoutes({ requireUser, ...options }: ModerationRoutesOptions): Route[] {
  const queues = createQueues(options.database, options.views);
  const decide = createDecide(options);
  const requireAdmin = async (req: Request) => {
    const user = await requireUser(req);
    if (user.role !== 'admin') throw new AppError('admins_moderation');
    return user;
  };

  const list: RequestHandler = async (req, res) => {
    await requireAdmin(req);
    const query = parseQuery(queueQuerySchema, req.query);
    sendJson(res, await withDatabaseDeadline(req, (untilMs) => queues.page(query, { untilMs })));
  };

  const act: RequestHandler = async (req, res) => {
    const { id: actorId } = await requireAdmin(req);
    const id = parseInput(reviewIdSchema, req.params.reviewId);
    const decision = await readJsonBody(req, res, decisionSchema);
    const review = await withDatabaseDeadline(req, (untilMs) => decide(id, actorId, decision, { untilMs }));
    sendJson(res, `{"review":${review}}`);
  };

  const statistics: RequestHandler = async (req, res) => {
    await requireAdmin(req);
    const found = await withDatabaseDeadline(req, (untilMs) => queues.statistics({ untilMs }));
    sendJson(res, JSON.stringify(found));
  };

  return [
    { method: 'GET', path: '/api/product-reviews/moderation', handler: list },
    { method: 'GET', path: '/api/product-reviews/moderation/stats', handler: statistics },
    { method: 'POST', path: '/api/product-reviews/:reviewId/moderation', handler: act },
  ];
}
