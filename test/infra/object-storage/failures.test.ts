/** A storage that is away, slow or broken, or answers what no storage should: a 503 in time, and nothing believed. */
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type TestContext, test } from 'node:test';
import { inspect } from 'node:util';
import { freePort, listen } from '../../../scripts/lab/ports.ts';
import { createObjectStorage, type ObjectStorage } from '../../../src/infra/object-storage/object-storage.ts';
import { createStorageClock } from '../../../src/infra/object-storage/storage-clock.ts';
import { StorageFailure } from '../../../src/infra/object-storage/storage-failure.ts';
import { startDeafBackend } from '../../support/deaf-backend.ts';

const SILENT = { warn() {}, info() {} };
const signal = (ms = 30_000) => AbortSignal.timeout(ms);
const storageAt = (port: number, log: { warn(line: object): void; info(line: object): void } = SILENT) =>
  createObjectStorage(
    {
      endpoint: `http://127.0.0.1:${port}`,
      region: 'us-east-1',
      bucket: 'media',
      accessKeyId: 'k',
      secretAccessKey: 'the-secret',
      publicBaseUrl: `http://127.0.0.1:${port}/media`,
      uploadAcl: null,
      forcePathStyle: true,
    },
    createStorageClock(SILENT),
    log,
  );

/** A storage that does what it is told, and how often it was asked. */
async function scripted(
  t: TestContext,
  answer: (req: IncomingMessage, res: ServerResponse, n: number) => void,
) {
  const asked = { times: 0 };
  const server = createServer((req, res) => {
    asked.times += 1;
    req.resume();
    answer(req, res, asked.times);
  });
  const storage = storageAt(await listen(server));
  t.after(() => {
    storage.close();
    server.closeAllConnections();
    server.close();
  });
  return { storage, asked };
}

const xml = (res: ServerResponse, body: string, status = 200) =>
  res
    .writeHead(status, { 'Content-Type': 'application/xml', 'Content-Length': Buffer.byteLength(body) })
    .end(body);
const errorXml = (code: string) =>
  `<?xml version="1.0"?><Error><Code>${code}</Code><Message>x</Message></Error>`;

/** Every call that makes a request. */
const CALLS: Record<string, (storage: ObjectStorage, until: AbortSignal) => Promise<unknown>> = {
  head: (storage, until) => storage.head('k', until),
  readStart: (storage, until) => storage.readStart('k', 10, until),
  delete: (storage, until) => storage.delete('k', until),
  list: async (storage, until) => {
    for await (const _ of storage.list('', until));
  },
  createMultipart: (storage, until) => storage.createMultipart({ key: 'k', contentType: 'video/mp4' }, until),
  listParts: (storage, until) => storage.listParts('k', 'id', until),
  completeMultipart: (storage, until) =>
    storage.completeMultipart('k', 'id', [{ partNumber: 1, etag: 'e' }], until),
  abortMultipart: (storage, until) => storage.abortMultipart('k', 'id', until),
  listMultiparts: async (storage, until) => {
    for await (const _ of storage.listMultiparts('', until));
  },
  corsRules: (storage, until) => storage.corsRules(until),
  putCorsRules: (storage, until) =>
    storage.putCorsRules([{ AllowedOrigins: ['*'], AllowedMethods: ['PUT'] }], until),
  lifecycleRules: (storage, until) => storage.lifecycleRules(until),
  putLifecycleRules: (storage, until) =>
    storage.putLifecycleRules([{ ID: 'x', Status: 'Enabled', Filter: { Prefix: '' } }], until),
};

test('every call to a storage that is away is a 503', async () => {
  const storage = storageAt(await freePort());
  for (const [name, call] of Object.entries(CALLS)) {
    await assert.rejects(call(storage, signal()), { status: 503, code: 'ECONNREFUSED' }, name);
  }
  assert.equal(await storage.ping(), false);
  storage.close();
});

test('every call to a storage that hangs ends with its signal, before the head and within the body', async (t) => {
  const { storage } = await scripted(t, () => undefined);
  const half = await scripted(
    t,
    (_req, res) => void res.writeHead(200, { 'Content-Length': 100 }).write('<'),
  );
  for (const [name, call] of Object.entries(CALLS)) {
    await assert.rejects(call(storage, signal(50)), { status: 503 }, name);
    // These have no body to wait for.
    if (name === 'head' || name === 'delete' || name === 'abortMultipart') continue;
    await assert.rejects(call(half.storage, signal(200)), { status: 503 }, `${name}, in the body`);
  }
});

