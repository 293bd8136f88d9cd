/**
 * What may stand behind the `?` of DATABASE_URL. A parameter that we neither honour nor know to be harmless is refused:
 * ignored it would lead to another server, user, schema or protection than the URL asks for, without a word. Pure.
 */

/** libpq's and asyncpg's, read by database-url.ts. */
const HONOURED = [
  ...['host', 'port', 'user', 'password', 'dbname', 'options', 'search_path'],
  ...['sslmode', 'ssl', 'sslrootcert', 'sslcert', 'sslkey'],
  ...['target_session_attrs', 'load_balance_hosts'],
] as const;

const ANY = /^/;
const timeOrSize = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, ANY]));

/**
 * Those that change nothing here, and the values with which they do not: names, times and sizes, of which a session of
 * ours has its own, and protection that is not asked for. Sources: libpq
 * (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS), the arguments of asyncpg.connect()
 * and psycopg.connect(), which SQLAlchemy takes them for, and the server settings that asyncpg makes of the others.
 */
const WITHOUT_EFFECT: Readonly<Record<string, RegExp>> = {
  ...timeOrSize(['application_name', 'fallback_application_name', 'client_encoding', 'connect_timeout']),
  ...timeOrSize([
    'keepalives',
    'keepalives_idle',
    'keepalives_interval',
    'keepalives_count',
    'tcp_user_timeout',
  ]),
  ...timeOrSize([
    'timeout',
    'command_timeout',
    'min_size',
    'max_size',
    'async_fallback',
    'prepare_threshold',
  ]),
  ...timeOrSize(['statement_cache_size', 'max_cached_statement_lifetime', 'max_cacheable_statement_size']),
  ...timeOrSize(['prepared_statement_cache_size', 'prepared_statement_name_func']),
  ...timeOrSize([
    'statement_timeout',
    'lock_timeout',
    'idle_in_transaction_session_timeout',
    'timezone',
    'jit',
  ]),
  // libpq has not compressed since 14; server names are sent.
  ...timeOrSize(['sslcompression', 'sslsni']),
  sslcertmode: /^allow$/,
  sslnegotiation: /^postgres$/,
  // Node's own minimum.
  ssl_min_protocol_version: /^TLSv1(\.[12])?$/i,
  channel_binding: /^(disable|prefer)$/,
  gssencmode: /^(disable|prefer)$/,
  direct_tls: /^(false|0)$/i,
};

/** @throws Error with a sentence fragment that holds no value, and no name that is not ours */
export function readParameters(query: string): URLSearchParams {
  const parameters = new URLSearchParams(query);
  for (const [name, value] of parameters) {
    const isHonoured = HONOURED.some((known) => known === name);
    const harmless = Object.hasOwn(WITHOUT_EFFECT, name) ? WITHOUT_EFFECT[name] : undefined;
    // A name that nobody knows may be a piece of a password.
    if (!isHonoured && harmless === undefined) {
      throw new Error(`has a parameter that is not supported; what is honoured: ${HONOURED.join(', ')}`);
    }
    if (!isHonoured && !harmless?.test(value))
      throw new Error(`has a value of ${name} that is not supported`);
    // libpq takes the last one, others the first; SQLAlchemy makes a list of host=one:5432&host=other:5432.
    if (name === 'host' && parameters.getAll(name).every((host) => /:\d+$/.test(host))) continue;
    if (isHonoured && parameters.getAll(name).some((other) => other !== value)) {
      throw new Error(`has ${name} twice`);
    }
  }
  return parameters;
}

/** @throws Error with a sentence fragment */
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Error('is malformed: a % must be written as %25');
  }
}
