/**
 * GET and HEAD of one object with single ranges and validators (RFC 9110 §13, §14), as video players need them.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { S3Error } from './s3-error.ts';
import type { ObjectFolder, StoredObject } from './store.ts';

export async function serveObject(
  folder: ObjectFolder,
  object: StoredObject,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const etag = `"${object.etag}"`;
  const headers = {
    'Content-Type': object.contentType,
    'Accept-Ranges': 'bytes',
    'Last-Modified': object.lastModified,
    ETag: etag,
    // What people uploaded must never run in the page's name.
    'X-Content-Type-Options': 'nosniff',
  };
  if (req.headers['if-none-match'] === etag) {
    res.writeHead(304, headers).end();
    return;
  }
  const range = parseRange(req.headers.range, object.size);
  const { start, end } = range ?? { start: 0, end: object.size - 1 };
  res.writeHead(range === null ? 200 : 206, {
    ...headers,
    'Content-Length': end - start + 1,
    ...(range === null ? {} : { 'Content-Range': `bytes ${start}-${end}/${object.size}` }),
  });
  if (req.method === 'HEAD' || object.size === 0) res.end();
  else await pipeline(folder.read(object.key, { start, end }), res);
}

/** @returns null for no range, or one in a form that is ignored (several ranges, another unit). @throws S3Error 416 */
function parseRange(header: string | undefined, size: number): { start: number; end: number } | null {
  const parts = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  if (parts === null || (parts[1] === '' && parts[2] === '')) return null;
  const [, first = '', last = ''] = parts;
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (start > end || start >= size) throw new S3Error(416, 'InvalidRange', 'The range cannot be satisfied.');
  return { start, end };
}
