import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { makeScratchFolder } from '../../scripts/lab/scratch-folder.ts';
import { nodeAdvice } from '../../src/config/advice.ts';
import { parseConfig } from '../../src/config/config.ts';
import { ConfigError } from '../../src/config/read-settings.ts';
import { SETTING_NAMES } from '../../src/config/settings.ts';

const REQUIRED = { JWT_SECRET: 's', DATABASE_URL: 'postgresql://a:b@h/d' };
const S3 = {
  S3_ENDPOINT: 'https://fra1.example.com',
  S3_REGION: 'fra1',
  S3_BUCKET: 'media',
  S3_ACCESS_KEY_ID: 'k',
  S3_SECRET_ACCESS_KEY: 's',
  S3_PUBLIC_BASE_URL: 'https://cdn.example.com/',
};

function problems(env: Record<string, string>): readonly string[] {
  try {
    parseConfig({ ...REQUIRED, ...env });
    return [];
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.problems;
  }
}

test('two settings are enough; the others have the documented defaults', () => {
  const config = parseConfig(REQUIRED);
  assert.deepEqual(config.backend, { kind: 'tcp', host: '127.0.0.1', port: 8000 });
  assert.deepEqual(
    [config.host, config.port, config.workers, config.logLevel],
    ['127.0.0.1', 8010, 1, 'info'],
  );
  assert.deepEqual([config.storage, config.metricsPort, config.corsAllowOrigins], [null, null, '*']);
  assert.deepEqual(config.uploads, {
    maxVideoBytes: 52_428_800,
    maxImageBytes: 10_485_760,
    maxMultipartBytes: 5 * 2 ** 30,
    urlTtlSeconds: 900,
    multipartTtlSeconds: 86_400,
    ratePerMinute: 30,
    quotaBytes: 0,
    cacheControl: null,
    once: false,
  });
  assert.deepEqual(config.reviews, {
    requirePurchase: false,
    moderation: 'post',
    holdAfterReports: 0,
    blockedWords: [],
    writesPerMinute: 10,
    votesPerMinute: 60,
  });
  assert.ok(Object.isFrozen(config) && Object.isFrozen(config.uploads));
});

test('an empty value counts as unset', () => {
  assert.equal(parseConfig({ ...REQUIRED, PORT: '', S3_BUCKET: ' ' }).port, 8010);
});

test('every setting is checked', () => {
  const bad: Record<string, string[]> = {
    PORT: ['x', '-1', '65536', '1.5', '0x10'],
    HOST: ['foo bar', 'http://x', '[::]'],
    BACKEND_URL: [
      ...['127.0.0.1:8000', 'https://a', 'http://a/path', 'http://u:p@a', 'http://a:0', 'http:a'],
      ...['unix:relative', 'unix:/', 'unix:///run/x.sock'],
    ],
    JWT_ALG: ['none', 'HS1'],
    S3_FORCE_PATH_STYLE: ['maybe'],
    UPLOAD_URL_TTL_SECONDS: ['0', '604801'],
    WEB_CONCURRENCY: ['0', 'auto'],
    LOG_LEVEL: ['loud'],
    MAX_EVENT_LOOP_DELAY_MS: ['-1'],
    CLIENT_BODY_TIMEOUT_MS: ['0'],
    METRICS_PORT: ['x'],
    CORS_ALLOW_ORIGINS: ['example.com', 'https://example.com/path'],
    TRUSTED_PROXIES: ['10.0.0.0/33', 'example.com', '1.2.3', 'none,loopback'],
    MIGRATE_ON_START: ['maybe'],
    REVIEWS_REQUIRE_PURCHASE: ['maybe'],
    REVIEWS_MODERATION: ['none', 'PRE'],
    DETAIL_LANGUAGE: ['de', 'russian', 'ru-RU', 'ru,en'],
    REVIEWS_HOLD_AFTER_REPORTS: ['-1', 'x'],
    REVIEWS_WRITES_PER_MINUTE: ['-1', '1.5'],
    REVIEWS_VOTES_PER_MINUTE: ['-1', '1000001'],
  };
  for (const [name, values] of Object.entries(bad)) {
    for (const value of values) {
      assert.deepEqual(
        problems({ [name]: value }).map((problem) => problem.split(' ')[0]),
        [name],
        `${name}=${value}`,
      );
    }
  }
});

