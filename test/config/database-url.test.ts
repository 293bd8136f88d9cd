import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDatabaseUrl } from '../../src/config/database-url.ts';

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
      otherHosts: [],
      targetSession: 'any',
      isRandomOrder: false,
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

test('every spelling of TLS is understood', () => {
  const mode = (query: string) => parseDatabaseUrl(`postgresql://a:b@h/d?${query}`).tls.mode;
  assert.equal(mode('sslmode=require'), 'require');
  assert.equal(mode('ssl=require'), 'require');
  assert.equal(mode('ssl=true'), 'require');
  assert.equal(mode('ssl=false'), 'disable');
  assert.equal(mode('sslmode=verify-full&sslrootcert=/ca.pem'), 'verify-full');
});

test('a search path is honoured, as asyncpg and as libpq spell it', () => {
  const options = (query: string) => parseDatabaseUrl(`postgresql://a:b@h/d?${query}`).options;
  assert.equal(options('search_path=shop'), '-c search_path=shop');
  assert.equal(options('search_path=shop,%20public'), '-c search_path=shop,\\ public');
  assert.equal(
    options('options=-cstatement_timeout%3D5s&search_path=%22My%20Shop%22'),
    '-cstatement_timeout=5s -c search_path="My\\ Shop"',
  );
  assert.equal(options('options=-csearch_path%3Dshop'), '-csearch_path=shop');
});

test('parameters that change nothing here are taken, with the values with which they do not', () => {
  for (const query of [
    'application_name=api&fallback_application_name=x&client_encoding=utf8',
    'connect_timeout=10&keepalives=1&keepalives_idle=30&keepalives_interval=10&keepalives_count=5&tcp_user_timeout=0',
    'command_timeout=60&timeout=10&statement_cache_size=0&prepared_statement_cache_size=0&async_fallback=true',
    'channel_binding=prefer&gssencmode=disable&sslnegotiation=postgres&sslcertmode=allow&target_session_attrs=any',
    'sslcompression=0&sslsni=1&ssl_min_protocol_version=TLSv1.2&load_balance_hosts=disable&direct_tls=false',
  ]) {
    const { options, tls } = parseDatabaseUrl(`postgresql://a:b@h/d?${query}`);
    assert.deepEqual([options, tls.mode], [null, 'prefer'], query);
  }
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

test('several hosts are read where libpq, asyncpg and SQLAlchemy agree on them', () => {
  const lists: [url: string, hosts: string][] = [
    ['postgresql://a:b@h1,h2/d', 'h1 5432, h2 5432'],
    ['postgresql://a:b@h1:6000,h2,[::1]:6002/d', 'h1 6000, h2 5432, ::1 6002'],
    ['postgresql://a:b@%2Frun,h2/d', '/run 5432, h2 5432'],
    ['postgresql://a:b@/d?host=h1,h2', 'h1 5432, h2 5432'],
    ['postgresql://a:b@/d?host=h1,h2&port=6000,6001', 'h1 6000, h2 6001'],
    ['postgresql://a:b@/d?host=h1,h2&port=6000', 'h1 6000, h2 6000'],
    ['postgresql://a:b@/d?host=h1,h2&port=,6001', 'h1 5432, h2 6001'],
    ['postgresql://a:b@/d?host=::1,/run,fe80::2&port=6000', '::1 6000, /run 6000, fe80::2 6000'],
    ['postgresql+asyncpg://a:b@/d?host=h1:6000&host=h2:6001', 'h1 6000, h2 6001'],
    ['postgresql+asyncpg://a:b@/d?host=h1:6000,h2:6001', 'h1 6000, h2 6001'],
    ['postgresql://a:b@/d?host=h1:6000', 'h1 6000'],
  ];
  for (const [url, hosts] of lists) {
    const target = parseDatabaseUrl(url);
    const found = [target, ...target.otherHosts].map(({ host, port }) => `${host} ${port}`);
    assert.equal(found.join(', '), hosts, url);
  }
  const plain = parseDatabaseUrl('postgresql://a:b@h1,h2/d');
  assert.deepEqual([plain.targetSession, plain.isRandomOrder], ['any', false]);
  const said = parseDatabaseUrl(
    'postgresql://a:b@h/d?target_session_attrs=read-write&load_balance_hosts=random',
  );
  assert.deepEqual([said.targetSession, said.isRandomOrder], ['read-write', true]);
});

test('what would silently lead to another server, user or protection is refused', () => {
  const refused: [url: string, reason: RegExp][] = [
    ['postgresql://a:hunter2@h1,/d', /empty host/],
    ['postgresql://a:hunter2@h1%2Ch2/d', /malformed host/],
    ['postgresql://a:hunter2@h1,h2:x/d', /malformed host/],
    ['postgresql://a:hunter2@h1,h 2/d', /malformed host/],
    ['postgresql://a:hunter2@h1,h2/d?host=h3', /in one place/],
    ['postgresql://a:hunter2@h1,h2/d?port=5433', /in one place/],
    ['postgresql://a:hunter2@h1/d?host=h1,h2', /in one place/],
    ['postgresql://a:hunter2@/d?host=h1,h2&port=1,2,3', /another number of ports/],
    ['postgresql://a:hunter2@/d?host=h1&port=1,2', /another number of ports/],
    ['postgresql://a:hunter2@/d?host=h1:1,h2:2&port=1,2', /two ports/],
    ['postgresql://a:hunter2@/d?host=h1:1&host=h2', /twice/],
    ['postgresql://a:hunter2@h1,h%002/d', /NUL/],
    ['postgresql://a:hunter2@h/d?target_session_attrs=master', /unknown target_session_attrs/],
    ['postgresql://a:hunter2@h/d?load_balance_hosts=yes', /unknown load_balance_hosts/],
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
    ['postgresql://:hunter2@h/d', /names no user/],
    ...['verify-ca', 'verify-full'].flatMap((mode): [string, RegExp][] => [
      [`postgresql://a:hunter2@h/d?sslmode=${mode}`, /needs sslrootcert/],
      [`postgresql://a:hunter2@h/d?ssl=${mode}&sslrootcert=`, /needs sslrootcert/],
    ]),
    ...[
      ...[
        'schema=shop',
        'currentSchema=shop',
        'role=shop',
        'session_authorization=x',
        'Search_Path=shop',
        'server_settings=x',
      ],
      ...[
        'channel_binding=require',
        'channel_binding=hunter2',
        'gssencmode=require',
        'sslnegotiation=direct',
        'direct_tls=true',
      ],
      ...[
        'ssl_min_protocol_version=TLSv1.3',
        'ssl_max_protocol_version=TLSv1.2',
        'sslcrl=/x',
        'sslcrldir=/x',
      ],
      ...[
        'sslpassword=hunter2',
        'sslcertmode=require',
        'requiressl=1',
        'require_auth=scram-sha-256',
        'requirepeer=x',
      ],
      ...['passfile=/x', 'servicefile=/x'],
      ...['replication=database', 'default_transaction_read_only=on', 'no_such_thing=1', 'hunter2'],
    ].map((query): [string, RegExp] => [`postgresql://a:hunter2@h/d?${query}`, /not supported/]),
    ...['host=h1&host=h2', 'search_path=x&search_path=y', 'user=x&user=y'].map((query): [string, RegExp] => [
      `postgresql://a:hunter2@h/d?${query}`,
      /twice/,
    ]),
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
