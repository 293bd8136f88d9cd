/** GET /api/uploads/limits: what a client may ask for, before it does. */
import { kindRules, type UploadLimits } from './kinds.ts';
import { MAX_FILES_PER_REQUEST } from './schema.ts';

/** S3's own (https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html). */
const MIN_PART_BYTES = 5 * 1024 * 1024;
const MAX_PARTS = 10_000;

export function uploadLimits(limits: UploadLimits, urlTtlSeconds: number) {
  const kinds = Object.entries(kindRules(limits)).map(([kind, { extensions, maxBytes }]) => [
    kind,
    { content_types: [...extensions.keys()], max_bytes: maxBytes, max_bytes_multipart: null },
  ]);
  return {
    kinds: Object.fromEntries(kinds),
    url_ttl_seconds: urlTtlSeconds,
    multipart: { min_part_size: MIN_PART_BYTES, max_parts: MAX_PARTS },
    files_per_request: MAX_FILES_PER_REQUEST,
  };
}
