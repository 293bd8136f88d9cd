/**
 * The parts around the sidecar: each is either the developer's own, named in the settings, or an embedded one.
 */

import { parseDatabaseUrl } from '../../src/config/database-url.ts';
import { migrateDatabase } from '../../src/infra/postgres/migrate.ts';
import { schema } from '../../src/schema.ts';
import { belongsToAnotherBackend, startDemoBackend } from '../lab/demo-backend/server.ts';
import {
  type ObjectStoreOptions,
  type RunningObjectStore,
  startObjectStore,
} from '../lab/object-store/server.ts';
import { isListening } from '../lab/ports.ts';
import { startEmbeddedPostgres } from '../lab/postgres.ts';
import type { Lan } from './lan/lan.ts';
import type { RunningParts } from './running-parts.ts';
import type { StateFolder } from './state-folder.ts';

/** The environment without blank values. */
export type Settings = Readonly<Record<string, string>>;

export interface PartContext {
  readonly settings: Settings;
  readonly state: StateFolder;
  readonly parts: RunningParts;
  readonly say: (text: string) => void;
  /** How other machines reach this one (--lan). */
  readonly lan: Lan;
}

export interface Part {
  /** For the developer: where it is and whose. */
  readonly what: string;
  /** What the sidecar has to be told. */
  readonly env: Settings;
  /** Ours, to be thrown away. */
  readonly isEmbedded: boolean;
}

const DEFAULT_BACKEND_URL = 'http://127.0.0.1:8000';
const OBJECT_STORE_PORT = 9100;
const BUCKET = 'gogomarket-dev';
const ACCESS_KEY_ID = 'dev-access-key';

export async function startDatabase({
  settings,
  state,
  parts,
  say,
}: PartContext): Promise<Part & { url: string }> {
  const own = settings.DATABASE_URL;
  if (own !== undefined) return { url: own, what: 'yours (DATABASE_URL)', env: {}, isEmbedded: false };
  say('starting PostgreSQL');
  const server = await startEmbeddedPostgres({
    dataDir: state.at('postgres'),
    port: 0,
    user: 'gogomarket',
    password: state.secret('database-password'),
    database: 'gogomarket',
  });
  parts.onStop(server.stop);
  // The sidecar would do it too, but beside its start: the first review could come before the table.
  await migrateDatabase(parseDatabaseUrl(server.url), schema);
  return {
    url: server.url,
    what: `PostgreSQL on 127.0.0.1:${server.port}, data in ${state.at('postgres')}`,
    env: { DATABASE_URL: server.url },
    isEmbedded: true,
  };
}

/** Any S3_ setting that says where or who means the developer's own storage; the sidecar names what is missing. */
export async function startStorage({
  settings,
  state,
  parts,
  say,
  lan: {
    addresses: [lanAddress],
  },
}: PartContext): Promise<Part> {
  const own = Object.keys(settings).some((name) => /^S3_(?!UPLOAD_|FORCE_PATH_STYLE$)/.test(name));
  if (own) return { what: `yours (${settings.S3_ENDPOINT ?? 'S3_…'})`, env: {}, isEmbedded: false };
  say('starting the object store');
  const secretAccessKey = state.secret('s3-secret');
  const store = await startOnUsualPort({
    host: lanAddress === undefined ? '127.0.0.1' : '0.0.0.0',
    bucket: BUCKET,
    accessKeyId: ACCESS_KEY_ID,
    secretAccessKey,
    dataDir: state.at('objects'),
    publicRead: true,
  });
  parts.onStop(store.stop);
  const url = `http://127.0.0.1:${store.port}`;
  // Of several addresses one is kept with a file for good; emulators and this machine reach that of the network as well.
  const publicUrl = lanAddress === undefined ? url : `http://${lanAddress}:${store.port}`;
  return {
    what: `${url}, objects in ${state.at('objects')}`,
    env: {
      S3_ENDPOINT: url,
      S3_REGION: 'us-east-1',
      S3_BUCKET: BUCKET,
      S3_ACCESS_KEY_ID: ACCESS_KEY_ID,
      S3_SECRET_ACCESS_KEY: secretAccessKey,
      S3_PUBLIC_BASE_URL: `${publicUrl}/${BUCKET}`,
    },
    isEmbedded: true,
  };
}

/** One port, so that the addresses of stored files stay right; any other when it is taken. */
async function startOnUsualPort(options: Omit<ObjectStoreOptions, 'port'>): Promise<RunningObjectStore> {
  try {
    return await startObjectStore({ ...options, port: OBJECT_STORE_PORT });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EADDRINUSE')) throw error;
    return await startObjectStore({ ...options, port: 0 });
  }
}

/** @returns the demo buyer's token too, or null when the backend is not the demo */
export async function startBackend(
  { settings, state, parts, say }: PartContext,
  { databaseUrl, jwtSecret }: { databaseUrl: string; jwtSecret: string },
): Promise<Part & { token: string | null }> {
  const url = settings.BACKEND_URL ?? DEFAULT_BACKEND_URL;
  const own = (why: string) => ({
    what: `${url}   yours: ${why}`,
    env: { BACKEND_URL: url },
    isEmbedded: false,
    token: null,
  });
  const address = URL.parse(url);
  if (address?.protocol !== 'http:') return own('BACKEND_URL');
  const port = Number(address.port || 80);
  if (await isListening(port, address.hostname)) return own('it was already running');
  if (!['127.0.0.1', 'localhost'].includes(address.hostname)) return own('it does not answer yet');
  if (!(settings.JWT_ALG ?? 'HS256').startsWith('HS256')) {
    return own('it does not answer yet, and the demo backend signs with HS256 only (JWT_ALG)');
  }
  if (settings.DATABASE_URL !== undefined && (await belongsToOther(databaseUrl))) {
    return own(
      'it does not answer yet; no demo backend, because the users in DATABASE_URL are not the demo’s',
    );
  }
  say('starting the demo backend');
  const demo = await startDemoBackend({
    port,
    databaseUrl,
    jwtSecret,
    mediaDir: state.at('media'),
    report: (error) => console.error('demo backend:', error),
  });
  parts.onStop(demo.stop);
  return {
    what: `${url}   demo (nothing else answered there)`,
    env: { BACKEND_URL: url },
    isEmbedded: true,
    token: demo.buyerToken,
  };
}

async function belongsToOther(databaseUrl: string): Promise<boolean> {
  try {
    return await belongsToAnotherBackend(databaseUrl);
  } catch (error) {
    throw new Error(`DATABASE_URL does not answer: ${(error as Error).message}`, { cause: error });
  }
}
