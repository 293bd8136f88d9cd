/**
 * Every error that the sidecar answers with: its status, its `code` for programs, its parameters. The sentences are in
 * en.ts, ru.ts and uz.ts; docs/errors.md shows the whole as a table. Codes are stable: clients decide by them. Several
 * errors share a code where a program would do the same about each.
 */
import type { Problem } from './problems.ts';

export type Param = string | number | readonly string[];

interface Described<Status extends number, Code extends string, Params> {
  readonly status: Status;
  readonly code: Code;
  /** Sent as `params`. Here an example of each, whose type is the parameter's. */
  readonly params: Params;
  /** In every language the same: what the backend says in its place, and the clients may know. */
  readonly fixed?: string;
}

type NoParams = Readonly<Record<never, Param>>;

const error = <const Status extends number, const Code extends string, Params = NoParams>(
  status: Status,
  code: Code,
  params: Params = {} as Params,
): Described<Status, Code, Params> => ({ status, code, params });

const fixed = <const Status extends number, const Code extends string>(
  status: Status,
  code: Code,
  words: string,
): Described<Status, Code, NoParams> & { readonly fixed: string } => ({
  ...{ status, code, params: {} },
  fixed: words,
});

export const ERRORS = {
  // The request itself.
  host_missing: error(400, 'bad_request'),
  host_repeated: error(400, 'bad_request'),
  host_invalid: error(400, 'bad_request'),
  target_invalid: error(400, 'bad_request'),
  target_of_other_host: error(400, 'bad_request'),
  transfer_encoding_unknown: error(400, 'bad_request'),
  transfer_encoding_in_http10: error(400, 'bad_request'),
  two_lengths: error(400, 'bad_request'),
  content_length_invalid: error(400, 'bad_request'),
  not_http: error(400, 'bad_request'),
  handshake_invalid: error(400, 'bad_request'),
  handshake_with_body: error(400, 'bad_request'),
  body_incomplete: error(400, 'bad_request'),
  ambiguous_path: error(400, 'ambiguous_path'),
  escaping_path: error(400, 'escaping_path'),
  undecodable_path: error(400, 'undecodable_path'),
  disallowed_origin: fixed(400, 'disallowed_origin', 'Disallowed CORS origin'),
  method_not_allowed: error(405, 'method_not_allowed', { method: 'TRACE' }),
  request_timeout: error(408, 'request_timeout'),
  chunk_extensions_too_large: error(413, 'too_large'),
  expectation_unknown: error(417, 'expectation_failed'),
  head_too_large: error(431, 'head_too_large', { max_bytes: 65_536 }),
  http_version_unknown: error(505, 'http_version_not_supported'),

  // Who asks.
  not_authenticated: fixed(401, 'unauthorized', 'Not authenticated'),
  invalid_token: fixed(401, 'unauthorized', 'Invalid token'),
  user_not_found: fixed(401, 'unauthorized', 'User not found'),
  account_blocked: error(403, 'forbidden'),
  account_inactive: error(403, 'forbidden'),
  admins_uploads: error(403, 'forbidden'),
  admins_moderation: error(403, 'forbidden'),

  // What is asked for.
  not_found: fixed(404, 'not_found', 'Not Found'),
  product_not_found: error(404, 'not_found'),
  review_not_found: error(404, 'not_found'),
  own_review_not_found: error(404, 'not_found'),
  upload_not_found: error(404, 'not_found'),

  // What is sent.
  body_too_large: error(413, 'too_large', { max_bytes: 65_536 }),
  body_not_json: error(415, 'unsupported_type'),
  charset_not_utf8: error(415, 'unsupported_type'),
  body_encoded: error(415, 'unsupported_type'),
  body_missing: error(422, 'invalid'),
  body_not_utf8: error(422, 'invalid'),
  json_invalid: error(422, 'invalid'),
  not_an_object: error(422, 'invalid'),
  not_an_object_or_empty: error(422, 'invalid'),
  not_only_files: error(422, 'invalid'),
  product_id_invalid: error(422, 'invalid'),
  review_id_invalid: error(422, 'invalid'),
  field_invalid: error(422, 'invalid', {
    ...{ field: 'text', rule: 'max_length', max: 1000 },
  } as Problem & { readonly field: string }),

  // Uploads.
  file_too_large: error(413, 'too_large', { max_mb: 10 }),
  files_too_large: error(413, 'too_large', { max_mb: 500 }),
  file_type_not_accepted: error(415, 'unsupported_type', {
    allowed: ['image/jpeg', 'image/png'] as readonly string[],
  }),
  not_uploaded: error(409, 'not_uploaded'),
  parts_not_uploaded: error(409, 'not_uploaded'),
  upload_ready: error(409, 'ready'),
  upload_rejected: error(409, 'rejected'),
  upload_expired: error(409, 'expired'),
  upload_deleted: error(409, 'deleted'),
  nothing_to_delete_rejected: error(409, 'rejected'),
  nothing_to_delete_expired: error(409, 'expired'),
  multipart: error(409, 'multipart'),
  not_multipart: error(409, 'not_multipart'),
  parts_put_together: error(409, 'not_multipart'),
  in_use: error(409, 'in_use'),
  rejected_too_large: error(422, 'rejected'),
  rejected_too_small: error(422, 'rejected'),
  rejected_wrong_type: error(422, 'rejected'),
  rejected_changed: error(422, 'rejected'),
  too_many_uploads: error(429, 'rate_limited', { retry_after: 12 }),
  storage_full: error(429, 'quota_exceeded', { retry_after: 3600 }),
  uploads_not_configured: error(501, 'not_configured'),
  upload_being_begun: error(503, 'unavailable'),
  upload_not_begun: error(503, 'unavailable'),
  upload_being_looked_at: error(503, 'unavailable'),
  storage_unavailable: error(503, 'unavailable'),

  // Reviews.
  own_product: error(403, 'own_product'),
  purchase_required: error(403, 'purchase_required'),
  own_review: error(403, 'own_review'),
  not_the_seller: error(403, 'not_the_seller'),
  not_hidden: error(409, 'not_hidden'),
  already_appealed: error(409, 'already_appealed'),
  review_not_storable: error(422, 'invalid'),
  review_breaks_rule: error(422, 'invalid', { constraint: 'polite' }),
  too_many_actions: error(429, 'rate_limited', { retry_after: 12 }),
  reviews_unavailable: error(503, 'unavailable'),
  reviews_being_set_up: error(503, 'unavailable'),

  // Us, and what is behind us.
  internal_error: error(500, 'internal_error'),
  backend_unreachable: error(502, 'bad_gateway'),
  backend_broke_off: error(502, 'bad_gateway'),
  backend_unintelligible: error(502, 'bad_gateway'),
  busy: error(503, 'busy'),
  database_unavailable: error(503, 'unavailable'),
  backend_timeout: error(504, 'gateway_timeout'),
} as const satisfies Readonly<Record<string, Described<number, string, object>>>;

export type ErrorKey = keyof typeof ERRORS;
export type ErrorCode = (typeof ERRORS)[ErrorKey]['code'];
export type ErrorParams<Key extends ErrorKey> = (typeof ERRORS)[Key]['params'];
/** Those without parameters. */
export type PlainErrorKey = {
  [Key in ErrorKey]: keyof ErrorParams<Key> extends never ? Key : never;
}[ErrorKey];
/** Those that each language has words of its own for. */
export type WordedErrorKey = {
  [Key in ErrorKey]: (typeof ERRORS)[Key] extends { readonly fixed: string } ? never : Key;
}[ErrorKey];
