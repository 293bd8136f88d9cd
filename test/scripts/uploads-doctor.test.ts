/** npm run uploads -- doctor, on a bucket that is as it should be, and with one thing wrong at a time. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import {
  type CORSRule,
  type LifecycleRule,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
} from '@aws-sdk/client-s3';
import { makeCertificate } from '../../scripts/lab/certificate.ts';
import { freePort, listen } from '../../scripts/lab/ports.ts';
import { startProgram, until } from '../../scripts/lab/programs.ts';
import { startRadosgw } from '../../scripts/lab/radosgw.ts';
import { makeScratchFolder } from '../../scripts/lab/scratch-folder.ts';
import { runNode } from '../../scripts/lab/sidecar.ts';
import { type startTestObjectStore, storageEnv } from '../../scripts/lab/throwaway-object-store.ts';
import { parseCommandLine } from '../../scripts/uploads/arguments.ts';
import { withAbort } from '../../scripts/uploads/bucket-rules.ts';
import { statusOf } from '../../scripts/uploads/check.ts';
import { explainFailure } from '../../scripts/uploads/remedies.ts';
import { checkStorage, type StorageChecksOptions } from '../../scripts/uploads/storage-checks.ts';
import type { StorageConfig } from '../../src/config/config.ts';
import { createS3Calls } from '../../src/infra/object-storage/s3-calls.ts';
import { createStorageClock } from '../../src/infra/object-storage/storage-clock.ts';
import { StorageFailure } from '../../src/infra/object-storage/storage-failure.ts';
import { type Intervention, startFaultyStore } from '../support/faulty-store.ts';
import { storageOf } from '../support/object-store-contract.ts';
import { requireTools } from '../support/requirements.ts';

const SCRIPT = resolve(import.meta.dirname, '../../scripts/uploads.ts');
const DAYS = 2;
const signal = () => AbortSignal.timeout(30_000);

const diagnose = async (config: StorageConfig, more: Partial<StorageChecksOptions> = {}) => {
  const results = await checkStorage({
    config,
    uploads: { cacheControl: null, once: false, multipartTtlSeconds: 86_400 },
    origins: ['https://shop.example.com'],
    fix: false,
    stepTimeoutMs: 10_000,
    stop: new AbortController().signal,
    ...more,
  });
  const of = (name: string) => results.find((result) => result.name === name);
  return { results, of, status: statusOf(results) };
};

/** Its bucket has the rules that it needs. @param fault none: everything is passed on */
async function faulty(
  t: TestContext,
  fault: Intervention,
  ...options: Parameters<typeof startTestObjectStore>
) {
  const store = await startFaultyStore(fault, ...options);
  t.after(store.stop);
  await withStorage(store.behind, (storage) => storage.putLifecycleRules(withAbort([], DAYS), signal()));
  return store;
}

async function withStorage<T>(
  config: StorageConfig,
  work: (storage: ReturnType<typeof storageOf>) => Promise<T>,
): Promise<T> {
  const storage = storageOf(config);
  try {
    return await work(storage);
  } finally {
    storage.close();
  }
}

const keysIn = (config: StorageConfig) =>
  withStorage(config, async (storage) => {
    const keys: string[] = [];
    for await (const { key } of storage.list('', signal())) keys.push(key);
    for await (const { key } of storage.listMultiparts('', signal())) keys.push(key);
    return keys;
  });

const isPut = ({ req }: Parameters<Intervention>[0]) =>
  req.method === 'PUT' && !/[?&](uploadId|cors|lifecycle)/.test(req.url ?? '');
const isRead = ({ req, isSigned }: Parameters<Intervention>[0]) => req.method === 'GET' && !isSigned;

/** What is wrong, which check says so, and what it says, remedy included. */
const FAULTS: Record<
  string,
  [check: string, says: RegExp, fault: Intervention, more?: Partial<StorageConfig>]
