/** What several routes of uploads have in common, for the API description. */
import { z } from 'zod';
import { uploadIdSchema } from '../schema.ts';

export const TAG = 'Uploads';
export const NO_STORE = 'no-store';

export const NAMED = z.object({ id: uploadIdSchema.meta({ description: 'The `upload_id`.' }) });

/** Of an upload that nothing more can be sent to. */
export const FINISHED = ['upload_ready', 'upload_rejected', 'upload_expired', 'upload_deleted'] as const;

/** What `complete` finds. */
export const REJECTED = [
  'rejected_too_large',
  'rejected_too_small',
  'rejected_wrong_type',
  'rejected_changed',
] as const;
