/** The installation of docs/operations.md: its commands, and the files of deploy/ that it puts in place. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { testNginx } from '../../scripts/lab/nginx.ts';
import { runToEnd } from '../../scripts/lab/programs.ts';
import { makeScratchFolder } from '../../scripts/lab/scratch-folder.ts';
import { PATH_WITH_SBIN } from '../../scripts/lab/tools.ts';
import { documented } from '../support/documented.ts';
import { requireTools } from '../support/requirements.ts';

const PROJECT = resolve(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(PROJECT, path), 'utf8');
const SETTINGS = { JWT_SECRET: 'secret', DATABASE_URL: 'postgresql://u:p@127.0.0.1/x' };
const CHECK_START = '/bin/sh deploy/systemd/before-start.sh';

/** Runs commands as root would paste them, with other paths; `sudo` is nothing. */
async function paste(commands: readonly string[], changes: Readonly<Record<string, string>>, cwd = PROJECT) {
  let script = commands.join('\n');
  for (const [from, to] of Object.entries(changes)) script = script.replaceAll(from, to);
  const npmSettings = Object.entries(process.env).filter(([name]) =>
    /^(HOME|npm_config_(cache|registry|userconfig))$/.test(name),
  );
  const env = { PATH: PATH_WITH_SBIN, ...Object.fromEntries(npmSettings), npm_config_offline: 'true' };
  // A machine that takes care: what root makes is nobody else's.
  const run = await runToEnd(
    'bash',
    ['-c', `umask 027; cd '${cwd}'; set -e; sudo() { "$@"; }\n${script}`],
    env,
    110_000,
  );
  return { ...run, words: run.stdout + run.stderr };
}

test('a release installed from an archive under umask 027 starts as a user that owns nothing', async (t) => {
  if (!requireTools(t, ['bash', 'git', 'npm'])) return;
  const folder = makeScratchFolder('test-install');
  const release = folder.at('gogomarket-sidecar-0123abcd');
  const run = await paste(
    [
      `git -C '${PROJECT}' ${documented('git archive').replace('git ', '')}`,
      documented('commit='),
      documented('release='),
      documented('sudo mkdir "$release"'),
      documented('sudo tar '),
      documented('sudo npm ci'),
      documented('sudo chmod -R a+rX "$release"'),
      documented('sudo ln -sfnT "$release"'),
    ],
    { '/opt/': `${folder.path}/`, '--output=': `--output=${folder.path}/` },
    folder.path,
  );
  if (run.words.includes('ENOTCACHED')) t.skip('npm has not kept all packages since npm ci');
  else {
    assert.equal(run.status, 0, run.words);
    const nobody = process.getuid?.() === 0 ? 'setpriv --reuid=65534 --regid=65534 --clear-groups' : '';
    const started = await runToEnd(
      'bash',
      ['-c', `cd '${folder.at('gogomarket-sidecar')}' && ${nobody} ${CHECK_START}`],
      { PATH: PATH_WITH_SBIN, ...SETTINGS },
    );
    assert.deepEqual([started.status, started.stderr], [0, '']);
    assert.match(started.stdout, /The configuration is complete/);
    assert.throws(() => read(join(release, 'node_modules/typescript/package.json')), /ENOENT/);
  }
  folder.remove();
});

test('a release is cloned at a commit, without a tag', async (t) => {
  if (!requireTools(t, ['bash', 'git'])) return;
  const folder = makeScratchFolder('test-install');
  const { stdout } = await runToEnd('git', ['-C', PROJECT, 'rev-parse', '--short', 'HEAD'], {
    PATH: PATH_WITH_SBIN,
  });
  const commit = stdout.trim();
  const run = await paste(
    [documented('commit='), documented('release='), documented('sudo git clone'), documented('sudo git -C')],
    {
      '0123abcd': commit,
      '/opt/': `${folder.path}/`,
      'https://git.example.com/gogomarket-sidecar.git': PROJECT,
    },
  );
  assert.equal(run.status, 0, run.words);
  const { version } = JSON.parse(
    readFileSync(folder.at(`gogomarket-sidecar-${commit}/package.json`), 'utf8'),
  );
  assert.equal(version, JSON.parse(read('package.json')).version);
  folder.remove();
});

