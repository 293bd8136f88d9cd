/** All reviews, or some, as lines of JSON in the order of their ids. */
import type { Knex } from 'knex';
import { BEFORE_EVERY_ID } from '../id-page.ts';
import { viewOf } from './connect.ts';
import { lineJson } from './line.ts';

export interface ExportOptions {
  readonly productId?: string | undefined;
  /** Made or edited since. */
  readonly since?: Date | undefined;
  /** Where the files are, S3_PUBLIC_BASE_URL; null: reviews are exported without their URLs. */
  readonly publicBaseUrl: string | null;
}

const BATCH = 1_000;

/** In batches: no statement holds back the database's clean-up, and no result is larger than memory. @throws Error of the database */
export async function* exportReviews(
  knex: Knex,
  { productId, since, publicBaseUrl }: ExportOptions,
): AsyncGenerator<string, void> {
  const view = await viewOf(knex, publicBaseUrl);
  const conditions: [string, string][] = [];
  if (productId !== undefined) conditions.push(['product_id = ?', productId]);
  if (since !== undefined) {
    const created = `(${view.publicJson})::json ->> 'created_at'`;
    conditions.push([
      `greatest(${created}, to_char(edited_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')) >= ?`,
      since.toISOString(),
    ]);
  }
  const sql = `
    SELECT r.id::text, ${lineJson(view)} AS line FROM product_reviews AS r ${view.joinAuthor}
     WHERE r.id > ?::bigint ${conditions.map(([condition]) => `AND ${condition}`).join(' ')}
     ORDER BY r.id LIMIT ?`;
  for (let last = BEFORE_EVERY_ID; ; ) {
    const values = [last, ...conditions.map(([, value]) => value), BATCH];
    const { rows } = await knex.raw<{ rows: { id: string; line: string }[] }>(sql, values);
    for (const { line } of rows) yield line;
    if (rows.length < BATCH) return;
    last = rows.at(-1)?.id ?? last;
  }
}
