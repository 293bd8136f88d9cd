/** npm run doctor: an installation as it should be, and with one thing wrong at a time. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect, createServer as createNetServer } from 'node:net';
import { resolve } from 'node:path';
import { type TestContext, test } from 'node:test';
import pg from 'pg';
import type { Result } from '../../scripts/doctor/output.ts';
import { createRedaction } from '../../scripts/doctor/secrets.ts';
import { freePort, listen } from '../../scripts/lab/ports.ts';
import { startProgram, until, untilListening } from '../../scripts/lab/programs.ts';
import { baseEnv, MAIN, runNode } from '../../scripts/lab/sidecar.ts';
import { startTestObjectStore, storageEnv } from '../../scripts/lab/throwaway-object-store.ts';
import { type DoctorScene, doctorScene, healthy, look } from '../support/doctor-scene.ts';
import { storageOf } from '../support/object-store-contract.ts';
import { WEBHOOK_SECRET } from '../support/webhook-receiver.ts';

const SCRIPT = resolve(import.meta.dirname, '../../scripts/doctor.ts');

let scene: DoctorScene;
doctorScene((made) => {
  scene = made;
});

function assertFinds(result: Result, status: Result['status'], says: RegExp): void {
  assert.equal(result.status, status, JSON.stringify(result));
  assert.match(`${result.text} → ${result.remedy}`, says);
}

test('nothing is wrong with an installation as it should be: status 0, and no secret in what is said', async () => {
  const run = await runNode(
    SCRIPT,
    [
      '--env-file',
      scene.writeEnv(),
      '--only',
      'settings,user,clock,backend,database,storage,system,work',
      '--json',
    ],
    {},
  );
  const { status, results } = JSON.parse(run.stdout) as { status: string; results: Result[] };
  const bad = results.filter((result) => result.status === 'wrong' || result.status === 'could not check');
  assert.deepEqual([run.status, status, bad], [0, 'ok', []], run.stderr);
  assert.ok(results.every(({ area, name, text }) => area && name && text));
  for (const secret of [
    scene.env.JWT_SECRET,
    scene.env.S3_SECRET_ACCESS_KEY,
    scene.env.S3_ACCESS_KEY_ID,
    'p#ss@w%rd',
    'p%23ss',
  ])
    assert.ok(!run.stdout.includes(String(secret)), secret);
});

test('a secret that somebody else puts into a message is taken out of it', () => {
  const redact = createRedaction({
    JWT_SECRET: 'hush-hush',
    DATABASE_URL: 'postgresql://app:p%40ss@db.example.com/shop',
    EVENTS_WEBHOOK_URL: 'https://example.com/hook?key=k3y',
  });
  assert.equal(
    redact('got hush-hush, p@ss and p%40ss of app at /hook?key=k3y'),
    'got •••, ••• and ••• of app at /hook?•••',
  );
});

test('it speaks the operator’s language, and what is left to check can be chosen', async () => {
  const args = ['--env-file', scene.writeEnv({ JWT_SECRET: undefined }), '--only', 'settings'];
  const russian = await runNode(SCRIPT, args, { LANG: 'ru_RU.UTF-8' });
  assert.match(russian.stdout, /НЕВЕРНО +values: JWT_SECRET is required[\s\S]*В порядке: \d+, неверно: 1/);
  assert.equal(russian.status, 1);
  assert.match(
    (await runNode(SCRIPT, ['--help'], { LC_ALL: 'ru' })).stdout,
    /^Использование: npm run doctor/,
  );
  const unknown = await runNode(SCRIPT, ['--only', 'everything'], {});
  assert.deepEqual([unknown.status, /does not know "everything"/.test(unknown.stderr)], [2, true]);
});

/** What a file may have that its readers take differently, and what is said of it. */
const FILES: Record<string, [text: string, says: RegExp]> = {
  'Windows line ends': ['JWT_SECRET=a\r\nPORT=1\r\n', /:1: lines end with a carriage return/],
  'a byte order mark': ['\ufeffJWT_SECRET=a\n', /:1: the file begins with a byte order mark/],
  export: ['PORT=1\nexport JWT_SECRET=a\n', /:2: "export" in front/],
  'an open quote': ['JWT_SECRET="a\nPORT=1\nDATABASE_URL=b"\n', /:1: a quote is not closed/],
  'a line that is none': ['PORT=1\nJWT_SECRET\n', /:2: not NAME=value/],
  'a backslash that systemd drops': ['JWT_SECRET=a\\nb\n', /:1: JWT_SECRET: a backslash outside of quotes/],
  'a name twice': ['PORT=1\nPORT=2\n', /:2: PORT: a second time/],
};

