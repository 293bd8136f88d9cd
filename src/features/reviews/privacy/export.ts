/**
 * All that a user has written, read in batches: nobody's export is too large for the memory of the sidecar, or keeps a
 * connection while its reader is slow.
 */
import type { Database } from '../../../infra/postgres/database.ts';
import { whatItMeans } from '../database-refusal.ts';
import { BEFORE_EVERY_ID } from '../id-page.ts';
import type { ReviewView, ReviewViews } from '../view.ts';

const BATCH = 200;

interface BatchRow {
  readonly json: string;
  /** Where the next batch begins. */
  readonly position: string[];
}

/** One list of the document. */
interface Section {
  readonly name: string;
  /** Parameters: the user, a position, the size of a batch. */
  readonly sql: (view: ReviewView) => string;
  /** Before every row. */
  readonly start: readonly string[];
}

const iso = (time: string) => `to_char(${time}, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

/** Whatever became of them, those of the old module's that a newer one has replaced as well. */
const reviewsSql =
  (json: (view: ReviewView) => string, condition = '') =>
  (view: ReviewView) =>
    `
    SELECT ${json(view)} AS json, ARRAY[r.id::text] AS position
      FROM (SELECT id FROM product_reviews
             WHERE author_id = ? AND id > ?::bigint ${condition} ORDER BY id LIMIT ?) AS batch
      JOIN product_reviews AS r ON r.id = batch.id ${view.joinAuthor}
     ORDER BY r.id`;

const SECTIONS: readonly Section[] = [
  {
    name: 'reviews',
    start: [BEFORE_EVERY_ID],
    sql: reviewsSql(
      ({ ownJson }) => `left(${ownJson}, -1) || ',"appeal":' || coalesce((
        SELECT json_build_object('text', text, 'created_at', ${iso('created_at')})::text
          FROM product_review_appeals WHERE review_id = r.id), 'null') || '}'`,
    ),
  },
  {
    name: 'pending_edits',
    start: [BEFORE_EVERY_ID],
    sql: reviewsSql(
      ({ ownJson }) => `left((${ownJson})::json ->> 'pending_edit', -1)
        || ',"review_id":' || r.id || ',"product_id":' || to_json(r.product_id)::text || '}'`,
      'AND pending_edit IS NOT NULL',
    ),
  },
  {
    name: 'votes',
    start: ['', BEFORE_EVERY_ID],
    sql: () => `
      SELECT json_build_object('review_id', review_id, 'product_id', product_id, 'created_at', ${iso('created_at')})::text AS json,
             ARRAY[product_id, review_id::text] AS position
        FROM product_review_votes
       WHERE user_id = ? AND (product_id, review_id) > (?, ?::bigint)
       ORDER BY product_id, review_id LIMIT ?`,
  },
  {
    name: 'reports',
    start: [BEFORE_EVERY_ID],
    sql: () => `
      SELECT json_build_object('review_id', review_id, 'reason', reason, 'note', note, 'created_at', ${iso('created_at')})::text AS json,
             ARRAY[review_id::text] AS position
        FROM product_review_reports
       WHERE user_id = ? AND review_id > ?::bigint
       ORDER BY review_id LIMIT ?`,
  },
];

/** The document, piece by piece, each as soon as somebody asks for it. @throws AppError 503 */
export async function* exportOf(
  database: Database,
  views: ReviewViews,
  userId: number,
): AsyncGenerator<string, void> {
  for (const [place, { name, sql, start }] of SECTIONS.entries()) {
    let opening = `${place === 0 ? '{' : ','}"${name}":[`;
    let position: readonly string[] | undefined = start;
    while (position !== undefined) {
      const values: readonly (string | number)[] = [String(userId), ...position, BATCH];
      const { rows }: { rows: BatchRow[] } = await views
        .using((view) => database.run((knex) => knex.raw<{ rows: BatchRow[] }>(sql(view), values)))
        .catch((error) => {
          throw whatItMeans(error);
        });
      if (rows.length > 0 || opening !== ',') yield opening + rows.map(({ json }) => json).join(',');
      position = rows.length < BATCH ? undefined : rows.at(-1)?.position;
      opening = ',';
    }
    yield ']';
  }
  yield '}';
}
