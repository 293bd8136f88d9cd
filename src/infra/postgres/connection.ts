/**
 * How one connection to PostgreSQL is opened: explicit fields (node-postgres reads URLs with other meanings than
 * libpq), TLS as libpq means it, and the settings of the session that our SQL relies on.
 */
import { readFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import type { SecureContext } from 'node:tls';
import type { ClientConfig } from 'pg';
import type Client from 'pg/lib/client.js';
import type { DatabaseTarget } from '../../config/database-url.ts';
import { loadPackage } from '../../load-package.ts';
import { ConnectError, isLimitRefused, isTlsLacking, isTlsRefused } from './failure.ts';
import { createHostChoice, type OpenHost } from './host-choice.ts';

/** Deadline for connect, TLS and login together, on all hosts, ms. */
const CONNECT_TIMEOUT_MS = 2_500;
/** A peer that is gone without a word is noticed in minutes, not after Linux's two hours. */
const KEEP_ALIVE_AFTER_MS = 10_000;

/**
 * What a role, a database or a postgresql.conf may set otherwise. PgBouncer keeps these for each of its clients
 * (https://www.pgbouncer.org/config.html#track_extra_parameters), as client_encoding, which the driver adds.
 */
const SESSION = {
  application_name: 'gogomarket-sidecar',
  DateStyle: 'ISO, MDY',
  TimeZone: 'UTC',
  standard_conforming_strings: 'on',
};

type Settings = Readonly<Record<string, string>>;

export interface ConnectorOptions {
  /** Settings of the session that a connection does without when a pooler refuses them: time limits and the like. */
  readonly limits?: Settings;
  /** Longest wait for the answer to one statement, ms; without it as long as the server takes. */
  readonly queryTimeoutMs?: number;
  /** Cuts every connection when it is aborted, in whatever state it is. */
  readonly signal?: AbortSignal;
}

export interface Connector {
  /** A connection that is ready for statements. @throws ConnectError, whatever went wrong */
  open(): Promise<Client>;
  /** Asks the server to end the statement that runs on one of our connections. Never throws. */
  cancel(client: Client): Promise<void>;
}

/** Makes connections to one database, on the host that will do. Nothing connects yet. */
export function createConnector(target: DatabaseTarget, options: ConnectorOptions = {}): Connector {
  const hosts = [target, ...target.otherHosts].map((host) => ({ ...target, ...host }));
  return {
    open: createHostChoice(
      target,
      hosts.map((host) => ({ ...host, open: createOpener(host, options) })),
      CONNECT_TIMEOUT_MS,
    ),

    async cancel({ host, port, processID, secretKey, ssl }) {
      try {
        const messenger = createClient(await connectionSettings({ ...target, host, port }, ssl !== false));
        // The request stands where a login would begin, and the server answers it by closing
        // (https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS).
        messenger.connection.startup = () => messenger.connection.cancel(processID, secretKey);
        await messenger.connect();
      } catch {}
    },
  };
}

/** Opens connections to one host, with TLS or without. @throws ConnectError */
function createOpener(target: DatabaseTarget, options: ConnectorOptions): OpenHost {
  const { limits = {}, queryTimeoutMs, signal } = options;
  let limitsAreTaken = Object.keys(limits).length > 0;

  async function logIn(encrypted: boolean, extra: Settings, timeoutMs: number): Promise<Client> {
    const { user, database, options: commandLine } = target;
    const client = createClient({
      ...(await connectionSettings(target, encrypted, timeoutMs)),
      ...(signal === undefined ? {} : { stream: () => new Socket({ signal }) }),
      ...(queryTimeoutMs === undefined ? {} : { query_timeout: queryTimeoutMs }),
    });
    // The driver's own knows but a few settings.
    client.getStartupConf = () => ({
      ...{ user, database, ...SESSION, ...extra },
      ...(commandLine === null ? {} : { options: commandLine }),
    });
    try {
      await client.connect();
      await refuseOtherSearchPath(client, commandLine);
      return client;
    } catch (error) {
      // A login that fails at our end leaves the connection open.
      client.connection.stream.destroy();
      throw error;
    }
  }

  /** Several connections may be under way at once: each finds out for itself whether the limits are taken. */
  async function logInWithLimits(encrypted: boolean, timeoutMs: number): Promise<Client> {
    if (!limitsAreTaken) return logIn(encrypted, {}, timeoutMs);
    try {
      return await logIn(encrypted, limits, timeoutMs);
    } catch (error) {
      if (!isLimitRefused(error)) throw error;
    }
    const client = await logIn(encrypted, {}, timeoutMs);
    limitsAreTaken = false;
    return client;
  }

  return async (timeoutMs) => {
    const failures: unknown[] = [];
    for (const encrypted of encryptionsToTry(target)) {
      try {
        return await logInWithLimits(encrypted, timeoutMs);
      } catch (error) {
        failures.push(error);
        if (!isTlsRefused(error)) break;
      }
    }
    // `prefer` and `allow` ask for nothing that is lacking there: what the server said without TLS is the reason.
    const reasons = failures.length > 1 ? failures.filter((failure) => !isTlsLacking(failure)) : failures;
    throw new ConnectError(reasons);
  };
}

/** As PostgreSQL reads it (https://www.postgresql.org/docs/current/app-postgres.html); the last one counts. */
const SEARCH_PATH = /(?:^|\s)(?:-c\s*|--)search[-_]path=((?:\\.|[^\s\\])*)/gi;

/** A pooler may leave the options out without a word (PgBouncer: ignore_startup_parameters). @throws Error */
async function refuseOtherSearchPath(client: Client, options: string | null): Promise<void> {
  const wanted = [...(options ?? '').matchAll(SEARCH_PATH)].at(-1)?.[1]?.replaceAll(/\\(.)/g, '$1');
  if (wanted === undefined) return;
  const { rows } = await client.query(`SELECT current_setting('search_path') AS path`);
  if (rows[0]?.path !== wanted)
    throw new Error('the search_path of DATABASE_URL was not passed on to PostgreSQL');
}

/**
 * In the order of libpq (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNECT-SSLMODE): `prefer`
 * goes without TLS when the server refuses it, or refuses the login with it; `allow` the other way round.
 */
function encryptionsToTry({ host, tls: { mode } }: DatabaseTarget): readonly boolean[] {
  const isUnixSocket = host.startsWith('/');
  if (mode === 'disable' || isUnixSocket) return [false];
  if (mode === 'allow') return [false, true];
  return mode === 'prefer' ? [true, false] : [true];
}

/** Settings for a client of node-postgres. @throws Error of a certificate file that cannot be read */
export async function connectionSettings(
  target: DatabaseTarget,
  encrypted: boolean,
  timeoutMs = CONNECT_TIMEOUT_MS,
): Promise<ClientConfig> {
  const { host, port, user, password, database, options } = target;
  return {
    ...{ host, port, user, database },
    // As a function also when it is empty: pg would look for PGPASSWORD and ~/.pgpass then.
    password: () => password,
    ...(options === null ? {} : { options }),
    ssl: encrypted ? await tlsOptions(target) : false,
    application_name: SESSION.application_name,
    connectionTimeoutMillis: timeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_MS,
  };
}

/**
 * libpq's modes (https://www.postgresql.org/docs/current/libpq-ssl.html): `require` encrypts and verifies nothing,
 * unless a root certificate is given, which makes it `verify-ca`.
 */
async function tlsOptions({ tls }: DatabaseTarget): Promise<ClientConfig['ssl']> {
  const identity = await clientCertificate(tls);
  const verifies = tls.mode.startsWith('verify') || (tls.mode === 'require' && tls.rootCertPath !== null);
  const common = { minVersion: 'TLSv1.2' as const, ...identity };
  if (!verifies) return { rejectUnauthorized: false, ...common };
  if (tls.rootCertPath === null) {
    // A start does not load it.
    const { createSecureContext, getCACertificates } = process.getBuiltinModule('node:tls');
    // Not Node's own list, which knows nothing of what was added to the system or taken away; unless the system has none.
    const installed = getCACertificates('system');
    const ca = installed.length > 0 ? installed : getCACertificates('bundled');
    if (tls.clientCert !== null) return { rejectUnauthorized: true, ca, ...common };
    systemContext ??= createSecureContext({ ca, ...common });
    return { rejectUnauthorized: true, secureContext: systemContext };
  }
  const ca = await readAuthorities(tls.rootCertPath);
  const anyName = tls.mode === 'verify-full' ? {} : { checkServerIdentity: () => undefined };
  return { rejectUnauthorized: true, ca, ...anyName, ...common };
}

/** To make one of a hundred and forty certificates takes 15 ms, and its memory. */
let systemContext: SecureContext | undefined;

/** @throws Error of a file that is none of certificates: Node would go without, and blame the server */
async function readAuthorities(path: string): Promise<string> {
  const text = await readFile(path, 'utf8');
  if (/-----BEGIN (X509 |TRUSTED )?CERTIFICATE-----/.test(text)) return text;
  throw new Error('the file that sslrootcert names has no certificate in PEM form');
}

async function clientCertificate({ clientCert }: DatabaseTarget['tls']): Promise<object> {
  if (clientCert === null) return {};
  const [cert, key] = await Promise.all([
    readFile(clientCert.certPath, 'utf8'),
    readFile(clientCert.keyPath, 'utf8'),
  ]);
  return { cert, key };
}

function createClient(settings: ClientConfig): Client {
  const client = new (loadPackage('pg/lib/client.js'))(settings);
  // Without a listener an error of an idle connection would end the process.
  client.on('error', () => undefined);
  return client;
}
