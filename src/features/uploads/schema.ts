/**
 * What a client sends to POST /api/uploads.
 */
import { z } from 'zod';
import { isBigint, leftOut, pageLimit, storableText } from '../../edge/validate.ts';
import { breaks, isError } from '../../words/messages.ts';
import { registeredType, UPLOAD_KINDS } from './kinds.ts';
import { UPLOAD_STATUSES } from './upload.ts';

const sizeMessage = breaks('file_size');
const shaMessage = breaks('sha256');

const textOf = (min: number, max: number) =>
  storableText.refine(
    (text) => {
      const length = [...text].length;
      return length >= min && length <= max;
    },
    breaks('length', { min, max }),
  );

const fileFields = {
  kind: z.enum(UPLOAD_KINDS, { error: breaks('one_of', { allowed: UPLOAD_KINDS }) }),
  /** Kept with the upload, but never part of the key: names collide, and they leak what people call their files. */
  filename: textOf(1, 255),
  content_type: textOf(3, 255),
  // Not z.int(), to which a number past 2^53 is no whole number: it is one, and too large (413).
  size_bytes: z.number({ error: sizeMessage }).refine(Number.isInteger, sizeMessage).min(1, sizeMessage),
  /** Of the file; the storage refuses other bytes. */
  sha256: leftOut(
    z
      .string({ error: shaMessage })
      .regex(/^[0-9A-Fa-f]{64}$/, shaMessage)
      .toLowerCase(),
  ),
};

/** Unknown fields are ignored: clients may be newer than we are. */
export const fileSchema = z
  .object(
    { ...fileFields, multipart: leftOut(z.boolean({ error: breaks('true_or_false') })) },
    { error: isError('not_an_object') },
  )
  .refine(({ kind, multipart }) => !multipart || kind.endsWith('_video'), {
    error: breaks('videos_only'),
    path: ['multipart'],
  })
  .refine(({ sha256, multipart }) => !multipart || sha256 === undefined, {
    error: breaks('not_in_parts'),
    path: ['sha256'],
  });
export type AnnouncedFile = z.infer<typeof fileSchema>;

export const MAX_FILES_PER_REQUEST = 10;
const filesMessage = breaks('files', { max: MAX_FILES_PER_REQUEST });

export const batchSchema = z
  .object({
    files: z
      .array(
        z
          .object({
            ...fileFields,
            multipart: z.null({ error: breaks('single_file_only') }).optional(),
          })
          .transform(({ multipart: _, ...file }) => file),
        { error: filesMessage },
      )
      .min(1, filesMessage)
      .max(MAX_FILES_PER_REQUEST, filesMessage),
  })
  // What is null beside it is not there.
  .catchall(z.null({ error: isError('not_only_files') }));

export type IssueBody = { readonly file: AnnouncedFile } | { readonly files: readonly AnnouncedFile[] };

/** One file, or `{files: [...]}`; the sentence about what is wrong is that of the one that was meant. */
export const issueBodySchema: z.ZodType<IssueBody> = z.unknown().transform((body, context) => {
  const isBatch = typeof body === 'object' && body !== null && 'files' in body && body.files !== null;
  const result = isBatch ? batchSchema.safeParse(body) : fileSchema.safeParse(body);
  if (!result.success) {
    context.addIssue({ ...result.error.issues[0] } as never);
    return z.NEVER;
  }
  return 'files' in result.data ? { files: result.data.files } : { file: result.data };
});

/** Unknown fields are ignored here as well. */
export const emptyBodySchema = z.object({}, { error: isError('not_an_object_or_empty') });

const MAX_PARTS_PER_REQUEST = 100;
const partMessage = breaks('part_number');
const partsMessage = breaks('part_numbers', { max: MAX_PARTS_PER_REQUEST });

export const partsBodySchema = z.object(
  {
    part_numbers: z
      .array(z.int({ error: partMessage }).min(1, partMessage), { error: partsMessage })
      .min(1, partsMessage)
      .max(MAX_PARTS_PER_REQUEST, partsMessage)
      .refine((numbers) => new Set(numbers).size === numbers.length, breaks('part_number_once')),
  },
  { error: isError('not_an_object') },
);

export const uploadIdSchema = z.uuid();

/** An upload's id in a path; null for what is none, of which there can be no upload. */
export const parseUploadId = (text: unknown): string | null => {
  const result = uploadIdSchema.safeParse(text);
  return result.success ? result.data.toLowerCase() : null;
};

const cursorMessage = breaks('cursor');
const userMessage = breaks('user_id');

/** Where a page begins: behind an upload's number among its user's, or behind a time (µs since 1970) and an id among all. */
const CURSOR = /^(\d{1,19})(?:_([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}))?$/;

export const listQuerySchema = z
  .object({
    limit: pageLimit,
    cursor: z.string({ error: cursorMessage }).regex(CURSOR, cursorMessage).optional(),
    status: z.enum(UPLOAD_STATUSES, { error: breaks('one_of', { allowed: UPLOAD_STATUSES }) }).optional(),
    kind: z.enum(UPLOAD_KINDS, { error: breaks('one_of', { allowed: UPLOAD_KINDS }) }).optional(),
    user_id: z
      .string({ error: userMessage })
      .refine((id) => id === 'any' || isBigint(id), userMessage)
      .optional(),
  })
  .refine(({ cursor, user_id }) => isCursorOf(cursor, user_id === 'any'), {
    error: cursorMessage,
    path: ['cursor'],
  });

/** 2^53 µs are the year 2255. */
function isCursorOf(cursor: string | undefined, ofAll: boolean): boolean {
  const [, first = '0', id] = CURSOR.exec(cursor ?? '0') ?? [];
  if (!isBigint(first)) return false;
  if (cursor === undefined) return true;
  return ofAll ? id !== undefined && Number.isSafeInteger(Number(first)) : id === undefined;
}

/** `Video/MP4; codecs=avc1` → `video/mp4` (RFC 9110 §8.3.1: type and subtype are case-insensitive); `image/jpg` → `image/jpeg`. */
export const mediaTypeOf = (contentType: string) =>
  registeredType(contentType.split(';', 1)[0]?.trim().toLowerCase() ?? '');
