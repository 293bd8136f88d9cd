/**
 * Begins a file in parts: its row, the multipart, then the multipart's id in the row. The row comes first, so that whoever is
 * refused has made nothing in the bucket, and nobody has the storage asked more often than the rate allows. Until the id is
 * noted the row lives for seconds only. What a killed process leaves is a row that expires, and a multipart which
 * the pass finds by its key.
 */
import { AppError } from '../../errors.ts';
import type { RunOptions } from '../../infra/postgres/database.ts';
import { type IssueOptions, newUpload, refuseLarger } from './issue.ts';
import { writeRows } from './issue-rows.ts';
import { kindRules } from './kinds.ts';
import type { Limit } from './lifecycle.ts';
import { partCount, partLength, partSizeFor } from './multipart.ts';
import type { AnnouncedFile } from './schema.ts';
import { unlessMissing } from './store.ts';
import { FIRST_LOOK_SECONDS, LONGEST_GRACE_SECONDS } from './tables/functions.ts';

/** So many parts have their URLs in the first answer. */
const FIRST_PARTS = 20;
/** How long a row waits for its multipart: twice what a request may take. */
const BEGINNING_SECONDS = 20;
const ABORT_TIMEOUT_MS = 10_000;

/** @throws AppError 413, 415, 429, 503 */
export function createIssueMultipart(options: IssueOptions) {
  const { multipartTtlSeconds: ttlSeconds, storage } = options;
  const rules = kindRules(options.limits);
  return async (userId: number, file: AnnouncedFile, limit: Limit) => {
    const partSize = partSizeFor(file.size_bytes);
    const upload = { ...newUpload(userId, file, rules[file.kind]), part_size: partSize };
    refuseLarger(options.quotaBytes, [upload]);
    await writeRows(options, userId, [upload], BEGINNING_SECONDS, limit);
    const { multipartId, expiresAt } = await begin(options, upload, limit);
    const division = { size: upload.size_bytes, partSize };
    const count = partCount(division);
    const numbers = Array.from({ length: Math.min(FIRST_PARTS, count) }, (_, index) => index + 1);
    const parts = await Promise.all(
      numbers.map(async (partNumber) => {
        const contentLength = partLength(division, partNumber);
        const target = { key: upload.key, uploadId: multipartId, partNumber, contentLength };
        const url = await storage.presignPart({ ...target, expiresInSeconds: ttlSeconds });
        return { part_number: partNumber, size: contentLength, upload_url: url };
      }),
    );
    return {
      ...{ file_url: storage.publicUrl(upload.key), expires_in: ttlSeconds },
      ...{ upload_id: upload.id, key: upload.key, expires_at: expiresAt.toISOString() },
      multipart: { part_size: partSize, part_count: count, parts },
    };
  };
}

/** From here on it lives as long as a multipart may. Nothing where the pass, or a DELETE, has ended it already. */
const NOTE = `
  UPDATE sidecar_uploads
     SET multipart_id = ?, expires_at = now() + make_interval(secs => ttl),
         settles_at = now() + make_interval(secs => ttl + least(ttl, ${LONGEST_GRACE_SECONDS})),
         due_at = now() + make_interval(secs => least(ttl, ${FIRST_LOOK_SECONDS}))
    FROM (SELECT ?::integer AS ttl) AS lifetime
   WHERE id = ? AND status = 'issued' AND expires_at > now()
  RETURNING expires_at`;

/** Its bytes are free at once; what may be in the bucket is for the pass. Nobody has had a URL. */
const GIVE_UP = `
  UPDATE sidecar_uploads
     SET expires_at = now(), settles_at = now() + interval '${BEGINNING_SECONDS} seconds',
         due_at = now() + interval '${BEGINNING_SECONDS} seconds'
   WHERE id = ? AND status = 'issued' AND expires_at > now()`;

async function begin(
  { storage, database, cacheControl, multipartTtlSeconds }: IssueOptions,
  { id, key, content_type: contentType }: ReturnType<typeof newUpload>,
  limit: Limit,
) {
  const run = async (sql: string, values: readonly (string | number)[], until: RunOptions) => {
    const asked = database.run((knex) => knex.raw<{ rows: { expires_at: Date }[] }>(sql, values), until);
    return (await asked.catch(unlessMissing)).rows;
  };
  let multipartId: string | undefined;
  try {
    multipartId = await storage.createMultipart({ key, contentType, cacheControl }, limit.signal);
    const [noted] = await run(NOTE, [multipartId, multipartTtlSeconds, id], limit);
    if (noted === undefined) throw new AppError('upload_not_begun');
    return { multipartId, expiresAt: noted.expires_at };
  } catch (error) {
    // Not waited for: whoever asked has waited long enough.
    run(GIVE_UP, [id], {}).catch(() => undefined);
    if (multipartId !== undefined)
      storage.abortMultipart(key, multipartId, AbortSignal.timeout(ABORT_TIMEOUT_MS)).catch(() => undefined);
    throw error;
  }
}