> = {
  'a wrong region': [
    'connection',
    /the bucket is in eu-central-1.*S3_REGION=eu-central-1/,
    (exchange) => exchange.refuse(400, 'AuthorizationHeaderMalformed', '<Region>eu-central-1</Region>'),
  ],
  'a secret that is another key’s': [
    'connection',
    /S3_SECRET_ACCESS_KEY/,
    ({ pass }) => pass(),
    { secretAccessKey: 'hush-hush' },
  ],
  'a bucket that is not there': [
    'connection',
    /NoSuchBucket.*S3_BUCKET/,
    ({ pass }) => pass(),
    { bucket: 'other' },
  ],
  'an endpoint that is a web site': [
    'connection',
    /does S3_ENDPOINT lead to the storage itself/,
    ({ res }) => void res.writeHead(404, { 'Content-Type': 'text/html' }).end('<h1>404</h1>'),
  ],
  'a bucket that takes no ACLs': [
    'upload',
    /leave S3_UPLOAD_ACL empty/,
    (exchange) => (isPut(exchange) ? exchange.refuse(400, 'AccessControlListNotSupported') : exchange.pass()),
  ],
  'files that stay private': [
    'public URL',
    /nobody may read it.*S3_UPLOAD_ACL=public-read/,
    ({ pass }) => pass(),
    { uploadAcl: null },
  ],
  'an ACL that is ignored': [
    'public URL',
    /the storage ignores the ACL/i,
    (exchange) => (isRead(exchange) ? exchange.refuse(403, 'AccessDenied') : exchange.pass()),
  ],
  'a CDN that answers with another type': [
    'public URL',
    /application\/octet-stream instead of image\/png/,
    (exchange) =>
      exchange.pass((headers) => {
        if (isRead(exchange)) headers['content-type'] = 'application/octet-stream';
      }),
  ],
  'a CDN that does not answer ranges': [
    'public URL',
    /pass Range on/,
    (exchange) => {
      if (isRead(exchange)) delete exchange.req.headers.range;
      exchange.pass();
    },
  ],
  'a CDN that leads elsewhere': [
    'public URL',
    /does not lead into the bucket/,
    (exchange) =>
      isRead(exchange)
        ? void exchange.res.writeHead(200, { 'Content-Type': 'text/html' }).end('<h1>Shop</h1>')
        : exchange.pass(),
  ],
  'a CDN that answers no other site': [
    'web pages (CORS)',
    /may not read files/,
    (exchange) =>
      exchange.pass((headers) => {
        if (isRead(exchange)) delete headers['access-control-allow-origin'];
      }),
  ],
  'parts that are refused': [
    'parts',
    /s3:PutObject/,
    (exchange) =>
      exchange.req.method === 'PUT' && /uploadId=/.test(exchange.req.url ?? '')
        ? exchange.refuse(403, 'AccessDenied')
        : exchange.pass(),
  ],
  'checksums that are refused': [
    'checksum',
    /must not announce a sha256/,
    (exchange) =>
      exchange.req.headers['x-amz-checksum-sha256']
        ? exchange.refuse(400, 'InvalidRequest')
        : exchange.pass(),
  ],
  'objects that may not be deleted': [
    'clean-up',
    /may be left: uploads\/0\/doctor\/.*s3:DeleteObject/,
    (exchange) => (exchange.req.method === 'DELETE' ? exchange.refuse(403, 'AccessDenied') : exchange.pass()),
  ],
};

for (const [what, [check, says, fault, more]] of Object.entries(FAULTS))
  test(`the doctor finds ${what}, and says how to mend it`, async (t) => {
    const store = await faulty(t, fault);
    const { results, of, status } = await diagnose({ ...store.config, ...more });
    const wrong = results.filter((result) => result.status === 'wrong');
    assert.deepEqual(
      wrong.map(({ name }) => name),
      [check],
      JSON.stringify(results),
    );
    assert.match(`${of(check)?.text} ${of(check)?.remedy}`, says);
    assert.equal(status, 1);
    assert.doesNotMatch(JSON.stringify(results), /hush-hush|test-secret|X-Amz-Signature/);
    if (check !== 'clean-up') assert.deepEqual(await keysIn(store.behind), []);
  });

test('a bucket that is as it should be is ok in every step, and nothing is left in it', async (t) => {
  const store = await faulty(t, ({ pass }) => pass());
  const { results, status } = await diagnose(store.config, {
    uploads: { cacheControl: 'public, max-age=60', once: true, multipartTtlSeconds: 86_400 },
  });
  assert.deepEqual(
    results.filter((result) => result.status !== 'ok'),
    [],
  );
  assert.deepEqual([status, await keysIn(store.behind)], [0, []]);
});

