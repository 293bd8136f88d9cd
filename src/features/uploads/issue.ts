/** Gives out URLs: checks the files, writes their rows within the user's rate limit and quota, then signs. */
import { randomUUID } from 'node:crypto';
import { MIB } from '../../config/values.ts';
import { AppError } from '../../errors.ts';
import type { ObjectStorage } from '../../infra/object-storage/object-storage.ts';
import type { Database } from '../../infra/postgres/database.ts';
import type { RunForUser } from '../../infra/user-directory.ts';
import type { UploadCounts } from './figures.ts';
import { writeRows, writeRowsFor } from './issue-rows.ts';
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
  /** Of a multipart, and of the URLs of its parts. */
  readonly multipartTtlSeconds: number;
  readonly database: Database;
  readonly limits: UploadLimits;
  /** Files in any 60 s; 0: no limit. */
  readonly ratePerMinute: number;
  /** Bytes; 0: no limit. */
  readonly quotaBytes: number;
  readonly counts: UploadCounts;
  readonly runForUser: RunForUser;
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
type Issue<Result> = (userId: number, files: readonly AnnouncedFile[], untilMs: number) => Promise<Result>;

export interface IssueUploads {
  /** To a user who has been looked at. */
  readonly toKnown: Issue<IssuedUpload[]>;
  /** To one who has not, which is done in the same round trip; null: nothing was issued, look at him. */
  readonly toNamed: Issue<IssuedUpload[] | null>;
}

export interface SignableUpload {
  readonly id: string;
  readonly key: string;
  readonly content_type: string;
  /** As text when it comes from the database. */
  readonly size_bytes: number | string;
  readonly sha256: string | null;
}

export interface NewUpload extends SignableUpload {
  readonly kind: UploadKind;
  readonly filename: string;
  readonly size_bytes: number;
  /** Of a file in parts. */
  readonly part_size: number | null;
}

export function createIssue(options: IssueOptions): IssueUploads {
  const { quotaBytes, urlTtlSeconds } = options;
  const rules = kindRules(options.limits);

  function prepare(userId: number, files: readonly AnnouncedFile[]): readonly NewUpload[] {
    const uploads = files.map((file) => newUpload(userId, file, rules[file.kind]));
    refuseLarger(quotaBytes, uploads);
    return uploads;
  }
  const signAll = (uploads: readonly NewUpload[], expiresAt: Date) =>
    Promise.all(uploads.map((upload) => sign(options, upload, expiresAt)));

  return {
    async toKnown(userId, files, untilMs) {
      const uploads = prepare(userId, files);
      return signAll(uploads, await writeRows(options, userId, uploads, urlTtlSeconds, { untilMs }));
    },
    async toNamed(userId, files, untilMs) {
      const uploads = prepare(userId, files);
      const expiresAt = await writeRowsFor(options, userId, uploads, urlTtlSeconds, untilMs);
      return expiresAt && signAll(uploads, expiresAt);
    },
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

/** As a single PUT. @throws AppError 415, 413 */
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
    part_size: null,
  };
}
