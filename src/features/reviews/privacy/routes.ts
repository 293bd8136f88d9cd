/** /api/product-reviews/mine: what is the caller's own. */
import { once } from 'node:events';
import type { RequestHandler, Response } from 'express';
import type { RequireUser } from '../../../edge/auth.ts';
import { withDatabaseDeadline } from '../../../edge/deadline.ts';
import type { Route } from '../../../edge/route.ts';
import { parseQuery } from '../../../edge/validate.ts';
import { whatItMeans } from '../database-refusal.ts';
import { AFTER_EVERY_ID, idPageSchema, type PageRow, toPage } from '../id-page.ts';
import { sendJson } from '../send-json.ts';
import type { ReviewView } from '../view.ts';
import { createErase, type EraseOptions } from './erase.ts';
import { exportOf } from './export.ts';
import { isReview } from './own-reviews.ts';

export interface PrivacyRoutesOptions extends EraseOptions {
  readonly requireUser: RequireUser;
}

const PATH = '/api/product-reviews/mine';

export function privacyRoutes({ requireUser, ...options }: PrivacyRoutesOptions): Route[] {
  const { database, views } = options;
  const erase = createErase(options);

  const list: RequestHandler = async (req, res) => {
    const { id } = await requireUser(req);
    const { limit, cursor = AFTER_EVERY_ID } = parseQuery(idPageSchema, req.query);
    const values = [String(id), cursor, limit + 1];
    const { rows } = await withDatabaseDeadline(req, (untilMs) =>
      views.using(
        (view) => database.run((knex) => knex.raw<{ rows: PageRow[] }>(mineSql(view), values), { untilMs }),
        { untilMs },
      ),
    ).catch((error) => {
      throw whatItMeans(error);
    });
    sendJson(res, toPage(rows, limit));
  };

  const exportAll: RequestHandler = async (req, res) => {
    const { id } = await requireUser(req);
    const pieces = exportOf(database, views, id);
    // Before the head: what fails at once is an error like any other.
    const first = await pieces.next();
    res.set({ 'Cache-Control': 'no-store', 'Content-Type': 'application/json; charset=utf-8' });
    res.set('Content-Disposition', 'attachment; filename="reviews.json"');
    await write(res, first.value ?? '');
    for await (const piece of pieces) {
      if (res.destroyed) return;
      await write(res, piece);
    }
    res.end();
  };

  const eraseAll: RequestHandler = async (req, res) => {
    const { id } = await requireUser(req);
    const deleted = await withDatabaseDeadline(req, (untilMs) => erase(id, { untilMs }));
    sendJson(res, JSON.stringify({ deleted }));
  };

  return [
    { method: 'GET', path: PATH, handler: list },
    { method: 'GET', path: `${PATH}/export`, handler: exportAll },
    { method: 'DELETE', path: PATH, handler: eraseAll },
  ];
}

/** Resolves when there is room for more, or nobody left to read it. */
async function write(res: Response, piece: string): Promise<void> {
  if (res.write(piece) || res.destroyed) return;
  const over = new AbortController();
  const { signal } = over;
  await Promise.race([once(res, 'drain', { signal }), once(res, 'close', { signal })]);
  over.abort();
}

/** What is history is in the export only. */
const mineSql = ({ ownJson, joinAuthor }: ReviewView) => `
  SELECT r.id::text, ${ownJson} AS json
    FROM (SELECT id FROM product_reviews AS own
           WHERE author_id = ? AND id < ?::bigint AND ${isReview('own')}
           ORDER BY id DESC LIMIT ?) AS page
    JOIN product_reviews AS r ON r.id = page.id ${joinAuthor}
   ORDER BY r.id DESC`;
