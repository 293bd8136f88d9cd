/** Bodies: read whole, with exactly the length and the digests that were announced. */
import { createHash, type Hash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { type Readable, Transform } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { crc32 } from 'node:zlib';
import { S3Error } from './s3-error.ts';

export interface Announced {
  /** Bytes. */
  readonly size: number;
  /** What `x-amz-content-sha256` says, when it is a digest. */
  readonly payloadSha256: Buffer | null;
  /** `x-amz-checksum-sha256` */
  readonly checksumSha256: Buffer | null;
  /** `Content-MD5` */
  readonly md5: Buffer | null;
}

const MAX_OBJECT_BYTES = 5 * 1024 ** 3;
/** CORS, lifecycle, 10,000 parts. */
const MAX_XML_BYTES = 2 * 1024 * 1024;

/** @param payloadHash as verified with the signature @throws S3Error 400, 411 */
export function announcedBy(req: IncomingMessage, payloadHash: string): Announced {
  const length = req.headers['content-length'];
  if (length === undefined) throw new S3Error(411, 'MissingContentLength', 'Content-Length is required.');
  const size = Number(length);
  if (size > MAX_OBJECT_BYTES) throw new S3Error(400, 'EntityTooLarge', 'The object is too large.');
  return {
    size,
    payloadSha256: /^[0-9a-f]{64}$/.test(payloadHash) ? Buffer.from(payloadHash, 'hex') : null,
    checksumSha256: digestIn(req, 'x-amz-checksum-sha256', 32, 'InvalidRequest'),
    md5: digestIn(req, 'content-md5', 16, 'InvalidDigest'),
  };
}

function digestIn(req: IncomingMessage, name: string, bytes: number, code: string): Buffer | null {
  const text = req.headers[name];
  if (text === undefined) return null;
  const digest = Buffer.from(String(text), 'base64');
  if (digest.length !== bytes || digest.toString('base64') !== text)
    throw new S3Error(400, code, `${name} is no digest.`);
  return digest;
}

/** Writes a body to a file. @returns its MD5, hex @throws S3Error 400 when it is not what was announced */
export async function receive(body: Readable, path: string, announced: Announced): Promise<string> {
  const md5 = createHash('md5');
  const sha256 = createHash('sha256');
  let bytes = 0;
  const measure = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      md5.update(chunk);
      sha256.update(chunk);
      done(null, chunk);
    },
  });
  await pipeline(body, measure, createWriteStream(path));
  return judge(announced, bytes, md5, sha256);
}

function judge(announced: Announced, bytes: number, md5: Hash, sha256: Hash): string {
  if (bytes !== announced.size)
    throw new S3Error(400, 'IncompleteBody', 'The body is shorter than Content-Length.');
  const [md5Digest, shaDigest] = [md5.digest(), sha256.digest()];
  if (announced.payloadSha256 && !announced.payloadSha256.equals(shaDigest))
    throw new S3Error(400, 'XAmzContentSHA256Mismatch', 'The body does not have the announced SHA-256.');
  const isOther = (expected: Buffer | null, digest: Buffer) => expected !== null && !expected.equals(digest);
  if (isOther(announced.checksumSha256, shaDigest) || isOther(announced.md5, md5Digest))
    throw new S3Error(400, 'BadDigest', 'The body does not have the announced digest.');
  return md5Digest.toString('hex');
}

/**
 * A body of XML. @param isDigestRequired by S3, for what replaces rules of the bucket
 * @throws S3Error 400, 411
 */
export async function receiveXml(
  req: IncomingMessage,
  payloadHash: string,
  { isDigestRequired }: { readonly isDigestRequired: boolean },
): Promise<string> {
  const announced = announcedBy(req, payloadHash);
  if (announced.size > MAX_XML_BYTES)
    throw new S3Error(400, 'MaxMessageLengthExceeded', 'The body is too large.');
  const crc = digestIn(req, 'x-amz-checksum-crc32', 4, 'InvalidRequest');
  if (isDigestRequired && announced.md5 === null && announced.checksumSha256 === null && crc === null)
    throw new S3Error(400, 'InvalidRequest', 'Missing required header: Content-MD5 or x-amz-checksum-*');
  const body = await buffer(req);
  judge(announced, body.length, createHash('md5').update(body), createHash('sha256').update(body));
  if (crc !== null && crc.readUInt32BE() !== crc32(body))
    throw new S3Error(400, 'BadDigest', 'The body does not have the announced CRC32.');
  return body.toString();
}