for (const [what, [text, says]] of Object.entries(FILES))
  test(`settings: ${what} is told, with its line`, async () => {
    const path = scene.folder.at('fault.env');
    writeFileSync(path, text, { mode: 0o600 });
    const { of } = await look(['--env-file', path, '--only', 'settings']);
    assertFinds(of('settings/files'), 'wrong', says);
    for (const secret of ['JWT_SECRET=a', '\ufeff']) assert.ok(!of('settings/files').text.includes(secret));
  });

test('settings: a file that has nothing wrong is read as systemd reads it', async () => {
  const path = scene.folder.at('good.env');
  const lines = [
    '# comment',
    '; comment',
    '',
    `JWT_SECRET='a b\\n'`,
    `PORT = "80""10" `,
    'HOST=127.0.0.1 # x',
    'LOG_LEVEL=in\\',
    'fo',
  ];
  writeFileSync(path, `${lines.join('\n')}\n`, { mode: 0o600 });
  const { of } = await look(['--env-file', path, '--only', 'settings']);
  assert.equal(of('settings/files').status, 'ok', of('settings/files').text);
  assertFinds(
    of('settings/values'),
    'wrong',
    /^HOST has a # behind white space.* \(.*good\.env:6\)\nDATABASE_URL is required/,
  );
});

test('settings: where each came from: unit, command line, which file, and what this shell has otherwise', async () => {
  const at = scene.folder.at;
  const unit = at('sidecar.service');
  writeFileSync(at('first.env'), 'JWT_SECRET=hush\nPORT=1\nWEB_CONCURRENCY=4\n', { mode: 0o644 });
  writeFileSync(at('second.env'), 'WEB_CONCURRENCY=2\n', { mode: 0o600 });
  writeFileSync(
    unit,
    `[Service]\nEnvironmentFile=${at('other.env')}\nEnvironmentFile=\nEnvironmentFile=${at('first.env')}\nEnvironmentFile=-${at('absent.env')}
Environment="LOG_LEVEL=warn" HOST=::1\nExecStart=/usr/bin/env PORT=8010 \\\n  HOST=127.0.0.1 /x/node src/main.ts\nDynamicUser=yes\n[Install]\nEnvironment=PORT=9\n`,
  );
  mkdirSync(`${unit}.d`);
  writeFileSync(`${unit}.d/10.conf`, `[Service]\nEnvironmentFile=${at('second.env')}\n`);
  const { of } = await look(['--unit', unit, '--only', 'settings,user'], { JWT_SECRET: 'other', PATH: '/' });
  const { text } = of('settings/where from');
  assert.match(text, /^JWT_SECRET|first\.env: JWT_SECRET$/m);
  assert.match(text, /second\.env: WEB_CONCURRENCY$/m);
  assert.match(text, /systemd Environment=: LOG_LEVEL$/m);
  assert.match(text, /systemd ExecStart=: HOST, PORT$/m);
  assert.match(text, /instead of an earlier one: WEB_CONCURRENCY$/m);
  assert.match(text, /other in this shell.*: JWT_SECRET$/m);
  assertFinds(of('settings/files'), 'wrong', /first\.env: everybody may read it.*chmod o= /);
  assertFinds(
    of('user/who looks'),
    'ok',
    /DynamicUser=yes --property=EnvironmentFile=.*first\.env --property=EnvironmentFile=-.*absent\.env .*PORT=8010 HOST=127\.0\.0\.1 .*scripts\/doctor\.ts/,
  );
  writeFileSync(unit, `[Service]\nEnvironmentFile=${at('other.env')}\nDynamicUser=yes\n`);
  assertFinds(
    (await look(['--unit', unit, '--only', 'settings'])).of('settings/files'),
    'wrong',
    /other\.env: there is no such file/,
  );
});

