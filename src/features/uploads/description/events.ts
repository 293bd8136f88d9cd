/** The events of uploads, for the API description. */
import { z } from 'zod';
import type { EventDescriptions } from '../../../edge/route-description.ts';
import type { Change } from '../changes.ts';
import { UPLOAD, uploadFields } from './answers.ts';

const data = z.object({ ...uploadFields, user_id: z.int() }).meta({ id: 'UploadOfUser' });
const OF_USER = { ...UPLOAD, user_id: 1 };

export const UPLOAD_EVENTS: EventDescriptions<`upload.${Change['to']}`> = {
  'upload.ready': { summary: 'The file is there, and is what was announced', data, example: OF_USER },
  'upload.rejected': {
    summary: 'The file was not what was announced, and has been deleted',
    data,
    example: { ...OF_USER, status: 'rejected', reason: 'wrong_type', etag: null },
  },
  'upload.expired': {
    summary: 'Nothing was sent in time',
    data,
    example: { ...OF_USER, status: 'expired', etag: null },
  },
  'upload.deleted': {
    summary: 'The file was deleted, by its user or an admin',
    data,
    example: { ...OF_USER, status: 'deleted', etag: null },
  },
};