test('a clock that is wrong is found, whether the sidecar can make up for it or not', async (t) => {
  const hour = await faulty(
    t,
    ({ pass }) => pass(),
    'public-read',
    () => Date.now() + 3_600_000,
  );
  const { of } = await diagnose(hour.config);
  assert.deepEqual([of('clock')?.status, of('upload')?.status], ['wrong', 'ok']);
  assert.match(`${of('clock')?.text}`, /^(3599|3600|3601) s behind/);
  const store = await startFaultyStore(
    ({ pass }) => pass(),
    'public-read',
    () => Date.now() - 3 * 86_400_000,
  );
  t.after(store.stop);
  const far = await diagnose(store.config);
  assert.equal(far.of('connection')?.status, 'wrong');
  assert.match(`${far.of('connection')?.remedy}`, /clock/);
});

test('of a certificate that is not good it is said why, and of a storage that speaks no TLS', async (t) => {
  const folder = makeScratchFolder('storage-tls');
  t.after(() => folder.remove());
  const { certPath, keyPath } = await makeCertificate(folder.path);
  const server = createTlsServer({ cert: readFileSync(certPath), key: readFileSync(keyPath) });
  const port = await listen(server);
  t.after(() => server.close());
  const store = await faulty(t, ({ pass }) => pass());
  const connection = async (endpoint: string) => {
    const { of } = await diagnose({ ...store.config, endpoint });
    return `${of('connection')?.status}: ${of('connection')?.text} ${of('connection')?.remedy}`;
  };
  assert.match(await connection(`https://127.0.0.1:${port}`), /^wrong: .*VERIFY.*NODE_EXTRA_CA_CERTS/);
  const withoutTls = store.config.endpoint.replace('http:', 'https:');
  assert.match(await connection(withoutTls), /^wrong: .*no TLS.*http:\/\//);
  const expired = new StorageFailure({
    ...{ operation: 'GetObject', httpStatus: null, code: 'CERT_HAS_EXPIRED', region: null },
  });
  assert.match(`${explainFailure(expired, store.config).remedy}`, /renewed/);
});

test('whether If-None-Match is honoured is found out, and is wrong only when it is counted upon', async (t) => {
  let isFirst = true;
  const store = await faulty(t, (exchange) => {
    if (isPut(exchange) && exchange.req.headers['if-none-match'] && !isFirst) {
      exchange.req.resume();
      exchange.res.writeHead(200).end();
    } else exchange.pass();
    if (isPut(exchange)) isFirst = false;
  });
  const { of, status } = await diagnose(store.config);
  assert.deepEqual([of('write once')?.status, status], ['not applicable', 0]);
  isFirst = true;
  const uploads = { cacheControl: null, once: true, multipartTtlSeconds: 86_400 };
  const counted = await diagnose(store.config, { uploads });
  assert.deepEqual(
    [counted.of('write once')?.status, counted.of('write once')?.remedy],
    ['wrong', 'S3_UPLOAD_ONCE=false'],
  );
});

const FOREIGN_CORS: CORSRule = {
  ID: 'admin',
  AllowedOrigins: ['https://admin.example.com'],
  AllowedMethods: ['GET', 'DELETE'],
  MaxAgeSeconds: 5,
};
const FOREIGN_LIFECYCLE: LifecycleRule[] = [
  { ID: 'logs', Status: 'Enabled', Filter: { Prefix: 'logs/' }, Expiration: { Days: 30 } },
  {
    ID: 'all',
    Status: 'Enabled',
    Filter: { Prefix: '' },
    NoncurrentVersionExpiration: { NoncurrentDays: 7 },
  },
];

/** Twice: the second time there is nothing to do. */
async function fixTwice(config: StorageConfig, origins: StorageChecksOptions['origins']) {
  const first = await diagnose(config, { fix: true, origins });
  const rules = () =>
    withStorage(config, async (storage) => ({
      cors: await storage.corsRules(signal()),
      lifecycle: await storage.lifecycleRules(signal()),
    }));
  const after = await rules();
  const second = await diagnose(config, { fix: true, origins });
  assert.deepEqual(await rules(), after);
  assert.doesNotMatch(JSON.stringify(second.results), /mended/);
  return { first, second, after };
}

test('without rules pages and stale parts are wrong; --fix adds ours to those of others, once', async (t) => {
  const store = await faulty(t, ({ pass }) => pass());
  await withStorage(store.behind, async (storage) => {
    await storage.putCorsRules([FOREIGN_CORS], signal());
    await storage.putLifecycleRules(FOREIGN_LIFECYCLE, signal());
  });
  const sick = await diagnose(store.config);
  assert.deepEqual([sick.of('web pages (CORS)')?.status, sick.of('lifecycle')?.status], ['wrong', 'wrong']);
  const origins = ['https://shop.example.com', 'https://m.example.com'];
  const { first, after } = await fixTwice(store.config, origins);
  assert.equal(first.status, 0, JSON.stringify(first.results));
  assert.match(`${first.of('lifecycle')?.text}`, /before: \[.*logs.*after: \[.*stale-multiparts/);
  assert.deepEqual(after.cors[0], { ...FOREIGN_CORS });
  assert.deepEqual(after.cors[1]?.AllowedOrigins, origins);
  assert.deepEqual(after.lifecycle.slice(0, 2), FOREIGN_LIFECYCLE);
  assert.equal(after.lifecycle.length, 3);
});

test('a bucket on radosgw is mended, is ok then, and nothing is left in it', async (t) => {
  if (!requireTools(t, ['radosgw', 'ceph-mon', 'ceph-osd'])) return;
  const store = await startRadosgw();
  t.after(store.stop);
  await withStorage(store.config, async (storage) => {
    await storage.putCorsRules([FOREIGN_CORS], signal());
    await storage.putLifecycleRules(FOREIGN_LIFECYCLE, signal());
  });
  const { second, after } = await fixTwice(store.config, ['https://shop.example.com']);
  assert.equal(second.status, 0, JSON.stringify(second.results));
  assert.deepEqual([after.cors.length, after.lifecycle.length], [2, 3]);
  assert.deepEqual(await keysIn(store.config), []);

  const { bucket: Bucket } = store.config;
  const calls = createS3Calls(store.config, createStorageClock({ warn() {}, info() {} }));
  t.after(calls.close);
  const VersioningConfiguration = { Status: 'Enabled' } as const;
  await calls.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration }), signal());
  const { of, status } = await diagnose(store.config);
  assert.equal(status, 0);
  assert.match(`${of('clean-up')?.text}`, /is gone, and the versions/);
  const { Versions, DeleteMarkers } = await calls.send(new ListObjectVersionsCommand({ Bucket }), signal());
  assert.deepEqual([Versions ?? [], DeleteMarkers ?? []], [[], []]);
});

