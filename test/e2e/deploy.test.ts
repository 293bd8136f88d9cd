/** deploy/, the Procfile and docs/operations.md: what can be checked without a production machine. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { startTestDatabase } from '../../scripts/lab/database.ts';
import { testNginx } from '../../scripts/lab/nginx.ts';
import { freePorts } from '../../scripts/lab/ports.ts';
import { baseEnv, followProcess } from '../../scripts/lab/sidecar.ts';
import { writeDeployedFiles } from '../support/deployed-nginx.ts';
import { requireTools } from '../support/requirements.ts';

const run = promisify(execFile);
const PROJECT = resolve(import.meta.dirname, '../..');
const at = (path: string) => join(PROJECT, path);
const read = (path: string) => readFile(at(path), 'utf8');

async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'sidecar-test-deploy-'));
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test('nginx accepts the files in deploy/nginx without a warning', async (t) => {
  if (!requireTools(t, ['nginx', 'openssl'])) return;
  const { folder, http } = await writeDeployedFiles(8010);
  const words = testNginx(folder, { http });
  folder.remove();
  assert.match(words, /test is successful/);
  assert.doesNotMatch(words, /\[(warn|emerg)\]/);
});

test('the documented switch of nginx is one line, there and back', async () => {
  const doc = await read('docs/operations.md');
  const [back, forward] = ['8010;/127.0.0.1:8000', '8000;/127.0.0.1:8010'].map((ports) => {
    const found = doc.split('\n').find((line) => line.startsWith('sudo sed -i') && line.includes(ports));
    return /'(.*)'/.exec(found ?? '')?.[1] ?? assert.fail(`no command for ${ports}`);
  });
  const original = await read('deploy/nginx/gogomarket-upstream.conf');
  await withFolder(async (folder) => {
    const file = join(folder, 'upstream.conf');
    await writeFile(file, original);
    await run('sed', ['-i', back ?? '', file]);
    const switched = await readFile(file, 'utf8');
    assert.equal(switched, original.replace('server 127.0.0.1:8010;', 'server 127.0.0.1:8000;'));
    assert.notEqual(switched, original);
    await run('sed', ['-i', forward ?? '', file]);
    assert.equal(await readFile(file, 'utf8'), original);
  });
});

test('systemd accepts the units', async (t) => {
  if (!requireTools(t, ['systemd-analyze'])) return;
  await withFolder(async (folder) => {
    const units = ['gogomarket-sidecar.service', 'gogomarket-sidecar.socket'];
    for (const name of units) await cp(at(`deploy/systemd/${name}`), join(folder, name));
    const { stdout, stderr } = await run('systemd-analyze', [
      'verify',
      ...units.map((name) => join(folder, name)),
    ]);
    assert.equal(stdout + stderr, '');
  });
});

test('the units keep the port on loopback, reload by SIGHUP and allow V8 its memory', async () => {
  const service = settingsOf(await read('deploy/systemd/gogomarket-sidecar.service'));
  const socket = settingsOf(await read('deploy/systemd/gogomarket-sidecar.socket'));
  assert.deepEqual(socket.get('ListenStream'), ['127.0.0.1:8010']);
  const node =
    '/usr/bin/env PORT=8010 HOST=127.0.0.1 /opt/gogomarket-sidecar/node_modules/.bin/node src/main.ts';
  assert.deepEqual(service.get('ExecStart'), [node]);
  assert.deepEqual(service.get('ExecStartPre'), [
    '/usr/bin/env PORT=8010 HOST=127.0.0.1 /bin/sh /opt/gogomarket-sidecar/deploy/systemd/before-start.sh',
  ]);
  assert.deepEqual(service.get('ExecReload'), ['/bin/kill -HUP $MAINPID']);
  assert.equal(service.get('EnvironmentFile')?.[0], '/etc/gogomarket-backend.env');
  assert.equal(service.has('MemoryDenyWriteExecute'), false);
  // Seconds, above the default of SHUTDOWN_GRACE_MS.
  assert.ok(Number.parseInt(service.get('TimeoutStopSec')?.[0] ?? '', 10) > 10);
});

function settingsOf(unit: string): Map<string, string[]> {
  const pairs = [...unit.matchAll(/^(\w+)=(.*)$/gm)].map(
    ([, name = '', value = '']) => [name, value] as const,
  );
  return new Map(
    [...Map.groupBy(pairs, ([name]) => name)].map(([name, group]) => [name, group.map(([, v]) => v)]),
  );
}

const procfile = async (name: string) =>
  new RegExp(`^${name}: (.*)$`, 'm').exec(await read('Procfile'))?.[1] ??
  assert.fail(`no ${name} in the Procfile`);

/** `exec`, as platforms put it, so that signals reach the process itself. */
const shell = (line: string, env: Record<string, string>) =>
  spawn('/bin/sh', ['-c', line], {
    cwd: PROJECT,
    // An ordinary PATH: whatever Node the machine has, not the one that runs the tests.
    env: { ...baseEnv(env), PATH: '/usr/local/bin:/usr/bin:/bin' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });

test('the Procfile’s web listens on every address, on the Node of the project, and stops in order', async () => {
  const [port = 0] = await freePorts(1);
  const sidecar = await followProcess(shell(await procfile('web'), { PORT: String(port) }));
  const line = sidecar.log().find(({ msg }) => msg === 'listening');
  assert.deepEqual([line?.host, line?.port], ['0.0.0.0', port]);
  process.kill(Number(line?.pid), 'SIGTERM');
  const [status] = await once(sidecar.child, 'exit');
  assert.equal(status, 0);
});

test('the Procfile’s release migrates the database', async () => {
  const server = await startTestDatabase();
  try {
    const child = shell(await procfile('release'), { DATABASE_URL: server.url });
    const [words, [status]] = await Promise.all([child.stdout.toArray(), once(child, 'exit')]);
    assert.equal(status, 0);
    assert.match(Buffer.concat(words).toString(), /applied {2}0001-product-reviews/);
  } finally {
    await server.stop();
  }
});

test('the shell scripts have no findings', async (t) => {
  if (!requireTools(t, ['shellcheck'])) return;
  const scripts = ['scripts', 'deploy'].flatMap((folder) =>
    readdirSync(at(folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.sh'))
      .map((name) => at(`${folder}/${name}`)),
  );
  assert.ok(scripts.length >= 4);
  await run('shellcheck', ['--external-sources', ...scripts, at('.ci/run')]).catch((error) =>
    assert.fail(error.stdout),
  );
});

test('what docs/operations.md names in the project is there', async () => {
  const doc = await read('docs/operations.md');
  const named = doc.matchAll(/\b(?:src|scripts|deploy)\/[\w./-]+\.(?:ts|sh|conf|nft|service|socket)\b/g);
  const paths = new Set([...named].map(([path]) => path));
  assert.ok(paths.size >= 6);
  for (const path of paths) assert.ok(existsSync(at(path)), path);
});
