/**
 * The errors this service answers with. Everything a client sees of them is `{"detail": "<sentence>"}`
 * (plus `fields` beside it, and of our own routes always a `code`); `cause` is for the log only.
 */

export interface AppErrorOptions {
  /** What went wrong underneath; logged, never sent. */
  cause?: unknown;
  /** Response headers that belong to the error, e.g. `Retry-After`. */
  headers?: Readonly<Record<string, string>>;
  /** What stands beside `detail` in the answer: a `code` for programs, and whatever belongs to it. */
  fields?: Readonly<Record<string, unknown>>;
}

export class AppError extends Error {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly fields: Readonly<Record<string, unknown>>;

  constructor(status: number, detail: string, options: AppErrorOptions = {}) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'AppError';
    this.status = status;
    this.headers = options.headers ?? {};
    this.fields = options.fields ?? {};
  }
}

/** 400: the request line or the framing is unusable. */
export const badRequest = (detail: string) => new AppError(400, detail);

/** 401: the clients drop their token on it, so only for a token that is missing, bad or of a deleted user. */
export const unauthorized = (detail: 'Not authenticated' | 'Invalid token' | 'User not found') =>
  new AppError(401, detail, { headers: { 'WWW-Authenticate': 'Bearer' } });

/** 403: the user is known but may not. @param code which of the reasons, for programs */
export const forbidden = (detail: string, code = 'forbidden') =>
  new AppError(403, detail, { fields: { code } });

/** 404: the thing, or the route, does not exist. */
export const notFound = (detail = 'Not Found') => new AppError(404, detail);

/** 408: the client has stopped in the middle of its request. */
export const requestTimeout = () => new AppError(408, 'The request took too long.');

/** 409: the thing is not in a state for it. @param fields beside `code` */
export const conflict = (code: string, detail: string, fields: Readonly<Record<string, unknown>> = {}) =>
  new AppError(409, detail, { fields: { code, ...fields } });

/** 413: the body, or the file it announces, is too large. */
export const tooLarge = (detail: string) => new AppError(413, detail);

/** 415: the content type is not accepted. */
export const unsupportedType = (detail: string) => new AppError(415, detail);

/** 422: the body, a path parameter or a query parameter is not what the route takes. */
export const unprocessable = (detail: string) => new AppError(422, detail);

/** 429: more than this user may have. @param retryAfterSeconds after which it may be worth trying again */
export const tooMany = (code: 'rate_limited' | 'quota_exceeded', detail: string, retryAfterSeconds: number) =>
  new AppError(429, detail, { fields: { code }, headers: { 'Retry-After': String(retryAfterSeconds) } });

/** 501: the feature is switched off in this installation; clients hide it. */
export const notConfigured = (detail: string) => new AppError(501, detail);

/** 503: something we need is down or overloaded; the client may try again. */
export const unavailable = (detail: string, cause?: unknown) =>
  new AppError(503, detail, { cause, headers: { 'Retry-After': '1' } });

/**
 * 503: more work than this process can carry; the client may try again. One error for all of them: under overload it is
 * the most frequent answer, and taking a stack each time was an eighth of its cost.
 */
export const BUSY = unavailable('The server is busy. Please try again.');

/** The messages of an error and its causes, outermost first. */
export function reasonsOf(error: unknown): string {
  const reasons: string[] = [];
  for (let cause = error; cause instanceof Error && reasons.length < 4; cause = cause.cause)
    reasons.push(cause.message);
  return reasons.filter((reason) => reason !== '').join(': ');
}
