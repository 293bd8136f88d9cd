/** POST P, PATCH and DELETE P/me: an author's one review of a product. */
import type { RequestHandler } from 'express';
import type { RequireUser } from '../../../edge/auth.ts';
import { withDatabaseDeadline } from '../../../edge/deadline.ts';
import type { Route } from '../../../edge/route.ts';
import { parseInput, readJsonBody } from '../../../edge/validate.ts';
import { productIdSchema } from '../schema.ts';
import { sendJson } from '../send-json.ts';
import type { Summaries } from '../summary/summaries.ts';
import type { Summary } from '../summary/summary.ts';
import type { HasBlockedWord } from './blocked-words.ts';
import { noSuchUpload, type ReadyOf, readMedia } from './media.ts';
import type { Outcome, Perform, Texts } from './perform.ts';
import { type Change, reviewBodySchema, reviewPatchSchema } from './schema.ts';

export interface WriteRoutesOptions {
  readonly perform: Perform;
  readonly summaries: Summaries;
  readonly requireUser: RequireUser;
  /** undefined: there are none. */
  readonly hasBlockedWord: HasBlockedWord | undefined;
  /** undefined: there are no uploads in this installation. */
  readonly readyOf: ReadyOf | undefined;
  readonly requirePurchase: boolean;
  readonly moderation: 'post' | 'pre';
  readonly writesPerMinute: number;
}

const PATH = '/api/products/:productId/reviews';
const MINE = `${PATH}/me`;

export function writeRoutes(options: WriteRoutesOptions): Route[] {
  const { perform, requireUser, summaries, writesPerMinute } = options;
  const write = createWrite(options);

  const post: RequestHandler = async (req, res) => {
    const user = await requireUser(req);
    const productId = parseInput(productIdSchema, req.params.productId);
    const change = await readJsonBody(req, res, reviewBodySchema);
    sendJson(
      res,
      await withDatabaseDeadline(req, (untilMs) => write(productId, user, change, false, untilMs)),
    );
  };

  const patch: RequestHandler = async (req, res) => {
    const user = await requireUser(req);
    const productId = parseInput(productIdSchema, req.params.productId);
    const change = await readJsonBody(req, res, reviewPatchSchema);
    sendJson(
      res,
      await withDatabaseDeadline(req, (untilMs) => write(productId, user, change, true, untilMs)),
    );
  };

  const remove: RequestHandler = async (req, res) => {
    const { id } = await requireUser(req);
    const productId = parseInput(productIdSchema, req.params.productId);
    const summary = await withDatabaseDeadline(req, async (untilMs) => {
      const { stats } = await perform(
        productId,
        {
          ...{ name: 'withdraw', json: 'ownJson', values: () => [productId, id] },
          rules: { per_minute: writesPerMinute },
        },
        { untilMs },
      );
      return summaries.ofStats(stats, { untilMs });
    });
    sendJson(res, `{"deleted":true,"summary":${JSON.stringify(summary)}}`);
  };

  return [
    { method: 'POST', path: PATH, handler: post },
    { method: 'PATCH', path: MINE, handler: patch },
    { method: 'DELETE', path: MINE, handler: remove },
  ];
}

interface Author {
  readonly id: number;
  readonly name: string;
}

/** @returns the answer, as JSON text */
function createWrite(options: WriteRoutesOptions) {
  const { perform, summaries, hasBlockedWord, readyOf } = options;
  const judge = ({ title, text }: Texts) =>
    hasBlockedWord === undefined ? {} : { judged: { title, text }, blocked: hasBlockedWord(title, text) };
  return async (productId: string, author: Author, change: Change, mustExist: boolean, untilMs: number) => {
    const { media_upload_ids: ids, display_name: displayName, ...content } = change;
    let media: unknown = ids === undefined ? undefined : null;
    const needsUploads = ids !== undefined && ids.length > 0;
    if (needsUploads && readyOf === undefined) throw noSuchUpload();
    const outcome = await perform(
      productId,
      {
        ...{ name: 'write', json: 'ownJson' },
        // Keys that are undefined are left out of JSON: they stay as they are.
        values: () => [productId, author.id, author.name, JSON.stringify({ ...content, media })],
        rules: {
          per_minute: options.writesPerMinute,
          require_purchase: options.requirePurchase,
          moderation: options.moderation,
          must_exist: mustExist,
          ...judge({ title: content.title ?? null, text: content.text ?? null }),
          ...(displayName === undefined ? {} : { display_short: displayName === 'short' }),
        },
        judge,
        first:
          needsUploads && readyOf
            ? async (trx) => {
                media = await readMedia(trx, readyOf, author.id, ids);
              }
            : undefined,
      },
      { untilMs },
    );
    return answerOf(outcome, await summaries.ofStats(outcome.stats, { untilMs }));
  };
}

const answerOf = ({ review, status }: Outcome, summary: Summary) =>
  `{"review":${review},"summary":${JSON.stringify(summary)}${status === 'held' ? ',"code":"held"' : ''}}`;
