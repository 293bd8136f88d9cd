/**
 * Objects below `uploads/` that no row knows, and rows whose object is not there. A key holds the id of its row, which is
 * written before the key is signed, so that an object without a row is nobody's upload. Or the database is another one, or an
 * older copy: then nearly everything would look like that, and nothing is deleted.
 */
import type { UploadOperator } from '../../src/features/uploads/operator.ts';
import type { UploadRow } from '../../src/features/uploads/upload.ts';
import type { ObjectStorage } from '../../src/infra/object-storage/object-storage.ts';
import type { ListedObject } from '../../src/infra/object-storage/objects.ts';
import type { StorageClock } from '../../src/infra/object-storage/storage-clock.ts';
import { UPLOADS } from './bucket-rules.ts';

export interface OrphansOptions {
  readonly storage: Pick<ObjectStorage, 'list' | 'head' | 'delete'>;
  /** That of `storage`. */
  readonly clock: Pick<StorageClock, 'now' | 'isKnown' | 'isContradicted'>;
  readonly uploads: Pick<UploadOperator, 'find' | 'period' | 'ready' | 'lookAgain'>;
  readonly delete: boolean;
  /** It is the right database and all of it, whatever it looks like. */
  readonly trustDatabase: boolean;
  readonly signal: AbortSignal;
  readonly onFound: (line: readonly string[]) => void;
  /** So many objects have been looked at. */
  readonly onProgress: (objects: number) => void;
}

export interface OrphansReport {
  readonly objects: number;
  /** Without a row. */
  readonly orphans: number;
  /** Of them, put before the first upload of the database or after its last: deleted only with `trustDatabase`. */
  readonly before: number;
  readonly after: number;
  /** Of an upload that is deleted, rejected or expired. */
  readonly finished: number;
  readonly deleted: number;
  /** Neither: put within the last day. */
  readonly young: number;
  /** Uploads that are ready, without an object. */
  readonly missing: number;
}

/** The sidecar has no business with what is not so: exit status 2. */
export class Refusal extends Error {}

interface Orphan {
  readonly object: ListedObject;
  /** null: there is none. */
  readonly row: UploadRow | null;
  /** Where the object lies in time beside the rows; meant for one without a row. */
  readonly when: 'before' | 'among' | 'after';
}

type Period = Awaited<ReturnType<UploadOperator['period']>>;

