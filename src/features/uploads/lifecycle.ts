/**
 * The state machine of an upload. Which change a look at the storage means is a table (`decide`); how a change is made is the
 * same for each: the storage's part first, then the row and its event in one transaction, and only by whoever has
 * the row's lease. So two sidecars never change one upload at once, and what a killed one left is found again: by the next call
 * or the background pass, when its lease has ended. Where the storage's part cannot be seen afterwards (an object that is gone:
 * deleted, rejected, or never there?), `intent` says it beforehand.
 */
import { AppError } from '../../errors.ts';
import type { ObjectStorage } from '../../infra/object-storage/object-storage.ts';
import type { Change, Changes } from './changes.ts';
import { type Found, judge } from './judge.ts';
import { abortParts, divisionOf, missingParts } from './multipart.ts';
import type { Owner, UploadRow } from './upload.ts';
import { uploadNotFound } from './upload.ts';
import type { References } from './usage.ts';

export interface Limit {
  /** Ends what the storage is asked. */
  readonly signal: AbortSignal;
  /** When to give the database up, on performance.now()'s clock. */
  readonly untilMs: number;
  /** For the database, of all its statements together. */
  readonly allowance?: { leftMs: number };
}

export interface Lifecycle {
  /** Looks at what is in the storage. @returns the upload, `ready` @throws AppError 404, 409, 422, 503 */
  complete(id: string, owner: Owner, limit: Limit): Promise<UploadRow>;
  /** Deletes the object, takes it out of what refers to it (an admin's; another's is refused while something shows it), then says so. @returns the upload, `deleted` @throws AppError 404, 409, 503 */
  remove(id: string, owner: Owner, limit: Limit): Promise<UploadRow>;
  /** One look at an upload whose lease the caller has; gives the lease back, also when it fails. @throws AppError 503 */
  settle(row: UploadRow, limit: Limit): Promise<UploadRow>;
}

/** `stays`: as it was. `mustGo`: an object that is there, and is deleted first. */
export type Decision = (Change | { readonly to: 'stays' }) & { readonly mustGo?: true };

/** What a look at the storage means for an upload. Reads as the table of the README. */
export function decide(
  { status, etag, intent, is_settled }: Pick<UploadRow, 'status' | 'etag' | 'intent' | 'is_settled'>,
  found: Found,
): Decision {
  switch (status) {
    case 'issued':
      if (found !== null && found.reason === null) return { to: 'ready', etag: found.etag };
      if (found?.reason) return { to: 'rejected', reason: found.reason, mustGo: true };
      if (intent === 'deleted') return { to: 'deleted' };
      if (intent !== null) return { to: 'rejected', reason: intent };
      return { to: is_settled ? 'expired' : 'stays' };
    case 'ready':
      if (found !== null && found.etag === etag) return { to: 'stays' };
      if (found !== null) return { to: 'rejected', reason: 'changed', mustGo: true };
      return intent === 'deleted' ? { to: 'deleted' } : { to: 'rejected', reason: 'changed' };
    case 'rejected':
    case 'deleted':
      return found === null ? { to: 'stays' } : { to: 'stays', mustGo: true };
    case 'expired':
      // It is too late, and may be shown all the same: by an old client, whose PUT was answered with success.
      return found?.reason ? { to: 'stays', mustGo: true } : { to: 'stays' };
  }
}

/** Between two looks whether somebody else is done with an upload. */
const BUSY_POLL_MS = 100;

