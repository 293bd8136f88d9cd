/** A private nginx with the files of deploy/nginx, in which only ports and paths are put in. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { makeCertificate } from './certificate.ts';
import { endChild, hasEnded } from './end-child.ts';
import { freePorts } from './ports.ts';
import { PATH_WITH_SBIN } from './tools.ts';

export interface NginxConfig {
  readonly folder: string;
  readonly configPath: string;
  readonly httpPort: number;
  readonly httpsPort: number;
  /** PEM file of the certificate's issuer. */
  readonly caPath: string;
}

export interface Nginx extends NginxConfig {
  /** https:// address of the server. */
  readonly url: string;
  /** The documented switch: puts another port on the upstream's server line and reloads. */
  switchTo(upstreamPort: number): Promise<void>;
  /** The lines about requests so far. */
  accessLog(): Promise<string>;
  stop(): Promise<void>;
}

const NGINX = 'nginx';
const DEPLOY = resolve(import.meta.dirname, '../../deploy/nginx');
const PATIENCE_MS = 15_000;
const START_TRIES = 3;
const run = promisify(execFile);

/** The static site of a release, small. */
const SITE = {
  'index.html': '<!DOCTYPE html><title>GoGoMarket</title>',
  'main.dart.js': 'console.log("GoGoMarket");',
  'version.json': '{"version":"1.2.3"}',
  '.last_build_id': 'a1b2c3',
};

/** A text of deploy/nginx/gogomarket.conf, and what stands there instead. */
type Change = readonly [from: string, to: string];

/** Writes a complete configuration below a new folder; the caller removes the folder. */
export async function writeNginxConfig(
  upstreamPort: number,
  changes: readonly Change[] = [],
): Promise<NginxConfig> {
  const folder = await mkdtemp(join(tmpdir(), 'sidecar-test-nginx-'));
  // Started by root, its workers are another user.
  await chmod(folder, 0o755);
  for (const name of ['site', 'temp']) await mkdir(join(folder, name));
  for (const [name, text] of Object.entries(SITE)) await writeFile(join(folder, 'site', name), text);
  const { certPath, keyPath, caPath } = await makeCertificate(folder);
  const [httpPort = 0, httpsPort = 0] = await freePorts(2);
  const server = substitute(await readFile(join(DEPLOY, 'gogomarket.conf'), 'utf8'), [
    ['    listen 80;', `    listen 127.0.0.1:${httpPort};`],
    ['    listen 443 ssl http2;', `    listen 127.0.0.1:${httpsPort} ssl http2;`],
    ['/etc/letsencrypt/live/example.com/fullchain.pem', certPath],
    ['/etc/letsencrypt/live/example.com/privkey.pem', keyPath],
    ['/var/log/nginx/gogomarket.log', join(folder, 'access.log')],
    ['/var/www/gogomarket', join(folder, 'site')],
    ...changes,
  ]);
  const upstream = substitute(await readFile(join(DEPLOY, 'gogomarket-upstream.conf'), 'utf8'), [
    ['server 127.0.0.1:8010;', `server 127.0.0.1:${upstreamPort};`],
  ]);
  await writeFile(join(folder, 'gogomarket.conf'), server);
  await writeFile(join(folder, 'gogomarket-upstream.conf'), upstream);
  const configPath = join(folder, 'nginx.conf');
  await writeFile(configPath, mainConfig(folder));
  return { folder, configPath, httpPort, httpsPort, caPath };
}

/** @throws Error when a text is not there exactly once: the files and this list have parted */
function substitute(text: string, pairs: readonly Change[]): string {
  let result = text;
  for (const [from, to] of pairs) {
    if (result.split(from).length !== 2) throw new Error(`deploy/nginx: "${from}" is not there exactly once`);
    result = result.replace(from, () => to);
  }
  return result;
}