test('a passing failure is tried once more, and no failure longer than its signal, whatever Retry-After says', async (t) => {
  const passing = await scripted(t, (_req, res, n) =>
    n === 1 ? xml(res, errorXml('SlowDown'), 503) : res.writeHead(204).end(),
  );
  await passing.storage.delete('k', signal());
  assert.equal(passing.asked.times, 2);
  const lasting = await scripted(t, (_req, res) => {
    res.setHeader('Retry-After', '3600');
    xml(res, errorXml('SlowDown'), 503);
  });
  await assert.rejects(lasting.storage.delete('k', signal()), {
    status: 503,
    httpStatus: 503,
    code: 'SlowDown',
  });
  assert.equal(lasting.asked.times, 2);
});

test('a request that meets an idle connection which the storage has closed is sent once more', async (t) => {
  const { storage, asked } = await scripted(t, (req, res, n) => {
    if (n === 2) req.socket.destroy();
    else res.writeHead(204).end();
  });
  await storage.delete('k', signal());
  await storage.delete('k', signal());
  assert.equal(asked.times, 3);
});

test('a 404 of something between us and the storage is not taken for a missing object', async (t) => {
  const { storage } = await scripted(
    t,
    (_req, res) => void res.writeHead(404, { 'Content-Type': 'text/html' }).end('<html><h1>404</h1></html>'),
  );
  for (const [name, call] of Object.entries(CALLS))
    await assert.rejects(call(storage, signal()), { status: 503, httpStatus: 404 }, name);
});

const HEAD = '<?xml version="1.0" encoding="UTF-8"?>';
const listed = (contents: string, more = '<IsTruncated>false</IsTruncated>') =>
  `${HEAD}<ListBucketResult>${more}${contents}</ListBucketResult>`;
const object = (fields: string) => `<Contents>${fields}</Contents>`;
const parts = (contents: string, more = '<IsTruncated>false</IsTruncated>') =>
  `${HEAD}<ListPartsResult>${more}${contents}</ListPartsResult>`;
const part = (number: string, size = '1', etag = 'e') =>
  `<Part><PartNumber>${number}</PartNumber><Size>${size}</Size><ETag>${etag}</ETag></Part>`;
const DATED = '<LastModified>2026-11-26T00:00:00.000Z</LastModified><ETag>e</ETag>';

test('answers that say what cannot be are failures', async (t) => {
  const answers: [keyof typeof CALLS, string][] = [
    ['list', 'no XML'],
    ['list', `${HEAD}<ListBucketResult><Contents>`],
    ['list', listed(object(`<Key>k</Key><Size>-1</Size>${DATED}`))],
    ['list', listed(object(`<Key>k</Key><Size>1e400</Size>${DATED}`))],
    ['list', listed(object(`<Size>1</Size>${DATED}`))],
    ['list', listed(object('<Key>k</Key><Size>1</Size><ETag>e</ETag><LastModified>soon</LastModified>'))],
    ['list', listed(object(`<Key>%zz</Key><Size>1</Size>${DATED}`), '<EncodingType>url</EncodingType>')],
    ['list', listed('', '<IsTruncated>true</IsTruncated>')],
    [
      'list',
      listed('', '<IsTruncated>true</IsTruncated><NextContinuationToken>same</NextContinuationToken>'),
    ],
    ['listParts', parts(part('0'))],
    ['listParts', parts(part('10001'))],
    ['listParts', parts(part('2') + part('1'))],
    ['listParts', parts(part('1', '-5'))],
    ['listParts', parts(part('1', '1', '&#10;'))],
    ['listParts', parts('', '<IsTruncated>true</IsTruncated>')],
    ['listParts', parts(part('1'), '<IsTruncated>true</IsTruncated>')],
    ['createMultipart', `${HEAD}<InitiateMultipartUploadResult/>`],
    [
      'createMultipart',
      `${HEAD}<InitiateMultipartUploadResult><UploadId>a b</UploadId></InitiateMultipartUploadResult>`,
    ],
    ['completeMultipart', errorXml('InternalError')],
    [
      'corsRules',
      `${HEAD}<!DOCTYPE x [<!ENTITY a "${'a'.repeat(99)}">]><CORSConfiguration>&a;</CORSConfiguration`,
    ],
  ];
  let body = '';
  const { storage } = await scripted(t, (_req, res) => void xml(res, body));
  for (const [name, answer] of answers) {
    body = answer;
    await assert.rejects(async () => CALLS[name]?.(storage, signal()), { status: 503 }, `${name}: ${answer}`);
  }
  body = errorXml('InvalidPart');
  assert.equal(await CALLS.completeMultipart?.(storage, signal()), 'bad_parts', 'a refusal within a 200');
});