test('settings: what runs was started with others', async () => {
  const { of } = await scene.look(['--only', 'settings'], { LOG_LEVEL: 'warn', JWT_SECRET: 'another' });
  assertFinds(
    of('settings/running process'),
    'wrong',
    /was started with others: JWT_SECRET, LOG_LEVEL → .*restart/,
  );
});

test('settings: a default that is written down is no other setting', async () => {
  const { of } = await scene.look(['--only', 'settings'], { HOST: '127.0.0.1', LOG_LEVEL: 'INFO' });
  assert.equal(of('settings/running process').status, 'ok', of('settings/running process').text);
});

test('whoever may not read the settings is told so, and nothing is taken for wrong: status 2', {
  skip: process.getuid?.() === 0 ? false : 'only root can be another user',
}, async () => {
  const unit = scene.folder.at('closed.service');
  writeFileSync(unit, `[Service]\nDynamicUser=yes\nEnvironmentFile=${scene.writeEnv()}\n`);
  const program = startProgram(
    process.execPath,
    [SCRIPT, '--unit', unit, '--only', 'settings,clock,backend,database,storage,work'],
    {
      identity: { uid: 65_534, gid: 65_534 },
    },
  );
  assert.equal(await program.ended, 2, program.output());
  assert.match(
    program.output(),
    /could not check {2}files: this user may not read .*\.env\n +→ Run it as root/,
  );
  assert.match(program.output(), /0 wrong/);
});

test('Ctrl-C ends it, and what was not looked at is not called good: status 130', async (t) => {
  let asked = false;
  scene.backend.handle = () => {
    asked = true;
  };
  t.after(() => {
    scene.backend.handle = healthy;
  });
  const program = startProgram(process.execPath, [
    SCRIPT,
    '--env-file',
    scene.writeEnv(),
    '--only',
    'backend,work',
    '--timeout',
    '300',
  ]);
  await until('the backend to be asked', () => asked);
  program.signal('SIGINT');
  assert.equal(await program.ended, 130, program.output());
  assert.match(
    program.output(),
    /health, port, routes of both: stopped\nwork\n.*events, uploads that are due: stopped/,
  );
});

test('user: a file that the service’s own user may not read is told to root, who may', async () => {
  const closed = scene.folder.at('closed');
  mkdirSync(closed);
  writeFileSync(`${closed}/words.txt`, 'word\n', { mode: 0o644 });
  chmodSync(closed, 0o700);
  const unit = scene.folder.at('user.service');
  const file = scene.writeEnv({ REVIEWS_BLOCKED_WORDS_FILE: `${closed}/words.txt` });
  writeFileSync(unit, `[Service]\nDynamicUser=yes\nEnvironmentFile=${file}\n`);
  const { of } = await look(['--unit', unit, '--only', 'user']);
  assertFinds(
    of('user/files it needs'),
    'wrong',
    /words\.txt cannot be reached: .*closed is closed → .*chmod o\+x/,
  );
  assertFinds(of('user/who looks'), 'ok', /systemd-run .*--property=DynamicUser=yes/);
});

