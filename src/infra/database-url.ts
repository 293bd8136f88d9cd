/**
 * DATABASE_URL as the backend's Python writes it, in libpq's meaning. Pure; messages never hold any part of the value.
 */

export const TLS_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
export type TlsMode = (typeof TLS_MODES)[number];

export interface DatabaseTarget {
  /** Host name, address, or the folder of a unix socket (starts with `/`). */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly tls: {
    readonly mode: TlsMode;
    /** PEM file that a server certificate is checked against; null: the system's certificates. */
    readonly rootCertPath: string | null;
  };
}

const SCHEMES = /^postgres(ql)?(\+(asyncpg|psycopg|psycopg2|psycopg_async|pg8000))?$/;

/**
 * Reads a SQLAlchemy or libpq URL: any driver suffix, percent-encoded credentials, `sslmode=` or `ssl=`.
 * No mode means libpq's default, `prefer` (https://www.postgresql.org/docs/current/libpq-ssl.html).
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
  const parameters = new URLSearchParams(query);
  const colon = credentials.indexOf(':');
  const { host, port } = hostAndPort(authority, parameters);
  const user = decoded(colon === -1 ? credentials : credentials.slice(0, colon));
  return {
    host,
    port,
    user: user === '' ? 'postgres' : user,
    password: colon === -1 ? '' : decoded(credentials.slice(colon + 1)),
    database: decoded(path) || user || 'postgres',
    tls: { mode: tlsMode(parameters), rootCertPath: parameters.get('sslrootcert') },
  };
}

function hostAndPort(authority: string, parameters: URLSearchParams): { host: string; port: number } {
  const parts = /^(\[[0-9a-f:.]+\]|[^:[\]]*)(?::(\d{1,5}))?$/i.exec(authority);
  if (parts === null) throw new Error('has a malformed host or port');
  const host = decoded((parts[1] ?? '').replace(/^\[|\]$/g, '')) || parameters.get('host') || 'localhost';
  const port = Number(parts[2] ?? parameters.get('port') ?? 5432);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new Error('has a malformed host or port');
  return { host, port };
}

/** `sslmode` is libpq's word, `ssl` asyncpg's; both at once must agree, so that TLS is never off by accident. */
function tlsMode(parameters: URLSearchParams): TlsMode {
  const modes = [...parameters.getAll('sslmode'), ...parameters.getAll('ssl')].map(readMode);
  if (new Set(modes).size > 1) throw new Error('has contradicting sslmode and ssl parameters');
  return modes[0] ?? 'prefer';
}

function readMode(word: string): TlsMode {
  if (word === 'true' || word === '1') return 'require';
  if (word === 'false' || word === '0') return 'disable';
  const mode = TLS_MODES.find((known) => known === word);
  if (mode === undefined) throw new Error(`has an unknown sslmode: use one of ${TLS_MODES.join(', ')}`);
  return mode;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Error('is malformed: a % must be written as %25');
  }
}