test('of a bucket that keeps versions which the key may not remove it is said that they stay', async (t) => {
  const store = await faulty(t, (exchange) =>
    exchange.pass((headers) => {
      if (isPut(exchange)) headers['x-amz-version-id'] = 'abc';
    }),
  );
  const { of, status } = await diagnose(store.config);
  assert.deepEqual([of('clean-up')?.status, status], ['ok', 0]);
  assert.match(`${of('clean-up')?.text}`, /but for the versions.*s3:DeleteObjectVersion/);
});

test('rules that delete uploads, or give up parts too soon, are named and left alone', async (t) => {
  const store = await faulty(t, ({ pass }) => pass());
  const put = (rules: LifecycleRule[]) =>
    withStorage(store.behind, (storage) => storage.putLifecycleRules(rules, signal()));
  const deleting: LifecycleRule = {
    ID: 'tidy',
    Status: 'Enabled',
    Filter: { Prefix: '' },
    Expiration: { Days: 30 },
  };
  await put([...withAbort([], DAYS), deleting]);
  const { of } = await diagnose(store.config, { fix: true });
  assert.deepEqual(
    [of('lifecycle')?.status, /deleted by rule tidy/.test(of('lifecycle')?.text ?? '')],
    ['wrong', true],
  );
  const short: LifecycleRule = {
    ID: 'short',
    Status: 'Enabled',
    Filter: {},
    AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 },
  };
  await put([short]);
  assert.match(
    `${(await diagnose(store.config, { fix: true })).of('lifecycle')?.text}`,
    /^parts are given up after 1 days/,
  );
});

test('what was stored is removed although its answer was lost, and although the rest cannot be checked', async (t) => {
  const store = await faulty(t, (exchange) => (isPut(exchange) ? exchange.passAndHang() : exchange.pass()));
  const { of, status, results } = await diagnose(store.config, { stepTimeoutMs: 1_000 });
  assert.deepEqual([of('upload')?.status, status], ['could not check', 2], JSON.stringify(results));
  assert.match(`${of('upload')?.text}`, /within 1 s/);
  assert.deepEqual([of('clean-up')?.status, await keysIn(store.behind)], ['ok', []]);
});