test('an object that says what cannot be, or breaks off, is a failure', async (t) => {
  let fields: Record<string, string> = {};
  let cut = false;
  const { storage } = await scripted(t, (req, res) => {
    res.writeHead(206, fields);
    if (req.method === 'HEAD') res.end();
    else if (cut) res.write('12345', () => res.destroy());
    else res.end('1234567890');
  });
  const good = { ETag: '"e"', 'Content-Length': '10', 'Content-Range': 'bytes 0-9/1000' };
  fields = good;
  assert.equal((await storage.readStart('k', 10, signal()))?.size, 1000);
  for (const bad of [
    { 'Content-Range': 'bytes 5-9/1000' },
    { 'Content-Range': 'bytes 0-9/*' },
    { 'Content-Range': 'bytes 0-9/99999999999999999999' },
    { 'Content-Range': 'bytes 0-9/5' },
    { ETag: '' },
    { ETag: 'x'.repeat(300) },
    { 'Content-Type': 'x'.repeat(300) },
  ]) {
    fields = { ...good, ...bad };
    await assert.rejects(storage.readStart('k', 10, signal()), { status: 503 }, inspect(bad));
  }
  fields = good;
  cut = true;
  await assert.rejects(storage.readStart('k', 10, signal()), { status: 503 });
});

test('a HEAD whose length a proxy has left out is followed by a GET', async (t) => {
  const { storage } = await scripted(t, (req, res) => {
    const isHead = req.method === 'HEAD';
    res.writeHead(isHead ? 200 : 206, {
      ...(isHead ? { 'Transfer-Encoding': 'chunked' } : { 'Content-Range': 'bytes 0-0/1000' }),
      ...{ ETag: '"e"', 'Content-Type': 'video/mp4' },
    });
    res.end(isHead ? undefined : 'x');
  });
  const facts = { size: 1000, contentType: 'video/mp4', etag: 'e' };
  assert.deepEqual(await storage.head('k', signal()), facts);
});

test('a HEAD that is refused is followed by a GET, which says why, or what is there', async (t) => {
  let isDenied = false;
  const { storage } = await scripted(t, (req, res) => {
    if (req.method === 'HEAD') res.writeHead(isDenied ? 403 : 405).end();
    else if (isDenied) xml(res, errorXml('AccessDenied'), 403);
    else
      res
        .writeHead(206, { 'Content-Range': 'bytes 0-0/9', ETag: '"e"', 'Content-Type': 'video/mp4' })
        .end('x');
  });
  assert.equal((await storage.head('k', signal()))?.size, 9);
  isDenied = true;
  await assert.rejects(storage.head('k', signal()), { operation: 'GetObject', code: 'AccessDenied' });
});

test('a page that answers a DELETE with success has deleted nothing', async (t) => {
  const { storage } = await scripted(t, (_req, res) =>
    res.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' }).end('<h1>We will be back soon</h1>'),
  );
  await assert.rejects(storage.delete('k', signal()), StorageFailure);
});

test('a storage without ranges sends the whole object, of which only the start is read', async (t) => {
  let sent = 0;
  const { storage } = await scripted(t, (_req, res) => {
    res.writeHead(200, { ETag: '"e"', 'Content-Type': 'video/mp4', 'Content-Length': String(1024 ** 3) });
    const more = () => {
      while (!res.destroyed && res.write(Buffer.alloc(65_536, 'x'))) sent += 65_536;
    };
    res.on('drain', more);
    more();
  });
  const start = await storage.readStart('k', 10, signal());
  assert.deepEqual([start?.bytes.toString(), start?.size], ['x'.repeat(10), 1024 ** 3]);
  assert.ok(sent < 64 * 1024 * 1024, `${sent}`);
});