const DAY_MS = 24 * 60 * 60_000;
const BATCH = 1_000;
/** Deletions at once. */
const PARALLEL = 8;
/** So many orphans are believed in any case. */
const FEW = 10;
const ID = /([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.[a-z0-9]+$/;

/** @throws Refusal, AppError 503 */
export async function findOrphans(options: OrphansOptions): Promise<OrphansReport> {
  const { uploads, signal, onFound } = options;
  const period = await uploads.period();
  const seen = new Set<string>();
  const found: Orphan[] = [];
  const counts = { objects: 0, young: 0, before: 0, after: 0, deleted: 0, missing: 0 };
  for await (const batch of batches(options.storage.list(UPLOADS, signal))) {
    if (period === null && !options.trustDatabase) throw new Refusal(EMPTY);
    counts.objects += batch.length;
    for (const orphan of await orphansAmong(batch, uploads, period, seen)) {
      if (options.clock.now() - orphan.object.lastModifiedMs < DAY_MS) counts.young += 1;
      else found.push(orphan);
    }
    options.onProgress(counts.objects);
  }
  const orphans = found.filter(({ row }) => row === null);
  counts.before = orphans.filter(({ when }) => when === 'before').length;
  counts.after = orphans.filter(({ when }) => when === 'after').length;
  if (options.delete) {
    refuseUnlessBelievable(options, { ...counts, orphans: orphans.length });
    counts.deleted = await removeAll(found, options);
  } else for (const orphan of found) onFound(lineOf(orphan, 'found'));
  counts.missing = await findMissing(seen, options);
  return { ...counts, orphans: orphans.length, finished: found.length - orphans.length };
}

const EMPTY =
  'The database knows no upload at all, and the bucket has some: is it the right one? If so, run it with --trust-database.';

async function* batches(objects: AsyncIterable<ListedObject>): AsyncGenerator<ListedObject[]> {
  let batch: ListedObject[] = [];
  for await (const object of objects) {
    // Consoles mark a folder by such an object.
    if (object.size === 0 && object.key.endsWith('/')) continue;
    batch.push(object);
    if (batch.length === BATCH) {
      yield batch;
      batch = [];
    }
  }
  if (batch.length > 0) yield batch;
}

/** @param seen is told which uploads have an object */
async function orphansAmong(
  objects: readonly ListedObject[],
  uploads: Pick<UploadOperator, 'find'>,
  period: Period,
  seen: Set<string>,
): Promise<Orphan[]> {
  const ids = objects.flatMap(({ key }) => idIn(key) ?? []);
  const rows = new Map((await uploads.find(ids)).map((row) => [row.key, row]));
  return objects.flatMap((object): Orphan[] => {
    const row = rows.get(object.key) ?? null;
    const orphan = { object, row, when: whenPut(object, period) };
    if (row === null) return [orphan];
    seen.add(packed(row.id));
    return isOver(row) ? [orphan] : [];
  });
}

const idIn = (key: string) => ID.exec(key)?.[1];

/** The sixteen bytes of an id: a bucket may hold millions. */
const packed = (id: string) => Buffer.from(id.replaceAll('-', ''), 'hex').toString('latin1');

/** Nothing may be stored there any more, and nobody will look again by himself. */
const isOver = ({ status, is_settled }: UploadRow) => status !== 'issued' && status !== 'ready' && is_settled;

/** Without any upload in the database, all are from before. */
function whenPut({ lastModifiedMs }: ListedObject, period: Period): Orphan['when'] {
  if (period === null || lastModifiedMs < period.first.getTime()) return 'before';
  return lastModifiedMs > period.last.getTime() + DAY_MS ? 'after' : 'among';
}

/**
 * Those from before the rows do not speak against the database: a release that kept none (0.1.0) has put them.
 * @throws Refusal
 */
function refuseUnlessBelievable(
  { clock, trustDatabase }: OrphansOptions,
  { objects, orphans, before, after }: Pick<OrphansReport, 'objects' | 'orphans' | 'before' | 'after'>,
): void {
  if (objects > 0 && (!clock.isKnown() || clock.isContradicted()))
    throw new Refusal('What time the storage has is not known, so neither is how old its objects are.');
  if (trustDatabase || orphans - before <= FEW) return;
  if ((orphans - before) * 2 > objects - before)
    throw new Refusal(
      `${orphans} of ${objects} objects have no row: is this the right database, and all of it? If so, run it with --trust-database.`,
    );
  if (after > FEW)
    throw new Refusal(
      `${after} objects were put after the database's last upload: files of a time that a restored copy does not know look like that. ` +
        'If they may go, run it with --trust-database.',
    );
}

async function removeAll(found: readonly Orphan[], options: OrphansOptions): Promise<number> {
  let deleted = 0;
  for (let i = 0; i < found.length && !options.signal.aborted; i += PARALLEL) {
    const done = await Promise.all(found.slice(i, i + PARALLEL).map((orphan) => remove(orphan, options)));
    deleted += done.filter(Boolean).length;
  }
  return deleted;
}

/** Looks at the row once more, right before: it may be there by now. @returns whether the object is deleted */
async function remove(orphan: Orphan, options: OrphansOptions): Promise<boolean> {
  const { storage, uploads, signal, trustDatabase, onFound } = options;
  const { object, row, when } = orphan;
  const isDeleted = row === null ? await removeNobodys(object) : await removeFinished(row);
  onFound(lineOf(orphan, isDeleted ? 'deleted' : 'kept'));
  return isDeleted;

  async function removeNobodys({ key }: ListedObject): Promise<boolean> {
    // However few: no row can say whether somebody shows them.
    if (when !== 'among' && !trustDatabase) return false;
    const id = idIn(key);
    if (id !== undefined && (await uploads.find([id])).some((found) => found.key === key)) return false;
    await storage.delete(key, signal);
    return true;
  }

  /** Of one that has expired nothing is ever deleted: nobody has said that it is not wanted. */
  async function removeFinished(finished: UploadRow): Promise<boolean> {
    return finished.status !== 'expired' && (await uploads.lookAgain(finished));
  }
}

const WHY = {
  before: 'no row, from before the rows',
  among: 'no row',
  after: 'no row, from after the rows',
} as const;

const lineOf = ({ object, row, when }: Orphan, what: 'found' | 'deleted' | 'kept') => [
  what,
  row === null ? WHY[when] : `${row.status} upload`,
  String(object.size),
  new Date(object.lastModifiedMs).toISOString(),
  object.key,
];

/** Asked of the storage once more: it may have been put since the list was read. */
async function findMissing(seen: ReadonlySet<string>, options: OrphansOptions): Promise<number> {
  const { storage, uploads, signal, onFound } = options;
  let missing = 0;
  for await (const rows of uploads.ready()) {
    const unseen = rows.filter(({ id }) => !seen.has(packed(id)));
    for (let i = 0; i < unseen.length; i += PARALLEL) {
      const some = unseen.slice(i, i + PARALLEL);
      const facts = await Promise.all(some.map(({ key }) => storage.head(key, signal)));
      const gone = some.filter((_, n) => facts[n] === null);
      const still = new Set(
        (await uploads.find(gone.map(({ id }) => id))).filter(isReady).map(({ id }) => id),
      );
      for (const { id, user_id, size_bytes, created_at, key } of gone.filter((row) => still.has(row.id))) {
        missing += 1;
        onFound(['missing', `upload ${id} of user ${user_id}`, size_bytes, created_at.toISOString(), key]);
      }
    }
  }
  return missing;
}

const isReady = ({ status }: UploadRow) => status === 'ready';
