/**
 * Everything between a client and its data, each part the real one in a process of its own:
 * client → nginx (TLS) → sidecar → uvicorn → PostgreSQL (TLS), and the object store beside them.
 */
import { readFile } from 'node:fs/promises';
import { after, before } from 'node:test';
import { startTestDatabase, type TestDatabaseServer } from '../../scripts/lab/database.ts';
import { type SidecarProcess, startProcess } from '../../scripts/lab/sidecar.ts';
import {
  type RunningStore,
  startTestObjectStore,
  storageEnv,
} from '../../scripts/lab/throwaway-object-store.ts';
import { untilMigrated } from '../../scripts/lab/until-migrated.ts';
import { startUvicorn, UVICORN, type Uvicorn } from '../../scripts/lab/uvicorn.ts';
import { type Nginx, startDeployedNginx } from './deployed-nginx.ts';
import { type ClientAnswer, type ClientRequest, send } from './https-client.ts';
import { skipWithout } from './requirements.ts';

/** What must be installed before the stack can run. */
const STACK_TOOLS = ['nginx', 'openssl', UVICORN];

export interface Stack {
  readonly databaseServer: TestDatabaseServer;
  /** For the tests' own SQL. */
  readonly databaseUrl: string;
  readonly store: RunningStore;
  /** Replaced by `restartBackend`. */
  backend: Uvicorn;
  readonly sidecar: SidecarProcess;
  readonly nginx: Nginx;
  /** PEM of nginx's issuer. */
  readonly ca: Buffer;
  /** A request through nginx. */
  ask(path: string, request?: ClientRequest): Promise<ClientAnswer>;
  /** A token from the backend's login. */
  logIn(email?: string, password?: string): Promise<string>;
  /** Another sidecar in front of the same backend, with some settings changed; stopped with the stack. */
  anotherSidecar(env: Record<string, string>): Promise<SidecarProcess>;
  stop(): Promise<void>;
}

/**
 * Starts a stack before the tests of a file and stops it after them.
 * @param use is handed it, and a token of the buyer's, before the first test
 * @param moreTools what the tests need besides
 * @returns the `skip` option of its tests
 */
export function stackForTests(
  use: (started: { stack: Stack; token: string }) => void,
  moreTools: readonly string[] = [],
): string | false {
  const skip = skipWithout([...STACK_TOOLS, ...moreTools]);
  let stack: Stack | undefined;
  before(async () => {
    if (skip) return;
    stack = await startStack();
    use({ stack, token: await stack.logIn() });
  });
  after(() => stack?.stop());
  return skip;
}

async function startStack(): Promise<Stack> {
  const stops: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (const part of stops.toReversed()) await part();
  };
  try {
    return await start(stops, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start(stops: (() => Promise<unknown>)[], stop: () => Promise<void>): Promise<Stack> {
  const databaseServer = await startTestDatabase({ tls: true });
  stops.push(databaseServer.stop);
  const store = await startTestObjectStore();
  stops.push(store.stop);
  const databaseUrl = await databaseServer.createDatabase();
  // One value for both, as in the file that they share: the backend's spelling, TLS asked for.
  const sharedUrl = `${databaseUrl.replace('postgresql:', 'postgresql+asyncpg:')}?ssl=require`;
  const backend = await startUvicorn(sharedUrl);
  let stack: Stack | undefined;
  // Before the stack is complete, too: a part that cannot start must not leave the others running.
  stops.push(() => (stack?.backend ?? backend).stop());
  const sidecarEnv = {
    BACKEND_URL: backend.url,
    DATABASE_URL: sharedUrl,
    MIGRATE_ON_START: 'true',
    SHUTDOWN_GRACE_MS: '2000',
    ...storageEnv(store.config),
  };
  const anotherSidecar = async (env: Record<string, string>) => {
    const sidecar = await startProcess({ ...sidecarEnv, ...env });
    stops.push(() => sidecar.end());
    return sidecar;
  };
  const sidecar = await anotherSidecar({});
  const nginx = await startDeployedNginx(sidecar.port);
  stops.push(nginx.stop);
  const ca = await readFile(nginx.caPath);
  const ask = (path: string, request: ClientRequest = {}) => send(`${nginx.url}${path}`, { ca, ...request });
  await untilMigrated(databaseUrl);
  stack = {
    ...{ databaseServer, databaseUrl, store, backend, sidecar, nginx, ca, ask, anotherSidecar, stop },
    async logIn(email = 'buyer@demo.com', password = 'demo123') {
      const answer = await ask('/api/auth/login', { method: 'POST', json: { email, password } });
      return answer.json.access_token;
    },
  };
  return stack;
}

/** Kills the backend and starts it again on its port. @param whileDown runs in between */
export async function restartBackend(stack: Stack, whileDown: () => Promise<void>): Promise<void> {
  const { port } = stack.backend;
  await stack.backend.stop();
  await whileDown();
  const sharedUrl = `${stack.databaseUrl.replace('postgresql:', 'postgresql+asyncpg:')}?ssl=require`;
  stack.backend = await startUvicorn(sharedUrl, port);
}
