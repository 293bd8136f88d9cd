/** What several routes of uploads have in common, for the API description. */
import { z } from 'zod';
import { uploadIdSchema } from '../schema.ts';
import { UPLOAD_STATUSES } from '../upload.ts';

export const TAG = 'Uploads';
export const NO_STORE = 'no-store';

export const NAMED = z.object({ id: uploadIdSchema.meta({ description: 'The `upload_id`.' }) });

export const ANOTHERS = { not_found: 'There is none, or it is another user’s.' };

/** Of an upload that nothing more can be sent to. */
export const FINISHED = Object.fromEntries(
  UPLOAD_STATUSES.filter((status) => status !== 'issued').map((status) => [status, `It is \`${status}\`.`]),
);

export const QUOTA = {
  quota_exceeded: 'The user’s files together would be larger than `UPLOAD_QUOTA_MB_PER_USER`.',
};
