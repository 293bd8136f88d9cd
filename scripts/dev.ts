/**
 * `npm run dev`: the sidecar in front of everything it needs, on a machine with nothing but Node. What the environment
 * (or .env) names is used instead of the embedded part.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { banner, SAMPLE_PNG } from '../src/dev/console/banner.ts';
import { followLog } from '../src/dev/console/log-lines.ts';
import { demoToken, startDemoBackend } from '../src/dev/demo-backend/server.ts';
import { startEmbeddedPostgres, stopOrphanedPostgres } from '../src/dev/embedded-postgres.ts';
import { startObjectStore } from '../src/dev/object-store/server.ts';
import { type StateFolder, takeStateFolder } from '../src/dev/state-folder.ts';

const HELP = `Usage: npm run dev [-- --state DIR] [--no-watch] [--reset] [--help]

Starts PostgreSQL, an object store, a demo backend and the sidecar, all on 127.0.0.1, and tells how to try them.

  --state DIR   where data is kept (default .dev)
  --no-watch    do not restart the sidecar when files in src/ change
  --reset       remove the data first

Set in the environment or in .env, these replace the embedded parts:
  DATABASE_URL            your PostgreSQL
  S3_ENDPOINT and S3_*    your object storage
  BACKEND_URL             your backend (default http://127.0.0.1:8000; the demo backend starts there if nothing answers)
  JWT_SECRET              your backend's secret
  PORT                    the sidecar's port (default 8010)
`;

const DEFAULT_BACKEND_URL = 'http://127.0.0.1:8000';
const DEFAULT_PORT = '8010';
const OBJECT_STORE_PORT = 9100;
const READY_TIMEOUT_MS = 60_000;
/** Stopping must not take longer than people wait, ms. */
const STOP_TIMEOUT_MS = 15_000;

type Stop = () => Promise<unknown> | unknown;

async function main(): Promise<void> {
  const { values: options } = parseArgs({
    options: {
      state: { type: 'string', default: '.dev' },
      watch: { type: 'boolean', default: true },
      reset: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
    allowNegative: true,
  });
  if (options.help) {
    process.stdout.write(HELP);
    return;
  }
  if (existsSync('.env')) process.loadEnvFile('.env');
  const stops: Stop[] = [];
  const stopAll = stopOnSignals(stops);
  try {
    const state = takeStateFolder(resolve(options.state));
    stops.push(() => state.release());
    await start(state, options, stops, stopAll);
  } catch (error) {
    console.error(`\n${error instanceof Error ? error.message : error}\n`);
    await stopAll(1);
  }
}

async function start(
  state: StateFolder,
  options: { watch: boolean; reset: boolean },
  stops: Stop[],
  stopAll: (status: number) => Promise<void>,
): Promise<void> {
  const port = process.env.PORT ?? DEFAULT_PORT;
  if (await answers(Number(port))) {
    throw new Error(
      `Port ${port} is taken: another program listens on 127.0.0.1:${port}. Stop it, or choose another: PORT=8011 npm run dev`,
    );
  }
  if (await stopOrphanedPostgres(state.at('postgres')))
    say('stopped a PostgreSQL that an earlier run left behind');
  if (options.reset) {
    say(`removing the data in ${state.path}`);
    for (const name of ['postgres', 'objects', 'media'])
      rmSync(state.at(name), { recursive: true, force: true });
  }
  const jwtSecret = process.env.JWT_SECRET ?? state.secret('jwt-secret');
  const database = await startDatabase(state, stops);
  const storage = await startStorage(state, stops);
  const backend = await startBackend(state, stops, database.url, jwtSecret);
  const sampleFile = { path: state.at('dot.png'), bytes: SAMPLE_PNG.length };
  writeFileSync(sampleFile.path, SAMPLE_PNG);

  const env = {
    ...process.env,
    ...storage.env,
    PORT: port,
    JWT_SECRET: jwtSecret,
    DATABASE_URL: database.url,
    BACKEND_URL: backend.url,
  };
  const sidecar = startSidecar(env, options.watch);
  stops.push(() => stopChild(sidecar));
  sidecar.once('exit', (status) => stopAll(status ?? 1));
  const sidecarUrl = `http://127.0.0.1:${port}`;
  await untilReady(sidecarUrl);
  console.log(
    banner({
      sidecarUrl,
      backend: `${backend.url}   ${backend.what}`,
      database: database.what,
      storage: storage.what,
      token: backend.isDemo ? demoToken(1, jwtSecret) : null,
      sampleFile,
    }),
  );
}

async function startDatabase(state: StateFolder, stops: Stop[]): Promise<{ url: string; what: string }> {
  if (process.env.DATABASE_URL) return { url: process.env.DATABASE_URL, what: 'yours (DATABASE_URL)' };
  say('starting PostgreSQL');
  const server = await startEmbeddedPostgres({
    dataDir: state.at('postgres'),
    port: 0,
    user: 'gogomarket',
    password: state.secret('database-password'),
    database: 'gogomarket',
  });
  stops.push(() => server.stop());
  return { url: server.url, what: `PostgreSQL on 127.0.0.1:${server.port}, data in ${state.at('postgres')}` };
}

async function startStorage(
  state: StateFolder,
  stops: Stop[],
): Promise<{ env: Record<string, string>; what: string }> {
  if (process.env.S3_ENDPOINT) return { env: {}, what: `yours (${process.env.S3_ENDPOINT})` };
  const settings = {
    bucket: 'gogomarket-dev',
    accessKeyId: 'dev-access-key',
    secretAccessKey: state.secret('s3-secret'),
  };
  const port = (await answers(OBJECT_STORE_PORT)) ? 0 : OBJECT_STORE_PORT;
  const store = await startObjectStore({ ...settings, port, dataDir: state.at('objects'), publicRead: true });
  stops.push(() => store.stop());
  return {
    what: `${store.url}, objects in ${state.at('objects')}`,
    env: {
      S3_ENDPOINT: store.url,
      S3_REGION: 'us-east-1',
      S3_BUCKET: settings.bucket,
      S3_ACCESS_KEY_ID: settings.accessKeyId,
      S3_SECRET_ACCESS_KEY: settings.secretAccessKey,
      S3_PUBLIC_BASE_URL: `${store.url}/${settings.bucket}`,
    },
  };
}

async function startBackend(
  state: StateFolder,
  stops: Stop[],
  databaseUrl: string,
  jwtSecret: string,
): Promise<{ url: string; what: string; isDemo: boolean }> {
  const url = process.env.BACKEND_URL ?? DEFAULT_BACKEND_URL;
  const address = URL.parse(url);
  if (address?.protocol !== 'http:') return { url, what: 'yours (BACKEND_URL)', isDemo: false };
  const port = Number(address.port || 80);
  if (await answers(port, address.hostname))
    return { url, what: 'yours: it was already running', isDemo: false };
  if (!['127.0.0.1', 'localhost'].includes(address.hostname)) {
    return { url, what: 'yours (BACKEND_URL); it does not answer yet', isDemo: false };
  }
  say('starting the demo backend');
  const demo = await startDemoBackend({ port, databaseUrl, jwtSecret, mediaDir: state.at('media') });
  stops.push(() => demo.stop());
  return { url, what: 'demo backend (nothing else answered there)', isDemo: true };
}

function startSidecar(env: NodeJS.ProcessEnv, watch: boolean): ChildProcess {
  const main = resolve(import.meta.dirname, '../src/main.ts');
  const flags = watch ? ['--watch', '--watch-preserve-output'] : [];
  const child = spawn(process.execPath, [...flags, main], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    // Its own group: Ctrl-C reaches this process alone, which stops the parts in order.
    detached: true,
  });
  const print = (line: string) => console.log(`sidecar | ${line}`);
  followLog(child.stdout, print);
  followLog(child.stderr, print);
  return child;
}

