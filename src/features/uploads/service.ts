/** The parts of the feature, put together. */
import { createIssue, createRenew, type IssueOptions, type IssueUploads, type RenewUpload } from './issue.ts';
import { uploadLimits } from './limits.ts';
import { createUploadStore, type UploadStore } from './store.ts';

/** What the routes call. */
export interface Uploads {
  readonly issue: IssueUploads;
  readonly renew: RenewUpload;
  readonly store: UploadStore;
  readonly publicUrl: (key: string) => string;
  /** The answer of GET /api/uploads/limits, which never changes while the process runs. */
  readonly limits: object;
}

export function createUploads(options: IssueOptions): Uploads {
  const { database, storage, limits, urlTtlSeconds } = options;
  return {
    issue: createIssue(options),
    renew: createRenew(options),
    store: createUploadStore(database),
    publicUrl: storage.publicUrl,
    limits: uploadLimits(limits, urlTtlSeconds),
  };
}
