/**
 * How one connection to PostgreSQL is opened: explicit fields (node-postgres reads URLs with other meanings than
 * libpq) and TLS as libpq means it.
 */
import { readFile } from 'node:fs/promises';
import { connect, Socket } from 'node:net';
import type { ClientConfig } from 'pg';
import type { DatabaseTarget } from './database-url.ts';

/** Deadline for connect, TLS and login together, ms. */
const CONNECT_TIMEOUT_MS = 2_500;
/** A peer that is gone without a word is noticed in minutes, not after Linux's two hours. */
const KEEP_ALIVE_AFTER_MS = 10_000;

/**
 * Settings for a `pg.Client`. Asks the server whether it speaks TLS when the mode leaves that open.
 * @param signal cuts the connection when it is aborted, in whatever state it is
 * @throws Error of the network, or of a certificate file that cannot be read
 */
export async function connectionSettings(
  target: DatabaseTarget,
  signal?: AbortSignal,
): Promise<ClientConfig> {
  const { host, port, user, password, database, options } = target;
  return {
    host,
    port,
    user,
    // As a function also when it is empty: pg would look for PGPASSWORD and ~/.pgpass then.
    password: () => password,
    database,
    ...(options === null ? {} : { options }),
    ...(signal === undefined ? {} : { stream: () => new Socket({ signal }) }),
    ssl: await tlsOptions(target, signal),
    application_name: 'gogomarket-sidecar',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_MS,
  };
}

/**
 * libpq's modes (https://www.postgresql.org/docs/current/libpq-ssl.html): `require` encrypts and verifies nothing,
 * unless a root certificate is given, which makes it `verify-ca`; `prefer` takes TLS when there is some. `allow` is
 * treated as `prefer`, which is never weaker.
 */
async function tlsOptions(
  { host, port, tls }: DatabaseTarget,
  signal: AbortSignal | undefined,
): Promise<ClientConfig['ssl']> {
  const isSocket = host.startsWith('/');
  if (tls.mode === 'disable' || isSocket) return false;
  if (tls.mode === 'prefer' || tls.mode === 'allow') {
    if (!(await offersTls(host, port, signal))) return false;
    return { rejectUnauthorized: false, ...(await clientCertificate(tls)) };
  }
  const identity = await clientCertificate(tls);
  if (tls.mode === 'require' && tls.rootCertPath === null) return { rejectUnauthorized: false, ...identity };
  const ca = tls.rootCertPath === null ? {} : { ca: await readFile(tls.rootCertPath, 'utf8') };
  const anyName = tls.mode === 'verify-full' ? {} : { checkServerIdentity: () => undefined };
  return { rejectUnauthorized: true, ...ca, ...anyName, ...identity };
}

async function clientCertificate({ clientCert }: DatabaseTarget['tls']): Promise<object> {
  if (clientCert === null) return {};
  const [cert, key] = await Promise.all([
    readFile(clientCert.certPath, 'utf8'),
    readFile(clientCert.keyPath, 'utf8'),
  ]);
  return { cert, key };
}

/** SSLRequest and its answer, https://www.postgresql.org/docs/current/protocol-message-formats.html */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);
const YES = 0x53; // S

function offersTls(host: string, port: number, signal: AbortSignal | undefined): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, timeout: CONNECT_TIMEOUT_MS, ...(signal ? { signal } : {}) });
    socket.once('connect', () => socket.write(SSL_REQUEST));
    socket.once('data', (answer) => {
      resolve(answer[0] === YES);
      socket.destroy();
    });
    socket.once('timeout', () => socket.destroy(new Error('timeout expired')));
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('Connection terminated unexpectedly')));
  });
}
