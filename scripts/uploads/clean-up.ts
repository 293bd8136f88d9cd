/** Removes what the checks have put, whatever became of them; in a bucket that keeps versions, these as well. */
import type { StorageConfig } from '../../src/config/config.ts';
import { createS3Calls, type S3Calls } from '../../src/infra/object-storage/s3-calls.ts';
import { StorageFailure } from '../../src/infra/object-storage/storage-failure.ts';
import { loadPackage } from '../../src/load-package.ts';
import { type Check, type Finding, ok, wrong } from './check.ts';
import { explainFailure } from './remedies.ts';
import type { Scene } from './storage-checks.ts';

export const cleanUp = (
  keys: readonly string[],
  multiparts: readonly (readonly [key: string, uploadId: string])[],
): Check<Scene> => ({
  name: 'clean-up',
  needs: [],
  async run({ storage, config, clock, first }, signal) {
    const left: string[] = [];
    let finding: Finding = wrong('it was deleted and is there', 'Does something keep what is deleted?');
    /** Whatever becomes of one, the others are removed. */
    const remove = async (key: string, work: () => Promise<unknown>) => {
      try {
        await work();
        if ((await storage.head(key, signal)) === null) return;
      } catch (error) {
        finding = explainFailure(error, config);
      }
      left.push(key);
    };
    for (const [key, uploadId] of multiparts)
      await remove(key, async () => {
        await storage.abortMultipart(key, uploadId, signal);
        await storage.delete(key, signal);
      });
    for (const key of keys) await remove(key, () => storage.delete(key, signal));
    if (left.length > 0)
      return { ...finding, text: `${finding.text}; may be left: ${[...new Set(left)].join(', ')}` };
    if (!first.isVersioned) return ok('everything that was put is gone');
    const calls = createS3Calls(config, clock);
    try {
      return await removeVersions(calls, config, keys, signal);
    } finally {
      calls.close();
    }
  },
});

/** A key that may do no more than the sidecar needs is not a mistake: it is only said what stays. */
async function removeVersions(
  calls: S3Calls,
  { bucket }: Pick<StorageConfig, 'bucket'>,
  keys: readonly string[],
  signal: AbortSignal,
): Promise<Finding> {
  try {
    for (const key of keys)
      for (const versionId of await versionsOf(calls, bucket, key, signal)) {
        const { DeleteObjectCommand } = loadPackage('@aws-sdk/client-s3');
        await calls.send(new DeleteObjectCommand({ Bucket: bucket, Key: key, VersionId: versionId }), signal);
      }
    return ok('everything that was put is gone, and the versions that the bucket keeps of it');
  } catch (error) {
    if (!(error instanceof StorageFailure) || error.httpStatus === null) throw error;
    return ok(
      `everything that was put is gone, but for the versions that the bucket keeps of it: ${keys.length} small objects below ` +
        `uploads/0/doctor/ (${error.operation} was refused; s3:ListBucketVersions and s3:DeleteObjectVersion remove them)`,
    );
  }
}

/** All of one key, the marks of its deletion among them. A few at most: it is new. */
async function versionsOf(
  calls: S3Calls,
  bucket: string,
  key: string,
  signal: AbortSignal,
): Promise<string[]> {
  const { ListObjectVersionsCommand } = loadPackage('@aws-sdk/client-s3');
  const answer = await calls.send(new ListObjectVersionsCommand({ Bucket: bucket, Prefix: key }), signal);
  const all = [...(answer.Versions ?? []), ...(answer.DeleteMarkers ?? [])];
  return all.flatMap(({ Key, VersionId }) => (Key === key && VersionId !== undefined ? [VersionId] : []));
}
