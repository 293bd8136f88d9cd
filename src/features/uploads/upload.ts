/** An upload: a row of sidecar_uploads, and what clients see of it. */
import { AppError } from '../../errors.ts';
import type { UploadKind } from './kinds.ts';

export const UPLOAD_STATUSES = ['issued', 'ready', 'rejected', 'expired', 'deleted'] as const;
export type UploadStatus = (typeof UPLOAD_STATUSES)[number];
/** Why one is `rejected`. */
export type RejectionReason = 'too_large' | 'too_small' | 'wrong_type' | 'changed';

/** As node-postgres gives it: bigint as text. */
export interface UploadRow {
  readonly id: string;
  readonly user_id: string;
  readonly number: string;
  readonly kind: UploadKind;
  readonly filename: string;
  readonly content_type: string;
  readonly size_bytes: string;
  readonly key: string;
  readonly sha256: string | null;
  readonly multipart_id: string | null;
  readonly part_size: string | null;
  readonly status: UploadStatus;
  readonly reason: RejectionReason | null;
  readonly etag: string | null;
  readonly created_at: Date;
  readonly expires_at: Date;
  readonly settles_at: Date;
  readonly finished_at: Date | null;
  /** Of who may change it just now. */
  readonly lease: string | null;
  /** `deleted`, or the reason of a rejection, while the storage has been asked to delete and has not been heard to. */
  readonly intent: 'deleted' | RejectionReason | null;
  /** Looks that have failed since the last one that did not. */
  readonly attempts: number;
  /** By the database's clock, when the row was read. */
  readonly is_settled: boolean;
  /** Until it expires, by the same clock. */
  readonly seconds_left: number;
}

/** What every statement reads of a row. */
export const COLUMNS = `id, user_id, number, kind, filename, content_type, size_bytes, key, sha256, multipart_id, part_size,
  status, reason, etag, created_at, expires_at, settles_at, finished_at, lease, intent, attempts, settles_at <= now() AS is_settled,
  floor(extract(epoch FROM expires_at - now()))::integer AS seconds_left`;

/**
 * SQL: may the pass judge an upload by what is in this bucket? A sidecar with another one (in development, say, on this database)
 * would find nothing, and take what is there for gone. What nobody of its own bucket has looked at for a day is anybody's:
 * that bucket has been given up. @param bucket SQL; null: of all buckets
 */
export const isForBucket = (bucket: string) =>
  `(coalesce(bucket = ${bucket}::text, true) OR due_at <= now() - interval '1 day')`;

/** Whose uploads somebody may name: one user's (an id, as text where it may be any bigint), or `any`, an admin. */
export type Owner = number | string;

/** As shared with clients and with receivers of events. */
export interface Upload {
  readonly upload_id: string;
  readonly kind: UploadKind;
  readonly filename: string;
  readonly content_type: string;
  readonly size_bytes: number;
  readonly multipart: boolean;
  readonly status: UploadStatus;
  readonly reason: RejectionReason | null;
  readonly key: string;
  readonly file_url: string;
  readonly etag: string | null;
  /** ISO 8601, UTC. */
  readonly created_at: string;
  readonly expires_at: string;
  readonly finished_at: string | null;
}

/** @param publicUrl of a key */
export const toUpload = (row: UploadRow, publicUrl: (key: string) => string): Upload => ({
  upload_id: row.id,
  kind: row.kind,
  filename: row.filename,
  content_type: row.content_type,
  size_bytes: Number(row.size_bytes),
  multipart: row.part_size !== null,
  status: row.status,
  reason: row.reason,
  key: row.key,
  file_url: publicUrl(row.key),
  etag: row.etag,
  created_at: row.created_at.toISOString(),
  expires_at: row.expires_at.toISOString(),
  finished_at: row.finished_at?.toISOString() ?? null,
});

const iso = (time: string) => `to_char(${time} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

/** SQL: the data of an event, an Upload and whose it is, of a row of sidecar_uploads. @param fileUrl SQL */
export const eventData = (fileUrl: string) => `json_build_object(
    'upload_id', id, 'kind', kind, 'filename', filename, 'content_type', content_type, 'size_bytes', size_bytes,
    'multipart', part_size IS NOT NULL, 'status', status, 'reason', reason, 'key', key, 'file_url', ${fileUrl},
    'etag', etag, 'created_at', ${iso('created_at')}, 'expires_at', ${iso('expires_at')},
    'finished_at', ${iso('finished_at')}, 'user_id', user_id)`;

/** 404: there is none, or it is somebody else's, which looks the same. */
export const uploadNotFound = () => new AppError('upload_not_found');
