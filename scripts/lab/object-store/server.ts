/**
 * An S3 endpoint for development and tests that does not look away: every signature, length, type, ACL and digest is checked
 * as real storage checks it. Path-style addresses, one bucket: objects with ranges, uploads in parts, lists in pages, CORS
 * and lifecycle rules. What it has not is 501; where it differs from AWS: docs/decisions/0008.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { listen } from '../ports.ts';
import { handleBucketRequest } from './bucket-requests.ts';
import { openBucketRules, RULES } from './bucket-rules.ts';
import { answerPreflight, applyCors, OPEN_RULE } from './cors.ts';
import { MULTIPARTS, openMultiparts } from './multiparts.ts';
import { handleObjectRequest } from './object-requests.ts';
import { addressOf, type S3Request, type StoreParts } from './request.ts';
import { accessDenied, notImplemented, S3Error } from './s3-error.ts';
import { serveObject } from './serve-object.ts';
import { type Credentials, verifySignature } from './sigv4.ts';
import { openObjectFolder } from './store.ts';
import { element } from './xml.ts';

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

export type RunningObjectStore = Awaited<ReturnType<typeof startObjectStore>>;

/** Web pages of any origin may use a new bucket. @throws Error when the port is taken */
export async function startObjectStore(options: ObjectStoreOptions) {
  const { dataDir, bucket } = options;
  const objects = await openObjectFolder(dataDir, [MULTIPARTS, RULES]);
  const multiparts = await openMultiparts(dataDir, objects);
  const rules = await openBucketRules(dataDir, [OPEN_RULE]);
  const parts = { dataDir, bucket, objects, multiparts, rules };
  const server = createServer({ requestTimeout: 0 }, (req, res) => {
    if (options.now !== undefined) res.setHeader('Date', new Date(options.now()).toUTCString());
    handle(options, parts, req, res).catch((error) => sendError(req, res, error));
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
  parts: StoreParts,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const { bucket, key, query } = addressOf(req.url ?? '/');
  if (req.method === 'OPTIONS') {
    answerPreflight(parts.rules.cors(), req, res);
    return;
  }
  applyCors(parts.rules.cors(), req, res);
  const verified = verifySignature(req, options, (options.now ?? Date.now)());
  if (bucket !== options.bucket) throw new S3Error(404, 'NoSuchBucket', 'The bucket does not exist.');
  for (const name of query.keys()) if (!isKnown(name)) throw notImplemented();
  const isRead = (req.method === 'GET' || req.method === 'HEAD') && !query.has('uploadId');
  if (key !== '' && isRead) {
    await readObject(options, parts, verified !== null, key, req, res);
    return;
  }
  if (verified === null) throw accessDenied();
  const sendXml = (xml: string) =>
    void res
      .writeHead(200, { 'Content-Type': 'application/xml', 'Content-Length': Buffer.byteLength(xml) })
      .end(xml);
  const request: S3Request = { ...parts, req, res, key, query, payloadHash: verified.payloadHash, sendXml };
  await (key === '' ? handleBucketRequest : handleObjectRequest)(request);
}

/** A PUT with `?tagging` must not become an object. */
const isKnown = (name: string) => name.startsWith('X-Amz-') || KNOWN_PARAMETERS.has(name);
const KNOWN_PARAMETERS = new Set([
  ...['x-id', 'cors', 'lifecycle', 'uploads', 'uploadId', 'partNumber', 'part-number-marker', 'max-parts'],
  ...['list-type', 'prefix', 'max-keys', 'continuation-token', 'start-after', 'encoding-type'],
  ...['key-marker', 'upload-id-marker', 'max-uploads'],
]);

async function readObject(
  { publicRead }: ObjectStoreOptions,
  { objects, dataDir }: StoreParts,
  isVerified: boolean,
  key: string,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  for (let gone = ''; ; ) {
    const object = await objects.find(key);
    if (!isVerified && !publicRead && object?.acl !== 'public-read') throw accessDenied();
    if (object === null || object.file === gone)
      throw new S3Error(404, 'NoSuchKey', 'The object does not exist.');
    if (await serveObject(dataDir, object, req, res)) return;
    gone = object.file;
  }
}

function sendError(req: IncomingMessage, res: ServerResponse, error: unknown): void {
  const { status, code, message } =
    error instanceof S3Error ? error : new S3Error(500, 'InternalError', 'Something went wrong.');
  if (res.headersSent || req.socket.destroyed) {
    res.destroy();
    return;
  }
  const content = element('Code', code) + element('Message', message);
  const xml = `<?xml version="1.0" encoding="UTF-8"?>\n<Error>${content}</Error>`;
  res.writeHead(status, { 'Content-Type': 'application/xml', 'Content-Length': Buffer.byteLength(xml) });
  res.end(req.method === 'HEAD' ? undefined : xml);
}