test('the command: JSON, a line for each step, status 0, 1 and 2, and no secret', async (t) => {
  const store = await faulty(t, ({ pass }) => pass());
  const env = storageEnv(store.config);
  const doctor = (more: Record<string, string>, ...args: string[]) =>
    runNode(SCRIPT, ['doctor', ...args], { ...env, ...more });
  const json = await doctor({}, '--json', '--origin', 'https://shop.example.com');
  assert.deepEqual([json.status, JSON.parse(json.stdout).status], [0, 'ok'], json.stdout + json.stderr);
  const star = await doctor({});
  assert.equal(star.stdout.match(/^ok /gm)?.length, JSON.parse(json.stdout).results.length);
  assert.match(star.stdout, /CORS_ALLOW_ORIGINS is \*/);
  assert.doesNotMatch(star.stdout + json.stdout, /test-secret/);
  const twice = await doctor({ S3_ENDPOINT: `${env.S3_ENDPOINT}/media` });
  assert.deepEqual([twice.status, /^wrong .*must not have the bucket in it/.test(twice.stdout)], [1, true]);
  const away = await doctor({ S3_ENDPOINT: `http://127.0.0.1:${await freePort()}` });
  assert.deepEqual([away.status, /could not check +connection: .*ECONNREFUSED/.test(away.stdout)], [2, true]);
  assert.equal((await runNode(SCRIPT, ['doctor'], {})).status, 2);
  assert.equal((await doctor({}, '--delete')).status, 2);
  const help = await runNode(SCRIPT, ['doctor', '--help'], {});
  assert.deepEqual([help.status, /Exit status: 0/.test(help.stdout)], [0, true]);
});

test('arguments that mean nothing are refused', () => {
  for (const args of [
    '',
    'heal',
    'doctor more',
    'doctor --origin shop',
    'doctor --timeout 0',
    'take-down',
    'list --limit 0',
  ])
    assert.throws(() => parseCommandLine(args.split(' ')), Error, args);
});

test('a key that may not read the lifecycle rules, or a storage without them, is nothing wrong', async (t) => {
  let status = 403;
  const store = await faulty(t, (exchange) =>
    /[?&]lifecycle/.test(exchange.req.url ?? '') ? exchange.refuse(status, 'AccessDenied') : exchange.pass(),
  );
  const limited = await diagnose(store.config);
  assert.deepEqual([limited.of('lifecycle')?.status, limited.status], ['could not check', 2]);
  status = 501;
  const without = await diagnose(store.config);
  assert.deepEqual([without.of('lifecycle')?.status, without.status], ['not applicable', 0]);
});

test('a PUT that is under way at Ctrl-C is waited for, and removed', async (t) => {
  const stop = new AbortController();
  const store = await faulty(t, (exchange) => {
    if (!isPut(exchange)) return exchange.pass();
    stop.abort();
    setTimeout(exchange.pass, 300);
  });
  const { results } = await diagnose(store.config, { stop: stop.signal });
  assert.deepEqual(
    results.slice(2, 4).map(({ status }) => status),
    ['ok', 'could not check'],
  );
  assert.equal(results.at(-1)?.status, 'ok');
  // Whatever is still on its way has arrived by then.
  await new Promise((resolve) => setTimeout(resolve, 400));
  assert.deepEqual(await keysIn(store.behind), []);
});

test('Ctrl-C ends it with what was put removed', async (t) => {
  let reads = 0;
  const store = await faulty(t, (exchange) => {
    // The first is whether it can be read: it waits for ever.
    if (isRead(exchange)) reads += 1;
    else exchange.pass();
  });
  const doctor = startProgram(process.execPath, [SCRIPT, 'doctor'], {
    env: { PATH: process.env.PATH ?? '', ...storageEnv(store.config) },
  });
  await until('the public URL to be asked for', () => reads > 0);
  assert.equal((await keysIn(store.behind)).length, 1);
  assert.equal(await doctor.stop('SIGINT'), 130);
  assert.deepEqual(await keysIn(store.behind), []);
  assert.deepEqual(
    readdirSync(store.dataDir).filter((name) => name.endsWith('.json')),
    [],
  );
});