test('a value that another reader of the same file would take otherwise is refused, whatever the setting', () => {
  const bad: Record<string, RegExp> = {
    'top-secret\r': /carriage return/,
    'top-secret\n': /white space/,
    ' top-secret': /white space/,
    'top-secret ': /white space/,
    'top-secret\u00a0': /white space/,
    '\ufefftop-secret': /white space/,
    '"top-secret"': /quotes/,
    "'top-secret'": /quotes/,
    '“top-secret”': /quotes/,
    'top-\u200bsecret': /invisible/,
    'top-\u00adsecret': /invisible/,
    'top\tsecret': /invisible/,
    'top-secret\nDATABASE_URL=postgresql://a:b@h/d': /invisible/,
    'top-secr\ufffdt': /UTF-8/,
    'top-secret # of the backend': /comment/,
    '${TOP_SECRET}': /replaced/,
    '$(cat top-secret)': /replaced/,
    'JWT_SECRET=top-secret': /assignment/,
    'export PORT=top-secret': /assignment/,
  };
  for (const [value, sentence] of Object.entries(bad)) {
    for (const name of SETTING_NAMES) {
      const found = problems({ [name]: value }).filter((problem) => problem.startsWith(`${name} `));
      assert.equal(found.length, 1, `${name}=${JSON.stringify(value)}`);
      assert.match(found[0] ?? '', sentence, `${name}=${JSON.stringify(value)}`);
      assert.doesNotMatch(found[0] ?? '', /top|secr/);
    }
  }
});

test('a secret may hold what every reader takes alike', () => {
  for (const secret of [
    'it"s',
    '"half',
    'a"b"',
    'two words',
    'a#b',
    '#a',
    'a=b',
    '$a{b}',
    'ключ',
    'a\\b',
    'a,b;c',
  ]) {
    assert.equal(parseConfig({ ...REQUIRED, JWT_SECRET: secret }).token.secret, secret);
  }
});

test('a name with something in front of it is a problem, not a setting that is left out', () => {
  for (const name of ['export PORT', '\ufeffPORT', ' PORT', 'PORT ', 'PORT\u200b']) {
    assert.match(
      problems({ [name]: '8010' })[0] ?? '',
      /^PORT is written with something before or behind its name/,
    );
  }
  assert.deepEqual(problems({ 'export FOO': '1', FOO: '2' }), []);
});

test('what was meant for another setting is refused', () => {
  const found = (env: Record<string, string>) =>
    problems({ ...S3, ...env }).map((problem) => problem.split(':')[0]);
  assert.deepEqual(found({ JWT_SECRET: 'HS256' }), ['JWT_SECRET holds what belongs into JWT_ALG']);
  for (const url of ['postgresql://a:b@h/d', 'postgresql+asyncpg://a:b@h/d']) {
    assert.deepEqual(found({ JWT_SECRET: url }), ['JWT_SECRET holds what belongs into DATABASE_URL']);
  }
  assert.deepEqual(
    found({
      S3_ACCESS_KEY_ID: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
      S3_SECRET_ACCESS_KEY: 'AKIAIOSFODNN7EXAMPLE',
    }),
    ['S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY are swapped'],
  );
});

test('blocked words are the lines of a file, whatever its line ends, without comments', () => {
  const folder = makeScratchFolder('blocked-words');
  const path = folder.at('words.txt');
  writeFileSync(path, '\ufeff# rude\r\nspam\n\n  two words \r#x\nёлка');
  assert.deepEqual(parseConfig({ ...REQUIRED, REVIEWS_BLOCKED_WORDS_FILE: path }).reviews.blockedWords, [
    'spam',
    'two words',
    'ёлка',
  ]);
});

test('a file of blocked words that cannot be used is a problem, without a word of it', () => {
  const folder = makeScratchFolder('blocked-words');
  const found = (path: string) => problems({ REVIEWS_BLOCKED_WORDS_FILE: path });
  assert.deepEqual(found(folder.at('none')), ['REVIEWS_BLOCKED_WORDS_FILE names a file that does not exist']);
  assert.deepEqual(found(folder.path), ['REVIEWS_BLOCKED_WORDS_FILE names something that is not a file']);
  for (const [name, content, sentence] of [
    ['latin1', Buffer.from('secr\xe9t', 'latin1'), /is not valid UTF-8$/],
    ['large', 'secret\n'.repeat(150_000), /larger than 1048576 bytes$/],
  ] as const) {
    writeFileSync(folder.at(name), content);
    const [problem = '', ...others] = found(folder.at(name));
    assert.match(problem, sentence);
    assert.doesNotMatch(problem, /secr/);
    assert.deepEqual(others, []);
  }
});

