/** SQL that gives uploads out: their rows, within the user's rate limit and quota, in one round trip. */
import { AppError } from '../../errors.ts';
import type { RunOptions } from '../../infra/postgres/database.ts';
import { isDuplicate, isUntranslatable } from '../../infra/postgres/failure.ts';
import { forWelcomeUser } from '../../infra/user-directory.ts';
import type { IssueOptions, NewUpload } from './issue.ts';
import { unlessMissing } from './store.ts';
import { FIRST_LOOK_SECONDS, LONGEST_GRACE_SECONDS } from './tables/functions.ts';

export interface Verdict {
  refusal: 'rate_limited' | 'quota_exceeded' | null;
  retry_after_seconds: number;
  /** ISO 8601 where it comes as JSON. */
  expires_at: Date | string;
}

/** @throws AppError 429 when there is a refusal */
export function obey({ refusal, retry_after_seconds: seconds }: Omit<Verdict, 'expires_at'>): void {
  if (refusal === 'rate_limited')
    throw new AppError('too_many_uploads', { params: { retry_after: seconds } });
  if (refusal === 'quota_exceeded') throw new AppError('storage_full', { params: { retry_after: seconds } });
}

const ISSUE = 'sidecar_issue_uploads($1, $2::json, $3::integer, $4::integer, $5::bigint)';
const ISSUE_TO_KNOWN = {
  name: 'issue',
  text: `SELECT refusal, retry_after_seconds, expires_at FROM ${ISSUE}`,
};

const NUMBER_BEFORE_RATE = 'usage.last_number + $6::integer - $4::integer';
const FILE =
  'id uuid, kind text, filename text, content_type text, size_bytes bigint, key text, sha256 text, bucket text';
const COLUMNS = FILE.replace(/ \w+(?=,|$)/g, '');
const LIFETIME = `interval '1 second' * $3::integer`;

/**
 * What the function would do, as a plain statement, which costs a third less, wherever that is beyond doubt; where it is not,
 * nothing is changed and the function is asked. The statement sees the user's row in its newest version, for which it waits, but of the
 * uploads those only that were there when it began. So it does with an upload that leaves room in the rate by being old enough: one that it
 * does not see may be a minute old or a moment. Single PUTs only.
 */
export const ISSUE_TO_NAMED = {
  name: 'issue_to_named',
  text: forWelcomeUser(`,
  counted AS (
    UPDATE sidecar_upload_usage AS usage
       SET last_number = usage.last_number + $6::integer, bytes = usage.bytes + $7::bigint
      FROM person
     WHERE usage.user_id = $1
       AND ($5::bigint <= 0 OR usage.bytes + $7::bigint <= $5::bigint)
       AND ($4::integer <= 0
            OR $6::integer <= $4::integer
               AND (${NUMBER_BEFORE_RATE} < 1
                    OR EXISTS (SELECT FROM sidecar_uploads AS upload
                                WHERE upload.user_id = $1 AND upload.number = ${NUMBER_BEFORE_RATE}
                                  AND upload.created_at <= clock_timestamp() - interval '1 minute')))
    RETURNING usage.last_number - $6::integer AS last_number, clock_timestamp() AS moment),
  issued AS (
    INSERT INTO sidecar_uploads (${COLUMNS}, user_id, number, created_at, expires_at, settles_at, due_at)
    SELECT ${COLUMNS}, $1, last_number + place, moment, moment + ${LIFETIME},
           moment + ${LIFETIME} + least(${LIFETIME}, interval '${LONGEST_GRACE_SECONDS} seconds'),
           moment + least(${LIFETIME}, interval '${FIRST_LOOK_SECONDS} seconds')
      FROM counted,
           ROWS FROM (json_to_recordset($2::json) AS (${FILE})) WITH ORDINALITY AS file (${COLUMNS}, place)
    RETURNING expires_at)
  SELECT (SELECT CASE WHEN count(*) = 0 THEN row_to_json(${ISSUE})
                      ELSE json_build_object('refusal', NULL, 'expires_at', min(expires_at)) END FROM issued) AS verdict
    FROM person`),
};

const valuesOf = (
  { ratePerMinute, quotaBytes, storage: { bucket } }: IssueOptions,
  userId: number,
  uploads: readonly NewUpload[],
  ttlSeconds: number,
) => {
  const files = uploads.map((upload) => ({ ...upload, bucket }));
  return [userId, JSON.stringify(files), ttlSeconds, ratePerMinute, quotaBytes];
};

/** @returns when the URLs expire @throws AppError 429, 503, 422 for a name that the database cannot store */
export async function writeRows(
  options: IssueOptions,
  userId: number,
  uploads: readonly NewUpload[],
  ttlSeconds: number,
  until: RunOptions,
): Promise<Date> {
  const values = valuesOf(options, userId, uploads, ttlSeconds);
  const [verdict] = (await options.database
    .query<Verdict>({ ...ISSUE_TO_KNOWN, values }, until)
    .catch(unlessNameIsOdd)
    .catch(unlessMissing)) as [Verdict];
  return written(options, uploads, verdict);
}

/** The same for a user who has not been looked at; null: nothing was written, look at him. Not for a multipart. */
export async function writeRowsFor(
  options: IssueOptions,
  userId: number,
  uploads: readonly NewUpload[],
  ttlSeconds: number,
  untilMs: number,
): Promise<Date | null> {
  const bytes = uploads.reduce((sum, { size_bytes }) => sum + size_bytes, 0);
  const values = [...valuesOf(options, userId, uploads, ttlSeconds), uploads.length, bytes];
  const [row] = await options
    .runForUser<{ verdict: Verdict }>({ ...ISSUE_TO_NAMED, values }, untilMs)
    .catch(unlessNumberIsTaken)
    .catch(unlessNameIsOdd);
  return row === undefined ? null : written(options, uploads, row.verdict);
}

/** The user's figures are of an older backup than his uploads: the function counts anew. */
function unlessNumberIsTaken(error: unknown): [] {
  if (isDuplicate(error)) return [];
  throw error;
}

/** Of all that a row says a file's name alone may have characters that a database which is not UTF-8 does not. */
function unlessNameIsOdd(error: unknown): never {
  if (!isUntranslatable(error)) throw error;
  throw new AppError('field_invalid', { params: { field: 'filename', rule: 'invalid' }, cause: error });
}

/** @returns when the URLs expire @throws AppError 429 when nothing was written */
function written({ counts }: IssueOptions, uploads: readonly NewUpload[], verdict: Verdict): Date {
  obey(verdict);
  counts.changes.issued += uploads.length;
  return new Date(verdict.expires_at);
}