test('clock: a backend, a database and a storage an hour away', async (t) => {
  scene.backend.handle = (_req, res) =>
    void res.writeHead(200, { Date: new Date(Date.now() - 3_600_000).toUTCString() }).end();
  t.after(() => {
    scene.backend.handle = healthy;
  });
  const store = await startTestObjectStore('public-read', () => Date.now() + 3_600_000);
  t.after(store.stop);
  const DATABASE_URL = await shadowed(
    'clock_timestamp()',
    'timestamptz',
    `pg_catalog.now() + interval '1 hour'`,
  );
  const { of } = await scene.look(['--only', 'clock'], { DATABASE_URL, ...storageEnv(store.config) });
  assertFinds(of('clock/backend'), 'wrong', /is 3(59\d|60\d) s or more ahead/);
  assertFinds(of('clock/database'), 'wrong', /is 3(59\d|60\d) s or more behind/);
  assertFinds(of('clock/storage'), 'wrong', /is 3(59\d|60\d) s or more behind/);
});

/** A database in which a function of PostgreSQL's says something else. */
async function shadowed(
  signature: string,
  type: string,
  body: string,
  makeUrl = scene.database,
): Promise<string> {
  const url = await makeUrl();
  await scene.sql(
    `CREATE SCHEMA shadow; CREATE FUNCTION shadow.${signature} RETURNS ${type} LANGUAGE sql AS $$ SELECT ${body} $$`,
    url,
  );
  return `${url}?options=-csearch_path%3Dshadow,pg_catalog,public`;
}

test('backend: one that fails, one that is away, one that hangs', async (t) => {
  const only = ['--only', 'backend', '--timeout', '1'];
  scene.backend.handle = (_req, res) => void res.writeHead(500).end();
  t.after(() => {
    scene.backend.handle = healthy;
  });
  assertFinds(
    (await scene.look(only)).of('backend/health'),
    'wrong',
    /GET \/healthz: 500 → .*rollback does not help/,
  );
  scene.backend.handle = () => undefined;
  assertFinds((await scene.look(only)).of('backend/health'), 'could not check', /no answer within 1 s/);
  const away = await scene.look(only, { BACKEND_URL: `http://127.0.0.1:${await freePort()}` });
  assertFinds(away.of('backend/health'), 'wrong', /ECONNREFUSED.* → Does the backend run/);
});

test('backend: a port that other machines reach, and routes that both have', async (t) => {
  const paths = { '/api/products/{pid}/reviews': { get: {} }, '/api/other': { get: {} } };
  const open = createServer((_req, res) => res.end(JSON.stringify({ paths })));
  t.after(() => open.close().closeAllConnections());
  const { of } = await scene.look(['--only', 'backend'], {
    BACKEND_URL: `http://127.0.0.1:${await listen(open, 0, '0.0.0.0')}`,
  });
  assertFinds(of('backend/port'), 'wrong', /from other machines: 0\.0\.0\.0:\d+ → .*--host 127\.0\.0\.1/);
  assertFinds(
    of('backend/routes of both'),
    'wrong',
    /nobody reaches: GET \/api\/products\/:productId\/reviews\. After a rollback/,
  );
  assertFinds(
    (await scene.look(['--only', 'backend'])).of('backend/routes of both'),
    'ok',
    /after a rollback .* 404/,
  );
});

