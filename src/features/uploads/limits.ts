/** GET /api/uploads/limits: what a client may ask for, before it does. */
import { kindRules, type UploadLimits } from './kinds.ts';
import { MAX_PARTS, MIN_PART_BYTES } from './multipart.ts';
import { MAX_FILES_PER_REQUEST } from './schema.ts';

export function uploadLimits(limits: UploadLimits, urlTtlSeconds: number) {
  const kinds = Object.entries(kindRules(limits)).map(
    ([kind, { extensions, maxBytes, maxBytesMultipart }]) => [
      kind,
      { content_types: [...extensions.keys()], max_bytes: maxBytes, max_bytes_multipart: maxBytesMultipart },
    ],
  );
  return {
    kinds: Object.fromEntries(kinds),
    url_ttl_seconds: urlTtlSeconds,
    multipart: { min_part_size: MIN_PART_BYTES, max_parts: MAX_PARTS },
    files_per_request: MAX_FILES_PER_REQUEST,
  };
}
