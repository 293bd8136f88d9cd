/**
 * A review as JSON, built by PostgreSQL in the query that finds it, and passed through as text: a page of 50 costs less
 * than fetching its columns (docs/decisions/0027). Everybody who answers with a review uses these expressions.
 *
 * They are text joined by `||`, which is the cheapest way PostgreSQL has: half of json_build_object(). None of them has a
 * question mark in it, so they may stand in Knex's raw SQL as well.
 */
import { AppError } from '../../errors.ts';
import { isStandalone } from '../../infra/postgres/backend-tables.ts';
import type { Database, RunOptions } from '../../infra/postgres/database.ts';
import { isUndefinedTable } from '../../infra/postgres/failure.ts';

/** SQL for one database as it is. `r` is a row of product_reviews. */
export interface ReviewView {
  /** Joins `author`, the user of today; behind `FROM product_reviews AS r`. */
  readonly joinAuthor: string;
  /** JSON text that everybody may see. Needs `joinAuthor`; `::json` makes an object of it for node-postgres. */
  readonly publicJson: string;
  /** The same with what only the author and admins see: status, reason, pending_edit. */
  readonly ownJson: string;
}

export interface ReviewViews {
  /**
   * Runs work with the view that fits this database, and once more with another when it turns out that it has no users
   * of its own, or times that nobody can read. A transaction belongs inside the work.
   * @throws what the work throws
   */
  using<T>(work: (view: ReviewView) => Promise<T>, options?: RunOptions): Promise<T>;
}

/** @param publicBaseUrl of the files, S3_PUBLIC_BASE_URL; without it reviews show none */
export function createReviewViews(database: Database, publicBaseUrl: string | null): ReviewViews {
  const made = new Map<string, ReviewView>();
  const viewOf = (shape: Omit<ViewShape, 'publicBaseUrl'>) => {
    const key = `${shape.hasUsers} ${shape.hasOddTimes}`;
    const view = made.get(key) ?? reviewView({ ...shape, publicBaseUrl });
    made.set(key, view);
    return view;
  };
  /** Undefined until somebody has looked. */
  let hasOddTimes: boolean | undefined;
  return {
    async using(work, options) {
      hasOddTimes ??= await areTimesText(database, options);
      for (let hasUsers = true; ; ) {
        const isCareful = hasOddTimes ?? false;
        try {
          return await work(viewOf({ hasUsers, hasOddTimes: isCareful }));
        } catch (error) {
          const cause = error instanceof AppError ? error.cause : error;
          if (isUnreadableTime(cause) && !isCareful) hasOddTimes = true;
          else if (hasUsers && isUndefinedTable(cause) && (await isStandalone(database, options))) {
            hasUsers = false;
          } else throw error;
        }
      }
    },
  };
}

/** The old module may have made it so (docs/contract.md, 4). Undefined: there is no such column yet. */
async function areTimesText(
  database: Database,
  options: RunOptions | undefined,
): Promise<boolean | undefined> {
  const [column] = await database.query<{ text: boolean }>(
    {
      name: 'review_times',
      text: `SELECT atttypid IN ('text'::regtype, 'varchar'::regtype) AS text FROM pg_catalog.pg_attribute
              WHERE attrelid = to_regclass('product_reviews') AND attname = 'created_at'`,
      values: [],
    },
    options,
  );
  return column?.text;
}

/** 22007, 22008 and 22009: the column has become a text since, which is no time, or an impossible one. */
const isUnreadableTime = (error: unknown) =>
  error instanceof Error && 'code' in error && /^2200[789]$/.test(String(error.code));

export interface ViewShape {
  /** There is a table `users`; a developer's own database may do without. */
  readonly hasUsers: boolean;
  /** created_at is text, which may be no time at all. */
  readonly hasOddTimes: boolean;
  readonly publicBaseUrl: string | null;
}

export function reviewView({ hasUsers, hasOddTimes, publicBaseUrl }: ViewShape): ReviewView {
  const files = (media: string) => (publicBaseUrl === null ? `'[]'` : filesJson(media, publicBaseUrl));
  const createdAt = hasOddTimes ? READABLE_TIME : 'r.created_at::timestamptz';
  const fields = [
    ['id', 'r.id'],
    ['product_id', jsonOf('r.product_id')],
    ['author_id', jsonOf('r.author_id')],
    ['author_name', jsonOf(hasUsers ? nameOfToday : shown(STORED_NAME))],
    ['author_avatar_url', hasUsers ? jsonOrNull('author.avatar_url') : `'null'`],
    // As product_review_stars() in the database: the old module did not check ratings.
    ['rating', 'least(5, greatest(1, r.rating))'],
    ['title', jsonOrNull('r.title')],
    ['text', jsonOrNull('r.text')],
    ['verified_purchase', 'coalesce(r.verified, false)'],
    ['incentivized', 'coalesce(r.incentivized, false)'],
    ['media', `CASE WHEN r.media IS NULL THEN '[]' ELSE ${files('r.media')} END`],
    ['helpful_count', 'coalesce(r.helpful_count, 0)'],
    ['reply', `coalesce((r.reply - 'author_id')::text, 'null')`],
    ['created_at', `'"' || coalesce(${iso(createdAt)}, '${EPOCH}') || '"'`],
    ['edited_at', `coalesce('"' || ${iso('r.edited_at::timestamptz')} || '"', 'null')`],
  ] as const;
  const ownFields = [
    ['status', `'"' || coalesce(r.status, 'published') || '"'`],
    ['reason', jsonOrNull('r.status_reason')],
    ['pending_edit', `CASE WHEN r.pending_edit IS NULL THEN 'null' ELSE ${pendingJson(files)} END`],
  ] as const;
  return {
    joinAuthor: hasUsers ? JOIN_AUTHOR : '',
    publicJson: objectOf(fields),
    ownJson: objectOf([...fields, ...ownFields]),
  };
}

