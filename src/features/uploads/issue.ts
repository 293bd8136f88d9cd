/** Gives out URLs: checks the files, writes their rows within the user's rate limit and quota, then signs. */
import { randomUUID } from 'node:crypto';
import { AppError, tooLarge, tooMany, unsupportedType } from '../../errors.ts';
import type { ObjectStorage } from '../../infra/object-storage/object-storage.ts';
import { type Database, databaseUnavailable } from '../../infra/postgres/database.ts';
import { isSchemaMissing } from '../../infra/postgres/failure.ts';
import { type KindRules, kindRules, type UploadKind, type UploadLimits } from './kinds.ts';
import { type AnnouncedFile, mediaTypeOf } from './schema.ts';

export interface SigningOptions {
  readonly storage: ObjectStorage;
  readonly urlTtlSeconds: number;
  /** What every upload is stored with; null: nothing. */
  readonly cacheControl: string | null;
  /** Whether a key can be written once only. */
  readonly once: boolean;
}

export interface IssueOptions extends SigningOptions {
  readonly database: Database;
  readonly limits: UploadLimits;
  /** Files in any 60 s; 0: no limit. */
  readonly ratePerMinute: number;
  /** Bytes; 0: no limit. */
  readonly quotaBytes: number;
}

/** The answer of POST /api/uploads for one file. */
export interface IssuedUpload {
  readonly upload_url: string;
  readonly file_url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly expires_in: number;
  readonly upload_id: string;
  readonly key: string;
  readonly method: 'PUT';
  readonly expires_at: string;
}

/**
 * All of the files, in order, or none.
 * @param untilMs when to give the database up, on performance.now()'s clock
 * @throws AppError 413, 415, 429, 503
 */
export type IssueUploads = (
  userId: number,
  files: readonly AnnouncedFile[],
  untilMs: number,
) => Promise<IssuedUpload[]>;

interface SignableUpload {
  readonly id: string;
  readonly key: string;
  readonly content_type: string;
  /** As text when it comes from the database. */
  readonly size_bytes: number | string;
  readonly sha256: string | null;
}

interface NewUpload extends SignableUpload {
  readonly kind: UploadKind;
  readonly filename: string;
  readonly size_bytes: number;
}

export function createIssue(options: IssueOptions): IssueUploads {
  const { quotaBytes } = options;
  const rules = kindRules(options.limits);

  return async (userId, files, untilMs) => {
    const uploads = files.map((file) => newUpload(userId, file, rules[file.kind]));
    const bytes = uploads.reduce((sum, { size_bytes }) => sum + size_bytes, 0);
    if (quotaBytes > 0 && bytes > quotaBytes)
      throw tooLarge(`That is more than one user may store: at most ${quotaBytes / MIB} MB.`);
    const expiresAt = await writeRows(options, userId, uploads, untilMs);
    return Promise.all(uploads.map((upload) => sign(options, upload, expiresAt)));
  };
}

/** A URL for an upload whose row is there. @param expiresAt as its row says */
export async function sign(
  { storage, urlTtlSeconds, cacheControl, once }: SigningOptions,
  { id, key, content_type, size_bytes, sha256 }: SignableUpload,
  expiresAt: Date,
): Promise<IssuedUpload> {
  const { uploadUrl, headers } = await storage.presignPut({
    ...{ key, contentType: content_type, contentLength: Number(size_bytes), sha256 },
    ...{ expiresInSeconds: urlTtlSeconds, cacheControl, once },
  });
  return {
    ...{ upload_url: uploadUrl, file_url: storage.publicUrl(key), headers, expires_in: urlTtlSeconds },
    ...{ upload_id: id, key, method: 'PUT', expires_at: expiresAt.toISOString() },
  };
}

const MIB = 1024 * 1024;

/** @throws AppError 415, 413 */
function newUpload(userId: number, file: AnnouncedFile, rules: KindRules): NewUpload {
  const contentType = mediaTypeOf(file.content_type);
  const extension = rules.extensions.get(contentType);
  if (extension === undefined) {
    throw unsupportedType(
      `This kind of file is not accepted. Allowed: ${[...rules.extensions.keys()].join(', ')}.`,
    );
  }
  if (file.size_bytes > rules.maxBytes)
    throw tooLarge(`The file is too large: at most ${rules.maxBytes / MIB} MB.`);
  const id = randomUUID();
  return {
    ...{ id, key: `uploads/${userId}/${file.kind}/${id}.${extension}`, kind: file.kind },
    ...{ filename: file.filename, content_type: contentType, size_bytes: file.size_bytes },
    sha256: file.sha256 ?? null,
  };
}

interface Verdict {
  refusal: 'rate_limited' | 'quota_exceeded' | null;
  retry_after_seconds: number;
  expires_at: Date;
}

const ISSUE = 'SELECT refusal, retry_after_seconds, expires_at FROM sidecar_issue_uploads(?, ?, ?, ?, ?)';

/** One round trip. @returns when the URLs expire */
async function writeRows(
  { database, urlTtlSeconds, ratePerMinute, quotaBytes }: IssueOptions,
  userId: number,
  uploads: readonly NewUpload[],
  untilMs: number,
): Promise<Date> {
  const values = [userId, JSON.stringify(uploads), urlTtlSeconds, ratePerMinute, quotaBytes];
  const { rows } = await database
    .run((knex) => knex.raw<{ rows: [Verdict] }>(ISSUE, values), { untilMs })
    .catch((error) => {
      // The migrations have not been there yet.
      throw error instanceof AppError || !isSchemaMissing(error) ? error : databaseUnavailable(error);
    });
  const { refusal, retry_after_seconds: seconds, expires_at } = rows[0];
  if (refusal === 'rate_limited')
    throw tooMany(refusal, 'You have begun many uploads just now. Please wait a moment.', seconds);
  if (refusal !== null)
    throw tooMany(refusal, 'Your storage is full. Please delete something, or try again later.', seconds);
  return expires_at;
}
