/** npm run cutover: a private nginx between two servers that answer as the sidecar and as the backend. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, existsSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { findUpstreamLine } from '../../scripts/cutover/upstream-line.ts';
import { listen } from '../../scripts/lab/ports.ts';
import { signalGroup, until } from '../../scripts/lab/programs.ts';
import { answer, type CutoverScene, outcomeOf, startCutoverScene } from '../support/cutover-scene.ts';
import { skipWithout } from '../support/requirements.ts';

const LIMITS = '/api/uploads/limits';
const skip = skipWithout(['nginx']);
let scene: CutoverScene;
before(async () => {
  if (!skip) scene = await startCutoverScene();
});
beforeEach(() => (skip ? undefined : scene.reset()));
after(() => scene?.stop());

const switched = () => scene.original.replace(`:${scene.ports.backend};`, `:${scene.ports.sidecar};`);

/** The file, who answers, and that nothing was left beside the file. */
async function assertIs(side: 'sidecar' | 'backend'): Promise<void> {
  assert.equal(scene.confText(), side === 'sidecar' ? switched() : scene.original);
  assert.equal(await scene.who(), side);
  assert.deepEqual(readdirSync(dirname(scene.conf)), ['gogomarket-upstream.conf']);
}

test('switches there and back, says every step, and again says that it is so already', { skip }, async () => {
  const there = await scene.run(['--to', 'sidecar']);
  assert.deepEqual([there.status, there.stderr], [0, '']);
  const steps = [
    /^The file says the backend: .*, line 4: server 127\.0\.0\.1:\d+;$/,
    /^Nginx accepts the configuration/,
    /^At http:\S+ answers the backend: 404 \{"detail":"Not Found"\}$/,
    /^The sidecar is ready/,
    /^Line 4 is now server 127\.0\.0\.1:\d+;$/,
    /^Nginx accepts the configuration/,
    /^Nginx was told to reload/,
    /^New requests arrive at the sidecar: 10 of 10\.$/,
    /^GET \/healthz through Nginx: 200\.$/,
    /^Done: the sidecar has the requests\.$/,
  ];
  const lines = there.stdout.trimEnd().split('\n');
  assert.equal(lines.length, steps.length, there.stdout);
  steps.forEach((step, i) => void assert.match(lines[i] ?? '', step));
  await assertIs('sidecar');

  const again = await scene.run(['--to', 'sidecar']);
  assert.deepEqual([again.status, /It is so already/.test(again.stdout)], [0, true], again.stdout);
  assert.doesNotMatch(again.stdout, /reload/);

  assert.equal((await scene.run(['--to', 'backend'])).status, 0);
  await assertIs('backend');
});

test('changes nothing in the file but the port, also when the file is a link to one elsewhere', {
  skip,
}, async () => {
  const strange = `# caf\xe9 server 127.0.0.1:1;\r\n${scene.original}\r\n\r\n`;
  const elsewhere = scene.folder.at('elsewhere.conf');
  writeFileSync(elsewhere, strange, { encoding: 'latin1' });
  chmodSync(elsewhere, 0o640);
  rmSync(scene.conf);
  symlinkSync(elsewhere, scene.conf);
  try {
    assert.equal((await scene.run(['--to', 'sidecar'])).status, 0);
    assert.equal(scene.confText(), strange.replace(scene.original, switched()));
    assert.deepEqual([statSync(elsewhere).mode & 0o777, await scene.who()], [0o640, 'sidecar']);
  } finally {
    rmSync(scene.conf);
  }
});

