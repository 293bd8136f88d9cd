/** How each part is, and what to do when it is down. */
import type { Config } from '../../../../src/config/config.ts';
import type { BackendAddress } from '../../../../src/config/values.ts';
import { createObjectStorage } from '../../../../src/infra/object-storage/object-storage.ts';
import { createStorageClock } from '../../../../src/infra/object-storage/storage-clock.ts';
import type { Database } from '../../../../src/infra/postgres/database.ts';
import { httpGet, reasonOf } from '../../../doctor/http-get.ts';
import { en as doctor } from '../../../doctor/words-en.ts';
import { isListening } from '../../../lab/ports.ts';
import type { Faults } from '../faults.ts';

export interface PartState {
  readonly name: 'sidecar' | 'backend' | 'database' | 'storage' | 'nginx';
  readonly state: 'ok' | 'down' | 'absent';
  /** Where it is, and whose. */
  readonly where: string;
  readonly detail: string;
  /** null: nothing has to be done. */
  readonly remedy: string | null;
}

export interface PartsOptions {
  readonly origin: string;
  readonly sidecarPort: number;
  readonly backend: BackendAddress;
  readonly database: Database;
  readonly storage: Config['storage'];
  /** As the banner says it. */
  readonly where: Readonly<Partial<Record<PartState['name'], string>>>;
}

type Found = Pick<PartState, 'state' | 'detail' | 'remedy'>;

/** More than a busy machine takes. */
const PATIENCE_MS = 4_000;
const silent = { warn() {}, info() {} };
const NGINX_PORTS = [80, 443];

const ok = (detail: string): Found => ({ state: 'ok', detail, remedy: null });
const down = (detail: string, remedy: string): Found => ({ state: 'down', detail, remedy });
const absent = (detail: string): Found => ({ state: 'absent', detail, remedy: null });

/** @returns looks at all of them; never throws */
export function createPartsLook({ origin, sidecarPort, backend, database, storage, where }: PartsOptions) {
  const bucket = storage && createObjectStorage(storage, createStorageClock(silent));
  return {
    async look(faults: Faults): Promise<PartState[]> {
      const found = await Promise.all([
        lookAtSidecar(sidecarPort),
        lookAtBackend(backend),
        faults.away.database ? switchedOff('database') : lookAtDatabase(database),
        faults.away.storage ? switchedOff('storage') : lookAtStorage(bucket),
        lookForNginx(),
      ]);
      const names = ['sidecar', 'backend', 'database', 'storage', 'nginx'] as const;
      const known = { sidecar: origin, ...where };
      return names.map((name, i) => ({ name, where: known[name] ?? '', ...(found[i] as Found) }));
    },
    close: () => bucket?.close(),
  };
}

/** The sidecar's own connections are refused; what it leads to may be well. */
const switchedOff = async (part: string): Promise<Found> =>
  down(`switched off for the sidecar`, `Switch the ${part} on again on the page Faults.`);

async function lookAtSidecar(port: number): Promise<Found> {
  if (await isListening(port)) return ok('listens');
  return down(
    'does not listen',
    'Its last words are in the terminal. It starts again when a file changes, or with r.',
  );
}

async function lookAtBackend(backend: BackendAddress): Promise<Found> {
  try {
    const { status, sentAt, headAt } = await httpGet(backend, '/healthz', AbortSignal.timeout(PATIENCE_MS));
    const said = `GET /healthz: ${status}, ${headAt - sentAt} ms`;
    if (status >= 500) return down(said, doctor.backendIsIll);
    return status < 300 ? ok(said) : down(said, doctor.isItTheBackend);
  } catch (error) {
    return down(reasonOf(error), doctor.backendIsAway);
  }
}

async function lookAtDatabase(database: Database): Promise<Found> {
  const startedAt = performance.now();
  try {
    const untilMs = startedAt + PATIENCE_MS;
    const { rows } = await database.run(
      (knex) =>
        knex.raw<{ rows: { v: string; n: string | null }[] }>(
          `SELECT version() AS v, to_regclass('product_reviews')::text AS n`,
        ),
      { untilMs },
    );
    const version = /^PostgreSQL [\d.]+/.exec(rows[0]?.v ?? '')?.[0] ?? '';
    const said = `${version}, ${(performance.now() - startedAt).toFixed(1)} ms`;
    return rows[0]?.n === null ? down(`${said}, without our tables`, doctor.migrate) : ok(said);
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    const { code = '' } = cause as { code?: string };
    return down(reasonOf(cause), doctor.databaseRemedy([code]));
  }
}

async function lookAtStorage(bucket: ReturnType<typeof createObjectStorage> | null): Promise<Found> {
  if (bucket === null) return absent('not configured: uploads answer 501');
  if (await bucket.ping()) return ok('answers, and takes our key');
  return down(
    'does not answer, or refuses our key',
    'Is it at S3_ENDPOINT, with that bucket and that key? npm run uploads -- doctor finds out which.',
  );
}

/** In development there rarely is one. */
async function lookForNginx(): Promise<Found> {
  for (const port of NGINX_PORTS) {
    if (!(await isListening(port))) continue;
    if (port === 443) return ok(`something listens on port ${port}`);
    const answer = await httpGet(
      { kind: 'tcp', host: '127.0.0.1', port },
      '/',
      AbortSignal.timeout(PATIENCE_MS),
    ).catch(() => null);
    if (/nginx/i.test(String(answer?.headers.server))) return ok(`${answer?.headers.server} on port ${port}`);
  }
  return absent('none on this machine; development needs none');
}
