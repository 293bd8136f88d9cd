/** The uploads as whoever runs the sidecar sees them: listed, taken down, compared with the bucket. For commands only. */
import type { DatabaseTarget } from '../../config/database-url.ts';
import type { ObjectStorage } from '../../infra/object-storage/object-storage.ts';
import { createDatabase, type Database } from '../../infra/postgres/database.ts';
import { createChanges, type EventSink } from './changes.ts';
import { createLifecycle, type Limit } from './lifecycle.ts';
import { createUploadStore, type UploadStore, unlessMissing } from './store.ts';
import { COLUMNS, type UploadRow } from './upload.ts';
import { createReferences, type UploadUsage } from './usage.ts';

export interface UploadOperator {
  /** A page, newest first. @throws AppError 503; so do the others */
  readonly list: UploadStore['list'];
  /** What an admin's DELETE does. @throws AppError 404, 409 */
  takeDown(id: string): Promise<UploadRow>;
  /** Those of these ids that there are. */
  find(ids: readonly string[]): Promise<UploadRow[]>;
  /** When the first and the last upload were begun; null: there is none. */
  period(): Promise<{ readonly first: Date; readonly last: Date } | null>;
  /** All that are `ready`, in batches. */
  ready(): AsyncIterable<readonly UploadRow[]>;
  /**
   * Looks once more at one that is `deleted` or `rejected`, as the background pass does: an object that is there goes.
   * @returns false: it is being looked at by somebody else
   */
  lookAgain(row: UploadRow): Promise<boolean>;
}

export interface OperatorOptions {
  readonly storage: ObjectStorage;
  readonly sink: EventSink;
  readonly usage: UploadUsage;
}

const BATCH = 1_000;
const NO_ID = '00000000-0000-0000-0000-000000000000';
const TIMEOUT_MS = 30_000;

const limitOf = (): Limit => ({
  signal: AbortSignal.timeout(TIMEOUT_MS),
  untilMs: performance.now() + TIMEOUT_MS,
});

/** Connects for one piece of work. */
export async function operateUploads<T>(
  target: DatabaseTarget,
  options: OperatorOptions,
  work: (uploads: UploadOperator) => Promise<T>,
): Promise<T> {
  const database = createDatabase(target, { poolMax: 4 });
  try {
    return await work(createOperator(database, options));
  } finally {
    await database.close();
  }
}

function createOperator(database: Database, { storage, sink, usage }: OperatorOptions): UploadOperator {
  const changes = createChanges({ database, sink, storage });
  const lifecycle = createLifecycle({ changes, references: createReferences(database, usage), storage });
  const run = async <Row>(sql: string, values: readonly (string | number | readonly string[])[] = []) => {
    const asked = database.run((knex) => knex.raw<{ rows: Row[] }>(sql, values as string[]));
    return (await asked.catch(unlessMissing)).rows;
  };
  return {
    list: createUploadStore(database).list,
    takeDown: (id) => lifecycle.remove(id, 'any', limitOf()),
    find: (ids) => run<UploadRow>(`SELECT ${COLUMNS} FROM sidecar_uploads WHERE id = ANY(?::uuid[])`, [ids]),
    async period() {
      const [row] = await run<{ first: Date | null; last: Date | null }>(PERIOD);
      return row?.first && row.last ? { first: row.first, last: row.last } : null;
    },
    async *ready() {
      for (let id = NO_ID; ; ) {
        const rows = await run<UploadRow>(PAGE, [id, BATCH]);
        yield rows.filter(({ status }) => status === 'ready');
        if (rows.length < BATCH) return;
        id = rows.at(-1)?.id ?? id;
      }
    },
    async lookAgain({ id, status }) {
      const limit = limitOf();
      const claimed = await changes.claim(id, [status], null, limit);
      if (claimed !== null) await lifecycle.settle(claimed, limit);
      return claimed !== null;
    },
  };
}

const PERIOD = 'SELECT min(created_at) AS first, max(created_at) AS last FROM sidecar_uploads';

/** Not only those that are ready: without statistics PostgreSQL would sort the whole table for each page. */
const PAGE = `SELECT ${COLUMNS} FROM sidecar_uploads WHERE id > ? ORDER BY id LIMIT ?`;