const EPOCH = '1970-01-01T00:00:00.000Z';

const objectOf = (fields: readonly (readonly [name: string, json: string])[]) =>
  `(${fields.map(([name, json], i) => `'${i === 0 ? '{' : ','}"${name}":' || ${json}`).join(' || ')} || '}')`;
const jsonOf = (sql: string) => `to_json(${sql})::text`;
const jsonOrNull = (sql: string) => `coalesce(${jsonOf(sql)}, 'null')`;

/** In UTC, as the session is (infra/postgres/connection.ts). Null for an infinite one. */
const iso = (time: string) => `to_char(${time}, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

/**
 * ISO text without a zone is UTC (docs/contract.md, 4), as the session is; what nobody can read is the epoch rather than an
 * error. CASE, since AND promises no order.
 */
const TIME_TEXT = 'r.created_at::text';
const READABLE_TIME = `CASE
    WHEN ${TIME_TEXT} !~* '^\\s*[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]+){0,1}){0,1}){0,1}\\s*(Z|[+-](0[0-9]|1[0-4])(:{0,1}[0-5][0-9]){0,1}){0,1}\\s*$'
      OR btrim(${TIME_TEXT}) LIKE '0000%' THEN NULL
    WHEN substr(btrim(${TIME_TEXT}), 9, 2)::integer
       > extract(day FROM make_date(left(btrim(${TIME_TEXT}), 4)::integer, substr(btrim(${TIME_TEXT}), 6, 2)::integer, 1)
                          + interval '1 month - 1 day') THEN NULL
    ELSE r.created_at::timestamptz END`;

const BLANKS = `E' \\t\\n\\r\\f\\v'`;
const unlessBlank = (name: string) => `nullif(btrim(${name}::text, ${BLANKS}), '')`;
/** Of an author without a name; what is stored then is the same (infra/user-directory.ts). */
const NO_NAME = `'User ' || r.author_id`;
const STORED_NAME = `coalesce(${unlessBlank('r.author_name')}, ${NO_NAME})`;

/** In full, or the first word and the next one's initial; where there is no name there is none to shorten. At most 99 characters. */
const shown = (name: string) => `left(CASE WHEN r.display_short AND ${name} <> ${NO_NAME}
    THEN regexp_replace(${name}, '^(\\S{1,96})\\S*\\s+(\\S).*$', '\\1 \\2.') ELSE ${name} END, 99)`;

/** author_id is text and may be no number at all: then it never was a user of the backend's. */
const IS_NUMBER = `length(r.author_id) BETWEEN 1 AND 18 AND translate(r.author_id, '0123456789', '') = ''`;
const nameOfToday = `CASE WHEN author.id IS NULL AND ${IS_NUMBER} THEN 'Deleted user'
    ELSE ${shown(`coalesce(${unlessBlank('author.name')}, ${STORED_NAME})`)} END`;

/**
 * A name or picture that `users` lacks does no harm: what is no column of it is found one level further out, where it is
 * null. OFFSET 0 keeps the planner from another way than by index: from a guess of many rows it would read all users.
 */
const JOIN_AUTHOR = `
  CROSS JOIN (SELECT NULL::text AS name, NULL::text AS avatar_url) AS absent
   LEFT JOIN LATERAL (
     SELECT users.id, name, avatar_url FROM users
      WHERE users.id = CASE WHEN ${IS_NUMBER} THEN r.author_id::bigint END OFFSET 0) AS author ON true`;

/**
 * The stored objects are `{"key": …, "type": …, "upload_id": …, "content_type": …}`, as jsonb prints them: in a text that
 * is a value of theirs each quote has a backslash before it. The keys need no escaping in a URL (features/uploads/issue.ts).
 */
const filesJson = (media: string, publicBaseUrl: string) =>
  `replace(((${media})${WITHOUT_UPLOAD_IDS})::text, '"key": "', ${literal(`"url": ${JSON.stringify(`${publicBaseUrl}/`).slice(0, -1)}`)})`;

/** A third of what a regular expression costs. What is not there is no error. */
const MAX_FILES = 6;
const WITHOUT_UPLOAD_IDS = Array.from({ length: MAX_FILES }, (_, i) => ` #- '{${i},upload_id}'`).join('');

const pendingJson = (files: (media: string) => string) => `'{"rating":'
    || coalesce((r.pending_edit -> 'rating')::text, 'null') || ',"title":' || coalesce((r.pending_edit -> 'title')::text, 'null')
    || ',"text":' || coalesce((r.pending_edit -> 'text')::text, 'null') || ',"media":'
    || CASE jsonb_typeof(r.pending_edit -> 'media') WHEN 'array' THEN ${files(`r.pending_edit -> 'media'`)} ELSE '[]' END || '}'`;

/** As a string with escapes, so that it has neither a question mark nor a quote in it. */
const literal = (text: string) =>
  `E'${[...text].map((c) => (/[\w/:.-]/.test(c) ? c : `\\U${c.codePointAt(0)?.toString(16).padStart(8, '0')}`)).join('')}'`;