test('of a file, only the one line that is as shipped is known', () => {
  const ports = { sidecar: 8010, backend: 8000 };
  const upstream = (inside: string) => `upstream gogomarket_api {\n${inside}\n}\n`;
  const known = [
    upstream(
      '  # server 127.0.0.1:8010;\n  server 127.0.0.1:8000; # server 127.0.0.1:8010;\n  keepalive 32;',
    ),
    `http { upstream other { server 10.0.0.1; } upstream "gogomarket_api"{server 127.0.0.1:8000;} }`,
    `map $x $y { default "a;}{"; '' '#'; ~^\\{ $\{z}; }\n${upstream('server 127.0.0.1:8000;')}`,
  ];
  for (const text of known) {
    const found = findUpstreamLine(text, ports);
    assert.ok('side' in found, JSON.stringify(found));
    assert.deepEqual([found.side, text.slice(found.start, found.end)], ['backend', '8000']);
  }
  const unknown: [text: string, why: string][] = [
    [upstream('server 127.0.0.1:8000; server 127.0.0.1:8010;'), 'not-one-server'],
    [upstream('server 127.0.0.1:8000; server 127.0.0.1:8010 backup;'), 'not-one-server'],
    [upstream('# server 127.0.0.1:8000;'), 'not-one-server'],
    [upstream('server 127.0.0.1:8000 max_fails=0;'), 'address'],
    [upstream('server "127.0.0.1:8000";'), 'address'],
    [upstream('server localhost:8000;'), 'address'],
    [upstream('server 127.0.0.1:9000;'), 'address'],
    [upstream('server 127.0.0.1:08000;'), 'address'],
    [upstream('server unix:/run/a.sock;'), 'address'],
    [upstream('server 127.0.0.1:8000; include more.conf;'), 'include'],
    [upstream('server 127.0.0.1:8000;').repeat(2), 'several-upstreams'],
    ['upstream gogomarket { server 127.0.0.1:8000; }', 'no-upstream'],
    ['upstream gogomarket_api { server 127.0.0.1:8000;', 'unreadable'],
    ['', 'no-upstream'],
  ];
  for (const [text, why] of unknown) {
    const found = findUpstreamLine(text, ports);
    assert.equal('why' in found && found.why, why, text);
  }
});

test('refuses a file that it does not know, with what it found, and one that Nginx does not read', {
  skip,
}, async () => {
  const two = scene.original.replace(';\n\n', ';\n    server 10.0.0.1:8000 backup;\n\n');
  scene.writeConf(two);
  const refused = await scene.run(['--to', 'sidecar']);
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /several servers:\n +4: server 127.*\n +5: server 10\.0\.0\.1:8000 backup\n/);
  assert.equal(scene.confText(), two);
  scene.writeConf();

  const stray = scene.folder.at('stray.conf');
  writeFileSync(stray, scene.original);
  const unread = await scene.run(['--to', 'sidecar', '--conf', stray]);
  assert.deepEqual([unread.status, /does not read .*stray\.conf/.test(unread.stderr)], [1, true]);
  const missing = await scene.run(['--to', 'sidecar', '--conf', `${stray}.gone`]);
  assert.deepEqual([missing.status, /ENOENT/.test(missing.stderr)], [1, true]);
  await assertIs('backend');
});

test('refuses a sidecar that is not ready, or is none, and one that could not be seen through Nginx', {
  skip,
}, async () => {
  const refuse = async (words: RegExp, ...args: string[]) => {
    const run = await scene.run(['--to', 'sidecar', ...args]);
    assert.equal(run.status, 1, run.stdout);
    assert.match(run.stdout + run.stderr, words);
    await assertIs('backend');
  };
  const { sidecar } = scene.answers;
  sidecar['/readyz'] = answer(503, { status: 'unavailable', checks: { database: 'down' } });
  await refuse(/readyz: 503 .*"database":"down"/);
  assert.equal((await scene.run(['--to', 'sidecar', '--force'])).status, 0);
  await scene.run(['--to', 'backend']);
  // An earlier module may have all its routes but this one, and answer in its own way.
  sidecar['/api/uploads/limits'] = answer(200, { kinds: {} });
  await refuse(/the sidecar of this release does not answer: 200/, '--force');
  scene.answers.backend['/api/uploads/limits'] = answer(200, { hello: 'world' });
  await refuse(/cannot be seen at .*--host/s);
});

test('goes back to the backend though the sidecar is dead, and stays there when that is down, too', {
  skip,
}, async () => {
  assert.equal((await scene.run(['--to', 'sidecar'])).status, 0);
  scene.answers.sidecar['/api/uploads/limits'] = (req) => req.socket.destroy();
  const back = await scene.run(['--to', 'backend']);
  assert.deepEqual([back.status, /answers neither: 502/.test(back.stdout)], [0, true], back.stderr);
  await assertIs('backend');

  await scene.run(['--to', 'sidecar']);
  scene.writeConf(switched());
  scene.nginx.signal('SIGHUP');
  await until('the sidecar to answer', async () => (await scene.who()) === 'sidecar');
  for (const path of ['/api/uploads/limits', '/healthz'])
    scene.answers.backend[path] = (req) => req.socket.destroy();
  const stranded = await scene.run(['--to', 'backend', '--timeout', '1']);
  assert.equal(stranded.status, 1);
  assert.match(stranded.stderr, /do not arrive at the backend.*502[\s\S]*STAYS/);
  await assertIs('backend');
});

