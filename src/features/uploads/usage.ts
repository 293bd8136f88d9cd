/**
 * Uploads that something else refers to. Both sides of the agreement by which nothing is ever shown that is being deleted: who
 * refers to uploads reads them with `readyOf` in the transaction that writes the reference; who ends one claims its row with
 * an `intent`, and only then asks for references. Whichever comes second waits for the first, and sees it.
 */
import type { Knex } from 'knex';
import type { Database, RunOptions } from '../../infra/postgres/database.ts';
import type { UploadKind } from './kinds.ts';
import { unlessMissing } from './store.ts';

/** What refers to uploads, handed over by the composition root. In a transaction each: what it says stays so until its end. */
export interface UploadUsage {
  /** Does something published show it? Locks what refers to it, published or not. */
  showing(trx: Knex.Transaction, uploadId: string): Promise<boolean>;
  /** Out of all that refers to it, published or not. Nothing, when there is none; may be asked again. */
  takeOut(trx: Knex.Transaction, uploadId: string): Promise<void>;
}

/** An upload that may be referred to. */
export interface ReadyUpload {
  readonly id: string;
  readonly kind: UploadKind;
  readonly content_type: string;
  readonly key: string;
  readonly url: string;
}

/**
 * Those of the uploads that are the user's own and ready, none of them deleted before the transaction ends; in the order of their
 * ids, the others left out. Before any other row is locked: a deletion waits for these alone.
 * @param ids UUIDs, each once
 */
export type ReadyOf = (
  trx: Knex.Transaction,
  userId: number,
  ids: readonly string[],
) => Promise<ReadyUpload[]>;

/** FOR SHARE: a claim is an UPDATE, which waits for it; and a row that was claimed meanwhile is looked at again. */
const READY = `
  SELECT id, kind, content_type, key FROM sidecar_uploads
   WHERE user_id = ? AND id = ANY (?::uuid[]) AND status = 'ready' AND intent IS NULL
   ORDER BY id FOR SHARE`;

export const createReadyOf =
  (publicUrl: (key: string) => string): ReadyOf =>
  async (trx, userId, ids) => {
    const { rows } = await trx
      .raw<{ rows: Omit<ReadyUpload, 'url'>[] }>(READY, [userId, ids as string[]])
      .catch(unlessMissing);
    return rows.map((row) => ({ ...row, url: publicUrl(row.key) }));
  };

/** What refers to an upload whose row says that it ends. In a transaction each, which holds no row of ours while it waits for one of theirs. */
export interface References {
  /** Does something published show it? @throws AppError 503 */
  isShown(uploadId: string, options: RunOptions): Promise<boolean>;
  /** Out of all of it, published or not. @throws AppError 503 */
  takeOut(uploadId: string, options: RunOptions): Promise<void>;
}

export function createReferences(database: Database, usage: UploadUsage): References {
  const run = <T>(work: (trx: Knex.Transaction) => Promise<T>, options: RunOptions) =>
    database.transaction(work, options).catch(unlessMissing);
  return {
    isShown: (uploadId, options) => run((trx) => usage.showing(trx, uploadId), options),
    takeOut: (uploadId, options) => run((trx) => usage.takeOut(trx, uploadId), options),
  };
}
