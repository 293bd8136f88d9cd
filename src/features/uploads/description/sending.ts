/** The routes by which a file gets into the bucket, for the API description. */
import { z } from 'zod';
import { describeInput, type RouteDescriptions, writtenAs } from '../../../edge/route-description.ts';
import { batchSchema, emptyBodySchema, fileSchema, issueBodySchema, partsBodySchema } from '../schema.ts';
import * as answers from './answers.ts';
import { FINISHED, NAMED, NO_STORE, REJECTED, TAG } from './words.ts';

const fields = {
  kind: {
    description:
      '`reel_video`, `story_video`, `review_video`: mp4, webm, quicktime. `story_image`, `product_image`, `review_image`: jpeg, png, webp, gif, avif, heic, heif. `GET /api/uploads/limits` has the sizes.',
  },
  filename: {
    description: '1 to 255 characters; not part of the stored name.',
    override: { minLength: 1, maxLength: 255 },
  },
  content_type: {
    description:
      'Its case and its parameters do not matter. The `headers` of the answer have the registered name.',
    override: { minLength: 3, maxLength: 255 },
  },
  size_bytes: { description: 'Exactly so many bytes are then sent.', ...writtenAs({ type: 'integer' }) },
  sha256: {
    description: 'Of the file, in hexadecimal: the storage then takes no other bytes. Null: none.',
  },
};
describeInput(
  fileSchema,
  {
    ...fields,
    multipart: { description: 'To be sent in parts; for videos, and without `sha256`. Null: false.' },
  },
  { id: 'NewUpload' },
);
describeInput(batchSchema.shape.files.element, fields, {
  id: 'NewFile',
  override: ({ jsonSchema }) => {
    delete jsonSchema.properties?.multipart;
  },
});
describeInput(
  batchSchema,
  { files: { description: 'All of them are issued, or none.' } },
  { id: 'NewUploads' },
);
describeInput(
  partsBodySchema,
  { part_numbers: { description: 'Each once, none above `part_count`.' } },
  { id: 'PartNumbers' },
);
describeInput(emptyBodySchema, {}, { id: 'Nothing' });

const FILE = { kind: 'reel_video', filename: 'a.mp4', content_type: 'video/mp4', size_bytes: 1234 };

export const SENDING: RouteDescriptions = {
  'POST /api/uploads': {
    operationId: 'createUpload',
    tag: TAG,
    summary: 'A URL to send a file to, or several, or one for each part of a large video',
    description:
      'The client then sends `PUT upload_url` with exactly the given `headers` and exactly `size_bytes` bytes. Nothing more has to be called: about a minute later the upload is looked at; `…/complete` does that at once. With `"multipart": true` the answer has the first 20 parts; each is a `PUT` of exactly `size` bytes, without headers of its own.',
    access: 'user',
    body: {
      schema: z.union([fileSchema, batchSchema]),
      checkedBy: issueBodySchema,
      examples: {
        one: FILE,
        parts: { ...FILE, size_bytes: 5_368_709_120, multipart: true },
        several: { files: [FILE] },
      },
    },
    answers: {
      200: {
        description: 'For one file an IssuedUpload, in parts an IssuedMultipart, for `files` IssuedUploads.',
        schema: answers.anyIssued,
        examples: answers.ANY_ISSUED,
        caching: NO_STORE,
      },
    },
    errors: [
      'file_too_large',
      'files_too_large',
      'file_type_not_accepted',
      'not_only_files',
      'too_many_uploads',
      'storage_full',
      'upload_not_begun',
    ],
  },
  'POST /api/uploads/:id/url': {
    operationId: 'renewUploadUrl',
    tag: TAG,
    summary: 'A fresh URL for the same key, while the upload is `issued`',
    access: 'user',
    params: NAMED,
    answers: {
      200: {
        description: 'As for one file.',
        schema: answers.issuedUpload,
        examples: { one: answers.ISSUED_UPLOAD },
        caching: NO_STORE,
      },
    },
    errors: ['upload_not_found', ...FINISHED, 'multipart', 'storage_full'],
  },
  'GET /api/uploads/:id/parts': {
    operationId: 'listUploadParts',
    tag: TAG,
    summary: 'Which parts have arrived, and which are missing',
    access: 'user',
    params: NAMED,
    answers: {
      200: {
        description: 'As the storage has it.',
        schema: answers.uploadParts,
        examples: { interrupted: answers.UPLOAD_PARTS },
        caching: NO_STORE,
      },
    },
    errors: ['upload_not_found', ...FINISHED, 'not_multipart', 'parts_put_together', 'upload_being_begun'],
  },
  'POST /api/uploads/:id/parts': {
    operationId: 'signUploadParts',
    tag: TAG,
    summary: 'URLs for more parts, at most 100 at once',
    access: 'user',
    params: NAMED,
    body: { schema: partsBodySchema, examples: { two: { part_numbers: [21, 22] } } },
    answers: {
      200: {
        description: 'In the order of the numbers.',
        schema: answers.signedParts,
        examples: { one: answers.SIGNED_PARTS },
        caching: NO_STORE,
      },
    },
    errors: ['upload_not_found', ...FINISHED, 'not_multipart', 'upload_being_begun'],
  },
  'POST /api/uploads/:id/complete': {
    operationId: 'completeUpload',
    tag: TAG,
    summary: 'Looks at once whether the file is there, and is what was announced',
    description: 'Parts are put together first. Called again, the answer is the same.',
    access: 'user',
    params: NAMED,
    body: { schema: emptyBodySchema, isOptional: true, examples: { nothing: {} } },
    answers: {
      200: {
        description: 'The upload, `ready`.',
        schema: answers.upload,
        examples: { ready: answers.UPLOAD },
        caching: NO_STORE,
      },
    },
    errors: [
      'upload_not_found',
      'not_uploaded',
      'parts_not_uploaded',
      'upload_expired',
      'upload_deleted',
      'not_an_object_or_empty',
      ...REJECTED,
      'upload_being_looked_at',
    ],
  },
  'GET /api/uploads/limits': {
    operationId: 'getUploadLimits',
    tag: TAG,
    summary: 'Types and sizes of every kind',
    access: 'public',
    headers: z.object({
      'if-none-match': z.string().optional().meta({ description: 'The `ETag` of an earlier answer.' }),
    }),
    answers: {
      200: {
        description: 'What may be uploaded here.',
        schema: answers.uploadLimits,
        examples: { unless_configured: answers.UPLOAD_LIMITS },
        caching: 'public, max-age=300',
        headers: ['ETag'],
      },
      304: {
        description: 'As the client has it.',
        caching: 'public, max-age=300',
        headers: ['ETag'],
      },
    },
  },
};