const mainConfig = (folder: string) => `pid ${folder}/nginx.pid;
error_log ${folder}/error.log notice;
daemon off;
worker_processes 1;
events { worker_connections 256; }
http {
  types { text/html html; application/javascript js; application/json json; }
  default_type application/octet-stream;
  # Servers name their own; the compiled-in one may be written by root only.
  access_log off;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/temp/${name};`).join(' ')}
  include ${folder}/gogomarket-upstream.conf;
  include ${folder}/gogomarket.conf;
}
`;

const env = { PATH: PATH_WITH_SBIN };

/** `nginx -t`: its words on stderr. @throws Error with them when the configuration is not accepted */
export async function testNginxConfig({ folder, configPath }: NginxConfig): Promise<string> {
  const { stderr } = await run(NGINX, ['-e', join(folder, 'error.log'), '-t', '-c', configPath], { env });
  return stderr;
}

/** Starts nginx in front of a port. @param changes to the shipped files @throws Error with nginx's words */
export async function startNginx(upstreamPort: number, changes: readonly Change[] = []): Promise<Nginx> {
  for (let tries = 1; ; tries += 1) {
    const config = await writeNginxConfig(upstreamPort, changes);
    const child = spawn(NGINX, ['-e', join(config.folder, 'error.log'), '-c', config.configPath], {
      env,
      stdio: 'ignore',
    });
    if (await hasStarted(child, config.folder)) return runningNginx(child, config, upstreamPort);
    const words = await readFile(join(config.folder, 'error.log'), 'utf8').catch(() => '');
    await rm(config.folder, { recursive: true, force: true });
    // Somebody else may have taken a port meanwhile.
    if (tries === START_TRIES || !words.includes('Address already in use')) {
      throw new Error(`nginx did not start:\n${words}`);
    }
  }
}

function runningNginx(child: ChildProcess, config: NginxConfig, firstPort: number): Nginx {
  let currentPort = firstPort;
  const upstreamPath = join(config.folder, 'gogomarket-upstream.conf');
  const errorLog = () => readFile(join(config.folder, 'error.log'), 'utf8');
  return {
    ...config,
    url: `https://127.0.0.1:${config.httpsPort}`,
    accessLog: () => readFile(join(config.folder, 'access.log'), 'utf8'),
    async switchTo(port) {
      const line = (of: number) => `server 127.0.0.1:${of};`;
      const text = await readFile(upstreamPath, 'utf8');
      await writeFile(upstreamPath, substitute(text, [[line(currentPort), line(port)]]));
      currentPort = port;
      // With its number: "start worker processes" is written before there is a new one, and the exit of a reload
      // before this one would then look like the end of this.
      const starts = async () => (await errorLog()).match(/start worker process \d/g)?.length;
      const before = await starts();
      child.kill('SIGHUP');
      // The new worker has started, and the old one, which may have taken connections still, is gone.
      const over = () =>
        errorLog().then((log) => /exited with code 0(?![\s\S]*start worker process \d)/.test(log));
      const giveUpAt = Date.now() + PATIENCE_MS;
      while ((await starts()) === before || !(await over())) {
        if (Date.now() > giveUpAt) throw new Error(`nginx did not reload:\n${await errorLog()}`);
        await sleep(20);
      }
    },
    async stop() {
      await endChild(child);
      await rm(config.folder, { recursive: true, force: true });
    },
  };
}

/** Waits for the pid file, which nginx writes once it listens; false when the process has ended first. */
async function hasStarted(child: ChildProcess, folder: string): Promise<boolean> {
  let failed = false;
  child.once('error', () => {
    failed = true;
  });
  const giveUpAt = Date.now() + PATIENCE_MS;
  while (!failed && !hasEnded(child) && Date.now() < giveUpAt) {
    if ((await readFile(join(folder, 'nginx.pid'), 'utf8').catch(() => '')) !== '') return true;
    await sleep(20);
  }
  child.kill('SIGKILL');
  return false;
}
