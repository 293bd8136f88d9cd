/** The errors of our routes: those that a route names, and those that it has by what it takes. */
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import type { ZodOpenApiResponseObject } from 'zod-openapi';
import type { RouteDescription } from '../../src/edge/route-description.ts';
import { headersOf, RETRY_AFTER, SPECIAL } from './headers.ts';

/** Code → when. */
type Codes = Readonly<Record<string, string>>;

interface SharedError {
  readonly status: number;
  readonly codes: Codes;
  readonly isOf: (route: RouteDescription) => boolean;
}

/** By their names among the document's components. */
const SHARED: Readonly<Record<string, SharedError>> = {
  BadRequest: {
    status: 400,
    codes: { bad_request: 'A parameter in the path is not validly percent-encoded, or the body broke off.' },
    isOf: () => true,
  },
  Unauthorized: {
    status: 401,
    codes: {
      unauthorized: 'There is no token, it does not hold, or its user is no more: the app logs the user out.',
    },
    isOf: ({ access }) => access === 'user',
  },
  Forbidden: {
    status: 403,
    codes: { forbidden: 'The user is blocked or not active.' },
    isOf: ({ access }) => access === 'user',
  },
  TooLarge: {
    status: 413,
    codes: { too_large: 'The body is larger than 64 KB.' },
    isOf: ({ body }) => body !== undefined,
  },
  UnsupportedType: {
    status: 415,
    codes: { unsupported_type: 'The body is not `application/json` in UTF-8, or is compressed.' },
    isOf: ({ body }) => body !== undefined,
  },
  Invalid: {
    status: 422,
    codes: {
      invalid: 'Something in the path, the query or the body is not as described: `detail` says what.',
    },
    isOf: ({ body, query }) => body !== undefined || query !== undefined,
  },
  InternalError: {
    status: 500,
    codes: { internal_error: 'A defect of the sidecar; its log says which.' },
    isOf: () => true,
  },
  NotConfigured: {
    status: 501,
    codes: { not_configured: 'This server has no storage for uploads: the app hides the feature.' },
    isOf: ({ tag }) => tag === 'Uploads',
  },
  Unavailable: {
    status: 503,
    codes: {
      busy: 'The sidecar has too much to do.',
      unavailable: 'The database or the storage is away or too slow.',
    },
    isOf: () => true,
  },
};

/** Every error that a route can answer, by status. */
export function errorsOf(route: RouteDescription): Record<string, ZodOpenApiResponseObject> {
  const all: Record<number, Codes> = {};
  for (const { status, codes, isOf } of Object.values(SHARED)) if (isOf(route)) all[status] = codes;
  for (const [status, codes] of Object.entries(route.errors ?? {}))
    all[Number(status)] = merged(all[Number(status)] ?? {}, codes);
  return Object.fromEntries(
    Object.entries(all).map(([status, codes]) => [status, answerOf(Number(status), codes)]),
  );
}

/** Two things that are said of one code hold both. */
function merged(some: Codes, more: Codes): Codes {
  const say = (code: string) => [some[code], more[code]].filter((when) => when !== undefined).join(' Or: ');
  return Object.fromEntries(Object.keys({ ...some, ...more }).map((code) => [code, say(code)]));
}

const apiError = z
  .object({
    detail: z
      .string()
      .meta({ description: 'A sentence for the user, in the language that Accept-Language prefers.' }),
    code: z.string().meta({ description: 'For programs. There may be new ones.' }),
    params: z
      .record(z.string(), z.union([z.string(), z.number(), z.array(z.string())]))
      .optional()
      .meta({ description: 'What the sentence is about (docs/errors.md).' }),
    reason: z.string().optional().meta({ description: 'Beside `rejected`: why the file was.' }),
    missing: z
      .array(z.int().min(1))
      .optional()
      .meta({ description: 'Beside `not_uploaded`: the numbers of the parts that are missing.' }),
  })
  .meta({ id: 'ApiError' });

const shared = new Map<string, ZodOpenApiResponseObject>();

function answerOf(status: number, codes: Codes): ZodOpenApiResponseObject {
  const id = Object.keys(SHARED).find(
    (name) => SHARED[name]?.status === status && isDeepStrictEqual(SHARED[name].codes, codes),
  );
  if (id === undefined) return errorAnswer(status, codes);
  const answer = shared.get(id) ?? { ...errorAnswer(status, codes), id };
  shared.set(id, answer);
  return answer;
}

function errorAnswer(status: number, codes: Codes): ZodOpenApiResponseObject {
  const lines = Object.entries(codes).map(([code, when]) => `\`${code}\`: ${when}`);
  return {
    description: lines.join('\n\n'),
    headers: {
      ...headersOf('no-store'),
      ...(status === 401 ? { 'WWW-Authenticate': SPECIAL['WWW-Authenticate'] } : {}),
      ...(status === 429 || status === 503 ? RETRY_AFTER : {}),
    },
    content: { 'application/json': { schema: apiError } },
    'x-codes': Object.keys(codes),
  };
}
