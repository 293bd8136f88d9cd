/**
 * SQL that changes an upload: every statement but the claim itself holds only for who has the row's lease. Times are the
 * database's, so that sidecars whose clocks differ agree.
 */
import { randomUUID } from 'node:crypto';
import { AppError } from '../../errors.ts';
import type { ObjectStorage } from '../../infra/object-storage/object-storage.ts';
import type { Database, RunOptions } from '../../infra/postgres/database.ts';
import { AGAIN_SECONDS, type UploadCounts } from './figures.ts';
import { createUploadStore, type UploadStore, unlessMissing } from './store.ts';
import {
  COLUMNS,
  eventData,
  isForBucket,
  type RejectionReason,
  type UploadRow,
  type UploadStatus,
} from './upload.ts';

/** What this needs of the feature events (features/events/writer.ts), handed over by the composition root. */
export interface EventSink {
  insertFrom(select: string): string;
}

/** What becomes of an upload. */
export type Change =
  | { readonly to: 'ready'; readonly etag: string }
  | { readonly to: 'rejected'; readonly reason: RejectionReason }
  | { readonly to: 'expired' | 'deleted' };

export interface Changes {
  readonly find: UploadStore['find'];
  /**
   * Takes the lease of an upload that is in one of these states. null: it is not, or another has its lease.
   * @param intent is written down with it
   */
  claim(
    id: string,
    states: readonly UploadStatus[],
    intent: 'deleted' | null,
    options: RunOptions,
  ): Promise<UploadRow | null>;
  /**
   * Takes the leases of some that are due and in our bucket. @param fresh how many at most of those whose last look did not fail
   * @param failed of those whose did
   */
  claimDue(limits: { readonly fresh: number; readonly failed: number }): Promise<UploadRow[]>;
  /** Says what the storage is about to be asked for. */
  intend(row: UploadRow, intent: UploadRow['intent'], options: RunOptions): Promise<void>;
  /** A change, with its event; the lease is given back. */
  become(row: UploadRow, change: Change, options: RunOptions): Promise<UploadRow>;
  /** No change after a look; the lease is given back. */
  keep(row: UploadRow, options: RunOptions): Promise<UploadRow>;
  /** Nothing was done: without its intent, and the lease is given back. */
  relinquish(row: UploadRow, options: RunOptions): Promise<void>;
  /** After a failure: looked at again soon, with its intent. */
  release(row: UploadRow): Promise<void>;
}

/** Twice what a request may take. What a killed sidecar had waits for this. */
const LEASE = `interval '20 seconds'`;
/** After a failure. */
const AGAIN = `interval '${AGAIN_SECONDS} seconds'`;

export interface ChangesOptions {
  readonly database: Database;
  readonly sink: EventSink;
  readonly storage: Pick<ObjectStorage, 'bucket' | 'publicUrl'>;
  readonly counts?: UploadCounts;
}

export function createChanges({ database, sink, storage, counts }: ChangesOptions): Changes {
  type Values = readonly (string | number | null)[];
  const run = async (sql: string, values: Values, options: RunOptions = {}) => {
    const asked = database.run((knex) => knex.raw<{ rows: UploadRow[] }>(sql, values as string[]), options);
    return (await asked.catch(unlessMissing)).rows;
  };
  /** For what is asked of every upload: prepared, past Knex's runner. */
  const runNamed = (name: string, text: string, values: Values, options?: RunOptions) =>
    database.query<UploadRow>({ name, text, values }, options).catch(unlessMissing);
  const becomes = becomeAndTell(sink);

  return {
    find: createUploadStore(database).find,
    async claim(id, states, intent, options) {
      const marks = states.map(() => '?').join(', ');
      const [row] = await run(
        CLAIM.replace('$states', marks),
        [randomUUID(), intent, id, ...states],
        options,
      );
      return row ?? null;
    },
    claimDue: ({ fresh, failed }) =>
      runNamed('uploads_due', CLAIM_DUE, [randomUUID(), fresh, storage.bucket, failed]),
    async intend(row, intent, options) {
      const [mine] = await run(INTEND, [intent, row.id, row.lease], options);
      if (mine === undefined) throw leaseLost();
    },
    async become(row, change, options) {
      const reason = change.to === 'rejected' ? change.reason : null;
      const etag = change.to === 'ready' ? change.etag : null;
      const { bucket, publicUrl } = storage;
      const values = [change.to, reason, etag, row.id, row.lease, row.status, publicUrl(row.key), bucket];
      const [changed] = await runNamed('upload_becomes', becomes, values, options);
      if (changed === undefined) throw leaseLost();
      if (counts) counts.changes[change.to] += 1;
      return changed;
    },
    async keep(row, options) {
      const isWaiting = row.status === 'issued';
      const [name, text] = isWaiting ? ['upload_waits', KEEP_WAITING] : ['upload_stays', KEEP];
      const [kept] = await runNamed(name, text, [row.id, row.lease], options);
      if (kept === undefined) throw leaseLost();
      return kept;
    },
    async relinquish(row, options) {
      await run(RELINQUISH, [row.id, row.lease], options);
    },
    async release(row) {
      await run(RELEASE, [row.id, row.lease]);
    },
  };
}

