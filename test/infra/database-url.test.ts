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
      options: null,
      tls: { mode: 'prefer', rootCertPath: null, clientCert: null },
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

test('libpq’s parameters stand above what comes before the question mark', () => {
  const target = parseDatabaseUrl(
    'postgresql://a:b@h:1/d?user=us%40er&password=p%23w&host=db.example.com&port=25060&dbname=shop&options=-csearch_path%3Dshop',
  );
  assert.deepEqual(
    [target.user, target.password, target.host, target.port, target.database, target.options],
    ['us@er', 'p#w', 'db.example.com', 25060, 'shop', '-csearch_path=shop'],
  );
});

test('certificates are named by libpq’s parameters; the system’s authorities mean verify-full', () => {
  const tls = (query: string) => parseDatabaseUrl(`postgresql://a:b@h/d?${query}`).tls;
  assert.deepEqual(tls('sslrootcert=system'), { mode: 'verify-full', rootCertPath: null, clientCert: null });
  assert.deepEqual(tls('sslmode=verify-ca&sslrootcert=/ca.pem&sslcert=/c.pem&sslkey=/k.pem'), {
    mode: 'verify-ca',
    rootCertPath: '/ca.pem',
    clientCert: { certPath: '/c.pem', keyPath: '/k.pem' },
  });
});

test('what would silently lead to another server, user or protection is refused', () => {
  const refused: [url: string, reason: RegExp][] = [
    ['postgresql://a:hunter2@h1,h2/d', /several hosts/],
    ['postgresql://a:hunter2@h1:5432,h2:5432/d', /several hosts/],
    ['postgresql://a:hunter2@/d?host=h1,h2', /several hosts/],
    ['postgresql://a:hunter2@ho st/d', /malformed host/],
    ['postgresql://a:hunter2@h%20x/d', /malformed host/],
    ['postgresql://a:hunter2@h/d/e', /malformed database name/],
    ['postgresql://a:hunter2@h/d%00e', /NUL/],
    ['postgresql://a%00:hunter2@h/d', /NUL/],
    ['postgresql://a:hunter2@h/d?SSLMODE=require', /not supported/],
    ['postgresql://a:hunter2@h/d?ssl_mode=require', /not supported/],
    ['postgresql://a:hunter2@h/d?sslcrl=/x.pem', /not supported/],
    ['postgresql://a:hunter2@h/d?service=shop', /not supported/],
    ['postgresql://a:hunter2@h/d?hostaddr=127.0.0.2', /not supported/],
    ['postgresql://a:hunter2@h/d?sslcert=/c.pem', /both of sslcert and sslkey/],
    ['postgresql://a:hunter2@h/d?sslmode=require&sslrootcert=system', /verify-full/],
  ];
  for (const [url, reason] of refused) {
    assert.throws(
      () => parseDatabaseUrl(url),
      (error: Error) => reason.test(error.message) && !error.message.includes('hunter2'),
      url,
    );
  }
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
