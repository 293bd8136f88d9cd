/**
 * A certificate authority and a server certificate for 127.0.0.1 and localhost, made for one run.
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

/** Needs the openssl program. */
export async function makeCertificate(folder: string): Promise<TestCertificate> {
  const at = (name: string) => join(folder, name);
  /** Arguments without blanks, but for a name. */
  const openssl = (args: string, ...more: string[]) =>
    promisify(execFile)('openssl', [...args.split(' '), ...more], { cwd: folder });
  // To find an RSA key takes ten times as long.
  const newKey = '-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2';
  await openssl(`req -x509 ${newKey} -keyout ca.key -out ca.pem -subj`, '/CN=test CA');
  await openssl(`req ${newKey} -keyout server.key -out server.csr -subj`, '/CN=localhost');
  await writeFile(at('names'), 'subjectAltName=DNS:localhost,IP:127.0.0.1');
  const authority = '-CA ca.pem -CAkey ca.key -CAcreateserial';
  await openssl(`x509 -req -in server.csr ${authority} -days 2 -extfile names -out server.pem`);
  return { certPath: at('server.pem'), keyPath: at('server.key'), caPath: at('ca.pem') };
}
