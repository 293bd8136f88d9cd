/** A sidecar that runs, everything behind it, and the doctor that looks at them by a file of settings. */

import { writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { after, before } from 'node:test';
import { parseOptions } from '../../scripts/doctor/arguments.ts';
import { examine } from '../../scripts/doctor/examine.ts';
import type { Result } from '../../scripts/doctor/output.ts';
import { createScene } from '../../scripts/doctor/scene.ts';
import { createRedaction } from '../../scripts/doctor/secrets.ts';
import { readSources } from '../../scripts/doctor/sources.ts';
import { wordsIn } from '../../scripts/doctor/words.ts';
import { query, startTestDatabase } from '../../scripts/lab/database.ts';
import { freePort, listen } from '../../scripts/lab/ports.ts';
import { makeScratchFolder } from '../../scripts/lab/scratch-folder.ts';
import { startProcess } from '../../scripts/lab/sidecar.ts';
import { startTestObjectStore, storageEnv } from '../../scripts/lab/throwaway-object-store.ts';
import { JWT_SECRET } from '../../scripts/lab/tokens.ts';
import { withAbort } from '../../scripts/uploads/bucket-rules.ts';
import { untilReady } from './api.ts';
import { storageOf } from './object-store-contract.ts';
import { allTables } from './sidecar-with-database.ts';

export type DoctorScene = Awaited<ReturnType<typeof startScene>>;

/** What FastAPI says of itself, and its health. */
export const healthy: RequestListener = (req, res) => {
  const paths = { '/api/products': { get: {} }, '/healthz': { get: {} } };
  res.setHeader('Content-Type', 'application/json');
  res.end(JSON.stringify(req.url === '/openapi.json' ? { paths } : { status: 'ok' }));
};

/** Before the tests of a file, and ended after them. */
export function doctorScene(use: (scene: DoctorScene) => void): void {
  let scene: DoctorScene | undefined;
  before(async () => {
    scene = await startScene();
    use(scene);
  });
  after(() => scene?.stop());
}

async function startScene() {
  await using parts = new AsyncDisposableStack();
  const folder = makeScratchFolder('test-doctor');
  parts.defer(folder.remove);
  const server = parts.use(await startTestDatabase({ fill: allTables }));
  const store = await startTestObjectStore();
  parts.defer(store.stop);
  const storage = storageOf(store.config);
  await storage.putLifecycleRules(withAbort([], 2), AbortSignal.timeout(10_000));
  storage.close();
  const backend = { handle: healthy };
  const listener = createServer((req, res) => backend.handle(req, res));
  parts.defer(() => void listener.close().closeAllConnections());
  const { url } = server;
  const env: Record<string, string> = {
    ...{
      JWT_SECRET,
      DATABASE_URL: url,
      MIGRATE_ON_START: 'true',
      DATABASE_POOL_MAX: '3',
      MAX_CONNECTIONS: '100',
      // As the sidecar under test has it.
      MAX_EVENT_LOOP_DELAY_MS: '0',
    },
    ...{ PORT: String(await freePort()), BACKEND_URL: `http://127.0.0.1:${await listen(listener)}` },
    ...storageEnv(store.config),
  };
  const sidecar = parts.use(await startProcess(env));
  await untilReady(sidecar);
  const kept = parts.move();
  let count = 0;

  /** A file of settings; a value of undefined leaves its name out. */
  const writeEnv = (more: Record<string, string | undefined> = {}) => {
    count += 1;
    const path = folder.at(`${count}.env`);
    const lines = Object.entries({ ...env, ...more }).flatMap(([name, value]) =>
      value === undefined ? [] : [`${name}='${value}'\n`],
    );
    writeFileSync(path, lines.join(''), { mode: 0o600 });
    return path;
  };
  return {
    ...{ folder, server, store, backend, env, url, sidecar, writeEnv, stop: () => kept.disposeAsync() },
    sql: <Row extends Record<string, unknown>>(text: string, at = url) => query<Row>(at, text),
    /** A database of its own, as the sidecar's is. */
    database: () => server.createDatabase(allTables),
    /** @param more settings, other than the sidecar was started with @returns results by "area/name" */
    look: (args: readonly string[], more: Record<string, string | undefined> = {}) =>
      look(['--env-file', writeEnv(more), ...args]),
  };
}

/** The doctor without a process of its own. @param shell what it was started with */
export async function look(args: readonly string[], shell: Record<string, string> = {}) {
  const words = wordsIn('en');
  const options = parseOptions(args, words);
  const sources = readSources(shell, { unitPath: options.unitPath, files: options.envFiles });
  const results = await examine(createScene({ words, options, sources, shell }), {
    stop: new AbortController().signal,
    redact: createRedaction(sources.env),
    onResult: () => undefined,
  });
  const of = (name: string): Result => {
    const found = results.find((result) => `${result.area}/${result.name}` === name);
    if (found === undefined) throw new Error(`no ${name} among ${results.map((one) => one.name)}`);
    return found;
  };
  return { results, of };
}
