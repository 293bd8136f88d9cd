/** The parts of the feature, put together. */

import type { Log } from '../../infra/logger.ts';
import type { ObjectStorage } from '../../infra/object-storage/object-storage.ts';
import { type BackgroundPass, createBackgroundPass } from './background-pass.ts';
import { createChanges, type EventSink } from './changes.ts';
import { createDueLook } from './figures.ts';
import { createIssue, type IssueOptions, type IssueUploads } from './issue.ts';
import { createIssueMultipart } from './issue-multipart.ts';
import { createLifecycle, type Lifecycle } from './lifecycle.ts';
import { uploadLimits } from './limits.ts';
import { createRenew, type RenewUpload } from './renew.ts';
import { createUploadStore, type UploadStore } from './store.ts';
import { createReadyOf, createReferences, type ReadyOf, type UploadUsage } from './usage.ts';

export type { ReadyOf, ReadyUpload, UploadUsage } from './usage.ts';

/** What the routes call. */
export interface Uploads {
  readonly issue: IssueUploads;
  readonly issueMultipart: ReturnType<typeof createIssueMultipart>;
  readonly renew: RenewUpload;
  readonly storage: Pick<ObjectStorage, 'listParts' | 'presignPart'>;
  readonly store: UploadStore;
  readonly lifecycle: Lifecycle;
  readonly publicUrl: (key: string) => string;
  /** For who refers to uploads (usage.ts). */
  readonly readyOf: ReadyOf;
  /** The answer of GET /api/uploads/limits, which never changes while the process runs. */
  readonly limits: object;
}

export interface UploadsOptions extends IssueOptions {
  readonly sink: EventSink;
  readonly usage: UploadUsage;
}

export function createUploads(options: UploadsOptions): Uploads {
  const { database, storage, limits, urlTtlSeconds, sink, usage, counts } = options;
  const changes = createChanges({ database, sink, storage, counts });
  return {
    issue: createIssue(options),
    issueMultipart: createIssueMultipart(options),
    renew: createRenew(options),
    storage,
    store: createUploadStore(database),
    lifecycle: createLifecycle({ changes, references: createReferences(database, usage), storage }),
    publicUrl: storage.publicUrl,
    readyOf: createReadyOf(storage.publicUrl),
    limits: uploadLimits(limits, urlTtlSeconds),
  };
}

/** @param options.database for it alone: neither do requests wait for it, nor it for requests */
export function createUploadPass({
  log,
  pollMs,
  looksAtDue,
  ...options
}: Pick<UploadsOptions, 'database' | 'storage' | 'sink' | 'usage' | 'counts'> & {
  readonly log: Log;
  /** Whether `due()` is asked for. */
  readonly looksAtDue: boolean;
  readonly pollMs?: number;
}): BackgroundPass {
  const changes = createChanges(options);
  const references = createReferences(options.database, options.usage);
  const lifecycle = createLifecycle({ changes, references, storage: options.storage });
  const due = looksAtDue ? createDueLook(options.database, options.storage.bucket) : null;
  return createBackgroundPass({
    changes,
    lifecycle,
    log,
    due,
    counts: options.counts,
    ...(pollMs === undefined ? {} : { pollMs }),
  });
}
