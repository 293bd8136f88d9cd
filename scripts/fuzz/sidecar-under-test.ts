/**
 * The sidecar as its own process, as in production, with a database and a storage configuration, watched from outside:
 * what it logs, the descriptors it holds, the memory it needs.
 */
import { createBackendTables, startTestDatabase } from '../lab/database.ts';
import { freePort } from '../lab/ports.ts';
import { openDescriptors } from '../lab/proc.ts';
import { until } from '../lab/programs.ts';
import { type LogLine, type SidecarProcess, startProcess } from '../lab/sidecar.ts';
import { untilMigrated } from '../lab/until-migrated.ts';
import { heapAfterGc } from './heap.ts';

/** Short, so that a stalled exchange does not hold a run up, ms. */
const BACKEND_TIMEOUT_MS = 1_500;

export type SidecarUnderTest = Awaited<ReturnType<typeof startSidecarUnderTest>>;

export async function startSidecarUnderTest(backendPort: number) {
  await using parts = new AsyncDisposableStack();
  const database = parts.use(await startTestDatabase());
  await createBackendTables(database.url);
  const inspectPort = await freePort();
  const sidecar = parts.use(await startProcess(settings(backendPort, database.url, inspectPort), isError));
  await untilMigrated(database.url);
  const kept = parts.move();
  return {
    pid: sidecar.pid,
    port: sidecar.port,
    /** The same process still runs and answers /livez. */
    async isAlive() {
      if (sidecar.child.exitCode !== null || sidecar.child.signalCode !== null) return false;
      return fetch(`${sidecar.url}/livez`, { signal: AbortSignal.timeout(5_000) }).then(
        (answer) => answer.ok,
        () => false,
      );
    },
    /** Round trips through its event loop: what it had written before is on its way when this resolves. */
    async barrier() {
      for (let i = 0; i < 2; i += 1) await fetch(`${sidecar.url}/livez`).then((answer) => answer.text());
      // A connection that is new to the backend takes a turn to be accepted and one to be read.
      for (let i = 0; i < 3; i += 1) await new Promise(setImmediate);
    },
    /** Lines that must not be: errors, anything on stderr. Taken, so each is told once. */
    takeComplaints: watchComplaints(sidecar),
    descriptors: () => openDescriptors(sidecar.pid),
    /** Memory in use after a garbage collection, bytes. */
    heap: () => heapAfterGc(inspectPort),
    stop: () => kept.disposeAsync(),
  };
}

const settings = (backendPort: number, databaseUrl: string, inspectPort: number) => ({
  BACKEND_URL: `http://127.0.0.1:${backendPort}`,
  BACKEND_HEADERS_TIMEOUT_MS: String(BACKEND_TIMEOUT_MS),
  BACKEND_BODY_TIMEOUT_MS: String(BACKEND_TIMEOUT_MS),
  DATABASE_URL: databaseUrl,
  DATABASE_POOL_MAX: '2',
  MIGRATE_ON_START: 'true',
  METRICS_PORT: '0',
  S3_ENDPOINT: 'http://127.0.0.1:9',
  S3_REGION: 'test',
  S3_BUCKET: 'media',
  S3_ACCESS_KEY_ID: 'test',
  S3_SECRET_ACCESS_KEY: 'test',
  S3_PUBLIC_BASE_URL: 'http://127.0.0.1:9/media',
  NODE_OPTIONS: `--inspect=127.0.0.1:${inspectPort}`,
});

const isError = ({ level }: LogLine): boolean => level === 'error' || level === 'fatal';

function watchComplaints(sidecar: SidecarProcess): () => string[] {
  let told = 0;
  const onStderr: string[] = [];
  sidecar.child.stderr?.on('data', (chunk: Buffer) => {
    // The inspector announces those who ask for the heap.
    const text = String(chunk).replace(
      /^(?:Debugger (?:attached|ending|listening)|For help, see).*\n?/gm,
      '',
    );
    if (text !== '') onStderr.push(`stderr: ${text}`);
  });
  return () => {
    const errors = sidecar.log().filter(isError);
    const untold = errors.slice(told).map((line) => JSON.stringify(line));
    told = errors.length;
    return [...untold, ...onStderr.splice(0)];
  };
}

/** How long connections may take to be let go of: idle ones to the backend live for 4 s, half-closed ones for 10 s. */
const SETTLE_MS = 15_000;
/** Database connections come and go. */
const SLACK_DESCRIPTORS = 4;

/** Waits until the descriptors are back near where they were. @returns how many there are at the end */
export async function untilSettled(sidecar: SidecarUnderTest, baseline: number): Promise<number> {
  const isBack = () => isSettled(sidecar.descriptors(), baseline);
  await until('the descriptors to be let go of', isBack, { patienceMs: SETTLE_MS }).catch(() => undefined);
  return sidecar.descriptors();
}

export const isSettled = (descriptors: number, baseline: number) =>
  descriptors <= baseline + SLACK_DESCRIPTORS;
