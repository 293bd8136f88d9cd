/**
 * An S3 endpoint for development and tests that does not look away: every signature, length, type and ACL is checked
 * as real storage checks it. Path-style addresses, one bucket, PUT GET HEAD DELETE with ranges, HeadBucket,
 * ListObjectsV2, CORS.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { listen } from '../ports.ts';
import { applyCors } from './cors.ts';
import { escapeXml, S3Error } from './s3-error.ts';
import { serveObject } from './serve-object.ts';
import { type Credentials, type Verified, verifySignature } from './sigv4.ts';
import { type ObjectFolder, openObjectFolder } from './store.ts';

export interface ObjectStoreOptions extends Credentials {
  readonly port: number;
  readonly host?: string;
  /** Folder of the objects; kept. */
  readonly dataDir: string;
  readonly bucket: string;
  /** Anyone may read every object, as with a public bucket or a CDN in front. */
  readonly publicRead: boolean;
  /** Its clock, ms since 1970: what signatures are judged by, and what the Date header says. */
  readonly now?: () => number;
}

const MAX_OBJECT_BYTES = 5 * 1024 ** 3;
const MAX_KEY_BYTES = 1024;

export type RunningObjectStore = Awaited<ReturnType<typeof startObjectStore>>;

/** @throws Error when the port is taken */
export async function startObjectStore(options: ObjectStoreOptions) {
  const folder = await openObjectFolder(options.dataDir);
  const server = createServer({ requestTimeout: 0 }, (req, res) => {
    applyCors(req, res);
    if (options.now !== undefined) res.setHeader('Date', new Date(options.now()).toUTCString());
    if (req.method === 'OPTIONS') {
      res.writeHead(200).end();
      return;
    }
    handle(options, folder, req, res).catch((error) => sendError(req, res, error));
  });
  const host = options.host ?? '127.0.0.1';
  const port = await listen(server, options.port, host);
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    port,
    async stop() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

async function handle(
  options: ObjectStoreOptions,
  folder: ObjectFolder,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const { bucket, key } = addressOf(req.url ?? '/');
  const verified = verifySignature(req, options, (options.now ?? Date.now)());
  if (bucket !== options.bucket) throw new S3Error(404, 'NoSuchBucket', 'The bucket does not exist.');
  if (key === '') {
    if (verified === null) throw accessDenied();
    if (req.method === 'HEAD') res.writeHead(200).end();
    else if (req.method === 'GET') await listObjects(folder, options.bucket, req, res);
    else throw new S3Error(405, 'MethodNotAllowed', 'The bucket itself cannot be changed here.');
    return;
  }
  if (req.method === 'GET' || req.method === 'HEAD') {
    for (let gone = ''; ; ) {
      const object = await folder.find(key);
      if (verified === null && !options.publicRead && object?.acl !== 'public-read') throw accessDenied();
      if (object === null || object.file === gone)
        throw new S3Error(404, 'NoSuchKey', 'The object does not exist.');
      if (await serveObject(options.dataDir, object, req, res)) return;
      gone = object.file;
    }
  }
  if (verified === null) throw accessDenied();
  if (req.method === 'PUT') await putObject(folder, key, verified, req, res);
  else if (req.method === 'DELETE') {
    await folder.remove(key);
    res.writeHead(204).end();
  } else throw new S3Error(405, 'MethodNotAllowed', 'The method is not allowed.');
}

async function putObject(
  folder: ObjectFolder,
  key: string,
  { payloadHash }: Verified,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const length = req.headers['content-length'];
  if (length === undefined) throw new S3Error(411, 'MissingContentLength', 'Content-Length is required.');
  const size = Number(length);
  if (size > MAX_OBJECT_BYTES) throw new S3Error(400, 'EntityTooLarge', 'The object is too large.');
  const object = await folder.put(req, {
    key,
    contentType: req.headers['content-type'] ?? 'binary/octet-stream',
    acl: headerOf(req, 'x-amz-acl'),
    size,
    sha256: /^[0-9a-f]{64}$/.test(payloadHash) ? payloadHash : null,
  });
  res.writeHead(200, { ETag: `"${object.etag}"`, 'Content-Length': 0 }).end();
}

async function listObjects(
  folder: ObjectFolder,
  bucket: string,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const parameters = new URL(req.url ?? '/', 'http://localhost').searchParams;
  const prefix = parameters.get('prefix') ?? '';
  const after = parameters.get('continuation-token') ?? parameters.get('start-after') ?? '';
  const maxKeys = Math.min(1000, Math.max(1, Number(parameters.get('max-keys') ?? 1000) || 1000));
  const found = (await folder.list()).filter(({ key }) => key.startsWith(prefix) && key > after);
  const page = found.slice(0, maxKeys);
  const truncated = found.length > page.length;
  const contents = page.map(
    ({ key, size, etag, lastModified }) =>
      `<Contents><Key>${escapeXml(key)}</Key><LastModified>${new Date(lastModified).toISOString()}</LastModified>` +
      `<ETag>&quot;${etag}&quot;</ETag><Size>${size}</Size><StorageClass>STANDARD</StorageClass></Contents>`,
  );
  const next = truncated
    ? `<NextContinuationToken>${escapeXml(page.at(-1)?.key ?? '')}</NextContinuationToken>`
    : '';
  const xml =
    '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">' +
    `<Name>${bucket}</Name><Prefix>${escapeXml(prefix)}</Prefix><KeyCount>${page.length}</KeyCount><MaxKeys>${maxKeys}</MaxKeys>` +
    `<IsTruncated>${truncated}</IsTruncated>${next}${contents.join('')}</ListBucketResult>`;
  res.writeHead(200, { 'Content-Type': 'application/xml' }).end(xml);
}

function addressOf(url: string): { bucket: string; key: string } {
  const path = url.split('?', 1)[0] ?? '/';
  const slash = path.indexOf('/', 1);
  let key: string;
  try {
    key = slash === -1 ? '' : decodeURIComponent(path.slice(slash + 1));
  } catch {
    throw new S3Error(400, 'InvalidURI', 'The path is not validly percent-encoded.');
  }
  if (Buffer.byteLength(key) > MAX_KEY_BYTES)
    throw new S3Error(400, 'KeyTooLongError', 'The key is too long.');
  return { bucket: slash === -1 ? path.slice(1) : path.slice(1, slash), key };
}

function sendError(req: IncomingMessage, res: ServerResponse, error: unknown): void {
  const s3Error =
    error instanceof S3Error ? error : new S3Error(500, 'InternalError', 'Something went wrong.');
  if (res.headersSent || req.destroyed) {
    res.destroy();
    return;
  }
  const xml = s3Error.toXml();
  res.writeHead(s3Error.status, {
    'Content-Type': 'application/xml',
    'Content-Length': Buffer.byteLength(xml),
  });
  res.end(req.method === 'HEAD' ? undefined : xml);
}

const headerOf = (req: IncomingMessage, name: string) => {
  const value = req.headers[name];
  return typeof value === 'string' ? value : null;
};

const accessDenied = () => new S3Error(403, 'AccessDenied', 'Access Denied');