/** This process stood still for longer than its lease; whatever is right now, another call finds out. */
const leaseLost = () => new AppError('upload_being_looked_at');

const TAKEN = `lease_until = now() + ${LEASE}, due_at = least(due_at, now() + ${LEASE})`;
const FREE = `(lease_until IS NULL OR lease_until <= now())`;

const CLAIM = `
  UPDATE sidecar_uploads SET lease = ?, intent = coalesce(?, intent), ${TAKEN}
   WHERE id = ? AND status IN ($states) AND ${FREE}
  RETURNING ${COLUMNS}`;

/** SKIP LOCKED: sidecars take different rows. */
const due = (which: string, limit: string) => `ARRAY(
    SELECT id FROM sidecar_uploads WHERE due_at <= now() AND ${which} AND ${FREE} AND ${isForBucket('$3')}
     ORDER BY due_at LIMIT ${limit} FOR UPDATE SKIP LOCKED)`;

/** Apart, so that those which the storage refuses for good, whatever their number, keep nobody waiting. */
const CLAIM_DUE = `
  UPDATE sidecar_uploads SET lease = $1, lease_until = now() + ${LEASE}, due_at = now() + ${LEASE}
   WHERE id = ANY (${due('attempts = 0', '$2')} || ${due('attempts > 0', '$4')})
  RETURNING ${COLUMNS}`;

const INTEND = `UPDATE sidecar_uploads SET intent = ? WHERE id = ? AND lease = ? RETURNING ${COLUMNS}`;

const GIVEN_BACK = 'lease = NULL, lease_until = NULL, intent = NULL, attempts = 0';

/** A PUT that lasts longer than a URL and its grace arrives by then, should it ever. */
const LATE = `interval '1 day'`;

/**
 * Once more when the URL can no longer be in use, unless that was so before the look this comes from; where nothing had arrived
 * by then, when whatever comes late is there. An upload whose URL was renewed meanwhile does not expire.
 */
const BECOME = `
  UPDATE sidecar_uploads
     SET status = new_status, reason = new_reason, etag = coalesce(new_etag, etag), bucket = $8,
         finished_at = clock_timestamp(), ${GIVEN_BACK},
         due_at = CASE WHEN new_status = 'expired' THEN settles_at + ${LATE}
                       WHEN settles_at > lease_until - ${LEASE} THEN settles_at END
    FROM (SELECT $1::text AS new_status, $2::text AS new_reason, $3::text AS new_etag) AS change
   WHERE id = $4 AND lease = $5 AND status = $6 AND (new_status <> 'expired' OR settles_at <= now())
  RETURNING sidecar_uploads.*`;

/** With its event, in one statement: a transaction of its own would be three round trips. */
const becomeAndTell = ({ insertFrom }: EventSink) => `
  WITH changed AS (${BECOME}),
       told AS (${insertFrom(`SELECT 'upload:' || id, 'upload.' || status, ${eventData('$7::text')}, finished_at FROM changed`)})
  SELECT ${COLUMNS} FROM changed`;

/** Nothing there yet: each pause as long as the upload is old, so that an abandoned one costs few looks; not less when the clock was set back. */
const KEEP_WAITING = `
  UPDATE sidecar_uploads
     SET ${GIVEN_BACK},
         due_at = CASE WHEN now() < expires_at THEN least(expires_at, now() + greatest(now() - created_at, ${AGAIN})) ELSE settles_at END
   WHERE id = $1 AND lease = $2
  RETURNING ${COLUMNS}`;

const KEEP = `
  UPDATE sidecar_uploads
     SET ${GIVEN_BACK}, due_at = CASE WHEN settles_at > lease_until - ${LEASE} THEN settles_at END
   WHERE id = $1 AND lease = $2
  RETURNING ${COLUMNS}`;

/** `due_at` stays: the claim put it at most a lease away, and the row may have been due. */
const RELINQUISH = `
  UPDATE sidecar_uploads SET lease = NULL, lease_until = NULL, intent = NULL WHERE id = ? AND lease = ?`;

const RELEASE = `
  UPDATE sidecar_uploads
     SET lease = NULL, lease_until = NULL, due_at = least(due_at, now() + ${AGAIN}), attempts = attempts + 1
   WHERE id = ? AND lease = ?`;
