/** The bucket's own rules: which web pages may use it, and what is tidied away by itself. */
import { createHash } from 'node:crypto';
import type { CORSRule, LifecycleRule } from '@aws-sdk/client-s3';
import { loadPackage } from '../../load-package.ts';
import type { S3Calls } from './s3-calls.ts';
import { StorageFailure } from './storage-failure.ts';

/** None of a kind is an answer of its own in S3. */
async function orNone<Rule>(
  code: string,
  asked: Promise<readonly Rule[] | undefined>,
): Promise<readonly Rule[]> {
  try {
    return (await asked) ?? [];
  } catch (error) {
    if (error instanceof StorageFailure && error.code === code) return [];
    throw error;
  }
}

/** Reads and replaces the rules of one bucket. */
export function createBucketRules(calls: S3Calls, bucket: string) {
  const Bucket = bucket;

  async function corsRules(signal: AbortSignal): Promise<readonly CORSRule[]> {
    const { GetBucketCorsCommand } = loadPackage('@aws-sdk/client-s3');
    const asked = calls.send(new GetBucketCorsCommand({ Bucket }), signal).then(({ CORSRules }) => CORSRules);
    return orNone('NoSuchCORSConfiguration', asked);
  }

  async function putCorsRules(rules: readonly CORSRule[], signal: AbortSignal): Promise<void> {
    const { DeleteBucketCorsCommand, PutBucketCorsCommand } = loadPackage('@aws-sdk/client-s3');
    if (rules.length === 0) {
      await calls.send(new DeleteBucketCorsCommand({ Bucket }), signal);
      return;
    }
    const command = new PutBucketCorsCommand({ Bucket, CORSConfiguration: { CORSRules: [...rules] } });
    withContentMd5(command);
    await calls.send(command, signal);
  }

  async function lifecycleRules(signal: AbortSignal): Promise<readonly LifecycleRule[]> {
    const { GetBucketLifecycleConfigurationCommand } = loadPackage('@aws-sdk/client-s3');
    const command = new GetBucketLifecycleConfigurationCommand({ Bucket });
    return orNone(
      'NoSuchLifecycleConfiguration',
      calls.send(command, signal).then(({ Rules }) => Rules),
    );
  }

  async function putLifecycleRules(rules: readonly LifecycleRule[], signal: AbortSignal): Promise<void> {
    const { DeleteBucketLifecycleCommand, PutBucketLifecycleConfigurationCommand } =
      loadPackage('@aws-sdk/client-s3');
    if (rules.length === 0) {
      await calls.send(new DeleteBucketLifecycleCommand({ Bucket }), signal);
      return;
    }
    const command = new PutBucketLifecycleConfigurationCommand({
      Bucket,
      LifecycleConfiguration: { Rules: [...rules] },
    });
    withContentMd5(command);
    await calls.send(command, signal);
  }

  return { corsRules, putCorsRules, lifecycleRules, putLifecycleRules };
}

interface WithMiddleware {
  readonly middlewareStack: {
    add(
      middleware: (next: (args: never) => unknown) => (args: never) => unknown,
      options: { step: 'build'; priority: 'low'; name: string },
    ): void;
  };
}

/**
 * S3 wants a checksum of these bodies. The SDK sends a CRC32, which Ceph and Spaces do not know; all know the MD5 of
 * RFC 1864, which S3 used to demand.
 */
function withContentMd5({ middlewareStack }: WithMiddleware): void {
  middlewareStack.add(
    (next) => (args) => {
      const { body, headers } = (args as { request: { body: string; headers: Record<string, string> } })
        .request;
      delete headers['x-amz-checksum-crc32'];
      delete headers['x-amz-sdk-checksum-algorithm'];
      headers['content-md5'] = createHash('md5').update(body).digest('base64');
      return next(args);
    },
    { step: 'build', priority: 'low', name: 'contentMd5' },
  );
}
