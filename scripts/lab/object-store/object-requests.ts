/** Requests that change an object: written, deleted, written in parts. */
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { pageSize } from './bucket-requests.ts';
import type { ChosenPart } from './multiparts.ts';
import { announcedBy, receive, receiveXml } from './receive.ts';
import { headerOf, type S3Request } from './request.ts';
import { malformedXml, notImplemented, S3Error } from './s3-error.ts';
import type { ObjectFields } from './store.ts';
import { contentsOf, document, element, rootContent, textsOf } from './xml.ts';

/** @throws S3Error */
export async function handleObjectRequest(request: S3Request): Promise<void> {
  const { req, res, query, key, objects } = request;
  const uploadId = query.get('uploadId');
  const asked = `${req.method}${uploadId === null ? '' : ' uploadId'}${query.has('uploads') ? ' uploads' : ''}`;
  if (asked === 'PUT') await putObject(request);
  else if (asked === 'DELETE') {
    await objects.remove(key);
    res.writeHead(204).end();
  } else if (asked === 'POST uploads') await createMultipart(request);
  else if (uploadId === null) throw notImplemented();
  else if (asked === 'PUT uploadId') await putPart(request, uploadId);
  else if (asked === 'GET uploadId') await listParts(request, uploadId);
  else if (asked === 'POST uploadId') await completeMultipart(request, uploadId);
  else if (asked === 'DELETE uploadId') {
    await request.multiparts.abort(key, uploadId);
    res.writeHead(204).end();
  } else throw notImplemented();
}

async function putObject(request: S3Request): Promise<void> {
  const { req, res, key, objects } = request;
  const once = isOnce(req);
  await withBody(request, async (path, size, etag) => {
    await objects.publish(path, { ...fieldsOf(req), key, size, etag }, once);
    res.writeHead(200, { ETag: `"${etag}"`, 'Content-Length': 0 }).end();
  });
}

async function createMultipart({ req, key, bucket, multiparts, sendXml }: S3Request): Promise<void> {
  const { uploadId } = await multiparts.create(key, fieldsOf(req));
  const names = element('Bucket', bucket) + element('Key', key);
  sendXml(document('InitiateMultipartUploadResult', names + element('UploadId', uploadId)));
}

async function putPart(request: S3Request, uploadId: string): Promise<void> {
  const { res, key, query, multiparts } = request;
  const partNumber = Number(query.get('partNumber'));
  if (!Number.isInteger(partNumber) || partNumber < 1 || partNumber > 10_000)
    throw new S3Error(
      400,
      'InvalidArgument',
      'Part number must be an integer between 1 and 10000, inclusive',
    );
  await multiparts.find(key, uploadId);
  await withBody(request, async (path, size, etag) => {
    await multiparts.putPart(key, uploadId, path, { partNumber, size, etag });
    res.writeHead(200, { ETag: `"${etag}"`, 'Content-Length': 0 }).end();
  });
}

async function listParts(
  { key, query, bucket, multiparts, sendXml }: S3Request,
  uploadId: string,
): Promise<void> {
  const after = Number(query.get('part-number-marker') ?? 0) || 0;
  const found = (await multiparts.parts(key, uploadId)).filter(({ partNumber }) => partNumber > after);
  const page = found.slice(0, pageSize(query, 'max-parts'));
  const parts = page.map(
    ({ partNumber, size, etag, lastModified }) =>
      `<Part>${element('PartNumber', partNumber)}${element('LastModified', lastModified)}` +
      `${element('ETag', `"${etag}"`)}${element('Size', size)}</Part>`,
  );
  const names = element('Bucket', bucket) + element('Key', key) + element('UploadId', uploadId);
  const place =
    element('PartNumberMarker', after) +
    element('NextPartNumberMarker', page.at(-1)?.partNumber ?? 0) +
    element('IsTruncated', found.length > page.length);
  sendXml(document('ListPartsResult', names + place + parts.join('')));
}

async function completeMultipart(request: S3Request, uploadId: string): Promise<void> {
  const { req, key, bucket, multiparts, payloadHash, sendXml } = request;
  const once = isOnce(req);
  const chosen = parseChosen(await receiveXml(req, payloadHash, { isDigestRequired: false }));
  const etag = await multiparts.complete(key, uploadId, chosen, once);
  const names = element('Bucket', bucket) + element('Key', key);
  sendXml(document('CompleteMultipartUploadResult', names + element('ETag', `"${etag}"`)));
}

/** @throws S3Error 400 */
function parseChosen(xml: string): ChosenPart[] {
  const parts = contentsOf(rootContent(xml, 'CompleteMultipartUpload'), 'Part').map((part) => ({
    partNumber: Number(textsOf(part, 'PartNumber')[0]),
    etag: (textsOf(part, 'ETag')[0] ?? '').replaceAll('"', ''),
  }));
  if (parts.length === 0 || parts.some(({ partNumber }) => !Number.isInteger(partNumber)))
    throw malformedXml();
  return parts;
}

/** The body in a file of its own, checked; it is gone afterwards, unless `use` has made something of it. */
async function withBody(
  { req, objects, payloadHash }: S3Request,
  use: (path: string, size: number, etag: string) => Promise<void>,
): Promise<void> {
  const announced = announcedBy(req, payloadHash);
  const path = join(objects.unfinished, randomUUID());
  try {
    await use(path, announced.size, await receive(req, path, announced));
  } finally {
    await rm(path, { force: true });
  }
}

const fieldsOf = (req: IncomingMessage): ObjectFields => ({
  contentType: req.headers['content-type'] ?? 'binary/octet-stream',
  cacheControl: headerOf(req, 'cache-control'),
  acl: headerOf(req, 'x-amz-acl'),
});

/** @throws S3Error 501 for what S3 does not have either */
function isOnce(req: IncomingMessage): boolean {
  const condition = headerOf(req, 'if-none-match');
  if (condition !== null && condition !== '*') throw notImplemented();
  return condition === '*';
}
