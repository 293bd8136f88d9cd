import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDatabaseUrl } from '../../src/infra/database-url.ts';

test('reads the URLs that Python writes', () => {
  for (const scheme of [
    'postgresql',
    'postgres',
    'postgresql+asyncpg',
    'postgresql+psycopg2',
    'postgresql+psycopg',
  ]) {
    const target = parseDatabaseUrl(`${scheme}://us%40er:p%23a%40s%25s%2F@db.example.com:25060/shop`);
    assert.deepEqual(target, {
      host: 'db.example.com',
      port: 25060,
      user: 'us@er',
      password: 'p#a@s%s/',
      database: 'shop',
      tls: { mode: 'prefer', rootCertPath: null },
    });
  }
});

test('defaults as libpq has them', () => {
  const target = parseDatabaseUrl('postgresql://app@/shop');
  assert.deepEqual([target.host, target.port, target.password], ['localhost', 5432, '']);
  assert.equal(parseDatabaseUrl('postgresql://app@[::1]:5433/shop').host, '::1');
  assert.equal(
    parseDatabaseUrl('postgresql://app@/shop?host=/var/run/postgresql').host,
    '/var/run/postgresql',
  );
  assert.equal(parseDatabaseUrl('postgresql://app@%2Fvar%2Frun/shop').host, '/var/run');
});

test('every spelling of TLS is understood, and driver parameters are tolerated', () => {
  const mode = (query: string) => parseDatabaseUrl(`postgresql://a:b@h/d?${query}`).tls.mode;
  assert.equal(mode('sslmode=require'), 'require');
  assert.equal(mode('ssl=require'), 'require');
  assert.equal(mode('ssl=true'), 'require');
  assert.equal(mode('ssl=false'), 'disable');
  assert.equal(mode('sslmode=verify-full&sslrootcert=/ca.pem'), 'verify-full');
  assert.equal(mode('application_name=x&prepared_statement_cache_size=0'), 'prefer');
});

test('what is malformed is refused without showing any of it', () => {
  const bad = [
    '',
    'mysql://a:hunter2@h/d',
    'not a url hunter2',
    'postgresql://a:hunter2#x@h/d',
    'postgresql://a:hunt@er2@h/d',
    'postgresql://a:hunter2/x@h/d',
    'postgresql://a:hunter2%zz@h/d',
    'postgresql://a:hunter2@h:99999/d',
    'postgresql://a:hunter2@h:x/d',
    'postgresql://a:hunter2@h/d?sslmode=maybe',
    'postgresql://a:hunter2@h/d?ssl=on',
    'postgresql://a:hunter2@h/d?sslmode=',
    'postgresql://a:hunter2@h/d?sslmode=require&ssl=false',
    'postgresql://a:hunter2@h/d?sslmode=require&sslmode=disable',
  ];
  for (const url of bad) {
    assert.throws(
      () => parseDatabaseUrl(url),
      (error: Error) => !error.message.includes('hunter') && error.message.length > 10,
      url,
    );
  }
});
