/**
 * Input checks for our own routes: a JSON body, a path or a query becomes a typed value here, or a 4xx with a sentence.
 * Forwarded requests never come near this file.
 */
import { isUtf8 } from 'node:buffer';
import type { Request, RequestHandler, Response } from 'express';
import { z } from 'zod';
import { AppError, badRequest, tooLarge, unprocessable, unsupportedType } from '../errors.ts';

/** Largest JSON body that our routes take, bytes. */
export const MAX_JSON_BYTES = 64 * 1024;

let jsonParser: Promise<RequestHandler> | undefined;

async function createJsonParser(): Promise<RequestHandler> {
  const { default: express } = await import('express');
  return express.json({
    limit: MAX_JSON_BYTES,
    inflate: false,
    strict: false,
    type: () => true,
    verify: (_req, _res, body) => {
      // body-parser would replace broken sequences by U+FFFD and store what the client never wrote.
      if (!isUtf8(body)) throw unprocessable('The body is not valid UTF-8.');
    },
  });
}

/**
 * Reads and checks a JSON body.
 * @throws AppError 415 not application/json, 413 over MAX_JSON_BYTES, 422 anything else wrong in it
 */
export async function readJsonBody<T>(req: Request, res: Response, schema: z.ZodType<T>): Promise<T> {
  const contentType = (req.headers['content-type'] ?? '').toLowerCase();
  if (!/^\s*application\/json\s*(;|$)/.test(contentType)) {
    throw unsupportedType('Content-Type must be application/json.');
  }
  // body-parser would decode UTF-16 and UTF-7 as well, after isUtf8 has looked at bytes of another meaning.
  for (const [, charset] of contentType.matchAll(/;\s*charset\s*=\s*"?([^\s";]*)/g)) {
    if (charset !== 'utf-8') throw unsupportedType('The charset must be UTF-8.');
  }
  jsonParser ??= createJsonParser();
  const parseJson = await jsonParser;
  await new Promise<void>((resolve, reject) => {
    parseJson(req, res, (error?: unknown) => (error ? reject(toAppError(error)) : resolve()));
  });
  if (req.body === undefined) throw unprocessable('A JSON body is required.');
  return parseInput(schema, req.body);
}

/**
 * Checks a value against a schema.
 * @throws AppError 422 whose sentence names the first problem, e.g. `rating: must be an integer from 1 to 5`
 */
export function parseInput<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const where = issue?.path.map(String).join('.') ?? '';
  const what = issue?.message ?? 'is not valid';
  throw unprocessable(where === '' ? what : `${where}: ${what}`);
}

/**
 * Text that PostgreSQL can store: no NUL (error 22021) and no lone surrogate (not encodable as UTF-8).
 * Length limits are the caller's, since they count code points after trimming.
 */
export const storableText = z
  .string({ error: 'must be a string' })
  .refine((text) => !text.includes('\0'), 'must not contain a NUL character')
  .refine((text) => text.isWellFormed(), 'must be valid Unicode');

/** body-parser's errors (they carry `type`, https://github.com/expressjs/body-parser#errors) as ours. */
function toAppError(error: unknown): unknown {
  if (error instanceof AppError) return error;
  const type = error instanceof Error && 'type' in error ? error.type : undefined;
  switch (type) {
    case 'entity.too.large':
      return tooLarge(`The body must not be larger than ${MAX_JSON_BYTES} bytes.`);
    case 'entity.parse.failed':
      return unprocessable('The body is not valid JSON.');
    case 'encoding.unsupported':
      return unsupportedType('Content-Encoding is not supported here.');
    case 'request.aborted':
    case 'request.size.invalid':
      return badRequest('The body ended before its announced length.');
    default:
      return error;
  }
}