export function createLifecycle({
  changes,
  references,
  storage,
}: {
  readonly changes: Changes;
  readonly references: References;
  readonly storage: Pick<
    ObjectStorage,
    'readStart' | 'head' | 'delete' | 'listParts' | 'completeMultipart' | 'abortMultipart' | 'listMultiparts'
  >;
}): Lifecycle {
  /** Whether there is an object, and (only where that decides something) whether it is what was announced. */
  async function look(row: UploadRow, { signal }: Limit, isAsked: boolean): Promise<Found> {
    if (row.status === 'issued' || row.status === 'expired') {
      const found = await judge(storage, row, signal);
      if (row.status === 'expired') return found;
      // Not before its end, unasked: its client may be sending a part once more.
      if (found !== null || !(isAsked || row.is_settled)) return found;
      return (await assemble(row, signal)) ? judge(storage, row, signal) : null;
    }
    const facts = await storage.head(row.key, signal);
    return facts && { etag: facts.etag, reason: null };
  }

  /** @returns whether there may be an object now */
  async function assemble({ key, multipart_id: uploadId, ...row }: UploadRow, signal: AbortSignal) {
    const division = divisionOf(row);
    if (division === null || uploadId === null) return false;
    const parts = await storage.listParts(key, uploadId, signal);
    // Put together by somebody whose answer was lost, or aborted.
    if (parts === null) return true;
    if (missingParts(division, parts).length > 0) return false;
    return (await storage.completeMultipart(key, uploadId, parts, signal)) !== 'bad_parts';
  }

  /** Also once more at the end: a part that was under way may have been stored behind the first time. */
  const abort = (row: UploadRow, { signal }: Limit) => abortParts(storage, row, signal);

  async function carryOut(row: UploadRow, decision: Decision, limit: Limit): Promise<UploadRow> {
    const endsShown = row.status === 'ready' && decision.to !== 'stays';
    if (decision.to === 'rejected' && (decision.mustGo || endsShown))
      await changes.intend(row, decision.reason, limit);
    if (endsShown) await references.takeOut(row.id, limit);
    if (decision.mustGo) await storage.delete(row.key, limit.signal);
    const after = decision.to === 'stays' ? row.status : decision.to;
    if (after !== 'issued' && after !== 'ready') await abort(row, limit);
    return decision.to === 'stays' ? changes.keep(row, limit) : changes.become(row, decision, limit);
  }

  /** Whatever fails, the row is soon anybody's again. */
  async function leased<T>(row: UploadRow, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      // Not waited for: whoever asked has waited long enough.
      changes.release(row).catch(() => undefined);
      throw error;
    }
  }

  const settle = (row: UploadRow, limit: Limit, isAsked = false) =>
    leased(row, async () => carryOut(row, decide(row, await look(row, limit, isAsked)), limit));

  /**
   * Has `work` done on an upload while it is in one of these states. @returns what it then is, or what it is already
   */
  async function whileIn(
    states: readonly UploadRow['status'][],
    [id, owner, limit]: [string, Owner, Limit],
    intent: 'deleted' | null,
    work: (row: UploadRow) => Promise<UploadRow>,
  ): Promise<UploadRow> {
    for (;;) {
      const row = await changes.find(id, owner, limit);
      if (row === null) throw uploadNotFound();
      if (!states.includes(row.status)) return row;
      const claimed = await changes.claim(id, states, intent, limit);
      if (claimed !== null) return work(claimed);
      // Somebody else is at it, who may be gone.
      await new Promise((resolve) => setTimeout(resolve, BUSY_POLL_MS));
      if (limit.signal.aborted) throw new AppError('upload_being_looked_at');
    }
  }

  return {
    settle,
    async complete(...named) {
      const row = await whileIn(['issued'], named, null, (claimed) => settle(claimed, named[2], true));
      if (row.status === 'ready') return row;
      const division = divisionOf(row);
      if (row.status !== 'issued' || division === null) throw refusalOf(row);
      const { key, multipart_id: uploadId } = row;
      // null: it is just being begun, or the bucket's own rules have aborted it, and nothing is there.
      const parts = uploadId && (await storage.listParts(key, uploadId, named[2].signal));
      const missing = missingParts(division, parts || []);
      throw new AppError('parts_not_uploaded', { fields: { missing } });
    },
    async remove(...named) {
      const [, owner, limit] = named;
      const row = await whileIn(['issued', 'ready'], named, 'deleted', (claimed) =>
        leased(claimed, async () => {
          const isReady = claimed.status === 'ready';
          if (isReady && owner !== 'any' && (await references.isShown(claimed.id, limit))) {
            await changes.relinquish(claimed, limit);
            throw new AppError('in_use');
          }
          await abort(claimed, limit);
          await storage.delete(claimed.key, limit.signal);
          // Not before: a DELETE that fails while the object is there has not happened.
          if (isReady) await references.takeOut(claimed.id, limit);
          return changes.become(claimed, { to: 'deleted' }, limit);
        }),
      );
      if (row.status === 'deleted') return row;
      throw new AppError(
        row.status === 'rejected' ? 'nothing_to_delete_rejected' : 'nothing_to_delete_expired',
      );
    },
  };
}

/** Why an upload that is not ready cannot be completed. */
function refusalOf({ status, reason }: UploadRow): AppError {
  if (status === 'issued') return new AppError('not_uploaded');
  if (status !== 'rejected' || reason === null) return new AppError(`upload_${status}`);
  return new AppError(`rejected_${reason}`, { fields: { reason } });
}
