/**
 * The sidecar, started as in production: `node src/main.ts` and an environment. Its log goes to a file.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { baseEnv, LATE_AS_IN_PRODUCTION, MAIN } from '../../lab/sidecar.ts';
import {
  type Contender,
  type NodeProxy,
  type Place,
  type RunningProxy,
  startNodeProxy,
} from './contender.ts';

const { version } = JSON.parse(readFileSync(resolve(import.meta.dirname, '../../../package.json'), 'utf8'));

export const sidecar: Contender = {
  name: 'sidecar',
  version,
  kind: 'ours',
  forwardsWebSockets: true,
  setup: 'as in production: LOG_LEVEL=info to a file, METRICS_PORT set, WEB_CONCURRENCY=1',
  start: (place) => startNodeProxy(place, (port) => sidecarProxy(port, place.upstreamPort)),
};

/** On what its own routes need: a database, a storage. @param nodeFlags in front of the script */
export const startSidecarWith = (
  place: Place,
  settings: Readonly<Record<string, string>>,
  nodeFlags: readonly string[] = [],
): Promise<RunningProxy> =>
  startNodeProxy(place, (port) => {
    const { args, env } = sidecarProxy(port, place.upstreamPort, nodeFlags);
    return { args, env: { ...env, ...settings } };
  });

/** Settings of a storage where nothing is stored: only URLs are made of them. */
export const UNASKED_STORAGE = {
  ...{ S3_ENDPOINT: 'http://127.0.0.1:9', S3_REGION: 'us-east-1', S3_BUCKET: 'bench', S3_UPLOAD_ACL: '' },
  ...{ S3_ACCESS_KEY_ID: 'bench', S3_SECRET_ACCESS_KEY: 'bench' },
  S3_PUBLIC_BASE_URL: 'https://cdn.example.com',
};

/** What the log and the metrics cost is the difference to this one. */
export const quietSidecar: Contender = {
  ...sidecar,
  name: 'sidecar, quiet',
  setup: 'LOG_LEVEL=silent, METRICS_PORT not set',
  start: (place) =>
    startNodeProxy(place, (port) => {
      const { args, env } = sidecarProxy(port, place.upstreamPort);
      const { METRICS_PORT: _unset, ...rest } = env;
      return { args, env: { ...rest, LOG_LEVEL: 'silent' } };
    }),
};

/** @param nodeFlags in front of the script, e.g. `--cpu-prof` */
export const sidecarProxy = (
  port: number,
  upstreamPort: number,
  nodeFlags: readonly string[] = [],
): NodeProxy => ({
  args: [...nodeFlags, MAIN],
  env: baseEnv({
    ...LATE_AS_IN_PRODUCTION,
    NODE_ENV: 'production',
    HOST: '127.0.0.1',
    PORT: String(port),
    BACKEND_URL: `http://127.0.0.1:${upstreamPort}`,
    WEB_CONCURRENCY: '1',
    LOG_LEVEL: 'info',
    METRICS_PORT: '0',
  }),
});
