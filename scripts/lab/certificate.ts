/**
 * A certificate authority and a server certificate for 127.0.0.1 and localhost, made for one test run.
 */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

export interface TestCertificate {
  readonly certPath: string;
  readonly keyPath: string;
  readonly caPath: string;
}

const run = promisify(execFile);

/** Needs the openssl program (see requirements.ts). */
export async function makeCertificate(folder: string): Promise<TestCertificate> {
  const at = (name: string) => join(folder, name);
  const paths = { certPath: at('server.pem'), keyPath: at('server.key'), caPath: at('ca.pem') };
  const newKey = ['-newkey', 'rsa:2048', '-nodes', '-days', '2'];
  await run('openssl', [
    'req',
    '-x509',
    ...newKey,
    '-subj',
    '/CN=test CA',
    '-keyout',
    at('ca.key'),
    '-out',
    paths.caPath,
  ]);
  await run('openssl', [
    'req',
    ...newKey,
    '-subj',
    '/CN=localhost',
    '-keyout',
    paths.keyPath,
    '-out',
    at('server.csr'),
  ]);
  await writeFile(at('names'), 'subjectAltName=DNS:localhost,IP:127.0.0.1');
  await run('openssl', [
    ...[
      'x509',
      '-req',
      '-in',
      at('server.csr'),
      '-CA',
      paths.caPath,
      '-CAkey',
      at('ca.key'),
      '-CAcreateserial',
    ],
    ...['-days', '2', '-extfile', at('names'), '-out', paths.certPath],
  ]);
  return paths;
}
