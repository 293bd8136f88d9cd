/**
 * How one connection to PostgreSQL is opened: explicit fields (node-postgres reads URLs with other meanings than
 * libpq) and TLS as libpq means it.
 */
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import type { ClientConfig } from 'pg';
import type { DatabaseTarget } from './database-url.ts';

/** Deadline for connect, TLS and login together, ms. */
const CONNECT_TIMEOUT_MS = 2_500;

/** Settings for a `pg.Client`. Asks the server whether it speaks TLS when the mode leaves that open. */
export async function connectionSettings(target: DatabaseTarget): Promise<ClientConfig> {
  const { host, port, user, password, database } = target;
  return {
    host,
    port,
    user,
    password,
    database,
    ssl: await tlsOptions(target),
    application_name: 'gogomarket-sidecar',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
  };
}

/**
 * libpq's modes (https://www.postgresql.org/docs/current/libpq-ssl.html): `require` encrypts and verifies nothing,
 * unless a root certificate is given, which makes it `verify-ca`; `prefer` takes TLS when there is some. `allow` is
 * treated as `prefer`, which is never weaker.
 */
async function tlsOptions({ host, port, tls }: DatabaseTarget): Promise<ClientConfig['ssl']> {
  const isSocket = host.startsWith('/');
  if (tls.mode === 'disable' || isSocket) return false;
  const ca = tls.rootCertPath === null ? {} : { ca: await readFile(tls.rootCertPath, 'utf8') };
  switch (tls.mode) {
    case 'allow':
    case 'prefer':
      return (await offersTls(host, port)) ? { rejectUnauthorized: false } : false;
    case 'require':
      if (tls.rootCertPath === null) return { rejectUnauthorized: false };
      return { rejectUnauthorized: true, ...ca, checkServerIdentity: () => undefined };
    case 'verify-ca':
      return { rejectUnauthorized: true, ...ca, checkServerIdentity: () => undefined };
    case 'verify-full':
      return { rejectUnauthorized: true, ...ca };
  }
}

/** SSLRequest and its answer, https://www.postgresql.org/docs/current/protocol-message-formats.html */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);
const YES = 0x53; // S

function offersTls(host: string, port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, timeout: CONNECT_TIMEOUT_MS });
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
