/**
 * What an error of the database means: that it is away (503, try again), that a table is not there, or that the
 * statement is wrong (a defect of ours).
 */

/** SQLSTATE classes and codes, https://www.postgresql.org/docs/current/errcodes-appendix.html */
const UNAVAILABLE_STATES = [
  /^08/, // connection exception
  /^53/, // insufficient resources: too many connections, disk full, out of memory
  /^57P/, // shutting down, starting up, crashed, dropped
  /^57014$/, // statement timeout
  /^55P03$/, // lock timeout
  /^25P03$/, // idle in transaction too long
  /^25006$/, // read only: a standby, or a full disk at a managed provider
  /^42501$/, // no permission: the role was not given what we need (yet)
  /^28/, // login refused
  /^3D000$/, // the database does not exist (yet)
  /^40/, // deadlock, serialization failure
];

const NETWORK_CODES = new Set([
  ...[
    'ECONNREFUSED',
    'ECONNRESET',
    'ETIMEDOUT',
    'EPIPE',
    'ENOTFOUND',
    'EAI_AGAIN',
    'EHOSTUNREACH',
    'ENETUNREACH',
  ],
  ...[
    // A certificate file that cannot be read.
    'ENOENT',
    'EACCES',
    'EISDIR',
    'EADDRNOTAVAIL',
    'EPROTO',
    'DEPTH_ZERO_SELF_SIGNED_CERT',
  ],
  ...['SELF_SIGNED_CERT_IN_CHAIN', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY'],
  ...['CERT_HAS_EXPIRED', 'ERR_TLS_CERT_ALTNAME_INVALID'],
]);

/** OpenSSL's, e.g. a certificate file that holds none, or an alert of the server's. */
const TLS_CODES = /^ERR_(SSL|OSSL)_/;

/** pg and Knex say these in words only. */
const MESSAGES =
  /timeout expired|Query read timeout|Connection terminated|server does not support SSL|Unable to acquire a connection|acquiring a connection|not queryable|client password must be a|aborted/i;

export function isUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (error.name === 'KnexTimeoutError' || NETWORK_CODES.has(code) || TLS_CODES.test(code)) return true;
  if (code.length === 5 && UNAVAILABLE_STATES.some((state) => state.test(code))) return true;
  return code === '' && MESSAGES.test(error.message);
}

/** After these the connection itself is of no use, although it may look open. */
export function isConnectionLost(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ('code' in error && typeof error.code === 'string') return /^(08|57P0)|^E[A-Z]+$/.test(error.code);
  return /Query read timeout|Connection terminated|not queryable/i.test(error.message);
}

/** No such table, SQLSTATE 42P01. */
export const isUndefinedTable = (error: unknown): error is Error => hasState(error, '42P01');

/** No such table, column (42703) or function (42883): what the migrations make is not there yet. */
export const isSchemaMissing = (error: unknown): boolean =>
  isUndefinedTable(error) || hasState(error, '42703') || hasState(error, '42883');

const hasState = (error: unknown, state: string) =>
  error instanceof Error && 'code' in error && error.code === state;

/** PgBouncer's answer to statement_timeout and the like, https://www.pgbouncer.org/config.html#ignore_startup_parameters */
export const isUnsupportedStartupParameter = (error: unknown): boolean =>
  error instanceof Error && /unsupported startup parameter/i.test(error.message);

/** A host with several addresses fails with Node's AggregateError, whose message is empty; then one that says why. */
export function explained(error: unknown): unknown {
  if (!(error instanceof AggregateError) || error.message !== '') return error;
  const reasons = error.errors.map((reason: unknown) =>
    reason instanceof Error ? reason.message : String(reason),
  );
  return Object.assign(new Error(reasons.join('; '), { cause: error }), {
    code: 'code' in error ? error.code : 'ECONNREFUSED',
  });
}
