/**
 * SQL that changes an upload: every statement but the claim itself holds only for who has the row's lease. Times are the
 * database's, so that sidecars whose clocks differ agree.
 */
import { randomUUID } from 'node:crypto';
import type { Knex } from 'knex';
import { AppError } from '../../errors.ts';
import type { Database, RunOptions } from '../../infra/postgres/database.ts';
import { AGAIN_SECONDS, type UploadCounts } from './figures.ts';
import { createUploadStore, type UploadStore, unlessMissing } from './store.ts';
import { COLUMNS, type RejectionReason, toUpload, type UploadRow, type UploadStatus } from './upload.ts';

/** How an event is written in the transaction of its change. */
export type RecordEvent = (
  trx: Knex.Transaction,
  event: {
    readonly subject: string;
    readonly type: string;
    readonly data: unknown;
    readonly occurredAt: Date;
  },
) => Promise<void>;

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
  /** Takes the leases of some that are due. */
  claimDue(limit: number): Promise<UploadRow[]>;
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
  readonly recordEvent: RecordEvent;
  readonly publicUrl: (key: string) => string;
  readonly counts?: UploadCounts;
}

export function createChanges({ database, recordEvent, publicUrl, counts }: ChangesOptions): Changes {
  type Values = readonly (string | number | null)[];
  const inTrx = async (trx: Knex | Knex.Transaction, sql: string, values: Values) =>
    (await trx.raw<{ rows: UploadRow[] }>(sql, values as string[])).rows;
  const run = (sql: string, values: Values, options: RunOptions = {}) =>
    database.run((knex) => inTrx(knex, sql, values), options).catch(unlessMissing);

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
    claimDue: (limit) => run(CLAIM_DUE, [randomUUID(), limit]),
    async intend(row, intent, options) {
      const [mine] = await run(INTEND, [intent, row.id, row.lease], options);
      if (mine === undefined) throw leaseLost();
    },
    async become(row, change, options) {
      const work = async (trx: Knex.Transaction): Promise<UploadRow> => {
        const reason = change.to === 'rejected' ? change.reason : null;
        const etag = change.to === 'ready' ? change.etag : null;
        const [changed] = await inTrx(trx, BECOME, [change.to, reason, etag, row.id, row.lease, row.status]);
        if (changed === undefined) throw leaseLost();
        await recordEvent(trx, {
          subject: `upload:${row.id}`,
          type: `upload.${change.to}`,
          data: { ...toUpload(changed, publicUrl), user_id: Number(row.user_id) },
          occurredAt: changed.finished_at ?? new Date(),
        });
        return changed;
      };
      const changed = await database.transaction(work, options).catch(unlessMissing);
      if (counts) counts.changes[change.to] += 1;
      return changed;
    },
    async keep(row, options) {
      const [kept] = await run(row.status === 'issued' ? KEEP_WAITING : KEEP, [row.id, row.lease], options);
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
const CLAIM_DUE = `
  UPDATE sidecar_uploads SET lease = ?, lease_until = now() + ${LEASE}, due_at = now() + ${LEASE}
   WHERE id IN (SELECT id FROM sidecar_uploads WHERE due_at <= now() AND ${FREE}
                 ORDER BY due_at LIMIT ? FOR UPDATE SKIP LOCKED)
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
     SET status = new_status, reason = new_reason, etag = coalesce(new_etag, etag),
         finished_at = clock_timestamp(), ${GIVEN_BACK},
         due_at = CASE WHEN new_status = 'expired' THEN settles_at + ${LATE}
                       WHEN settles_at > lease_until - ${LEASE} THEN settles_at END
    FROM (SELECT ?::text AS new_status, ?::text AS new_reason, ?::text AS new_etag) AS change
   WHERE id = ? AND lease = ? AND status = ? AND (new_status <> 'expired' OR settles_at <= now())
  RETURNING ${COLUMNS}`;

/** Nothing there yet: each pause as long as the upload is old, so that an abandoned one costs few looks. */
const KEEP_WAITING = `
  UPDATE sidecar_uploads
     SET ${GIVEN_BACK},
         due_at = CASE WHEN now() < expires_at THEN least(expires_at, now() + (now() - created_at)) ELSE settles_at END
   WHERE id = ? AND lease = ?
  RETURNING ${COLUMNS}`;

const KEEP = `
  UPDATE sidecar_uploads
     SET ${GIVEN_BACK}, due_at = CASE WHEN settles_at > lease_until - ${LEASE} THEN settles_at END
   WHERE id = ? AND lease = ?
  RETURNING ${COLUMNS}`;

/** `due_at` stays: the claim put it at most a lease away, and the row may have been due. */
const RELINQUISH = `
  UPDATE sidecar_uploads SET lease = NULL, lease_until = NULL, intent = NULL WHERE id = ? AND lease = ?`;

const RELEASE = `
  UPDATE sidecar_uploads
     SET lease = NULL, lease_until = NULL, due_at = least(due_at, now() + ${AGAIN}), attempts = attempts + 1
   WHERE id = ? AND lease = ?`;