test('an answer without end is given up before it fills the memory', async (t) => {
  const { storage } = await scripted(t, (_req, res) => {
    res.writeHead(200, { 'Content-Type': 'application/xml' });
    const more = () => {
      while (!res.destroyed && res.write('<Contents>'.repeat(6_000)));
    };
    res.on('drain', more);
    more();
  });
  // And not by the signal.
  for (const name of ['list', 'listParts', 'corsRules'])
    await assert.rejects(
      async () => CALLS[name]?.(storage, signal()),
      { status: 503, code: 'TooLong' },
      name,
    );
});

test('nothing that the storage says in words, and no secret, is in an error', async (t) => {
  const words = 'the-secret is k, sign with X-Amz-Signature=1234';
  const { storage } = await scripted(
    t,
    (_req, res) =>
      void xml(
        res,
        `${HEAD}<Error><Code>${words}</Code><Message>${words}</Message><Key>${words}</Key></Error>`,
        400,
      ),
  );
  for (const [name, call] of Object.entries(CALLS)) {
    const error = await call(storage, signal()).catch((thrown: StorageFailure) => thrown);
    assert.ok(error instanceof StorageFailure, name);
    assert.equal(error.status, 503, name);
    assert.doesNotMatch(
      inspect(error, { depth: 9, showHidden: true }),
      /the-secret|Signature=|sign with/,
      name,
    );
  }
});

test('the region that a storage names is told, for whoever mends the settings', async (t) => {
  const { storage } = await scripted(t, (_req, res) => {
    res.setHeader('x-amz-bucket-region', 'eu-central-1');
    xml(res, errorXml('PermanentRedirect'), 301);
  });
  await assert.rejects(storage.corsRules(signal()), { code: 'PermanentRedirect', region: 'eu-central-1' });
});

test('closing cuts what is under way, and nothing is sent afterwards', async (t) => {
  const { storage, asked } = await scripted(t, () => storage.close());
  for (const call of Object.values(CALLS)) await assert.rejects(call(storage, signal()), { status: 503 });
  assert.equal(asked.times, 1);
});

test('one connection serves calls that follow each other, refusals among them', async (t) => {
  const ports = new Set<number | undefined>();
  const { storage } = await scripted(t, (req, res) => {
    ports.add(req.socket.remotePort);
    if (req.method === 'DELETE') res.writeHead(204).end();
    else if (req.url?.includes('missing')) xml(res, errorXml('NoSuchKey'), 404);
    else {
      res.writeHead(206, {
        ETag: '"e"',
        'Content-Length': '100000',
        'Content-Range': 'bytes 0-99999/200000',
      });
      res.end(req.method === 'HEAD' ? '' : Buffer.alloc(100_000));
    }
  });
  for (let i = 0; i < 3; i += 1) {
    await storage.delete('k', signal());
    await storage.head('k', signal());
    assert.equal(await storage.readStart('missing', 10, signal()), null);
    await storage.readStart('k', 100_000, signal());
  }
  assert.equal(ports.size, 1);
});

test('a storage that does not take connections is given up after 3 s, whatever the signal', async (t) => {
  const deaf = await startDeafBackend();
  t.after(() => deaf.stop());
  const storage = storageAt(Number(new URL(deaf.url).port));
  t.after(() => storage.close());
  await assert.rejects(storage.delete('k', signal()), { status: 503, code: 'TimeoutError' });
});

test('why a storage is not ready is told once for each reason, and when it is again', async (t) => {
  const codes = ['InvalidAccessKeyId', 'InvalidAccessKeyId', 'AccessDenied'];
  const server = createServer((req, res) => {
    if (codes.length === 0) res.writeHead(200).end();
    else if (req.method === 'HEAD') res.writeHead(403).end();
    else xml(res, errorXml(codes.shift() ?? ''), 403);
  });
  const said: string[] = [];
  const note = (line: object) => said.push((line as { reason?: string }).reason ?? 'ready');
  const storage = storageAt(await listen(server), { warn: note, info: note });
  t.after(() => {
    storage.close();
    server.close();
  });
  for (const isReady of [false, false, false, true, true]) assert.equal(await storage.ping(), isReady);
  assert.deepEqual(said, ['GetObject: 403 InvalidAccessKeyId', 'GetObject: 403 AccessDenied', 'ready']);
});

test('a key that may not ask for the bucket is good enough when it is told that a file is not there', async (t) => {
  const { storage } = await scripted(t, (req, res) =>
    req.method === 'HEAD' ? res.writeHead(403).end() : xml(res, errorXml('NoSuchKey'), 404),
  );
  assert.equal(await storage.ping(), true);
});