/** What is wrong with a database, and the check that says so. */
const DATABASES: Record<string, [check: string, says: RegExp, make: () => Promise<string> | string]> = {
  'a wrong password': [
    'reachable',
    /password authentication failed.* → User or password/,
    () => scene.url.replace(/:[^:@]*@/, ':wrong-one@'),
  ],
  'no such database': [
    'reachable',
    /→ Mend the name of the database/,
    () => scene.url.replace(/\w+$/, 'nowhere'),
  ],
  'no TLS on the way': [
    'TLS',
    /unencrypted.* → Say sslmode=require/,
    () => scene.url.replace('127.0.0.1', '0.0.0.0'),
  ],
  'an old PostgreSQL': [
    'version',
    /needs PostgreSQL 13/,
    () =>
      shadowed(
        'current_setting(name text)',
        'text',
        `CASE name WHEN 'server_version_num' THEN '120009' ELSE pg_catalog.current_setting(name) END`,
      ),
  ],
  'a replica': [
    'primary',
    /a replica.* → DATABASE_URL must lead to the primary/,
    () => shadowed('pg_is_in_recovery()', 'boolean', 'true'),
  ],
  'one that takes no writes': [
    'primary',
    /takes no writes/,
    async () => `${await scene.database()}?options=-cdefault_transaction_read_only%3Don`,
  ],
  'a role without a right': [
    'rights',
    /product_reviews: DELETE(.|\n)* → .*GRANT DELETE ON product_reviews TO limited;/,
    async () => {
      const url = await scene.database();
      await scene.sql(
        `CREATE ROLE limited LOGIN PASSWORD 'limited'; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO limited;
         REVOKE DELETE ON product_reviews FROM limited`,
        url,
      );
      return url.replace(/\/\/[^@]*@/, '//limited:limited@');
    },
  ],
  'no schema yet': ['schema', /has not run(.|\n)* → npm run migrate/, () => scene.server.createDatabase()],
  'a trigger that is switched off': [
    'schema',
    /is switched off/,
    async () => {
      const url = await scene.database();
      await scene.sql('ALTER TABLE product_reviews DISABLE TRIGGER ALL', url);
      return url;
    },
  ],
  'counts that do not agree': [
    'review counts',
    /1 reviews wrongly shown, hidden or counted; 1 products with wrong figures/,
    async () => {
      const url = await scene.database();
      await scene.sql(
        `INSERT INTO product_reviews (product_id, author_id, author_name, rating, text) VALUES (1, 1, 'Anna', 5, 'good'), (2, 1, 'Anna', 4, 'fair');
         ALTER TABLE product_reviews DISABLE TRIGGER USER; UPDATE product_reviews SET superseded_at = now() WHERE rating = 5;
         ALTER TABLE product_reviews ENABLE TRIGGER USER;
         UPDATE product_review_stats SET rating_sum = 9 WHERE product_id = '2'`,
        url,
      );
      return url;
    },
  ],
};

for (const [what, [check, says, make]] of Object.entries(DATABASES))
  test(`database: ${what}`, async () => {
    const { of } = await scene.look(['--only', 'database'], { DATABASE_URL: await make() });
    assertFinds(of(`database/${check}`), 'wrong', says);
  });

test('database: one that stands still ends no check but its own', async (t) => {
  const DATABASE_URL = await scene.database();
  scene.server.freeze();
  t.after(() => scene.server.thaw());
  const { of } = await scene.look(['--only', 'database,backend', '--timeout', '1'], { DATABASE_URL });
  assertFinds(of('database/reachable'), 'could not check', /no answer within 1 s/);
  assertFinds(of('database/schema'), 'could not check', /"reachable" comes first/);
  assert.equal(of('backend/health').status, 'ok');
});

test('database: a login by the service’s name, which root is not, says how to ask as the service', async (t) => {
  // What stands behind the socket is real; the refusal has the state that "peer" has.
  const relay = createNetServer((socket) =>
    socket.pipe(connect(scene.server.port, '127.0.0.1')).pipe(socket),
  );
  await once(relay.listen(scene.folder.at('.s.PGSQL.5432')), 'listening');
  t.after(() => relay.close());
  await scene.sql("CREATE ROLE peer NOLOGIN PASSWORD 'peer'");
  const unit = scene.folder.at('peer.service');
  const DATABASE_URL = `postgresql://peer:peer@/test_1?host=${scene.folder.path}`;
  writeFileSync(unit, `[Service]\nUser=gogomarket\nEnvironmentFile=${scene.writeEnv({ DATABASE_URL })}\n`);
  const { of } = await look(['--unit', unit, '--only', 'database']);
  assertFinds(
    of('database/reachable'),
    'could not check',
    /not permitted to log in → .*"peer"[\s\S]*--uid=gogomarket/,
  );
  const other = await scene.look(['--only', 'database'], { DATABASE_URL });
  assertFinds(other.of('database/reachable'), 'wrong', /User or password/);
});