test('a bucket that is named twice, or not at all, is refused: files would be stored and not found', () => {
  const endpoints = [
    'https://media.fra1.example.com',
    'https://fra1.example.com/media',
    'https://fra1.example.com/media/',
  ];
  for (const endpoint of [
    ...endpoints,
    'https://fra1.example.com/s3/media',
    'https://fra1.example.com/media/uploads',
  ]) {
    assert.match(
      problems({ ...S3, S3_ENDPOINT: endpoint })[0] ?? '',
      /^S3_ENDPOINT must not have the bucket in it/,
    );
  }
  for (const base of ['https://media.fra1.example.com/media', 'https://media.fra1.example.com/media/']) {
    assert.match(
      problems({ ...S3, S3_PUBLIC_BASE_URL: base })[0] ?? '',
      /^S3_PUBLIC_BASE_URL names the bucket twice/,
    );
  }
  for (const base of ['https://fra1.example.com', 'https://fra1.example.com/']) {
    assert.match(
      problems({ ...S3, S3_PUBLIC_BASE_URL: base })[0] ?? '',
      /^S3_PUBLIC_BASE_URL lacks the bucket/,
    );
  }
  const good = [
    { S3_PUBLIC_BASE_URL: 'https://fra1.example.com/media' },
    { S3_PUBLIC_BASE_URL: 'https://media.fra1.example.com' },
    { S3_PUBLIC_BASE_URL: 'https://media.example.com/media' },
    {
      S3_ENDPOINT: 'https://example.com/storage/v1/s3',
      S3_PUBLIC_BASE_URL: 'https://example.com/storage/v1/public/media',
    },
    { S3_ENDPOINT: 'https://media-host.example.com' },
  ];
  for (const env of good) assert.deepEqual(problems({ ...S3, ...env }), [], JSON.stringify(env));
});

test('settings of the storage that would only fail at the first upload are refused', () => {
  const bad: Record<string, string[]> = {
    S3_REGION: ['fra1 x', 'fra/1'],
    S3_ENDPOINT: ['https://:pw@fra1.example.com', 'https://fra1.cdn.example.com', 'https://a?b'],
    S3_BUCKET: ['a..b', 'Media'],
    S3_UPLOAD_ACL: ['public-reed', 'public'],
    S3_UPLOAD_CACHE_CONTROL: ['public,  max-age=1', 'public, ж'],
    UPLOAD_RATE_PER_MINUTE: ['-1', '1000001', 'x'],
    UPLOAD_MAX_MULTIPART_MB: ['0', '5242881'],
    UPLOAD_MULTIPART_TTL_SECONDS: ['0', '604801'],
    UPLOAD_QUOTA_MB_PER_USER: ['-1', '1000001', '1.5'],
    S3_PUBLIC_BASE_URL: ['https://:pw@cdn.example.com', 'https://cdn.example.com/?'],
    S3_SECRET_ACCESS_KEY: ['two words', 'ключ'],
  };
  for (const [name, values] of Object.entries(bad)) {
    for (const value of values) {
      const found = problems({ ...S3, [name]: value });
      assert.deepEqual(
        found.map((problem) => problem.split(' ')[0]),
        [name],
        `${name}=${value}`,
      );
      assert.doesNotMatch(found[0] ?? '', /pw|two words|ключ/);
    }
  }
});

test('a problem does not hide another one, not even one of a combination', () => {
  const found = problems({ PORT: 'abc', JWT_ALG: 'RS256', S3_BUCKET: 'media', LOG_LEVEL: 'loud' });
  const names = found.map((problem) => problem.split(' ')[0]);
  for (const name of ['PORT', 'LOG_LEVEL', 'S3_REGION', 'JWT_SECRET']) assert.ok(names.includes(name), name);
});

test('a log level may be spelt as Python spells it', () => {
  assert.equal(parseConfig({ ...REQUIRED, DETAIL_LANGUAGE: 'RU' }).detailLanguage, 'ru');
  assert.equal(parseConfig(REQUIRED).detailLanguage, 'en');
  assert.equal(parseConfig({ ...REQUIRED, LOG_LEVEL: 'INFO' }).logLevel, 'info');
  assert.equal(parseConfig({ ...REQUIRED, LOG_LEVEL: 'WARNING' }).logLevel, 'warn');
});

test('storage is all or nothing', () => {
  assert.deepEqual(problems({ ...S3, S3_BUCKET: '' }), [
    'S3_BUCKET is missing while other S3_ settings are given: set all of them or none',
  ]);
  const storage = parseConfig({ ...REQUIRED, ...S3 }).storage;
  assert.deepEqual(
    [storage?.publicBaseUrl, storage?.forcePathStyle, storage?.uploadAcl],
    ['https://cdn.example.com', false, null],
  );
  assert.equal(
    parseConfig({ ...REQUIRED, ...S3, S3_ENDPOINT: 'http://127.0.0.1:9000' }).storage?.forcePathStyle,
    true,
  );
});