test('goes back when a check fails, and prints its answer', { skip }, async () => {
  scene.answers.sidecar['/healthz'] = answer(502, { detail: 'The backend cannot be reached.' });
  const run = await scene.run(['--to', 'sidecar']);
  assert.equal(run.status, 1);
  assert.match(run.stderr, /healthz .* 502 \{"detail":"The backend cannot be reached\."\}/);
  assert.match(run.stdout, /Going back[\s\S]*All is as it was: the backend has the requests/);
  await assertIs('backend');
});

test('goes back when the smoke test fails, and shows it; refuses before when that could not run', {
  skip,
}, async () => {
  const unset = await scene.run(['--to', 'sidecar', '--smoke']);
  assert.deepEqual([unset.status, /WEB_URL is not set/.test(unset.stderr)], [1, true]);
  assert.doesNotMatch(unset.stdout, /Line 4/);
  const run = await scene.run(['--to', 'sidecar', '--smoke'], { WEB_URL: scene.url, API_URL: scene.url });
  assert.equal(run.status, 1);
  assert.match(run.stdout, / {2}\| FAIL web \/: status 404/);
  assert.match(run.stderr, /smoke test failed \(status 1\)/);
  await assertIs('backend');
});

test('a reload that Nginx accepts and cannot do is noticed, and its reason shown', { skip }, async () => {
  // `nginx -t` does not mind a port that is taken; the running one does.
  const squatter = createServer();
  const taken = await listen(squatter);
  const extra = scene.folder.at('conf.d/extra.conf');
  writeFileSync(extra, `server { listen 127.0.0.1:${taken}; }`);
  try {
    const run = await scene.run(['--to', 'sidecar', '--timeout', '4']);
    assert.equal(run.status, 1);
    assert.match(run.stderr, /do not arrive at the sidecar/);
    assert.match(run.stderr, /\[emerg\].*bind\(\) to .* failed/);
    assert.match(run.stdout, /All is as it was/);
    assert.deepEqual([scene.confText(), await scene.who()], [scene.original, 'backend']);
  } finally {
    rmSync(extra);
    squatter.close();
  }
});

test('a reload that comes late is waited for', { skip }, async () => {
  let asked = 0;
  scene.answers.backend[LIMITS] = (_req, res) => {
    asked += 1;
    // Its workers go on meanwhile, and answer as before.
    if (asked === 1) scene.nginx.signal('SIGSTOP');
    if (asked === 5) scene.nginx.signal('SIGCONT');
    res.writeHead(404, { 'Content-Type': 'application/json' }).end('{"detail":"Not Found"}');
  };
  const run = await scene.run(['--to', 'sidecar']);
  assert.deepEqual([run.status, run.stderr], [0, '']);
  assert.ok(asked >= 5);
  await assertIs('sidecar');
});

test('a configuration that Nginx does not take is refused in its words before anything is changed', {
  skip,
}, async () => {
  const extra = scene.folder.at('conf.d/extra.conf');
  writeFileSync(extra, 'nonsense on;');
  try {
    for (const side of ['sidecar', 'backend']) {
      const run = await scene.run(['--to', side]);
      assert.deepEqual([run.status, /unknown directive "nonsense"/.test(run.stderr)], [1, true]);
    }
    assert.equal(scene.confText(), scene.original);
  } finally {
    rmSync(extra);
  }
});

test('a second one says who is at it, and --dry-run and --status change nothing', { skip }, async () => {
  const hold = scene.folder.at('hold');
  writeFileSync(hold, '');
  const first = scene.start(['--to', 'sidecar']);
  const end = outcomeOf(first);
  // It has the lock then, and waits for nginx.
  const lock = `${dirname(scene.conf)}/.gogomarket-upstream.conf.cutover-pid`;
  await until('the first to begin', () => existsSync(lock));
  const second = await scene.run(['--to', 'backend']);
  assert.deepEqual(
    [second.status, second.stderr.includes(`process ${first.pid}.`)],
    [1, true],
    second.stderr,
  );
  assert.match((await scene.run(['--status'])).stdout, new RegExp(`under way: process ${first.pid}`));
  rmSync(hold);
  assert.equal((await end).status, 0);
  await assertIs('sidecar');

  const dry = await scene.run(['--to', 'backend', '--dry-run']);
  assert.deepEqual([dry.status, /Would change line 4.*Nothing was changed/.test(dry.stdout)], [0, true]);
  await assertIs('sidecar');
});