test('database: a table that somebody has locked ends no check but those that read it', async (t) => {
  const DATABASE_URL = await scene.database();
  const locker = new pg.Client({ connectionString: DATABASE_URL });
  await locker.connect();
  t.after(() => locker.end());
  await locker.query('BEGIN; LOCK TABLE product_reviews, sidecar_events IN ACCESS EXCLUSIVE MODE');
  const { of } = await scene.look(['--only', 'database,work', '--timeout', '1'], { DATABASE_URL });
  assertFinds(of('database/review counts'), 'could not check', /no answer within 1 s|comes first/);
  assertFinds(of('work/events'), 'could not check', /no answer within 1 s/);
  assert.equal(of('work/uploads that are due').status, 'ok');
});

test('database: nothing is written without a word; --write-probe takes it back, --fix brings the tables', async () => {
  const url = await scene.server.createDatabase();
  const tables = () =>
    scene.sql(`SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1`, url);
  await scene.look(['--only', 'database,work'], { DATABASE_URL: url });
  assert.deepEqual(await tables(), []);
  const fixed = await scene.look(['--only', 'database', '--fix', '--write-probe'], { DATABASE_URL: url });
  assertFinds(fixed.of('database/schema'), 'ok', /^mended: .*product-reviews/);
  assertFinds(fixed.of('database/writing'), 'ok', /was taken back/);
  assert.deepEqual(await scene.sql('SELECT FROM product_reviews', url), []);
});

test('storage: looked at without a write; --write-probe uploads and removes, --fix adds the rules', async (t) => {
  const store = await startTestObjectStore();
  t.after(store.stop);
  const keys = async () => {
    const found: string[] = [];
    const storage = storageOf(store.config);
    for await (const { key } of storage.list('', AbortSignal.timeout(10_000))) found.push(key);
    storage.close();
    return found;
  };
  const env = storageEnv(store.config);
  const bare = await scene.look(['--only', 'storage'], env);
  assertFinds(bare.of('storage/lifecycle'), 'wrong', /--fix adds a rule/);
  assertFinds(bare.of('storage/web pages (CORS)'), 'ok', /may upload/);
  assert.ok(!bare.results.some(({ name }) => name === 'upload' || name === 'clean-up'));
  const probed = await scene.look(['--only', 'storage', '--write-probe', '--fix'], env);
  for (const name of ['upload', 'stored object', 'public URL', 'lifecycle', 'clean-up'])
    assert.equal(probed.of(`storage/${name}`).status, 'ok', name);
  assert.deepEqual(await keys(), []);
  const denied = await scene.look(['--only', 'storage'], { ...env, S3_SECRET_ACCESS_KEY: 'hush-hush' });
  assertFinds(denied.of('storage/connection'), 'wrong', /S3_SECRET_ACCESS_KEY/);
});

/** A sidecar of its own, by a shell that may limit it. */
async function another(
  t: TestContext,
  more: Record<string, string>,
  before = '',
): Promise<Record<string, string>> {
  const env = { ...scene.env, PORT: String(await freePort()), ...more };
  const program = startProgram('sh', ['-c', `${before} exec "${process.execPath}" "${MAIN}"`], {
    env: baseEnv(env),
  });
  t.after(() => program.stop());
  await untilListening('the sidecar', program, Number(env.PORT));
  return env;
}

