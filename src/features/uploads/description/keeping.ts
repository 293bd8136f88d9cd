/** The routes that show uploads and delete them, for the API description. */
import {
  CURSOR,
  describeInput,
  LIMIT,
  pageOf,
  type RouteDescriptions,
} from '../../../edge/route-description.ts';
import { listQuerySchema } from '../schema.ts';
import { UPLOAD, upload } from './answers.ts';
import { NAMED, NO_STORE, TAG } from './words.ts';

describeInput(listQuerySchema, {
  limit: LIMIT,
  cursor: CURSOR,
  status: { description: 'Only those.' },
  kind: { description: 'Only those.' },
  user_id: { description: 'For admins: whose, a number, or `any`. Left out: the caller’s own.' },
});

export const KEEPING: RouteDescriptions = {
  'GET /api/uploads': {
    operationId: 'listUploads',
    tag: TAG,
    summary: 'The caller’s uploads, newest first',
    access: 'user',
    query: listQuerySchema,
    answers: {
      200: {
        description: 'A page.',
        schema: pageOf(upload, 'Newest first.').meta({ id: 'UploadPage' }),
        examples: { last: { items: [UPLOAD], next_cursor: null } },
        caching: NO_STORE,
      },
    },
    errors: ['admins_uploads'],
  },
  'GET /api/uploads/:id': {
    operationId: 'getUpload',
    tag: TAG,
    summary: 'One upload',
    access: 'user',
    params: NAMED,
    answers: {
      200: { description: 'The upload.', schema: upload, examples: { ready: UPLOAD }, caching: NO_STORE },
    },
    errors: ['upload_not_found'],
  },
  'DELETE /api/uploads/:id': {
    operationId: 'deleteUpload',
    tag: TAG,
    summary: 'Deletes the file',
    description:
      'Parts that were sent are dropped as well. Called again, the answer is the same. An admin’s takes the file out of the review that shows it.',
    access: 'user',
    params: NAMED,
    answers: {
      200: {
        description: 'The upload, `deleted`.',
        schema: upload,
        examples: { deleted: { ...UPLOAD, status: 'deleted', etag: null } },
        caching: NO_STORE,
      },
    },
    errors: [
      'upload_not_found',
      'nothing_to_delete_rejected',
      'nothing_to_delete_expired',
      'in_use',
      'upload_being_looked_at',
    ],
  },
};