test('wrong arguments are status 2; --help and all else is in the language of LANG', { skip }, async () => {
  const wrong = [[], ['--to', 'both'], ['--status', '--to', 'backend'], ['--what'], ['--status', '--smoke']];
  for (const args of wrong) assert.equal((await scene.run(args)).status, 2, args.join(' '));
  const help = await scene.run(['--help'], { LANG: 'ru_RU.UTF-8' });
  assert.deepEqual([help.status, /^Использование:[\s\S]*--dry-run/.test(help.stdout)], [0, true]);
  const russian = await scene.run(['--status'], { LANG: 'en_US', LC_ALL: 'ru_RU.UTF-8' });
  assert.match(russian.stdout, /^В файле указан бэкенд: .*\nНа http\S+ отвечает бэкенд: 404/);
  assert.match((await scene.run(['--status'], { LANG: 'run' })).stdout, /^The file says/);
});

type Signal = 'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'SIGKILL';

/** Where a signal arrives: at a call of nginx, or while a side is asked for the so-many-th time. */
type Moment = number | readonly [side: 'sidecar' | 'backend', path: string, times: number];

const MOMENTS = {
  'nginx -t': 1,
  'nginx -T': 2,
  'the question who answers': ['backend', LIMITS, 1],
  'the question whether the sidecar is ready': ['sidecar', '/readyz', 1],
  'nginx -t with the line changed': 4,
  'nginx -s reload': 5,
  'the first new request that arrives': ['sidecar', LIMITS, 2],
  'the last but one': ['sidecar', LIMITS, 10],
  'the check of its health': ['sidecar', '/healthz', 1],
} as const satisfies Record<string, Moment>;

/** Runs `--to sidecar`, with the signal at that moment. */
async function runUntil(moment: Moment, signal: Signal) {
  if (typeof moment === 'number') scene.trap(moment, signal.slice('SIG'.length));
  const child = scene.start(['--to', 'sidecar']);
  if (typeof moment !== 'number') {
    const [side, path, times] = moment;
    const ordinary = scene.answers[side][path] ?? answer(404, { detail: 'Not Found' });
    let asked = 0;
    scene.answers[side][path] = (req, res) => {
      asked += 1;
      // Not answered: an answer could overtake the signal.
      if (asked === times) signalGroup(child.pid, signal);
      else ordinary(req, res);
    };
  }
  return outcomeOf(child);
}

test('stopped by a signal at any step, it leaves everything as it was', { skip }, async () => {
  const signals: readonly Signal[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const [i, [name, moment]] of Object.entries(MOMENTS).entries()) {
    const { status, stdout, stderr } = await runUntil(moment, signals[i % signals.length] ?? 'SIGINT');
    assert.deepEqual(
      [status, /^Stopped by a signal\.$/m.test(stderr)],
      [130, true],
      `${name}: ${stdout}${stderr}`,
    );
    assert.match(stdout, /Nothing was changed\.$|All is as it was: the backend has the requests\.$/m, name);
    await assertIs('backend');
    await scene.reset();
  }
});

test('Ctrl-C counts once, and nobody needs to read what it says', { skip }, async () => {
  const child = scene.start(['--to', 'sidecar']);
  const ended = once(child, 'exit');
  // What `| tee` is, which the same Ctrl-C has ended.
  child.stdout?.destroy();
  child.stderr?.destroy();
  const { backend, sidecar } = scene.answers;
  sidecar['/healthz'] = () => signalGroup(child.pid, 'SIGINT');
  backend[LIMITS] = (_req, res) => {
    signalGroup(child.pid, 'SIGINT');
    res.writeHead(404, { 'Content-Type': 'application/json' }).end('{"detail":"Not Found"}');
  };
  assert.deepEqual(await ended, [130, null]);
  await assertIs('backend');
});

test('killed at any step, --status tells what is, and the next run makes it right', { skip }, async () => {
  for (const [name, moment] of Object.entries(MOMENTS)) {
    await runUntil(moment, 'SIGKILL');
    // A reload that was sent still comes.
    if (name === 'nginx -s reload') await until('the reload', async () => (await scene.who()) === 'sidecar');
    const { stdout } = await scene.run(['--status']);
    const isFileAhead = scene.confText() !== scene.original && (await scene.who()) === 'backend';
    assert.match(stdout, isFileAhead ? /They differ: .*--to sidecar$/m : /^File and answer agree\.$/m, name);
    const next = await scene.run(['--to', 'sidecar']);
    assert.equal(next.status, 0, `${name}: ${next.stdout}${next.stderr}`);
    await assertIs('sidecar');
    await scene.reset();
  }
});
