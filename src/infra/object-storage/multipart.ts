/** Uploads in parts, as S3 has them: begun, listed, put together or given up. */
import type { ObjectCannedACL } from '@aws-sdk/client-s3';
import { loadPackage } from '../../load-package.ts';
import { unquoted } from './objects.ts';
import type { S3Calls } from './s3-calls.ts';
import { StorageFailure, unintelligible } from './storage-failure.ts';

export interface MultipartTarget {
  readonly key: string;
  readonly contentType: string;
  /** Canned ACL; not given: as configured; null: none. */
  readonly acl?: string | null;
  readonly cacheControl?: string | null;
}

export interface UploadedPart {
  /** 1 to 10,000. */
  readonly partNumber: number;
  /** Bytes. */
  readonly size: number;
  /** Without quotes. */
  readonly etag: string;
}

export interface OpenMultipart {
  readonly key: string;
  readonly uploadId: string;
  /** ms since 1970, by the storage's clock. */
  readonly initiatedMs: number;
}

const isRefused = (error: unknown, ...codes: string[]) =>
  error instanceof StorageFailure && error.httpStatus !== null && codes.includes(error.code ?? '');

/** Ceph's ListParts calls it NoSuchKey. */
const isUnknown = (error: unknown) => isRefused(error, 'NoSuchUpload', 'NoSuchKey');

/** Operations on multipart uploads of one bucket. @param configuredAcl for targets that name none */
export function createMultiparts(calls: S3Calls, bucket: string, configuredAcl: string | null) {
  const addressOf = (key: string, uploadId: string) => ({ Bucket: bucket, Key: key, UploadId: uploadId });

  async function create(target: MultipartTarget, signal: AbortSignal): Promise<string> {
    const { CreateMultipartUploadCommand } = loadPackage('@aws-sdk/client-s3');
    const { acl = configuredAcl, cacheControl } = target;
    const command = new CreateMultipartUploadCommand({
      Bucket: bucket,
      Key: target.key,
      ContentType: target.contentType,
      ...(acl === null ? {} : { ACL: acl as ObjectCannedACL }),
      ...(cacheControl ? { CacheControl: cacheControl } : {}),
    });
    return idOf('CreateMultipartUpload', (await calls.send(command, signal)).UploadId);
  }

  async function listParts(
    key: string,
    uploadId: string,
    signal: AbortSignal,
  ): Promise<UploadedPart[] | null> {
    const { ListPartsCommand } = loadPackage('@aws-sdk/client-s3');
    const parts: UploadedPart[] = [];
    for (let after = 0; ; ) {
      const page = new ListPartsCommand({ ...addressOf(key, uploadId), PartNumberMarker: String(after) });
      const answer = await calls.send(page, signal).catch((error) => {
        if (isUnknown(error)) return null;
        throw error;
      });
      if (answer === null) return null;
      for (const { PartNumber: partNumber = 0, Size: size = -1, ETag = '' } of answer.Parts ?? []) {
        const etag = unquoted(ETag);
        // In order, so that nothing can make this endless.
        const isNext = Number.isInteger(partNumber) && partNumber > after && partNumber <= 10_000;
        if (!isNext || !Number.isSafeInteger(size) || size < 0 || etag === null)
          throw unintelligible('ListParts');
        parts.push({ partNumber, size, etag });
        after = partNumber;
      }
      if (answer.IsTruncated !== true) return parts;
      if (!answer.Parts?.length) throw unintelligible('ListParts');
    }
  }

  async function complete(
    key: string,
    uploadId: string,
    parts: readonly Pick<UploadedPart, 'partNumber' | 'etag'>[],
    signal: AbortSignal,
  ): Promise<'completed' | 'unknown' | 'bad_parts'> {
    const { CompleteMultipartUploadCommand } = loadPackage('@aws-sdk/client-s3');
    const Parts = parts.map(({ partNumber, etag }) => ({ PartNumber: partNumber, ETag: `"${etag}"` }));
    try {
      const address = addressOf(key, uploadId);
      await calls.send(
        new CompleteMultipartUploadCommand({ ...address, MultipartUpload: { Parts } }),
        signal,
      );
      return 'completed';
    } catch (error) {
      if (isUnknown(error)) return 'unknown';
      if (isRefused(error, 'InvalidPart', 'InvalidPartOrder', 'EntityTooSmall', 'MalformedXML'))
        return 'bad_parts';
      // Ceph 16 answers 500 when the upload is gone, for ever.
      const isBroken =
        error instanceof StorageFailure && error.httpStatus !== null && error.httpStatus >= 500;
      if (isBroken && (await listParts(key, uploadId, signal)) === null) return 'unknown';
      throw error;
    }
  }

  async function abort(key: string, uploadId: string, signal: AbortSignal): Promise<'aborted' | 'unknown'> {
    const { AbortMultipartUploadCommand } = loadPackage('@aws-sdk/client-s3');
    try {
      await calls.send(new AbortMultipartUploadCommand(addressOf(key, uploadId)), signal);
      return 'aborted';
    } catch (error) {
      if (isUnknown(error)) return 'unknown';
      throw error;
    }
  }

  async function* list(prefix: string, signal: AbortSignal): AsyncGenerator<OpenMultipart, void> {
    const { ListMultipartUploadsCommand } = loadPackage('@aws-sdk/client-s3');
    for (let after: { KeyMarker?: string; UploadIdMarker?: string } = {}; ; ) {
      const page = new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: prefix, ...after });
      const answer = await calls.send(page, signal);
      for (const { Key: key, UploadId, Initiated } of answer.Uploads ?? []) {
        const initiatedMs = Initiated?.getTime() ?? Number.NaN;
        if (key === undefined || Number.isNaN(initiatedMs)) throw unintelligible('ListMultipartUploads');
        yield { key, uploadId: idOf('ListMultipartUploads', UploadId), initiatedMs };
      }
      if (answer.IsTruncated !== true) return;
      const { NextKeyMarker, NextUploadIdMarker } = answer;
      const isSame = NextKeyMarker === after.KeyMarker && NextUploadIdMarker === after.UploadIdMarker;
      if (NextKeyMarker === undefined || isSame) throw unintelligible('ListMultipartUploads');
      after = {
        KeyMarker: NextKeyMarker,
        ...(NextUploadIdMarker === undefined ? {} : { UploadIdMarker: NextUploadIdMarker }),
      };
    }
  }

  return { create, listParts, complete, abort, list };
}

function idOf(operation: string, id: string | undefined): string {
  if (id === undefined || !/^[\x21-\x7e]{1,1024}$/.test(id)) throw unintelligible(operation);
  return id;
}
