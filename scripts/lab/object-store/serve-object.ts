/**
 * GET and HEAD of one object with ranges and validators (RFC 9110 §13, §14), as video players need them.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import send from 'send';
import { S3Error } from './s3-error.ts';
import type { StoredObject } from './store.ts';

/** @returns whether its bytes were there: they go when the object is replaced @throws S3Error 412, 416 */
export function serveObject(
  folder: string,
  object: StoredObject,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<boolean> {
  res.setHeader('Content-Type', object.contentType);
  if (object.cacheControl !== null) res.setHeader('Cache-Control', object.cacheControl);
  res.setHeader('ETag', `"${object.etag}"`);
  // What people uploaded must never run in the page's name.
  res.setHeader('X-Content-Type-Options', 'nosniff');
  return new Promise((served, refused) => {
    res.once('close', () => served(true));
    send(req, object.file, { root: folder, cacheControl: false })
      .on('error', ({ status }: { status: number }) => {
        if (status === 404) served(false);
        else refused(REFUSALS[status] ?? new S3Error(500, 'InternalError', 'The object cannot be read.'));
      })
      .pipe(res);
  });
}

const REFUSALS: Readonly<Record<number, S3Error>> = {
  412: new S3Error(412, 'PreconditionFailed', 'A condition of the request does not hold.'),
  416: new S3Error(416, 'InvalidRange', 'The range cannot be satisfied.'),
};
