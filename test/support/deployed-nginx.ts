/** A private nginx with the files of deploy/nginx, in which only ports and paths are put in. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { makeCertificate } from '../../scripts/lab/certificate.ts';
import { startNginx } from '../../scripts/lab/nginx.ts';
import { freePorts } from '../../scripts/lab/ports.ts';
import { makeScratchFolder, type ScratchFolder } from '../../scripts/lab/scratch-folder.ts';

export interface DeployedFiles {
  readonly folder: ScratchFolder;
  /** For the `http` block. */
  readonly http: string;
  readonly httpPort: number;
  readonly httpsPort: number;
  /** PEM file of the certificate's issuer. */
  readonly caPath: string;
}

const DEPLOY = resolve(import.meta.dirname, '../../deploy/nginx');
const UPSTREAM = 'gogomarket-upstream.conf';

/** The static site of a release, small. */
const SITE = {
  'index.html': '<!DOCTYPE html><title>GoGoMarket</title>',
  'main.dart.js': 'console.log("GoGoMarket");',
  'version.json': '{"version":"1.2.3"}',
  '.last_build_id': 'a1b2c3',
};

/** A text of deploy/nginx/gogomarket.conf, and what stands there instead. */
type Change = readonly [from: string, to: string];

/** Writes the files of deploy/nginx and a site into a new folder; the caller removes it. */
export async function writeDeployedFiles(
  upstreamPort: number,
  changes: readonly Change[] = [],
): Promise<DeployedFiles> {
  const folder = makeScratchFolder('test-nginx');
  mkdirSync(folder.at('site'));
  for (const [name, text] of Object.entries(SITE)) writeFileSync(join(folder.at('site'), name), text);
  const { certPath, keyPath, caPath } = await makeCertificate(folder.path);
  const [httpPort = 0, httpsPort = 0] = await freePorts(2);
  const read = (name: string) => readFileSync(join(DEPLOY, name), 'utf8');
  const server = substitute(read('gogomarket.conf'), [
    ['    listen 80;', `    listen 127.0.0.1:${httpPort};`],
    ['    listen 443 ssl http2;', `    listen 127.0.0.1:${httpsPort} ssl http2;`],
    ['/etc/letsencrypt/live/example.com/fullchain.pem', certPath],
    ['/etc/letsencrypt/live/example.com/privkey.pem', keyPath],
    ['/var/log/nginx/gogomarket.log', folder.at('access.log')],
    ['/var/www/gogomarket', folder.at('site')],
    ...changes,
  ]);
  writeFileSync(folder.at('gogomarket.conf'), server);
  writeFileSync(
    folder.at(UPSTREAM),
    substitute(read(UPSTREAM), [[upstreamLine(8010), upstreamLine(upstreamPort)]]),
  );
  const types = 'types { text/html html; application/javascript js; application/json json; }';
  const includes = [UPSTREAM, 'gogomarket.conf'].map((name) => `include ${folder.at(name)};`).join('\n');
  return {
    folder,
    http: `${types}\ndefault_type application/octet-stream;\n${includes}`,
    httpPort,
    httpsPort,
    caPath,
  };
}

const upstreamLine = (port: number) => `server 127.0.0.1:${port};`;

/** @throws Error when a text is not there exactly once: the files and this list have parted */
function substitute(text: string, pairs: readonly Change[]): string {
  let result = text;
  for (const [from, to] of pairs) {
    if (result.split(from).length !== 2) throw new Error(`deploy/nginx: "${from}" is not there exactly once`);
    result = result.replace(from, () => to);
  }
  return result;
}

/** Starts nginx in front of a port. @param changes to the shipped files @throws Error with nginx's words */
export async function startDeployedNginx(upstreamPort: number, changes: readonly Change[] = []) {
  const files = await writeDeployedFiles(upstreamPort, changes);
  const { folder } = files;
  const program = await startNginx(folder, files);
  return {
    ...files,
    /** https:// address of the server. */
    url: `https://127.0.0.1:${files.httpsPort}`,
    /** The lines about requests so far. */
    accessLog: () => readFileSync(folder.at('access.log'), 'utf8'),
    /** The file with the upstream's server line. */
    upstreamConf: folder.at(UPSTREAM),
    /** As one would type it to talk to this one. */
    command: ['nginx', '-e', folder.at('error.log'), '-c', folder.at('nginx.conf')].join(' '),
    pid: program.pid,
    async stop() {
      await program.stop();
      folder.remove();
    },
  };
}
