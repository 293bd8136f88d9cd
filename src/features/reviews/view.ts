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
import { anyTimeJson, timeJson, timeOfText } from './view-times.ts';

/** SQL for one database as it is. `r` is a row of product_reviews. */
export interface ReviewView {
  /** Joins `author`, the user of today; behind `FROM product_reviews AS r`. */
  readonly joinAuthor: string;
  /** JSON text that everybody may see. Needs `joinAuthor`; `::json` makes an object of it for node-postgres. */
  readonly publicJson: string;
  /** The same for many rows of one product, whose id as JSON is `r.product_json`. */
  readonly itemJson: string;
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
  const createdAt = hasOddTimes
    ? anyTimeJson(timeOfText('r.created_at'))
    : timeJson('r.created_at::timestamptz');
  const publicFields = (productId: string) => [
    `'{"id":' || r.id`,
    field('product_id', productId),
    field('author_id', hasUsers ? ID_OF_AUTHOR : jsonOf('r.author_id')),
    field('author_name', jsonOf(hasUsers ? nameOfToday : shown(STORED_NAME))),
    hasUsers
      ? field('author_avatar_url', jsonOf('author.avatar_url'), 'null')
      : `',"author_avatar_url":null'`,
    // As product_review_stars() in the database: the old module did not check ratings.
    field('rating', 'least(5, greatest(1, r.rating))'),
    field('title', jsonOf('r.title'), 'null'),
    field('text', jsonOf('r.text'), 'null'),
    flag('verified_purchase', 'r.verified'),
    flag('incentivized', 'r.incentivized'),
    field('media', files('r.media'), '[]'),
    field('helpful_count', 'r.helpful_count', '0'),
    field('reply', `(r.reply - 'author_id')::text`, 'null'),
    field('created_at', createdAt, '"1970-01-01T00:00:00.000Z"'),
    field('edited_at', anyTimeJson('r.edited_at::timestamptz'), 'null'),
  ];
  const fields = publicFields(jsonOf('r.product_id'));
  const ownFields = [
    field('status', `'"' || coalesce(r.status, 'published') || '"'`),
    field('reason', jsonOf('r.status_reason'), 'null'),
    field('pending_edit', `CASE WHEN r.pending_edit IS NOT NULL THEN ${pendingJson(files)} END`, 'null'),
  ];
  return {
    joinAuthor: hasUsers ? JOIN_AUTHOR : '',
    publicJson: objectOf(fields),
    itemJson: objectOf(publicFields('r.product_json')),
    ownJson: objectOf([...fields, ...ownFields]),
  };
}

/** Joined by halves: from left to right, each step would copy all that stands before it. */
const objectOf = (fields: readonly string[]) => joined([...fields, `'}'`]);
const joined = (texts: readonly string[]): string => {
  const half = Math.ceil(texts.length / 2);
  return texts.length === 1
    ? `${texts[0]}`
    : `(${joined(texts.slice(0, half))} || ${joined(texts.slice(half))})`;
};

/** @param absent JSON for a value that is null, which most are: then there is nothing left to join */
const field = (name: string, json: string, absent?: string) =>
  absent === undefined
    ? `',"${name}":' || ${json}`
    : `coalesce(',"${name}":' || ${json}, ',"${name}":${absent}')`;
const flag = (name: string, sql: string) =>
  `CASE WHEN ${sql} THEN ',"${name}":true' ELSE ',"${name}":false' END`;
const jsonOf = (sql: string) => `to_json(${sql})::text`;

/** Whoever is found by it has one of digits alone. */
const ID_OF_AUTHOR = `CASE WHEN author.id IS NULL THEN ${jsonOf('r.author_id')} ELSE '"' || r.author_id || '"' END`;
/** Names may have a collation of the backend's own, in which PostgreSQL knows no regular expressions. */
const unlessBlank = (name: string) =>
  `nullif(btrim(${name}::text COLLATE "default", E' \\t\\n\\r\\f\\v'), '')`;
/** Of an author without a name; what is stored then is the same (infra/user-directory.ts). */
const NO_NAME = `'User ' || r.author_id`;
const STORED_NAME = `coalesce(${unlessBlank('r.author_name')}, ${NO_NAME})`;

/** In full, or the first word and the next one's initial; where there is no name there is none to shorten. At most 99 characters. */
const shown = (name: string) => `(CASE WHEN r.display_short
    THEN coalesce(regexp_replace(nullif(${name}, ${NO_NAME}), '^(\\S{1,96})\\S*\\s+(\\S).*$', '\\1 \\2.'), ${NO_NAME})
    ELSE ${name} END)::varchar(99)`;

/** author_id is text and may be no number at all: then it never was a user of the backend's. */
const IS_NUMBER = `octet_length(r.author_id) BETWEEN 1 AND 18 AND translate(r.author_id, '0123456789', '') = ''`;
const nameOfToday = `CASE WHEN author.id IS NULL AND ${IS_NUMBER} THEN 'Deleted user'
    ELSE ${shown(`coalesce(author.name, ${STORED_NAME})`)} END`;

/**
 * A name or picture that `users` lacks does no harm: what is no column of it is found one level further out, where it is
 * null. OFFSET 0 keeps the planner from another way than by index: from a guess of many rows it would read all users.
 */
const JOIN_AUTHOR = `
  CROSS JOIN (SELECT NULL::text AS name, NULL::text AS avatar_url) AS absent
   LEFT JOIN LATERAL (
     SELECT users.id, ${unlessBlank('name')} AS name, avatar_url FROM users
      WHERE users.id = CASE WHEN ${IS_NUMBER} THEN r.author_id::bigint END OFFSET 0) AS author ON true`;

/**
 * The stored objects are `{"key": …, "type": …, "upload_id": …, "content_type": …}`, as jsonb prints them: in a text that
 * is a value of theirs each quote has a backslash before it. The keys need no escaping in a URL (features/uploads/issue.ts).
 */
const filesJson = (media: string, publicBaseUrl: string) =>
  `replace((${withoutUploadIds(media)})::text, '"key": "', ${literal(`"url": ${JSON.stringify(`${publicBaseUrl}/`).slice(0, -1)}`)})`;

/** A third of what a regular expression costs. What is not there is no error, but costs as much; most have one file. */
const withoutUploadIds = (media: string) =>
  `CASE WHEN ${media} -> 1 IS NULL THEN ${media} #- '{0,upload_id}' ELSE ${media}${WITHOUT_EACH} END`;
const MAX_FILES = 6;
const WITHOUT_EACH = Array.from({ length: MAX_FILES }, (_, i) => ` #- '{${i},upload_id}'`).join('');

const pendingJson = (files: (media: string) => string) => `'{"rating":'
    || coalesce((r.pending_edit -> 'rating')::text, 'null') || ',"title":' || coalesce((r.pending_edit -> 'title')::text, 'null')
    || ',"text":' || coalesce((r.pending_edit -> 'text')::text, 'null') || ',"media":'
    || CASE jsonb_typeof(r.pending_edit -> 'media') WHEN 'array' THEN ${files(`(r.pending_edit -> 'media')`)} ELSE '[]' END || '}'`;

/** As a string with escapes, so that it has neither a question mark nor a quote in it. */
const literal = (text: string) =>
  `E'${[...text].map((c) => (/[\w/:.-]/.test(c) ? c : `\\U${c.codePointAt(0)?.toString(16).padStart(8, '0')}`)).join('')}'`;
