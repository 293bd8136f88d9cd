/**
 * What refers to uploads: a composition root like schema.ts, for every process that ends uploads. The sidecar is one, and
 * `npm run uploads -- take-down` another, which must not know less.
 */
import { createMediaUsage, type MediaUsageOptions } from './features/reviews/write/media.ts';
import type { UploadUsage } from './features/uploads/usage.ts';

/** Reviews do. */
export const createUploadUsage = (options: MediaUsageOptions): UploadUsage => createMediaUsage(options);
