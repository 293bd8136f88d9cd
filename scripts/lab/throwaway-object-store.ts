/** The development object store with throwaway data, and its settings. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StorageConfig } from '../../src/config/config.ts';
import { startObjectStore } from './object-store/server.ts';

export interface RunningStore {
  readonly config: StorageConfig;
  stop(): Promise<void>;
}

/** @param now its clock, ms since 1970 */
export async function startTestObjectStore(
  uploadAcl: string | null = 'public-read',
  now = Date.now,
): Promise<RunningStore & { readonly dataDir: string }> {
  const dataDir = await mkdtemp(join(tmpdir(), 'sidecar-test-objects-'));
  const credentials = { accessKeyId: 'test-key', secretAccessKey: 'test-secret/with+chars' };
  const store = await startObjectStore({
    ...credentials,
    port: 0,
    dataDir,
    bucket: 'media',
    publicRead: uploadAcl === null,
    now,
  });
  return {
    dataDir,
    config: {
      ...credentials,
      endpoint: store.url,
      region: 'us-east-1',
      bucket: 'media',
      publicBaseUrl: `${store.url}/media`,
      uploadAcl,
      forcePathStyle: true,
    },
    async stop() {
      await store.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** The environment that makes a sidecar use a store. */
export const storageEnv = (config: StorageConfig): Record<string, string> => ({
  S3_ENDPOINT: config.endpoint,
  S3_REGION: config.region,
  S3_BUCKET: config.bucket,
  S3_ACCESS_KEY_ID: config.accessKeyId,
  S3_SECRET_ACCESS_KEY: config.secretAccessKey,
  S3_PUBLIC_BASE_URL: config.publicBaseUrl,
  ...(config.uploadAcl === null ? {} : { S3_UPLOAD_ACL: config.uploadAcl }),
});
