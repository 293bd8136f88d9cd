/** Gives out URLs: checks the files, writes their rows within the user's rate limit and quota, then signs. */
import { randomUUID } from 'node:crypto';
import { MIB } from '../../config/values.ts';
import { AppError } from '../../errors.ts';
import type { ObjectStorage } from '../../infra/object-storage/object-storage.ts';
import type { Database, RunOptions } from '../../infra/postgres/database.ts';
import type { UploadCounts } from './figures.ts';
import { type KindRules, kindRules, type UploadKind, type UploadLimits } from './kinds.ts';
import { partSizeFor } from './multipart.ts';
import { type AnnouncedFile, mediaTypeOf } from './schema.ts';
import { unlessMissing } from './store.ts';
import { type Owner, type UploadStatus, uploadNotFound } from './upload.ts';

export interface SigningOptions {
  readonly storage: ObjectStorage;
  readonly urlTtlSeconds: number;
  /** What every upload is stored with; null: nothing. */
  readonly cacheControl: string | null;
  /** Whether a key can be written once only. */
  readonly once: boolean;
}

export interface IssueOptions extends SigningOptions {
  /** Of a multipart, and of the URLs of its parts. */
  readonly multipartTtlSeconds: number;
  readonly database: Database;
  readonly limits: UploadLimits;
  /** Files in any 60 s; 0: no limit. */
  readonly ratePerMinute: number;
  /** Bytes; 0: no limit. */
  readonly quotaBytes: number;
  readonly counts: UploadCounts;
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
  readonly part_size: number | null;
}

export function createIssue(options: IssueOptions): IssueUploads {
  const { quotaBytes } = options;
  const rules = kindRules(options.limits);

  return async (userId, files, untilMs) => {
    const uploads = files.map((file) => newUpload(userId, file, rules[file.kind]));
    refuseLarger(quotaBytes, uploads);
    const expiresAt = await writeRows(options, userId, uploads, options.urlTtlSeconds, { untilMs });
    return Promise.all(uploads.map((upload) => sign(options, upload, expiresAt)));
  };
}

/** @throws AppError 413 */
export function refuseLarger(quotaBytes: number, uploads: readonly NewUpload[]): void {
  const bytes = uploads.reduce((sum, { size_bytes }) => sum + size_bytes, 0);
  if (quotaBytes > 0 && bytes > quotaBytes)
    throw new AppError('files_too_large', { params: { max_mb: quotaBytes / MIB } });
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

/** @throws AppError 415, 413 */
export function newUpload(userId: number, file: AnnouncedFile, rules: KindRules): NewUpload {
  const contentType = mediaTypeOf(file.content_type);
  const extension = rules.extensions.get(contentType);
  if (extension === undefined) {
    throw new AppError('file_type_not_accepted', { params: { allowed: [...rules.extensions.keys()] } });
  }
  const maxBytes = (file.multipart ? rules.maxBytesMultipart : null) ?? rules.maxBytes;
  if (file.size_bytes > maxBytes)
    throw new AppError('file_too_large', { params: { max_mb: maxBytes / MIB } });
  const id = randomUUID();
  return {
    ...{ id, key: `uploads/${userId}/${file.kind}/${id}.${extension}`, kind: file.kind },
    ...{ filename: file.filename, content_type: contentType, size_bytes: file.size_bytes },
    sha256: file.sha256 ?? null,
    part_size: file.multipart ? partSizeFor(file.size_bytes) : null,
  };
}

interface Verdict {
  refusal: 'rate_limited' | 'quota_exceeded' | null;
  retry_after_seconds: number;
  expires_at: Date;
}

/** @throws AppError 429 when there is a refusal */
function obey({ refusal, retry_after_seconds: seconds }: Omit<Verdict, 'expires_at'>): void {
  if (refusal === 'rate_limited')
    throw new AppError('too_many_uploads', { params: { retry_after: seconds } });
  if (refusal === 'quota_exceeded') throw new AppError('storage_full', { params: { retry_after: seconds } });
}

const ISSUE =
  'SELECT refusal, retry_after_seconds, expires_at FROM sidecar_issue_uploads($1, $2, $3, $4, $5)';

/** One round trip. @returns when the URLs expire */
export async function writeRows(
  { database, ratePerMinute, quotaBytes, counts }: IssueOptions,
  userId: number,
  uploads: readonly NewUpload[],
  ttlSeconds: number,
  until: RunOptions,
): Promise<Date> {
  const values = [userId, JSON.stringify(uploads), ttlSeconds, ratePerMinute, quotaBytes];
  const [verdict] = (await database
    .query<Verdict>({ name: 'issue', text: ISSUE, values }, until)
    .catch(unlessMissing)) as [Verdict];
  obey(verdict);
  counts.changes.issued += uploads.length;
  return verdict.expires_at;
}

/**
 * A fresh URL for the key of an upload that nothing has become of yet. Its bytes count again, if they did not any more.
 * @throws AppError 404, 409, 429, 503
 */
export type RenewUpload = (id: string, owner: Owner, untilMs: number) => Promise<IssuedUpload>;

interface Renewal extends Omit<Verdict, 'refusal'>, SignableUpload {
  refusal: 'quota_exceeded' | 'multipart' | Exclude<UploadStatus, 'issued'> | null;
}

const RENEW = `SELECT refusal, retry_after_seconds, expires_at, id, key, content_type, size_bytes, sha256
                 FROM sidecar_renew_upload(?, ?, ?, ?)`;

export function createRenew(options: IssueOptions): RenewUpload {
  const { database, urlTtlSeconds, quotaBytes } = options;
  return async (id, owner, untilMs) => {
    const values = [id, owner === 'any' ? null : owner, urlTtlSeconds, quotaBytes];
    const { rows } = await database
      .run((knex) => knex.raw<{ rows: Renewal[] }>(RENEW, values as string[]), { untilMs })
      .catch(unlessMissing);
    const [renewal] = rows;
    if (renewal === undefined) throw uploadNotFound();
    const { refusal, ...upload } = renewal;
    if (refusal === 'multipart') throw new AppError('multipart');
    if (refusal !== null && refusal !== 'quota_exceeded') throw new AppError(`upload_${refusal}`);
    obey({ ...upload, refusal });
    return sign(options, upload, upload.expires_at);
  };
}
