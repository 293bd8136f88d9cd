/**
 * What a client sends to POST /api/uploads.
 */
import { z } from 'zod';
import { storableText } from '../../edge/validate.ts';
import { registeredType, UPLOAD_KINDS } from './kinds.ts';

const sizeMessage = 'must be a whole number of bytes, at least 1';

const textOf = (min: number, max: number) =>
  storableText.refine((text) => {
    const length = [...text].length;
    return length >= min && length <= max;
  }, `must have ${min} to ${max} characters`);

/** Unknown fields are ignored: clients may be newer than we are. */
export const uploadBodySchema = z.object(
  {
    kind: z.enum(UPLOAD_KINDS, { error: `must be one of ${UPLOAD_KINDS.join(', ')}` }),
    /** Asked for by the protocol and checked, but never part of the key: names collide, and they leak what people call their files. */
    filename: textOf(1, 255),
    content_type: textOf(3, 255),
    size_bytes: z.int({ error: sizeMessage }).min(1, sizeMessage),
  },
  { error: 'The body must be a JSON object.' },
);

/** `Video/MP4; codecs=avc1` → `video/mp4` (RFC 9110 §8.3.1: type and subtype are case-insensitive); `image/jpg` → `image/jpeg`. */
export const mediaTypeOf = (contentType: string) =>
  registeredType(contentType.split(';', 1)[0]?.trim().toLowerCase() ?? '');
