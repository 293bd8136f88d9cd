/**
 * Installs the packages of the Node peers into a folder of the bench's own: the project never depends on them.
 */
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';

const PROGRAMS = resolve(import.meta.dirname, '../peers');
/** In the folder that Git ignores. */
export const PEER_FOLDER = resolve(import.meta.dirname, '../../../.dev/bench/peers');

/** Exact versions: a figure without one is worth nothing. */
export const PACKAGES = {
  express: '5.3.0',
  'http-proxy-middleware': '4.2.2',
  fastify: '5.12.8',
  '@fastify/http-proxy': '11.6.3',
  'fast-proxy': '2.2.0',
} as const;

/**
 * Copies the peers' programs and installs their packages, unless the folder has exactly these.
 * @throws Error with npm's words when it fails
 */
export function installPeers(say: (text: string) => void): void {
  const manifest = `${JSON.stringify({ private: true, type: 'module', dependencies: PACKAGES }, null, 2)}\n`;
  const modules = join(PEER_FOLDER, 'node_modules');
  const doneFile = join(modules, 'installed.json');
  mkdirSync(PEER_FOLDER, { recursive: true });
  for (const file of readdirSync(PROGRAMS)) copyFileSync(join(PROGRAMS, file), join(PEER_FOLDER, file));
  if (existsSync(doneFile) && readFileSync(doneFile, 'utf8') === manifest) return;
  say(`installing the Node peers into ${PEER_FOLDER}`);
  rmSync(modules, { recursive: true, force: true });
  writeFileSync(join(PEER_FOLDER, 'package.json'), manifest);
  npmInstall();
  writeFileSync(doneFile, manifest);
}

function npmInstall(): void {
  const args = [
    'install',
    '--prefix',
    PEER_FOLDER,
    '--no-package-lock',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
  ];
  // `npm run` says where npm is; started in another way, it is looked up on PATH.
  const npm = process.env.npm_execpath;
  const [command, first] = npm?.endsWith('.js') ? [process.execPath, [npm]] : ['npm', []];
  const result = spawnSync(command, [...first, ...args], { cwd: PEER_FOLDER, encoding: 'utf8' });
  if (result.status !== 0) {
    throw new Error(`npm could not install the peers: ${result.error?.message ?? result.stderr}`);
  }
}
