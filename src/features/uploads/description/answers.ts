/** What the routes of uploads answer with, for the API description. */
import { z } from 'zod';
import { count, time, url, uuid } from '../../../edge/route-description.ts';
import { UPLOAD_KINDS } from '../kinds.ts';
import { UPLOAD_STATUSES } from '../upload.ts';

const ID = '140da8a4-52a1-4d44-9a0e-6a4a62a21ab7';
const KEY = `uploads/1/reel_video/${ID}.mp4`;
const FILE_URL = `https://files.example.com/${KEY}`;
const UPLOAD_URL = `https://storage.example.com/bucket/${KEY}?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=6e1f0d`;

const kind = z.enum(UPLOAD_KINDS);
const key = z.string().meta({ description: 'Its name in the bucket.' });
const fileUrl = url.meta({ description: 'Where the file is read.' });
const expiresAt = time.meta({ description: 'When its URLs end.' });

const signedPart = z
  .object({
    part_number: z.int().min(1),
    size: z.int().min(1).meta({ description: 'Exactly so many bytes, no more, no fewer.' }),
    upload_url: url.meta({ description: 'For a PUT of this part.' }),
  })
  .meta({ id: 'SignedPart' });
const SIGNED_PART = { part_number: 1, size: 8_388_608, upload_url: `${UPLOAD_URL}&partNumber=1` };

const issued = {
  file_url: fileUrl,
  expires_in: z.int().min(1).meta({ description: 'Seconds.' }),
  upload_id: uuid,
  key,
  expires_at: expiresAt,
};

export const issuedUpload = z
  .object({
    upload_url: url.meta({ description: 'For the PUT of the whole file.' }),
    ...issued,
    headers: z
      .record(z.string(), z.string())
      .meta({ description: 'To be sent with the PUT, exactly these: they are signed.' }),
    method: z.literal('PUT'),
  })
  .meta({ id: 'IssuedUpload', description: 'A URL for a file that is sent at once.' });
export const ISSUED_UPLOAD = {
  upload_url: UPLOAD_URL,
  file_url: FILE_URL,
  headers: { 'Content-Type': 'video/mp4' },
  ...{ expires_in: 900, upload_id: ID, key: KEY, method: 'PUT', expires_at: '2026-11-26T06:22:06.067Z' },
};

const issuedMultipart = z
  .object({
    ...issued,
    multipart: z.object({
      part_size: z.int().meta({ description: 'Bytes of every part but the last.' }),
      part_count: z.int().min(1),
      parts: z.array(signedPart).meta({ description: 'The first 20.' }),
    }),
  })
  .meta({ id: 'IssuedMultipart', description: 'URLs for a file that is sent in parts.' });
const ISSUED_MULTIPART = {
  ...{ file_url: FILE_URL, expires_in: 86_400, upload_id: ID, key: KEY },
  expires_at: '2026-11-27T06:07:06.067Z',
  multipart: { part_size: 8_388_608, part_count: 640, parts: [SIGNED_PART] },
};

const issuedUploads = z
  .object({ uploads: z.array(issuedUpload).meta({ description: 'In the order of `files`.' }) })
  .meta({ id: 'IssuedUploads' });

export const anyIssued = z.union([issuedUpload, issuedMultipart, issuedUploads]);
export const ANY_ISSUED = {
  one: ISSUED_UPLOAD,
  parts: ISSUED_MULTIPART,
  several: { uploads: [ISSUED_UPLOAD] },
};

export const uploadFields = {
  upload_id: uuid,
  kind,
  filename: z.string(),
  content_type: z.string(),
  size_bytes: z.int().min(1),
  multipart: z.boolean().meta({ description: 'Sent in parts.' }),
  status: z.enum(UPLOAD_STATUSES),
  reason: z
    .enum(['too_large', 'too_small', 'wrong_type', 'changed'])
    .nullable()
    .meta({ description: 'Why it is `rejected`; null otherwise.' }),
  key,
  file_url: fileUrl,
  etag: z.string().nullable().meta({ description: 'The storage’s, without quotes, once it is `ready`.' }),
  created_at: time,
  expires_at: expiresAt,
  finished_at: time.nullable().meta({ description: 'When it came to be what it is; null while `issued`.' }),
};

export const upload = z.object(uploadFields).meta({ id: 'Upload' });
export const UPLOAD = {
  ...{ upload_id: ID, kind: 'reel_video', filename: 'a.mp4', content_type: 'video/mp4', size_bytes: 1234 },
  ...{ multipart: false, status: 'ready', reason: null, key: KEY, file_url: FILE_URL },
  etag: '9a0364b9e99bb480dd25e1f0284c8555',
  ...{ created_at: '2026-11-26T06:07:06.067Z', expires_at: '2026-11-26T06:22:06.067Z' },
  finished_at: '2026-11-26T06:08:10.120Z',
};

export const signedParts = z.object({ parts: z.array(signedPart) }).meta({ id: 'SignedParts' });
export const SIGNED_PARTS = { parts: [{ ...SIGNED_PART, part_number: 21 }] };

export const uploadParts = z
  .object({
    part_size: z.int().min(1),
    part_count: z.int().min(1),
    uploaded: z
      .array(z.object({ part_number: z.int().min(1), size: count, etag: z.string() }))
      .meta({ description: 'As the storage has them.' }),
    missing: z.array(z.int().min(1)).meta({ description: 'Not there yet, or not in their right length.' }),
  })
  .meta({ id: 'UploadParts' });
export const UPLOAD_PARTS = {
  ...{ part_size: 8_388_608, part_count: 3 },
  uploaded: [{ part_number: 1, size: 8_388_608, etag: '9a0364b9e99bb480dd25e1f0284c8555' }],
  missing: [2, 3],
};

const kindLimits = z
  .object({
    content_types: z.array(z.string()),
    max_bytes: z.int().min(1),
    max_bytes_multipart: z.int().min(1).nullable().meta({ description: 'In parts; null: not in parts.' }),
  })
  .meta({ id: 'KindLimits' });
export const uploadLimits = z
  .object({
    kinds: z.object(Object.fromEntries(UPLOAD_KINDS.map((name) => [name, kindLimits]))),
    url_ttl_seconds: z.int().min(1),
    multipart: z.object({ min_part_size: z.int(), max_parts: z.int() }),
    files_per_request: z.int().min(1),
  })
  .meta({ id: 'UploadLimits' });
const MIB = 1024 * 1024;
const VIDEO_LIMITS = {
  content_types: ['video/mp4', 'video/webm', 'video/quicktime'],
  ...{ max_bytes: 50 * MIB, max_bytes_multipart: 5120 * MIB },
};
const IMAGE_LIMITS = {
  content_types: [
    'image/jpeg',
    'image/png',
    'image/webp',
    'image/gif',
    'image/avif',
    'image/heic',
    'image/heif',
  ],
  ...{ max_bytes: 10 * MIB, max_bytes_multipart: null },
};
export const UPLOAD_LIMITS = {
  kinds: Object.fromEntries(
    UPLOAD_KINDS.map((name) => [name, name.endsWith('_video') ? VIDEO_LIMITS : IMAGE_LIMITS]),
  ),
  ...{
    url_ttl_seconds: 900,
    multipart: { min_part_size: 5 * MIB, max_parts: 10_000 },
    files_per_request: 10,
  },
};
