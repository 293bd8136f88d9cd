/**
 * DATABASE_URL as the backend's Python writes it, in libpq's meaning. Pure; messages never hold any part of the value.
 */
import { type DatabaseHost, readHosts, TARGET_SESSIONS, type TargetSession } from './database-hosts.ts';
import { decoded, readParameters } from './database-url-parameters.ts';

export const TLS_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
export type TlsMode = (typeof TLS_MODES)[number];

export interface DatabaseTarget extends DatabaseHost {
  /** Tried in order after the first one; empty where the URL names one host. */
  readonly otherHosts: readonly DatabaseHost[];
  readonly targetSession: TargetSession;
  /** Whether each connection tries the hosts in an order of its own. */
  readonly isRandomOrder: boolean;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** Command-line options for the session, e.g. `-csearch_path=shop`; null: none. */
  readonly options: string | null;
  readonly tls: DatabaseTls;
}

export interface DatabaseTls {
  readonly mode: TlsMode;
  /** PEM file that a server certificate is checked against; null: none given, or the system's with `verify-full`. */
  readonly rootCertPath: string | null;
  /** PEM files of our own certificate, for a server that asks for one. */
  readonly clientCert: { readonly certPath: string; readonly keyPath: string } | null;
}

const SCHEMES = /^postgres(ql)?(\+(asyncpg|psycopg|psycopg2|psycopg_async|pg8000))?$/;

/**
 * Reads a SQLAlchemy or libpq URL: any driver suffix, percent-encoded credentials, `sslmode=` or `ssl=`; libpq's
 * parameters stand above what comes before the `?`, as they do there
 * (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS).
 * @throws Error whose message is one sentence fragment, e.g. "must be a postgresql:// URL"
 */
export function parseDatabaseUrl(value: string): DatabaseTarget {
  const parts = /^([a-z0-9+_]+):\/\/(?:([^@/?]*)@)?([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?(#)?/i.exec(
    value.trim(),
  );
  if (parts === null || !SCHEMES.test((parts[1] ?? '').toLowerCase())) {
    throw new Error('must be a postgresql:// URL (postgresql+asyncpg:// and the like are understood)');
  }
  const [, , credentials = '', authority = '', path = '', query = '', hash] = parts;
  // A raw # begins a fragment and a raw @ or / ends the password early: what follows would be taken for the host.
  if (hash !== undefined || credentials.includes('#') || authority.includes('@') || path.includes('@')) {
    throw new Error('is malformed: #, @, / and ? in the user name or password must be percent-encoded');
  }
  if (path.includes('/')) throw new Error('has a malformed database name');
  const parameters = readParameters(query);
  const colon = credentials.indexOf(':');
  const user = parameters.get('user') || decoded(colon === -1 ? credentials : credentials.slice(0, colon));
  // libpq would take the name that the process runs under, which need not be the backend's.
  if (user === '') throw new Error('names no user');
  const [first, ...otherHosts] = readHosts(authority, parameters);
  const target = {
    ...first,
    otherHosts,
    targetSession: targetSession(parameters),
    isRandomOrder: isRandomOrder(parameters),
    user,
    password: parameters.get('password') ?? (colon === -1 ? '' : decoded(credentials.slice(colon + 1))),
    database: parameters.get('dbname') || decoded(path) || user,
    options: sessionOptions(parameters),
    tls: readTls(parameters),
  };
  // It would end the value early in the protocol's start message.
  const texts = [...Object.values(target), ...otherHosts.map(({ host }) => host)];
  if (texts.some((part) => typeof part === 'string' && part.includes('\0'))) {
    throw new Error('is malformed: it has a NUL character in it');
  }
  return target;
}

/** As command-line options, libpq's way to say it; asyncpg takes `search_path` as it is. */
function sessionOptions(parameters: URLSearchParams): string | null {
  const searchPath = parameters.get('search_path');
  const said = parameters.get('options') || null;
  if (!searchPath) return said;
  // White space ends an option (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNECT-OPTIONS).
  const option = `-c search_path=${searchPath.replace(/[\\\s]/g, '\\$&')}`;
  return said === null ? option : `${said} ${option}`;
}

function targetSession(parameters: URLSearchParams): TargetSession {
  const word = parameters.get('target_session_attrs') ?? 'any';
  const known = TARGET_SESSIONS.find((session) => session === word);
  if (known === undefined)
    throw new Error(`has an unknown target_session_attrs: use one of ${TARGET_SESSIONS.join(', ')}`);
  return known;
}

function isRandomOrder(parameters: URLSearchParams): boolean {
  const word = parameters.get('load_balance_hosts') ?? 'disable';
  if (word !== 'disable' && word !== 'random')
    throw new Error('has an unknown load_balance_hosts: use disable or random');
  return word === 'random';
}

function readTls(parameters: URLSearchParams): DatabaseTls {
  const mode = tlsMode(parameters);
  const rootCert = parameters.get('sslrootcert') || null;
  const [certPath, keyPath] = [parameters.get('sslcert') || null, parameters.get('sslkey') || null];
  if ((certPath === null) !== (keyPath === null)) throw new Error('needs both of sslcert and sslkey');
  const clientCert = certPath === null || keyPath === null ? null : { certPath, keyPath };
  // libpq: the system's authorities certify anybody's host, so nothing less than verify-full goes with them.
  if (rootCert === 'system') {
    if (mode !== null && mode !== 'verify-full')
      throw new Error('needs sslmode=verify-full with sslrootcert=system');
    return { mode: 'verify-full', rootCertPath: null, clientCert };
  }
  // As libpq without its file in the home directory: the system's authorities would certify anybody's server.
  if (rootCert === null && mode?.startsWith('verify')) {
    throw new Error(`needs sslrootcert with sslmode=${mode}: a PEM file, or system with verify-full`);
  }
  return { mode: mode ?? 'prefer', rootCertPath: rootCert, clientCert };
}

/**
 * `sslmode` is libpq's word, `ssl` asyncpg's; both at once must agree, so that TLS is never off by accident. null: not
 * given, which is libpq's `prefer` (https://www.postgresql.org/docs/current/libpq-ssl.html).
 */
function tlsMode(parameters: URLSearchParams): TlsMode | null {
  const modes = [...parameters.getAll('sslmode'), ...parameters.getAll('ssl')].map(readMode);
  if (new Set(modes).size > 1) throw new Error('has contradicting sslmode and ssl parameters');
  return modes[0] ?? null;
}

function readMode(word: string): TlsMode {
  if (word === 'true' || word === '1') return 'require';
  if (word === 'false' || word === '0') return 'disable';
  const mode = TLS_MODES.find((known) => known === word);
  if (mode === undefined) throw new Error(`has an unknown sslmode: use one of ${TLS_MODES.join(', ')}`);
  return mode;
}
