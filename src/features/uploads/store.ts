/** SQL on the uploads: one of them, a page of them. What gives them out is issue.ts. */
import { AppError } from '../../errors.ts';
import { type Database, databaseUnavailable, type RunOptions } from '../../infra/postgres/database.ts';
import { isSchemaMissing } from '../../infra/postgres/failure.ts';
import { type ListQuery, listStatement, type Values } from './list.ts';
import { COLUMNS, type Owner, type UploadRow } from './upload.ts';

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

export function createUploadStore(database: Database): UploadStore {
  const run = async <Row>(sql: string, values: Values, options: RunOptions) =>
    (
      await database
        .run((knex) => knex.raw<{ rows: Row[] }>(sql, values as string[]), options)
        .catch(unlessMissing)
    ).rows;

  return {
    async find(id, owner, options) {
      const mine = owner === 'any' ? '' : 'AND user_id = ?';
      const sql = `SELECT ${COLUMNS} FROM sidecar_uploads WHERE id = ? ${mine}`;
      const [row] = await run<UploadRow>(sql, owner === 'any' ? [id] : [id, owner], options);
      return row ?? null;
    },
    async list({ limit, ...query }, options) {
      // One more tells whether there is a next page.
      const { sql, values } = listStatement({ ...query, limit: limit + 1 });
      const rows = await run<UploadRow & { position: string }>(sql, values, options);
      const page = rows.slice(0, limit);
      const nextCursor = rows.length > limit ? (page.at(-1)?.position ?? null) : null;
      return { rows: page, nextCursor };
    },
  };
}
