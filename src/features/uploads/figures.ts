/**
 * What the metrics say about uploads. Changes and failures are counted by the process that has them; what is due is in the
 * table that all share, and is looked at by the pass now and then, never by a scrape.
 */
import type { Database } from '../../infra/postgres/database.ts';
import { isForBucket, UPLOAD_STATUSES, type UploadStatus } from './upload.ts';

/** Since the start of the process. */
export interface UploadCounts {
  /** Uploads that have come into each state. */
  readonly changes: Record<UploadStatus, number>;
  /** By the pass: the storage or the database did not answer. */
  failedLooks: number;
}

/** Of all sidecars together, as of the last look. */
export interface DueUploads {
  /** Those whose time for a look has come, and those whose last look failed. */
  readonly due: Readonly<Record<UploadStatus, number>>;
  /** Since the oldest of them was due, 0 without one. */
  readonly oldestSeconds: number;
}

const nothing = () =>
  Object.fromEntries(UPLOAD_STATUSES.map((status) => [status, 0])) as Record<UploadStatus, number>;

export const createUploadCounts = (): UploadCounts => ({ changes: nothing(), failedLooks: 0 });

export interface DueLook {
  /** Looks, when it is time to. */
  run(): Promise<void>;
  /** null before the first look. */
  read(): DueUploads | null;
}

const LOOK_EVERY_MS = 5_000;
/** More are not counted: what is behind is no different matter at twice the number. */
const MOST = 1_000;
/** What a failed look waits for the next one, at least, seconds: `changes.ts`. */
export const AGAIN_SECONDS = 10;

/** In the order of the index on `due_at`, so that it reads what it counts and no more. A failed look moves `due_at`. */
const DUE = `
  SELECT status, count(*)::integer AS due, max(extract(epoch FROM now() - since))::float8 AS oldest_seconds
    FROM (SELECT status, least(due_at, now()) - attempts * interval '${AGAIN_SECONDS} seconds' AS since, due_at, attempts
            FROM sidecar_uploads
           WHERE due_at <= now() + interval '20 seconds' AND ${isForBucket('$1')}
           ORDER BY due_at
           LIMIT ${MOST}) AS first
   WHERE due_at <= now() OR attempts > 0
   GROUP BY status`;

/** @param bucket whose uploads count; null: of all */
export function createDueLook(database: Database, bucket: string | null = null): DueLook {
  let lookAt = 0;
  let seen: (DueUploads & { readonly at: number }) | undefined;
  return {
    async run() {
      if (performance.now() < lookAt) return;
      lookAt = performance.now() + LOOK_EVERY_MS;
      const rows = await database.query<{ status: UploadStatus; due: number; oldest_seconds: number }>({
        ...{ name: 'due_uploads', text: DUE, values: [bucket] },
      });
      const due = nothing();
      for (const row of rows) due[row.status] = row.due;
      const oldestSeconds = Math.max(0, ...rows.map((row) => row.oldest_seconds));
      seen = { due, oldestSeconds, at: performance.now() };
    },
    read() {
      if (seen === undefined) return null;
      const isAnyDue = UPLOAD_STATUSES.some((status) => seen?.due[status]);
      const sinceSeconds = isAnyDue ? (performance.now() - seen.at) / 1000 : 0;
      return { due: seen.due, oldestSeconds: seen.oldestSeconds + sinceSeconds };
    },
  };
}
