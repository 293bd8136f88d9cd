/** POST P, PATCH and DELETE P/me: an author's one review of a product. */
import type { RequestHandler } from 'express';
import type { z } from 'zod';
import { createUserFirst, type NamedUser, type RequireUser } from '../../../edge/auth.ts';
import { withDatabaseDeadline } from '../../../edge/deadline.ts';
import type { Route } from '../../../edge/route.ts';
import { parseInput, readJsonBody } from '../../../edge/validate.ts';
import { productIdSchema } from '../schema.ts';
import { sendJson } from '../send-json.ts';
import type { Summaries } from '../summary/summaries.ts';
import type { Summary } from '../summary/summary.ts';
import type { HasBlockedWord } from './blocked-words.ts';
import { noSuchUpload, type ReadyOf, readMedia } from './media.ts';
import type { Outcome, Perform, PerformAsNamed, Texts } from './perform.ts';
import { type Change, reviewBodySchema, reviewPatchSchema } from './schema.ts';

export interface WriteRoutesOptions {
  readonly perform: Perform;
  readonly performAsNamed: PerformAsNamed;
  readonly summaries: Summaries;
  readonly requireUser: RequireUser;
  readonly namedUser: NamedUser;
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
  const { perform, requireUser, namedUser, summaries, writesPerMinute } = options;
  const write = createWrite(options);
  const userFirst = createUserFirst(requireUser);

  /** A review, or parts of the one that must be there. */
  const takes =
    (schema: z.ZodType<Change>, mustExist: boolean): RequestHandler =>
    async (req, res) => {
      const userId = namedUser(req);
      const [productId, change] = await userFirst(req, async () => [
        parseInput(productIdSchema, req.params.productId),
        await readJsonBody(req, res, schema),
      ]);
      const given = { productId, change, mustExist };
      let answer = await withDatabaseDeadline(req, (untilMs) => write.asNamed(userId, given, untilMs));
      if (answer === null) {
        const user = await requireUser(req);
        answer = await withDatabaseDeadline(req, (untilMs) => write.asKnown(user, given, untilMs));
      }
      sendJson(res, answer);
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
    { method: 'POST', path: PATH, handler: takes(reviewBodySchema, false) },
    { method: 'PATCH', path: MINE, handler: takes(reviewPatchSchema, true) },
    { method: 'DELETE', path: MINE, handler: remove },
  ];
}

interface Author {
  readonly id: number;
  readonly name: string;
}

interface Given {
  readonly productId: string;
  readonly change: Change;
  readonly mustExist: boolean;
}

/** Both answer with JSON text. */
function createWrite(options: WriteRoutesOptions) {
  const { perform, performAsNamed, summaries, hasBlockedWord, readyOf } = options;
  const judge = ({ title, text }: Texts) =>
    hasBlockedWord === undefined ? {} : { judged: { title, text }, blocked: hasBlockedWord(title, text) };
  const rulesFor = ({ change: { title = null, text = null, display_name: name }, mustExist }: Given) => ({
    per_minute: options.writesPerMinute,
    require_purchase: options.requirePurchase,
    moderation: options.moderation,
    must_exist: mustExist,
    ...judge({ title, text }),
    ...(name === undefined ? {} : { display_short: name === 'short' }),
  });
  /** Keys that are undefined are left out of JSON: they stay as they are. */
  const contentOf = ({ media_upload_ids: _, display_name: __, ...content }: Change, media: unknown) =>
    JSON.stringify({ ...content, media });
  const answered = async (outcome: Outcome, untilMs: number) =>
    answerOf(outcome, await summaries.ofStats(outcome.stats, { untilMs }));

  return {
    /** null: nothing was written. */
    async asNamed(userId: number, given: Given, untilMs: number): Promise<string | null> {
      const { media_upload_ids: ids } = given.change;
      // Whose they are is read first.
      if (ids !== undefined && ids.length > 0) return null;
      const content = contentOf(given.change, ids === undefined ? undefined : null);
      const values = [given.productId, content] as const;
      const outcome = await performAsNamed(userId, values, rulesFor(given), untilMs);
      return outcome && answered(outcome, untilMs);
    },
    async asKnown(author: Author, given: Given, untilMs: number): Promise<string> {
      const { productId, change } = given;
      const { media_upload_ids: ids } = change;
      let media: unknown = ids === undefined ? undefined : null;
      const needsUploads = ids !== undefined && ids.length > 0;
      if (needsUploads && readyOf === undefined) throw noSuchUpload();
      const outcome = await perform(
        productId,
        {
          ...{ name: 'write', json: 'ownJson' },
          values: () => [productId, author.id, author.name, contentOf(change, media)],
          rules: rulesFor(given),
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
      return answered(outcome, untilMs);
    },
  };
}

const answerOf = ({ review, status }: Outcome, summary: Summary) =>
  `{"review":${review},"summary":${JSON.stringify(summary)}${status === 'held' ? ',"code":"held"' : ''}}`;
