/**
 * The development console: keeps what the sidecar's process tells of its requests, and answers for its page. Runs in the
 * process of `npm run dev`, so that what it knows outlives the sidecar's restarts.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseSetting } from '../../../src/config/read-settings.ts';
import { listen } from '../../lab/ports.ts';
import { createConsoleServer } from './api/routes.ts';
import { NO_FAULTS } from './faults.ts';
import { CONSOLE_PATH } from './guard.ts';
import type { Link } from './messages.ts';
import { createState, type Surroundings } from './state/state.ts';
import { createReceiver } from './store/receiver.ts';
import { type LogEntry, Records } from './store/records.ts';

export interface Console {
  /** Where the page is. */
  readonly url: string;
  /** For the sidecar's process: what Node loads before it. */
  readonly nodeFlags: readonly string[];
  readonly records: Records;
  /** Takes every line of the sidecar's log. */
  hear(entry: LogEntry): void;
  stop(): Promise<void>;
}

export interface ConsoleOptions {
  /** Its own; what is in it is removed. */
  readonly folder: string;
  readonly sidecarPort: number;
  /** As the sidecar has them. */
  readonly env: Readonly<Record<string, string>>;
  readonly surroundings?: Surroundings;
}

export async function startConsole({
  folder,
  sidecarPort,
  env,
  surroundings = {},
}: ConsoleOptions): Promise<Console> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const key = randomBytes(32).toString('base64url');
  const records = new Records({ folder });
  const origin = `http://127.0.0.1:${sidecarPort}`;
  const receiver = createReceiver(records, key);
  const state = createState(env, { origin, sidecarPort }, surroundings);
  const pages = createConsoleServer({
    ...{ records, receiver, state, origin, sidecarPort, key, faults: NO_FAULTS },
    storageOrigins: storageOriginsOf(env),
    backendUrl: URL.parse(env.BACKEND_URL ?? '')?.host ? (env.BACKEND_URL ?? null) : null,
  });
  const [messagePort, pagePort] = await Promise.all([listen(receiver.server), listen(pages)]);
  const link: Link = {
    ...{ messagePort, pagePort, key, sidecarPort },
    backend: parseSetting(env, 'BACKEND_URL'),
    ...placesOf(env),
  };
  const linkFile = join(folder, 'link.json');
  writeFileSync(linkFile, JSON.stringify(link), { mode: 0o600 });
  return {
    url: `${origin}${CONSOLE_PATH}`,
    nodeFlags: ['--import', `${PRELOAD}?${new URLSearchParams({ link: linkFile })}`],
    records,
    hear: (entry) => records.hear(entry),
    async stop() {
      receiver.server.close();
      pages.close();
      pages.closeAllConnections();
      await state.close();
    },
  };
}

const PRELOAD = pathToFileURL(join(import.meta.dirname, 'observe/preload.ts')).href;

/** Where database and storage are, to be able to switch them off. */
function placesOf(env: ConsoleOptions['env']): Pick<Link, 'database' | 'storage'> {
  const { host, port: databasePort, otherHosts } = parseSetting(env, 'DATABASE_URL');
  const storage = URL.parse(env.S3_ENDPOINT ?? '');
  const port = Number(storage?.port || (storage?.protocol === 'https:' ? 443 : 80));
  return {
    database: [{ host, port: databasePort }, ...otherHosts],
    storage: storage === null ? [] : [{ host: storage.hostname, port }],
  };
}

/** Where browsers send files and get them from. */
function storageOriginsOf({ S3_ENDPOINT, S3_BUCKET, S3_PUBLIC_BASE_URL }: ConsoleOptions['env']): string[] {
  const endpoint = URL.parse(S3_ENDPOINT ?? '');
  if (endpoint === null) return [];
  const { protocol, hostname, host, port, origin } = endpoint;
  // The bucket's name may stand in the host's (S3_FORCE_PATH_STYLE), but not in an address.
  const ofBucket = isIP(hostname) === 0 ? [`${protocol}//${S3_BUCKET}.${host}`] : [];
  // The sidecar may be addressed by either, and uploads then as well.
  const ofLoopback = ['127.0.0.1', 'localhost'].includes(hostname)
    ? ['127.0.0.1', 'localhost'].map((name) => `${protocol}//${name}${port && `:${port}`}`)
    : [];
  const ofFiles = URL.parse(S3_PUBLIC_BASE_URL ?? '')?.origin ?? origin;
  return [...new Set([origin, ofFiles, ...ofBucket, ...ofLoopback])];
}
