/**
 * The errors this service answers with. What a client sees of them is `{"detail": "<sentence>", "code": "…"}`, perhaps with
 * `params` and what else belongs to the error; `cause` is for the log only. Status, code and sentences are in words/.
 */
import type { Language } from './config/settings.ts';
import {
  ERRORS,
  type ErrorCode,
  type ErrorKey,
  type ErrorParams,
  type PlainErrorKey,
} from './words/catalogue.ts';
import { sentence } from './words/render.ts';

export interface AppErrorOptions<Key extends ErrorKey = ErrorKey> {
  /** What the sentence is about, sent as `params`. */
  params?: ErrorParams<Key>;
  /** What went wrong underneath; logged, never sent. */
  cause?: unknown;
  /** What else stands beside `detail` and `code` in the answer. */
  fields?: Readonly<Record<string, unknown>>;
}

/** Those that have parameters cannot be made without. */
type Rest<Key extends ErrorKey> = Key extends PlainErrorKey
  ? [options?: AppErrorOptions<Key>]
  : [options: AppErrorOptions<Key> & { params: ErrorParams<Key> }];

export class AppError<Key extends ErrorKey = ErrorKey> extends Error {
  readonly key: Key;
  readonly status: number;
  readonly params: ErrorParams<Key>;
  /** Response headers that belong to the error, e.g. `Retry-After`. */
  readonly headers: Readonly<Record<string, string>>;
  /** What stands beside `detail` in the answer. */
  readonly fields: Readonly<Record<string, unknown>> & { readonly code: ErrorCode };

  /** Its message is the English sentence, for the log. */
  constructor(key: Key, ...[{ params, cause, fields } = {}]: Rest<Key>) {
    const { status, code } = ERRORS[key];
    const given = params ?? ({} as ErrorParams<Key>);
    super(sentence('en', key, given), cause === undefined ? undefined : { cause });
    this.name = 'AppError';
    this.key = key;
    this.status = status;
    this.params = given;
    this.headers = headersOf(status, given);
    this.fields = { code, ...(params === undefined ? {} : { params }), ...fields };
  }

  sentence(language: Language): string {
    return sentence(language, this.key, this.params);
  }
}

function headersOf(status: number, params: object): Readonly<Record<string, string>> {
  switch (status) {
    case 401:
      return { 'WWW-Authenticate': 'Bearer' };
    case 429:
      return 'retry_after' in params ? { 'Retry-After': String(params.retry_after) } : {};
    case 502:
    case 503:
      return { 'Retry-After': '1' };
    default:
      return {};
  }
}

/**
 * 503: more work than this process can carry; the client may try again. One error for all of them: under overload it is
 * the most frequent answer, and taking a stack each time was an eighth of its cost.
 */
export const BUSY = new AppError('busy');

/** The messages of an error and its causes, outermost first. */
export function reasonsOf(error: unknown): string {
  const reasons: string[] = [];
  for (let cause = error; cause instanceof Error && reasons.length < 4; cause = cause.cause)
    reasons.push(cause.message);
  // Our own are sentences.
  return reasons
    .filter((reason) => reason !== '')
    .join(': ')
    .replaceAll('.: ', ': ');
}
