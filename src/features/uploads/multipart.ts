/** Uploads in parts: their arithmetic, what the storage has of them, URLs for them. */
import { MIB } from '../../config/values.ts';
import { AppError } from '../../errors.ts';
import type { UploadedPart } from '../../infra/object-storage/multipart.ts';
import type { ObjectStorage } from '../../infra/object-storage/object-storage.ts';
import { StorageFailure } from '../../infra/object-storage/storage-failure.ts';
import type { UploadRow } from './upload.ts';

/** S3's own (https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html). */
export const MIN_PART_BYTES = 5 * MIB;
export const MAX_PARTS = 10_000;
const PART_BYTES = 8 * MIB;

/** 8 MiB, or the next whole MiB of which MAX_PARTS are enough. @param bytes of the file, up to 2^53 */
export const partSizeFor = (bytes: number) => Math.max(PART_BYTES, Math.ceil(bytes / MAX_PARTS / MIB) * MIB);

/** What a file in parts is made of, bytes. */
export interface Division {
  readonly size: number;
  readonly partSize: number;
}

export const partCount = ({ size, partSize }: Division) => Math.ceil(size / partSize);

/** The last one has what is left. @param partNumber from 1 */
export const partLength = ({ size, partSize }: Division, partNumber: number) =>
  Math.min(partSize, size - (partNumber - 1) * partSize);

/** Those that are not there in their right length, in order. */
export function missingParts(division: Division, uploaded: readonly UploadedPart[]): number[] {
  const there = new Map(uploaded.map(({ partNumber, size }) => [partNumber, size]));
  const numbers = Array.from({ length: partCount(division) }, (_, index) => index + 1);
  return numbers.filter((number) => there.get(number) !== partLength(division, number));
}

/** null: it is a single PUT. */
export function divisionOf(row: Pick<UploadRow, 'size_bytes' | 'part_size'>): Division | null {
  return row.part_size === null ? null : { size: Number(row.size_bytes), partSize: Number(row.part_size) };
}

/** @throws AppError 409 when it is no multipart that is under way, 503 when it is only about to be */
function underWay(row: UploadRow): Division & { readonly uploadId: string } {
  if (row.status !== 'issued') throw new AppError(`upload_${row.status}`);
  const division = divisionOf(row);
  if (division === null) throw new AppError('not_multipart');
  if (row.multipart_id === null) throw new AppError('upload_being_begun');
  return { ...division, uploadId: row.multipart_id };
}

/** The answer of GET /api/uploads/{id}/parts. @throws AppError 409, 503 */
export async function partsOf(
  storage: Pick<ObjectStorage, 'listParts'>,
  row: UploadRow,
  signal: AbortSignal,
) {
  const { uploadId, ...division } = underWay(row);
  const parts = await storage.listParts(row.key, uploadId, signal);
  if (parts === null) throw new AppError('parts_put_together');
  return {
    part_size: division.partSize,
    part_count: partCount(division),
    uploaded: parts.map(({ partNumber, size, etag }) => ({ part_number: partNumber, size, etag })),
    missing: missingParts(division, parts),
  };
}

/**
 * URLs for parts, each for its exact length and for as long as the upload lives.
 * @throws AppError 409, 422
 */
export async function signParts(
  storage: Pick<ObjectStorage, 'presignPart'>,
  row: UploadRow,
  numbers: readonly number[],
) {
  const { uploadId, ...division } = underWay(row);
  const count = partCount(division);
  if (numbers.some((number) => number > count))
    throw new AppError('field_invalid', {
      params: { field: 'part_numbers', rule: 'part_number_range', max: count },
    });
  if (row.seconds_left < 1) throw new AppError('upload_expired');
  return Promise.all(
    numbers.map(async (partNumber) => {
      const contentLength = partLength(division, partNumber);
      const target = {
        key: row.key,
        uploadId,
        partNumber,
        contentLength,
        expiresInSeconds: row.seconds_left,
      };
      return { part_number: partNumber, size: contentLength, upload_url: await storage.presignPart(target) };
    }),
  );
}

/**
 * Gives up what was begun in the bucket for an upload. One whose id no row knows (its process was killed) is found by its key.
 * @throws StorageFailure 503
 */
export async function abortParts(
  storage: Pick<ObjectStorage, 'abortMultipart' | 'listMultiparts'>,
  { key, part_size, multipart_id }: Pick<UploadRow, 'key' | 'part_size' | 'multipart_id'>,
  signal: AbortSignal,
): Promise<void> {
  if (part_size === null) return;
  if (multipart_id !== null) {
    await storage.abortMultipart(key, multipart_id, signal);
    return;
  }
  try {
    for await (const open of storage.listMultiparts(key, signal))
      if (open.key === key) await storage.abortMultipart(key, open.uploadId, signal);
  } catch (error) {
    // A storage that has no such list, or a key that may not see it: then it is for the bucket's rule about stale parts.
    if (!(error instanceof StorageFailure && NO_LIST.has(error.httpStatus))) throw error;
  }
}

const NO_LIST: ReadonlySet<number | null> = new Set([403, 405, 501]);
