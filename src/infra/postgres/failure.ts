/**
 * What an error of the database means: that it is away (503, try again), that a table is not there, or that the
 * statement is wrong (a defect of ours).
 */

import { reasonsOf } from '../../errors.ts';

/** Something went wrong before a connection was ready for statements, whatever it was: the database is away. */
export class ConnectError extends Error {
  override readonly name = 'ConnectError';
  readonly code: string | undefined;
  /** Of every way that was tried. */
  readonly codes: readonly string[];

  /** @param failures of each way that was tried, in order @param between them, in the message */
  constructor(failures: readonly unknown[], between = '; the other way, with or without TLS: ') {
    const reasons = failures.map(explained);
    super(reasons.map(reasonsOf).join(between));
    this.codes = reasons
      .flatMap((reason) => (reason instanceof ConnectError ? reason.codes : codeOf(reason)))
      .filter((code) => code !== '');
    const first = reasons[0];
    if (first && 'code' in first && typeof first.code === 'string') this.code = first.code;
  }
}

/** SQLSTATE classes and codes, https://www.postgresql.org/docs/current/errcodes-appendix.html */
const UNAVAILABLE_STATES = [
  /^08/, // connection exception
  /^53/, // insufficient resources: too many connections, disk full, out of memory
  /^57P/, // shutting down, starting up, crashed, dropped
  /^57014$/, // statement timeout
  /^55P03$/, // lock timeout
  /^25P0[34]$/, // idle in transaction too long, transaction too long
  /^25006$/, // read only: a standby, or a full disk at a managed provider
  /^42501$/, // no permission: the role was not given what we need (yet)
  /^40/, // deadlock, serialization failure
  /^(58|XX)/, // its disk or its files are broken, or it is itself
];

/** Of the pool while it closes, and of a connection that node-postgres has given up. */
const MESSAGES = /Query read timeout|Connection terminated|not queryable|Unable to acquire a connection/i;

export function isUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof ConnectError || error.name === 'KnexTimeoutError') return true;
  return isConnectionLost(error) || UNAVAILABLE_STATES.some((state) => state.test(codeOf(error)));
}

/** After these the connection itself is of no use, although it may look open. */
export function isConnectionLost(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = codeOf(error);
  return code === '' ? MESSAGES.test(error.message) : /^(08|57P0)|^E[A-Z]+$|^ERR_(SSL|OSSL)_/.test(code);
}

/** A right that the role was not given. */
export const isForbidden = (error: unknown): error is Error => codeOf(error) === '42501';

/** A write at a server that only reads: a standby, or a pooler's or a name's new server. */
export const isReadOnly = (error: unknown): boolean => codeOf(error) === '25006';

/** The server has not answered a statement in time, and may be busy with it still. */
export const isUnanswered = (error: unknown): boolean =>
  error instanceof Error && error.message === 'Query read timeout';

/** The server, the database or the role has as many connections as it may. */
export const isConnectionLimit = (error: unknown): boolean =>
  error instanceof ConnectError && error.codes.includes('53300');

/** No such table, SQLSTATE 42P01. */
export const isUndefinedTable = (error: unknown): error is Error => codeOf(error) === '42P01';

/** No such table, column (42703), function (42883) or type (42704: a function's variable is a row of a table that is gone). */
export const isSchemaMissing = (error: unknown): boolean =>
  ['42P01', '42703', '42883', '42704'].includes(codeOf(error));

/** A row whose key another one has. */
export const isDuplicate = (error: unknown): boolean => codeOf(error) === '23505';

/** Text with characters that the database's encoding does not have. */
export const isUntranslatable = (error: unknown): boolean => ['22P05', '22021'].includes(codeOf(error));

/**
 * PgBouncer's answer to statement_timeout and the like (https://www.pgbouncer.org/config.html#ignore_startup_parameters),
 * or that of a server too old to know one of them (42704).
 */
export const isLimitRefused = (error: unknown): boolean =>
  codeOf(error) === '42704' ||
  (error instanceof Error && /unsupported startup parameter/i.test(error.message));

/**
 * The login, as it was tried, with or without TLS, is not wanted: 28 is what pg_hba.conf refuses, 08 what a pooler says
 * that insists on TLS; or there was no TLS to be had.
 */
export const isTlsRefused = (error: unknown): boolean =>
  /^(08|28)|^EPROTO$|^ERR_(SSL|OSSL)_/.test(codeOf(error)) || isTlsLacking(error);

/** Of node-postgres: the server has no TLS. */
export const isTlsLacking = (error: unknown): boolean =>
  error instanceof Error && /server does not support SSL/i.test(error.message);

/**
 * The server has answered, and does not want us: the other hosts are not tried then
 * (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-MULTIPLE-HOSTS), unless it is only starting or stopping.
 */
export const isLoginRefused = (error: unknown): boolean => {
  const code = error instanceof ConnectError ? (error.codes.at(-1) ?? '') : codeOf(error);
  return /^(\d|XX|P0)[\dA-Z]+$/.test(code) && !code.startsWith('57P');
};

/** A host with several addresses fails with Node's AggregateError, whose message is empty; then one that says why. */
export function explained(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(String(error));
  if (!(error instanceof AggregateError) || error.message !== '') return error;
  const reasons = error.errors.map((reason: unknown) =>
    reason instanceof Error ? reason.message : String(reason),
  );
  return Object.assign(new Error(reasons.join('; '), { cause: error }), {
    code: codeOf(error) || 'ECONNREFUSED',
  });
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
