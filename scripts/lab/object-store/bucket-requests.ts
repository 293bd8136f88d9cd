/** Requests to the bucket itself: is it there, what is in it, its rules. */
import { corsXml, parseCorsRules } from './cors.ts';
import { receiveXml } from './receive.ts';
import type { S3Request } from './request.ts';
import { malformedXml, notImplemented, S3Error } from './s3-error.ts';
import { contentsOf, document, element, rootContent } from './xml.ts';

/** @throws S3Error */
export async function handleBucketRequest(request: S3Request): Promise<void> {
  const { req, res, query } = request;
  const subresource = ['cors', 'lifecycle', 'uploads'].find((name) => query.has(name));
  if (subresource === 'cors') await handleCors(request);
  else if (subresource === 'lifecycle') await handleLifecycle(request);
  else if (req.method === 'GET' && subresource === 'uploads') await listMultiparts(request);
  else if (req.method === 'GET' && query.get('list-type') === '2') await listObjects(request);
  else if (req.method === 'HEAD') res.writeHead(200).end();
  else throw notImplemented();
}

async function handleCors({ req, res, payloadHash, rules, sendXml }: S3Request): Promise<void> {
  if (req.method === 'PUT') {
    await rules.putCors(parseCorsRules(await receiveXml(req, payloadHash, { isDigestRequired: true })));
    res.writeHead(200, { 'Content-Length': 0 }).end();
  } else if (req.method === 'DELETE') {
    await rules.putCors([]);
    res.writeHead(204).end();
  } else if (rules.cors().length === 0) {
    throw new S3Error(404, 'NoSuchCORSConfiguration', 'The CORS configuration does not exist');
  } else sendXml(corsXml(rules.cors()));
}

async function handleLifecycle({ req, res, payloadHash, rules, sendXml }: S3Request): Promise<void> {
  if (req.method === 'PUT') {
    const xml = await receiveXml(req, payloadHash, { isDigestRequired: true });
    if (contentsOf(rootContent(xml, 'LifecycleConfiguration'), 'Rule').length === 0) throw malformedXml();
    await rules.putLifecycle(xml);
    res.writeHead(200, { 'Content-Length': 0 }).end();
  } else if (req.method === 'DELETE') {
    await rules.putLifecycle(null);
    res.writeHead(204).end();
  } else {
    const xml = rules.lifecycle();
    if (xml === null)
      throw new S3Error(404, 'NoSuchLifecycleConfiguration', 'The lifecycle configuration does not exist');
    sendXml(xml);
  }
}

/** Continuation tokens are keys in another dress: a key may have characters that XML has not. */
async function listObjects({ query, objects, bucket, sendXml }: S3Request): Promise<void> {
  const prefix = query.get('prefix') ?? '';
  const token = query.get('continuation-token');
  const after =
    token === null ? (query.get('start-after') ?? '') : Buffer.from(token, 'base64url').toString();
  const encoding = query.get('encoding-type');
  const nameOf = (key: string) => (encoding === 'url' ? encodeURIComponent(key).replaceAll('%2F', '/') : key);
  const isBehind = (key: string) => after === '' || Buffer.compare(Buffer.from(key), Buffer.from(after)) > 0;
  const found = (await objects.list()).filter(({ key }) => key.startsWith(prefix) && isBehind(key));
  const page = found.slice(0, pageSize(query, 'max-keys'));
  const last = page.at(-1);
  const isTruncated = last !== undefined && found.length > page.length;
  const contents = page.map(
    ({ key, size, etag, lastModified }) =>
      `<Contents>${element('Key', nameOf(key))}${element('LastModified', new Date(lastModified).toISOString())}` +
      `${element('ETag', `"${etag}"`)}${element('Size', size)}${element('StorageClass', 'STANDARD')}</Contents>`,
  );
  sendXml(
    document(
      'ListBucketResult',
      element('Name', bucket) +
        element('Prefix', nameOf(prefix)) +
        element('KeyCount', page.length) +
        element('MaxKeys', pageSize(query, 'max-keys')) +
        (encoding === null ? '' : element('EncodingType', encoding)) +
        element('IsTruncated', isTruncated) +
        (isTruncated ? element('NextContinuationToken', Buffer.from(last.key).toString('base64url')) : '') +
        contents.join(''),
    ),
  );
}

async function listMultiparts({ query, multiparts, bucket, sendXml }: S3Request): Promise<void> {
  const prefix = query.get('prefix') ?? '';
  const [afterKey, afterId] = [query.get('key-marker'), query.get('upload-id-marker')];
  const all = (await multiparts.list()).filter(({ key }) => key.startsWith(prefix));
  const marker = all.findLastIndex(
    ({ key, uploadId }) => key === afterKey && (afterId === null || uploadId === afterId),
  );
  const found = all.slice(marker + 1);
  const page = found.slice(0, pageSize(query, 'max-uploads'));
  const last = page.at(-1);
  const isTruncated = last !== undefined && found.length > page.length;
  const uploads = page.map(
    ({ key, uploadId, initiated }) =>
      `<Upload>${element('Key', key)}${element('UploadId', uploadId)}${element('Initiated', initiated)}</Upload>`,
  );
  sendXml(
    document(
      'ListMultipartUploadsResult',
      element('Bucket', bucket) +
        (isTruncated
          ? element('NextKeyMarker', last.key) + element('NextUploadIdMarker', last.uploadId)
          : '') +
        element('IsTruncated', isTruncated) +
        uploads.join(''),
    ),
  );
}

/** How many entries a page has. */
export const pageSize = (query: URLSearchParams, name: string) =>
  Math.min(1000, Math.max(1, Number(query.get(name) ?? 1000) || 1000));