test('system: a sidecar that other machines reach, with too few descriptors, whose database is away', async (t) => {
  const env = await another(
    t,
    {
      HOST: '0.0.0.0',
      DATABASE_URL: 'postgresql://app@127.0.0.1:9/none',
      MAX_CONNECTIONS: '5000',
      METRICS_PORT: String(await freePort()),
    },
    'ulimit -n 300;',
  );
  const { of } = await scene.look(['--only', 'system'], env);
  assertFinds(of('system/port'), 'wrong', /from other machines: 0\.0\.0\.0:/);
  assertFinds(of('system/ready'), 'wrong', /backend ok, database down, storage ok → .*journal/);
  assertFinds(
    (await scene.look(['--only', 'system'], { ...env, HOST: '127.0.0.1' })).of('system/metrics'),
    'ok',
    /200/,
  );
});

test('system: no descriptors to spare, more connections than the database has, nobody on the port', async (t) => {
  const env = await another(t, { MAX_CONNECTIONS: '5000' }, 'ulimit -n 300;');
  const { of } = await scene.look(['--only', 'system'], {
    ...env,
    DATABASE_POOL_MAX: '100',
    WEB_CONCURRENCY: '4',
  });
  assertFinds(of('system/descriptors'), 'wrong', /is 300, MAX_CONNECTIONS takes 10000 → LimitNOFILE=11000/);
  assertFinds(of('system/connections to the database'), 'wrong', /take up to 408/);
  const nobody = await scene.look(['--only', 'system'], {
    PORT: String(await freePort()),
    METRICS_PORT: String(await freePort()),
  });
  for (const name of ['port', 'ready', 'metrics'])
    assertFinds(nobody.of(`system/${name}`), 'wrong', /systemctl status/);
  const stranger = await scene.look(['--only', 'system'], {
    PORT: new URL(scene.env.BACKEND_URL ?? '').port,
  });
  assertFinds(stranger.of('system/ready'), 'wrong', /Something else has that port/);
});

test('work: events that nobody sends, that wait long, that were given up; uploads nobody looks at', async () => {
  const DATABASE_URL = await scene.database();
  const insert = (more: string) =>
    scene.sql(
      `INSERT INTO sidecar_events (id, type, subject, data, occurred_at, due_at, failed_at)
       VALUES (gen_random_uuid(), 'upload.ready', 'upload:x', '{}', now() - interval '1 hour', ${more})`,
      DATABASE_URL,
    );
  await insert('now(), NULL');
  const events = async (env: Record<string, string> = {}) =>
    (await scene.look(['--only', 'work'], { DATABASE_URL, ...env })).of('work/events');
  const webhook = { EVENTS_WEBHOOK_URL: 'http://127.0.0.1:9/', EVENTS_WEBHOOK_SECRET: WEBHOOK_SECRET };
  assertFinds(await events(), 'wrong', /1 wait.* → EVENTS_WEBHOOK_URL is not set/);
  assertFinds(await events(webhook), 'wrong', /the oldest for 36\d\d s.* → The receiver does not take them/);
  await insert('NULL, now()');
  assertFinds(await events(webhook), 'wrong', /1 were given up → npm run events -- --failed/);

  await scene.sql(
    `INSERT INTO sidecar_uploads (id, user_id, number, kind, filename, content_type, size_bytes, key, created_at, expires_at, settles_at, due_at)
     VALUES (gen_random_uuid(), 1, 1, 'product_image', 'a.png', 'image/png', 1, 'uploads/a', now(), now(), now(), now() - interval '10 minutes')`,
    DATABASE_URL,
  );
  const { of } = await scene.look(['--only', 'work'], { DATABASE_URL });
  assertFinds(of('work/uploads that are due'), 'wrong', /1 wait to be looked at, the oldest for 6\d\d s/);
  const bare = await scene.look(['--only', 'work'], { DATABASE_URL: await scene.server.createDatabase() });
  for (const { status, remedy } of bare.results)
    assert.deepEqual([status, /migrate/.test(String(remedy))], ['wrong', true]);
});