const WEBHOOK = {
  EVENTS_WEBHOOK_URL: 'https://example.com/hooks/?key=1',
  EVENTS_WEBHOOK_SECRET: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
};

test('a webhook is a URL and a secret, both as they are, or neither', () => {
  assert.deepEqual(parseConfig({ ...REQUIRED, ...WEBHOOK }).webhook, {
    url: WEBHOOK.EVENTS_WEBHOOK_URL,
    secret: WEBHOOK.EVENTS_WEBHOOK_SECRET,
  });
  assert.equal(parseConfig(REQUIRED).webhook, null);
  for (const name of Object.keys(WEBHOOK)) {
    const [problem = '', ...others] = problems({ ...WEBHOOK, [name]: '' });
    assert.match(
      problem,
      new RegExp(`^${name} is missing while EVENTS_WEBHOOK_.* is given: set both or none$`),
    );
    assert.deepEqual(others, []);
  }
});

test('a webhook that could not be called or signed is refused, and its secret not shown', () => {
  const bad: Record<keyof typeof WEBHOOK, string[]> = {
    EVENTS_WEBHOOK_URL: [
      'example.com',
      'ftp://example.com',
      'https://a:pw@example.com',
      'https://a/#b',
      'https://a b',
    ],
    EVENTS_WEBHOOK_SECRET: [
      'pwpw',
      'whsec_',
      'whsec_pw pw',
      'whsec_pwpw=',
      'whsec_pw-_',
      'WHSEC_pwpw',
      'whsec_pwpw\r',
    ],
  };
  for (const [name, values] of Object.entries(bad)) {
    for (const value of values) {
      const found = problems({ ...WEBHOOK, [name]: value });
      assert.deepEqual([found.length, found[0]?.split(' ')[0]], [1, name], value);
      assert.doesNotMatch(found[0] ?? '', /pw/);
    }
  }
});

test('a backend that is the sidecar itself is refused', () => {
  for (const host of ['localhost', 'localhost.', '127.0.0.1', '[::]', '[::1]', '[::ffff:127.0.0.1]']) {
    assert.match(problems({ BACKEND_URL: `http://${host}:8010` })[0] ?? '', /itself/, host);
  }
});

test('METRICS_PORT is another port than PORT', () => {
  assert.match(problems({ PORT: '9000', METRICS_PORT: '9000' })[0] ?? '', /METRICS_PORT must be another/);
});

test('a key that does not fit its algorithm is refused: every token would be invalid, and log its user out', () => {
  const pem = (curve: string) =>
    generateKeyPairSync('ec', { namedCurve: curve })
      .publicKey.export({ type: 'spki', format: 'pem' })
      .toString();
  assert.match(problems({ JWT_ALG: 'RS256' })[0] ?? '', /PEM public key \(RSA\)/);
  assert.match(problems({ JWT_ALG: 'RS256', JWT_SECRET: pem('P-256') })[0] ?? '', /\(RSA\)/);
  assert.match(problems({ JWT_ALG: 'ES256', JWT_SECRET: pem('P-384') })[0] ?? '', /curve prime256v1/);
  for (const secret of [pem('P-256'), `"${pem('P-256')}"`])
    assert.match(problems({ JWT_SECRET: secret })[0] ?? '', /PEM key, which JWT_ALG=HS256 does not use/);
  assert.deepEqual(problems({ JWT_ALG: 'ES384', JWT_SECRET: pem('P-384') }), []);
});

test('every setting is documented, in both languages and the example file', () => {
  for (const file of ['README.md', 'README.ru.md', 'docs/configuration.md', '.env.example']) {
    const text = readFileSync(resolve(import.meta.dirname, '../..', file), 'utf8');
    for (const name of SETTING_NAMES) assert.ok(text.includes(name), `${name} is missing in ${file}`);
  }
});

test('a Node that package.json does not name is warned about', () => {
  const { engines } = JSON.parse(readFileSync(resolve(import.meta.dirname, '../../package.json'), 'utf8'));
  for (const [, version = ''] of engines.node.matchAll(/\^(\d+\.\d+)\.0/g)) {
    const [major, minor] = version.split('.').map(Number);
    assert.deepEqual([nodeAdvice(`${version}.0`), nodeAdvice(`${major}.${minor + 1}.2`)], [[], []]);
    assert.match(String(nodeAdvice(`${major}.${minor - 1}.9`)), new RegExp(`${major} \\(from ${version}\\)`));
  }
  for (const version of ['22.23.3', '25.9.0', '27.0.0'])
    assert.match(String(nodeAdvice(version)), new RegExp(`^Node ${version} `));
});
