/** What is in the storage, and whether it is what was announced: size, stored type, and what its first bytes are. */
import type { ObjectStorage } from '../../infra/object-storage/object-storage.ts';
import type { ObjectStart } from '../../infra/object-storage/objects.ts';
import { loadPackage } from '../../load-package.ts';
import { mayBe, type UploadKind } from './kinds.ts';
import type { RejectionReason } from './upload.ts';

/** null: no object. `reason`: it is not what was announced. */
export type Found = { readonly etag: string; readonly reason: RejectionReason | null } | null;

export interface Announced {
  readonly key: string;
  readonly kind: UploadKind;
  /** As signed. */
  readonly content_type: string;
  /** bigint, as text. */
  readonly size_bytes: string;
}

/** As far as file-type looks (its `reasonableDetectionSizeInBytes`). */
const SAMPLE_BYTES = 4100;

/**
 * One GET with a range: its facts and its bytes are of the same object, which those of a HEAD and a GET need not be.
 * @throws AppError 503
 */
export async function judge(
  storage: Pick<ObjectStorage, 'readStart'>,
  announced: Announced,
  signal: AbortSignal,
): Promise<Found> {
  const start = await storage.readStart(announced.key, SAMPLE_BYTES, signal);
  return start && { etag: start.etag, reason: await reasonAgainst(announced, start) };
}

/** null: it is what was announced. */
export async function reasonAgainst(
  announced: Omit<Announced, 'key'>,
  start: Pick<ObjectStart, 'size' | 'contentType' | 'bytes'>,
): Promise<RejectionReason | null> {
  const announcedSize = Number(announced.size_bytes);
  if (start.size > announcedSize) return 'too_large';
  if (start.size < announcedSize) return 'too_small';
  if (start.contentType !== announced.content_type) return 'wrong_type';
  const type = await typeOf(start);
  return type !== null && mayBe(announced.kind, type) ? null : 'wrong_type';
}

/**
 * What file-type tells apart and we do not: an animation is of its still's type, and a 3GP of a phone's camera is an MP4 by another
 * name (docs/decisions/0024-what-a-file-is-judged-by.md).
 */
const SAME_AS: Readonly<Record<string, string>> = {
  'image/apng': 'image/png',
  'image/heic-sequence': 'image/heic',
  'image/heif-sequence': 'image/heif',
  'video/x-m4v': 'video/mp4',
  'video/3gpp': 'video/mp4',
  'video/3gpp2': 'video/mp4',
};

/** file-type looks behind these for what follows; a browser does not, so neither is such a file what follows. */
const PREFIXES = [Buffer.from('ID3'), Buffer.from('\ufeff')];

/**
 * Whether a file's first box ends within the file. For file-type four letters behind any four bytes will do, so that a page which
 * begins with `<!--moov` is a video, and a picture that was cut behind its ninth byte as well.
 */
function hasFirstBox(bytes: Buffer, fileSize: number): boolean {
  const name = bytes.toString('latin1', 4, 8);
  const length = bytes.length < 8 ? 0 : bytes.readUInt32BE(0);
  if (name === 'ftyp') return length >= SHORTEST_FTYP && length <= fileSize;
  // ISO/IEC 14496-12 §4.2: 0 is up to the end of the file, 1 says that the length follows the name, in 8 bytes.
  if (length === 1) return bytes.length >= 16 && bytes.readBigUInt64BE(8) <= BigInt(fileSize);
  return length === 0 || (length >= 8 && length <= fileSize);
}

/** Its head, a brand and a version. */
const SHORTEST_FTYP = 16;
const BOX = /^.{4}(ftyp|moov|mdat|free|wide)/s;
/** Of GIF file-type asks no more than three letters. */
const ONLY_GIF = /^GIF(?!8[79]a)/;

/** The type that the first bytes of a file show; null: none that is known. */
async function typeOf({ bytes, size }: Pick<ObjectStart, 'bytes' | 'size'>): Promise<string | null> {
  const { fileTypeFromBuffer } = loadPackage('file-type');
  if (PREFIXES.some((prefix) => bytes.subarray(0, prefix.length).equals(prefix))) return null;
  const head = bytes.toString('latin1', 0, 8);
  if (ONLY_GIF.test(head) || (BOX.test(head) && !hasFirstBox(bytes, size))) return null;
  const found = await fileTypeFromBuffer(bytes).catch(() => undefined);
  return found === undefined ? null : (SAME_AS[found.mime] ?? found.mime);
}
