/** The errors of our routes, out of the catalogue: those that a route names, and those that it has by what it takes. */
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import type { ZodOpenApiResponseObject } from 'zod-openapi';
import type { RouteDescription } from '../../src/edge/route-description.ts';
import { AppError } from '../../src/errors.ts';
import { ERRORS, type ErrorKey } from '../../src/words/catalogue.ts';
import { headersOf, RETRY_AFTER, SPECIAL } from './headers.ts';

interface SharedErrors {
  /** All of one status. */
  readonly keys: readonly ErrorKey[];
  readonly isOf: (route: RouteDescription) => boolean;
}

/** By their names among the document's components. */
const SHARED: Readonly<Record<string, SharedErrors>> = {
  BadRequest: { keys: ['not_http', 'body_incomplete', 'undecodable_path'], isOf: () => true },
  Unauthorized: {
    keys: ['not_authenticated', 'invalid_token', 'user_not_found'],
    isOf: ({ access }) => access === 'user',
  },
  Forbidden: { keys: ['account_blocked', 'account_inactive'], isOf: ({ access }) => access === 'user' },
  RequestTimeout: { keys: ['request_timeout'], isOf: () => true },
  BodyTooLarge: { keys: ['body_too_large'], isOf: ({ body }) => body !== undefined },
  UnsupportedType: {
    keys: ['body_not_json', 'charset_not_utf8', 'body_encoded'],
    isOf: ({ body }) => body !== undefined,
  },
  ExpectationFailed: { keys: ['expectation_unknown'], isOf: () => true },
  InvalidQuery: {
    keys: ['field_invalid'],
    isOf: ({ query, body }) => query !== undefined && body === undefined,
  },
  InvalidBody: {
    keys: ['body_missing', 'body_not_utf8', 'json_invalid', 'not_an_object', 'field_invalid'],
    isOf: ({ body }) => body !== undefined,
  },
  HeadTooLarge: { keys: ['head_too_large'], isOf: () => true },
  InternalError: { keys: ['internal_error'], isOf: () => true },
  NotConfigured: { keys: ['uploads_not_configured'], isOf: ({ tag }) => tag === 'Uploads' },
  UploadsUnavailable: {
    keys: ['busy', 'database_unavailable', 'storage_unavailable'],
    isOf: ({ tag }) => tag === 'Uploads',
  },
  ReviewsUnavailable: {
    keys: ['busy', 'database_unavailable', 'reviews_being_set_up', 'reviews_unavailable'],
    isOf: ({ tag }) => tag !== 'Uploads',
  },
};

/** Every error that a route can answer, by status. */
export function errorsOf(route: RouteDescription): Record<string, ZodOpenApiResponseObject> {
  const common = Object.values(SHARED).flatMap(({ keys, isOf }) => (isOf(route) ? keys : []));
  const keys = [...new Set([...common, ...(route.errors ?? [])])];
  const byStatus = Object.entries(Object.groupBy(keys, (key) => ERRORS[key].status));
  return Object.fromEntries(byStatus.map(([status, of = []]) => [status, answerOf(Number(status), of)]));
}

const apiError = z
  .object({
    detail: z
      .string()
      .meta({ description: 'A sentence for the user, in the language of `Accept-Language`.' }),
    code: z.string().meta({ description: 'For programs. There may be new ones.' }),
    params: z
      .record(z.string(), z.unknown())
      .optional()
      .meta({ description: 'What the sentence is about; docs/errors.md has them code by code.' }),
    reason: z
      .enum(['too_large', 'too_small', 'wrong_type', 'changed'])
      .optional()
      .meta({ description: 'Beside `rejected`: why the file was.' }),
    missing: z
      .array(z.int().min(1))
      .optional()
      .meta({ description: 'Beside `not_uploaded`: the numbers of the parts that are missing.' }),
  })
  .meta({ id: 'ApiError', description: 'Every error of ours.' });

const shared = new Map<string, ZodOpenApiResponseObject>();

function answerOf(status: number, keys: readonly ErrorKey[]): ZodOpenApiResponseObject {
  const id = Object.keys(SHARED).find((name) => isDeepStrictEqual(SHARED[name]?.keys, keys));
  if (id === undefined) return errorAnswer(status, keys);
  const answer = shared.get(id) ?? { ...errorAnswer(status, keys), id };
  shared.set(id, answer);
  return answer;
}

/** @param keys all of this status */
export function errorAnswer(status: number, keys: readonly ErrorKey[]): ZodOpenApiResponseObject {
  const codes = [...new Set(keys.map((key) => ERRORS[key].code))];
  return {
    description: `${codes.map((code) => `\`${code}\``).join(', ')}.`,
    headers: {
      ...headersOf('no-store'),
      ...(status === 401 ? { 'WWW-Authenticate': SPECIAL['WWW-Authenticate'] } : {}),
      ...(status === 429 || status === 503 ? RETRY_AFTER : {}),
    },
    content: {
      'application/json': {
        schema: apiError,
        examples: Object.fromEntries(keys.map((key) => [key, { value: exampleOf(key) }])),
      },
    },
    'x-codes': codes,
  };
}

/** As it is answered, in English, with the catalogue's own examples of parameters. */
function exampleOf(key: ErrorKey): unknown {
  const { params } = ERRORS[key];
  const given = Object.keys(params).length === 0 ? {} : { params };
  const error = new AppError(key, { ...given, fields: FIELDS[key] ?? {} } as never);
  return { detail: error.message, ...error.fields };
}

/** What stands beside `params` (shared with features/uploads/lifecycle.ts). */
const FIELDS: Readonly<Partial<Record<ErrorKey, Readonly<Record<string, unknown>>>>> = {
  parts_not_uploaded: { missing: [2, 3] },
  rejected_too_large: { reason: 'too_large' },
  rejected_too_small: { reason: 'too_small' },
  rejected_wrong_type: { reason: 'wrong_type' },
  rejected_changed: { reason: 'changed' },
};
