/**
 * Input checks for our own routes: a JSON body, a path or a query becomes a typed value here, or a 4xx with a sentence.
 * Forwarded requests never come near this file.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import { AppError } from '../errors.ts';
import { breaks, isOurs, readMessage } from '../words/messages.ts';
import { expectsContinue } from './request-head.ts';

/** Largest JSON body that our routes take, bytes. */
const MAX_JSON_BYTES = 64 * 1024;

/** Refuses what is not UTF-8 instead of storing U+FFFD, which the client never wrote; drops a byte order mark. */
const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Reads and checks a JSON body. What its head decides is decided before a client that waits for a 100 Continue gets it.
 * Not by body-parser, which reads a body that is too large to its end before it says so.
 * @throws AppError 415 not application/json, 413 over MAX_JSON_BYTES, 422 anything else wrong in it
 */
export async function readJsonBody<T>(
  req: IncomingMessage,
  res: ServerResponse,
  schema: z.ZodType<T>,
): Promise<T> {
  checkBodyHead(req.headers);
  if (expectsContinue(req)) res.writeContinue();
  return parseInput(schema, parseJson(await readBody(req, res)));
}

function checkBodyHead(headers: IncomingMessage['headers']): void {
  const contentType = (headers['content-type'] ?? '').toLowerCase();
  if (!/^\s*application\/json\s*(;|$)/.test(contentType)) {
    throw new AppError('body_not_json');
  }
  for (const [, charset] of contentType.matchAll(/;\s*charset\s*=\s*"?([^\s";]*)/g)) {
    if (charset !== 'utf-8' && charset !== 'utf8') throw new AppError('charset_not_utf8');
  }
  if ((headers['content-encoding'] ?? 'identity').toLowerCase() !== 'identity') {
    throw new AppError('body_encoded');
  }
  if (Number(headers['content-length'] ?? 0) > MAX_JSON_BYTES) throw bodyTooLarge();
  if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined)
    throw bodyMissing();
}

/** @throws AppError 413 as soon as it is too large, 400 when it ends before its end */
function readBody(req: IncomingMessage, res: ServerResponse): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    let bytes = 0;
    const onBroken = () => reject(new AppError('body_incomplete'));
    // Gone while we looked at the token: neither event will come.
    if (req.destroyed) onBroken();
    // Not `for await`: a stream that is read so counts as paused, and a body that we have paused may stand still for ever.
    req.on('data', (piece: Buffer) => {
      bytes += piece.length;
      if (bytes <= MAX_JSON_BYTES) {
        pieces.push(piece);
      } else {
        res.shouldKeepAlive = false;
        reject(bodyTooLarge());
      }
    });
    req.once('end', () => {
      // Closed it is in any case, and an error's stack costs more than all the rest of this.
      req.off('close', onBroken);
      resolve(Buffer.concat(pieces));
    });
    req.once('close', onBroken);
  });
}

function parseJson(body: Buffer): unknown {
  if (body.length === 0) throw bodyMissing();
  let text: string;
  try {
    text = utf8.decode(body);
  } catch {
    throw new AppError('body_not_utf8');
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new AppError('json_invalid');
  }
}

const bodyTooLarge = () => new AppError('body_too_large', { params: { max_bytes: MAX_JSON_BYTES } });
const bodyMissing = () => new AppError('body_missing');

/**
 * Checks a value against a schema.
 * @throws AppError 422 whose sentence names the first problem, e.g. `rating: must be an integer from 1 to 5`
 */
export function parseInput<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw inputError(result.error.issues[0]);
}

/**
 * Checks a query. A field without a value is left out: for null dio writes the name alone (`?limit=50&cursor`).
 * @throws AppError as parseInput
 */
export const parseQuery = <T>(schema: z.ZodType<T>, query: object): T =>
  parseInput(schema, Object.fromEntries(Object.entries(query).filter(([, value]) => value !== '')));

function inputError(issue: z.core.$ZodIssue | undefined): AppError {
  const field = issue?.path.map(String).join('.') ?? '';
  const isNoObject = issue?.code === 'invalid_type' && issue.expected === 'object' && !isOurs(issue.message);
  const wrong = isNoObject ? ({ rule: 'object' } as const) : readMessage(issue?.message ?? '');
  if ('key' in wrong) return new AppError(wrong.key);
  return new AppError('field_invalid', { params: { field, ...wrong } });
}

/**
 * Text that PostgreSQL can store: no NUL (error 22021) and no lone surrogate (not encodable as UTF-8).
 * Length limits are the caller's, since they count code points after trimming.
 */
export const storableText = z
  .string({ error: breaks('text') })
  .refine((text) => !text.includes('\0'), breaks('no_nul'))
  .refine((text) => text.isWellFormed(), breaks('valid_unicode'));

/** A field that may be left out. Null is that as well: the JSON encoders of Dart write it for every value that is not there. */
export const leftOut = <T>(schema: z.ZodType<T>) =>
  schema
    .nullable()
    .transform((value) => value ?? undefined)
    .optional();

const MAX_BIGINT = 2n ** 63n - 1n;

/** Digits that PostgreSQL's bigint can hold: more would be error 22003. */
export const isBigint = (text: string): boolean => /^\d{1,19}$/.test(text) && BigInt(text) <= MAX_BIGINT;

const DEFAULT_PAGE_SIZE = 50;
const MAX_PAGE_SIZE = 200;
const limitMessage = breaks('whole_number', { min: 1, max: MAX_PAGE_SIZE });

/** `limit` of a list's query, the same for each list (docs/contract.md, 3). */
export const pageLimit = z
  .string({ error: limitMessage })
  .regex(/^\d{1,9}$/, limitMessage)
  .transform(Number)
  .refine((limit) => limit >= 1 && limit <= MAX_PAGE_SIZE, limitMessage)
  .default(DEFAULT_PAGE_SIZE);