test('without a Node the unit says what to do, and systemd does not try again for ever', async () => {
  const folder = makeScratchFolder('test-unit');
  cpSync(join(PROJECT, 'deploy'), folder.at('deploy'), { recursive: true });
  const enter = (command: string) =>
    runToEnd('/bin/sh', ['-c', `cd '${folder.path}' && ${command}`], { PATH: PATH_WITH_SBIN });
  const before = await enter(CHECK_START);
  assert.equal(before.status, 0);
  assert.match(before.stderr, /^No Node runs at \S+\/node_modules\/\.bin\/node\. .*npm ci --omit=dev/);
  const unit = read('deploy/systemd/gogomarket-sidecar.service');
  const final = /^RestartPreventExitStatus=(.*)$/m.exec(unit)?.[1]?.split(' ').map(Number) ?? [];
  const start = /^ExecStart=(.*)$/m.exec(unit)?.[1]?.replace('/opt/gogomarket-sidecar/', '') ?? '';
  const started = await enter(`exec ${start}`);
  assert.ok(started.status !== null && final.includes(started.status), `${started.status}`);
  // One of another machine, say.
  mkdirSync(folder.at('node_modules/.bin'), { recursive: true });
  writeFileSync(folder.at('node_modules/.bin/node'), '\x7fELF', { mode: 0o755 });
  assert.match((await enter(CHECK_START)).stderr, /^No Node runs at /);
  const foreign = await enter(`exec ${start}`);
  assert.ok(foreign.status !== null && final.includes(foreign.status), `${foreign.status}`);
  folder.remove();
});

test('settings that are wrong stop the start with 78 and the list of them', async () => {
  const run = await runToEnd('/bin/sh', ['-c', `cd '${PROJECT}' && ${CHECK_START}`], {
    PATH: PATH_WITH_SBIN,
  });
  assert.equal(run.status, 78);
  assert.match(run.stderr, /JWT_SECRET/);
});

test('nginx accepts the server for an IP address with the certificate that the document makes', async (t) => {
  if (!requireTools(t, ['nginx', 'openssl'])) return;
  const folder = makeScratchFolder('test-ip');
  const paths = {
    '/etc/ssl/private/gogomarket.key': folder.at('server.key'),
    '/etc/ssl/certs/gogomarket.pem': folder.at('server.pem'),
  };
  const made = await paste([documented('sudo openssl req'), documented('openssl x509')], paths);
  assert.equal(made.status, 0, made.words);
  assert.match(made.stdout, /IP Address:203\.0\.113\.10/);
  assert.match(made.stdout, /notAfter=/);
  const server = withPaths('deploy/nginx/gogomarket-ip.conf', {
    ...paths,
    '/var/log/nginx/gogomarket.log': folder.at('access.log'),
  });
  const words = testNginx(folder, { http: `${read('deploy/nginx/gogomarket-upstream.conf')}\n${server}` });
  assert.match(words, /test is successful/);
  assert.doesNotMatch(words, /\[(warn|emerg)\]/);
  folder.remove();
});

function withPaths(path: string, changes: Readonly<Record<string, string>>): string {
  let text = read(path);
  for (const [from, to] of Object.entries(changes)) text = text.replaceAll(from, to);
  return text;
}

test('the servers for a name and for an IP address differ in nothing but that', () => {
  const lines = (text: string) => text.split('\n').filter((line) => !/^\s*#/.test(line));
  const named = withPaths('deploy/nginx/gogomarket.conf', {
    'example.com;': '203.0.113.10;',
    'ssl http2;': 'ssl http2 default_server;',
    '/etc/letsencrypt/live/example.com/fullchain.pem': '/etc/ssl/certs/gogomarket.pem',
    '/etc/letsencrypt/live/example.com/privkey.pem': '/etc/ssl/private/gogomarket.key',
  });
  assert.deepEqual(lines(read('deploy/nginx/gogomarket-ip.conf')), lines(named));
});

test('systemd accepts the drop-ins', async (t) => {
  if (!requireTools(t, ['systemd-analyze'])) return;
  const folder = makeScratchFolder('test-drop-ins');
  cpSync(join(PROJECT, 'deploy/systemd'), folder.path, { recursive: true });
  const loopback = folder.at('gogomarket.service.d/loopback.conf');
  writeFileSync(
    loopback,
    readFileSync(loopback, 'utf8').replace('=/opt/gogomarket/venv/bin/uvicorn', '=/bin/echo'),
  );
  writeFileSync(folder.at('gogomarket.service'), '[Service]\nExecStart=/bin/false --host 0.0.0.0\n');
  const units = ['gogomarket-sidecar.service', 'gogomarket.service'].map((name) => folder.at(name));
  const env = { PATH: PATH_WITH_SBIN, SYSTEMD_UNIT_PATH: `${folder.path}:` };
  const run = await runToEnd('systemd-analyze', ['verify', ...units], env);
  assert.deepEqual([run.status, run.stdout + run.stderr], [0, '']);
  // That it reads them at all.
  writeFileSync(loopback, '[Service]\nNonsense=1\n');
  assert.match((await runToEnd('systemd-analyze', ['verify', ...units], env)).stderr, /Nonsense/);
  folder.remove();
});

test('nft accepts the rules that close the ports', async (t) => {
  if (!requireTools(t, ['nft'])) return;
  const run = await runToEnd('nft', ['-c', '-f', join(PROJECT, 'deploy/nftables/gogomarket.nft')], {
    PATH: PATH_WITH_SBIN,
  });
  assert.deepEqual([run.status, run.stderr], [0, '']);
});
