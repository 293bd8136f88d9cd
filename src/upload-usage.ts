/**
 * What refers to uploads: a composition root like schema.ts, for every process that ends uploads. The sidecar is one, and
 * `npm run uploads -- take-down` another, which must not know less.
 */
import type { UploadUsage } from './features/uploads/usage.ts';

/** Nothing refers to uploads yet. */
export const createUploadUsage = (): UploadUsage => ({
  showing: async () => false,
  takeOut: async () => undefined,
});