function stopChild(child: ChildProcess): Promise<void> {
  return new Promise((stopped) => {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return stopped();
    child.once('exit', () => stopped());
    child.kill('SIGTERM');
  });
}

/** Ctrl-C, SIGTERM and SIGHUP stop everything, last started first; a second one does not wait. */
function stopOnSignals(stops: Stop[]): (status: number) => Promise<void> {
  let stopping = false;
  const stopAll = async (status: number) => {
    if (stopping) return;
    stopping = true;
    setTimeout(() => process.exit(1), STOP_TIMEOUT_MS).unref();
    for (const stop of stops.toReversed()) {
      try {
        await stop();
      } catch (error) {
        console.error(error instanceof Error ? error.message : error);
      }
    }
    process.exit(status);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (stopping) process.exit(1);
      console.log('\nstopping …');
      stopAll(0);
    });
  }
  process.on('uncaughtException', (error) => {
    console.error(error);
    stopAll(1);
  });
  return stopAll;
}

/** Something accepts connections there. */
function answers(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect({ port, host, timeout: 1_000 });
    const settle = (open: boolean) => {
      socket.destroy();
      done(open);
    };
    socket.once('connect', () => settle(true));
    socket.once('timeout', () => settle(false));
    socket.once('error', () => settle(false));
  });
}

/** Ready, or at least alive when a part that is not ours is down. */
async function untilReady(url: string): Promise<void> {
  const giveUpAt = Date.now() + READY_TIMEOUT_MS;
  let status = 0;
  while (Date.now() < giveUpAt) {
    status = await fetch(`${url}/readyz`).then(
      (answer) => answer.status,
      () => 0,
    );
    if (status === 200) return;
    if (status === 503 && Date.now() > giveUpAt - READY_TIMEOUT_MS + 5_000) break;
    await new Promise((wake) => setTimeout(wake, 100));
  }
  if (status === 0) throw new Error('The sidecar did not start; its messages are above.');
  say(`the sidecar is up, but not everything behind it is: see ${url}/readyz`);
}

const say = (text: string) => console.log(`dev     | ${text}`);

main();
