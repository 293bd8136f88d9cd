/**
 * The sidecar, started as in production: `node src/main.ts` and an environment. Its log goes to a file.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { freePort } from '../machine/processes.ts';
import { type Contender, type ProxyCommand, startProxy } from './contender.ts';

const PROJECT = resolve(import.meta.dirname, '../../..');
const { version } = JSON.parse(readFileSync(`${PROJECT}/package.json`, 'utf8'));

export const sidecar: Contender = {
  name: 'sidecar',
  version,
  kind: 'ours',
  forwardsWebSockets: true,
  setup: 'as in production: LOG_LEVEL=info to a file, METRICS_PORT set, WEB_CONCURRENCY=1',
  start: (place) => startProxy(place, (port) => sidecarCommand(port, place.upstreamPort)),
};

/** What the log and the metrics cost is the difference to this one. */
export const quietSidecar: Contender = {
  ...sidecar,
  name: 'sidecar, quiet',
  setup: 'LOG_LEVEL=silent, METRICS_PORT not set',
  start: (place) =>
    startProxy(place, async (port) => {
      const usual = await sidecarCommand(port, place.upstreamPort);
      const { METRICS_PORT: _unset, ...env } = usual.env;
      return { ...usual, env: { ...env, LOG_LEVEL: 'silent' } };
    }),
};

/** @param nodeFlags in front of the script, e.g. `--cpu-prof` */
export async function sidecarCommand(
  port: number,
  upstreamPort: number,
  nodeFlags: readonly string[] = [],
): Promise<ProxyCommand> {
  return {
    command: process.execPath,
    args: [...nodeFlags, `${PROJECT}/src/main.ts`],
    env: {
      NODE_ENV: 'production',
      HOST: '127.0.0.1',
      PORT: String(port),
      BACKEND_URL: `http://127.0.0.1:${upstreamPort}`,
      JWT_SECRET: randomBytes(32).toString('hex'),
      // Nothing listens there (port 9 is discard): forwarding needs no database.
      DATABASE_URL: 'postgresql://bench:bench@127.0.0.1:9/bench',
      MIGRATE_ON_START: 'false',
      WEB_CONCURRENCY: '1',
      LOG_LEVEL: 'info',
      METRICS_PORT: String(await freePort()),
    },
  };
}
