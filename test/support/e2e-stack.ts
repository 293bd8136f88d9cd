/**
 * Everything between a client and its data, each part the real one in a process of its own:
 * client → nginx (TLS) → sidecar → uvicorn → PostgreSQL (TLS), and the object store beside them.
 */

import { readFile } from 'node:fs/promises';
import { after, before } from 'node:test';
import { startTestDatabase } from '../../scripts/lab/database.ts';
import { startProcess } from '../../scripts/lab/sidecar.ts';
import { startTestObjectStore, storageEnv } from '../../scripts/lab/throwaway-object-store.ts';
import { startUvicorn, UVICORN } from '../../scripts/lab/uvicorn.ts';
import { untilReady } from './api.ts';
import { startDeployedNginx } from './deployed-nginx.ts';
import { type ClientRequest, send } from './https-client.ts';
import { skipWithout } from './requirements.ts';

/** What must be installed before the stack can run. */
const STACK_TOOLS = ['nginx', 'openssl', UVICORN];

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

export type Stack = Awaited<ReturnType<typeof startStack>>;

async function startStack() {
  // A part that cannot start must not leave the others running.
  await using parts = new AsyncDisposableStack();
  const databaseServer = parts.use(await startTestDatabase({ tls: true }));
  const store = await startTestObjectStore();
  parts.defer(store.stop);
  const databaseUrl = await databaseServer.createDatabase();
  // One value for both, as in the file that they share: the backend's spelling, TLS asked for.
  const sharedUrl = `${databaseUrl.replace('postgresql:', 'postgresql+asyncpg:')}?ssl=require`;
  let backend = await startUvicorn(sharedUrl);
  parts.defer(() => backend.stop());
  const sidecarEnv = {
    BACKEND_URL: backend.url,
    DATABASE_URL: sharedUrl,
    MIGRATE_ON_START: 'true',
    SHUTDOWN_GRACE_MS: '2000',
    ...storageEnv(store.config),
  };
  const sidecar = parts.use(await startProcess(sidecarEnv));
  const nginx = await startDeployedNginx(sidecar.port);
  parts.defer(nginx.stop);
  const ca = await readFile(nginx.caPath);
  await untilReady(sidecar);
  const { port, url } = backend;
  const kept = parts.move();
  /** A request through nginx. */
  const ask = (path: string, request: ClientRequest = {}) => send(`${nginx.url}${path}`, { ca, ...request });
  return {
    ...{ databaseServer, databaseUrl, store, sidecar, nginx, ca, ask, backend: { port, url } },
    /** A token from the backend's login. */
    async logIn(email = 'buyer@demo.com', password = 'demo123'): Promise<string> {
      const answer = await ask('/api/auth/login', { method: 'POST', json: { email, password } });
      return answer.json.access_token;
    },
    /** Another sidecar in front of the same backend, with some settings changed; stopped with the stack. */
    anotherSidecar: async (env: Record<string, string>) =>
      kept.use(await startProcess({ ...sidecarEnv, ...env })),
    /** Another backend on the same database, with its earlier module for reviews and uploads; stopped with the stack. */
    async backendWithFeatureApi() {
      const another = await startUvicorn(sharedUrl, { featureApi: true });
      kept.defer(() => another.stop());
      return another;
    },
    /** Kills the backend and starts it again on its port. @param whileDown runs in between */
    async restartBackend(whileDown: () => Promise<void>) {
      await backend.stop();
      await whileDown();
      backend = await startUvicorn(sharedUrl, { port });
    },
    stop: () => kept.disposeAsync(),
  };
}
