/** SQL on the uploads: one of them, a page of them. What gives them out is issue.ts. */
import { AppError } from '../../errors.ts';
import { type Database, databaseUnavailable, type RunOptions } from '../../infra/postgres/database.ts';
import { isSchemaMissing } from '../../infra/postgres/failure.ts';
import type { UploadKind } from './kinds.ts';
import type { UploadRow, UploadStatus } from './upload.ts';

/** Whose uploads somebody may name: one user's (an id, as text where it may be any bigint), or `any`, an admin. */
export type Owner = number | string;

export interface ListQuery {
  readonly owner: Owner;
  readonly limit: number;
  /** As `next_cursor` of an earlier page of the same list had it. */
  readonly cursor?: string | undefined;
  readonly status?: UploadStatus | undefined;
  readonly kind?: UploadKind | undefined;
}

export interface UploadStore {
  /** null: there is none, or it is somebody else's. @throws AppError 503 */
  find(id: string, owner: Owner, options: RunOptions): Promise<UploadRow | null>;
  /** Newest first. @throws AppError 503 */
  list(
    query: ListQuery,
    options: RunOptions,
  ): Promise<{ readonly rows: UploadRow[]; readonly nextCursor: string | null }>;
}

/** What the migrations make is not there yet: 503. */
export function unlessMissing(error: unknown): never {
  throw error instanceof AppError || !isSchemaMissing(error) ? error : databaseUnavailable(error);
}

export const COLUMNS = `id, user_id, number, kind, filename, content_type, size_bytes, key, sha256, multipart_id, part_size,
  status, reason, etag, created_at, expires_at, settles_at, finished_at, lease, intent, settles_at <= now() AS is_settled,
  floor(extract(epoch FROM expires_at - now()))::integer AS seconds_left`;

export function createUploadStore(database: Database): UploadStore {
  const run = async <Row>(sql: string, values: readonly (string | number)[], options: RunOptions) =>
    (await database.run((knex) => knex.raw<{ rows: Row[] }>(sql, values), options).catch(unlessMissing)).rows;

  return {
    async find(id, owner, options) {
      const mine = owner === 'any' ? '' : 'AND user_id = ?';
      const sql = `SELECT ${COLUMNS} FROM sidecar_uploads WHERE id = ? ${mine}`;
      const [row] = await run<UploadRow>(sql, owner === 'any' ? [id] : [id, owner], options);
      return row ?? null;
    },
    async list({ limit, ...query }, options) {
      const { sql, values } = query.owner === 'any' ? listOfAll(query) : listOfOne(query, query.owner);
      // One more tells whether there is a next page.
      const rows = await run<UploadRow & { position: string }>(sql, [...values, limit + 1], options);
      const page = rows.slice(0, limit);
      const nextCursor = rows.length > limit ? (page.at(-1)?.position ?? null) : null;
      return { rows: page, nextCursor };
    },
  };
}

type Statement = { readonly sql: string; readonly values: (string | number)[] };

function listOfOne({ cursor, ...filters }: Omit<ListQuery, 'limit'>, owner: Owner): Statement {
  const conditions: [string, ...(string | number)[]][] = [['user_id = ?', owner], ...conditionsOf(filters)];
  if (cursor !== undefined) conditions.push(['number < ?', cursor]);
  return statement('number::text', conditions, 'number DESC');
}

const MICROSECONDS = '(extract(epoch FROM created_at) * 1000000)::bigint';

function listOfAll({ cursor, ...filters }: Omit<ListQuery, 'limit'>): Statement {
  const conditions = conditionsOf(filters);
  const [time, id] = cursor?.split('_') ?? [];
  if (time !== undefined && id !== undefined) {
    // An interval from two integers: a double would not keep every microsecond.
    const moment = `timestamptz 'epoch' + ?::bigint * interval '1 second' + ?::bigint * interval '1 microsecond'`;
    const [seconds, rest] = [BigInt(time) / 1_000_000n, BigInt(time) % 1_000_000n];
    conditions.push([`(created_at, id) < (${moment}, ?::uuid)`, String(seconds), String(rest), id]);
  }
  return statement(`${MICROSECONDS} || '_' || id`, conditions, 'created_at DESC, id DESC');
}

function conditionsOf({ status, kind }: Pick<ListQuery, 'status' | 'kind'>) {
  const conditions: [string, ...(string | number)[]][] = [];
  if (status !== undefined) conditions.push(['status = ?', status]);
  if (kind !== undefined) conditions.push(['kind = ?', kind]);
  return conditions;
}

function statement(
  position: string,
  conditions: [string, ...(string | number)[]][],
  order: string,
): Statement {
  const where = conditions.map(([condition]) => condition).join(' AND ') || 'true';
  return {
    sql: `SELECT ${COLUMNS}, ${position} AS position FROM sidecar_uploads WHERE ${where} ORDER BY ${order} LIMIT ?`,
    values: conditions.flatMap(([, ...values]) => values),
  };
}
