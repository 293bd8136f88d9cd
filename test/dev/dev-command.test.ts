/** `npm run dev`, run as a developer runs it, in a copy of the project. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import { closedFolder, defaultStateFolder } from '../../scripts/dev/state-place.ts';
import { isListening } from '../../scripts/lab/ports.ts';
import { commandOf } from '../../scripts/lab/proc.ts';
import { until } from '../../scripts/lab/programs.ts';
import { tokenFor } from '../../scripts/lab/tokens.ts';
import { api } from '../support/api.ts';
import { requireTools } from '../support/requirements.ts';
import { devProject } from './run-dev.ts';

/** More than the sidecar takes to start. */
const SAVE_AGAIN_MS = 20_000;

describe('npm run dev', () => {
  const project = devProject();
  const dev = project.run;

  test('three commands that it prints work when pasted; what they wrote is there after a restart; Ctrl-C and SIGTERM leave nothing running', async (t) => {
    if (!requireTools(t, ['bash', 'curl'])) return;
    const first = dev([], {}, true);
    const { url, token, commands, sidecarPid, ports } = await first.ready();
    assert.equal(commands.length, 4);
    const [exported = '', ...curls] = commands;
    // In one shell, from another folder, with the node that runs this test.
    const script = [exported, ...curls.map((curl) => `${curl}\necho; echo ---`)].join('\n');
    const { stdout } = await promisify(execFile)('bash', ['-ec', script], {
      cwd: tmpdir(),
      env: { ...process.env, PATH: `${dirname(process.execPath)}:${process.env.PATH}` },
    });
    const [products = '', added = '', uploaded = ''] = stdout.split('---\n');
    assert.match(products, /^HTTP\/1\.1 200 [\s\S]*"Wool scarf"/);
    assert.match(added, /^HTTP\/1\.1 200 [\s\S]*"author_name":"Anna Buyer"[\s\S]*"Warm and soft"/);
    assert.match(uploaded, /HTTP\/1\.1 200 OK\r\nETag: /);
    // As a terminal does it: npm, its shell and the command get the signal at once.
    first.kill('SIGINT', true);
    await first.exited;
    for (const port of ports) assert.equal(await isListening(port), false, `port ${port} is still open`);
    assert.equal(ports.length, 4);
    assert.equal(commandOf(sidecarPid), null);

    const second = dev([], {}, true);
    const again = await second.ready();
    assert.match(JSON.stringify((await api('GET', `${url}/api/products/1/reviews`)).body), /Warm and soft/);
    assert.equal((await api('GET', `${url}/api/auth/me`, { token })).status, 200);
    // As a supervisor does it: to npm alone.
    second.kill('SIGTERM');
    await second.says(/Stopping/);
    await second.exited;
    for (const port of again.ports)
      await until(`port ${port} to be closed`, async () => !(await isListening(port)));
  });

  test('restarts the sidecar when a file changes, also after a mistake in it', async () => {
    const command = dev();
    const { url, sidecarPid } = await command.ready();
    const file = join(project.folder, 'src/errors.ts');
    const source = await readFile(file, 'utf8');
    await writeFile(file, `${source}\nexport const = 1;\n`);
    await command.says(/SyntaxError/);
    // `node --watch` does not see what is written before it says that it waits.
    await command.says(/Waiting for file changes/);
    // On a busy machine it says so a moment early, and what is saved in that moment is lost: then save again.
    const save = () => writeFile(file, `${source}\n`);
    await save();
    const again = setInterval(save, SAVE_AGAIN_MS);
    const [, pid] = await command.says(/listening.*pid=(\d+)/).finally(() => clearInterval(again));
    assert.notEqual(Number(pid), sidecarPid);
    assert.equal((await api('GET', `${url}/livez`)).status, 200);
    command.kill('SIGINT');
    assert.equal(await command.exited, 0);
  });

  test('says so when it runs already, and when the port is taken; killed, it is cleared up after by the next one', async () => {
    const killed = dev();
    const { url, sidecarPid } = await killed.ready();
    for (const args of [[], ['--reset']]) {
      const twin = dev(args);
      assert.equal(await twin.exited, 1);
      assert.match(twin.output(), /already runs with this state folder \(process \d+\)/);
    }
    const elsewhere = dev(['--state', join(project.folder, 'elsewhere')]);
    assert.equal(await elsewhere.exited, 1);
    assert.match(elsewhere.output(), new RegExp(`Port ${project.env.PORT} is taken.*PORT=\\d+ npm run dev`));
    assert.equal((await api('GET', `${url}/livez`)).status, 200);

    killed.kill('SIGKILL');
    const next = dev();
    await next.ready();
    assert.match(next.output(), /stopped a sidecar .*[\s\S]*stopped a PostgreSQL /);
    // Its number may live on a little longer, until whoever adopts orphans has taken note.
    assert.equal(commandOf(sidecarPid), null);
    assert.equal((await api('GET', `${url}/readyz`)).status, 200);
    next.kill('SIGTERM');
    assert.equal(await next.exited, 0);
    assert.equal(await isListening(Number(project.env.PORT)), false);
  });

  test('numbers left in files that are other programs’ now stop nothing and keep nobody out', async () => {
    const other = spawn('sleep', ['600'], { argv0: 'postgres -D /var/lib/elsewhere -p 5432' });
    const state = join(project.folder, '.dev');
    await mkdir(join(state, 'postgres'), { recursive: true });
    for (const file of ['dev.pid', 'sidecar.pid', 'postgres/postmaster.pid']) {
      await writeFile(join(state, file), `${other.pid}\n`);
    }
    try {
      const command = dev(['--no-watch']);
      await command.ready();
      assert.doesNotMatch(command.output(), /stopped a/);
      assert.equal(other.exitCode ?? other.signalCode, null);
      await command.end();
    } finally {
      other.kill();
    }
  });

  test('names the setting when your database does not answer', async () => {
    const command = dev(['--no-watch'], { DATABASE_URL: 'postgresql://app:app@127.0.0.1:9/none' });
    assert.equal(await command.exited, 1);
    assert.match(command.output(), /DATABASE_URL does not answer: connect ECONNREFUSED/);
  });

  test('lists what is wrong with the settings before anything starts', async () => {
    const command = dev([], { LOG_LEVEL: 'loud', S3_BUCKET: 'mine' });
    assert.equal(await command.exited, 1);
    assert.doesNotMatch(command.output(), /starting/);
    assert.match(command.output(), /LOG_LEVEL must be one of[\s\S]*S3_ENDPOINT is missing/);
    assert.equal(await isListening(Number(project.env.PORT)), false);
    assert.equal(await isListening(Number(URL.parse(project.env.BACKEND_URL ?? '')?.port)), false);
  });

  test('uses the backend and the secret that .env names; the environment wins', async () => {
    const own = createServer((_req, res) => void res.end('mine')).listen(0, '127.0.0.1');
    await new Promise((listening) => own.once('listening', listening));
    const address = own.address();
    assert.ok(typeof address === 'object' && address !== null);
    await writeFile(join(project.folder, '.env'), 'JWT_SECRET=from the file\nPORT=1\n');
    try {
      const command = dev(['--no-watch'], { BACKEND_URL: `http://127.0.0.1:${address.port}` });
      const { url } = await command.ready();
      assert.match(command.output(), /backend.*yours: it was already running/);
      assert.match(command.output(), /Set DATABASE_URL to your backend's own/);
      assert.equal((await api('GET', `${url}/api/anything`)).body, 'mine');
      const json = { kind: 'story_image', filename: 'a.png', content_type: 'image/png', size_bytes: 1 };
      const answer = await api('POST', `${url}/api/uploads`, { token: tokenFor(1, 'from the file'), json });
      assert.equal(answer.status, 200);
      command.kill('SIGHUP');
      assert.equal(await command.exited, 0);
    } finally {
      await rm(join(project.folder, '.env'));
      own.close();
      own.closeAllConnections();
    }
  });

  test('says what is wrong with a .env that cannot be read', async () => {
    const path = join(project.folder, '.env');
    await writeFile(path, Buffer.from('PORT=1\n', 'utf16le'));
    const wide = dev();
    assert.equal(await wide.exited, 1);
    assert.match(wide.output(), /\.env is UTF-16: save it as UTF-8\.\n/);
    await rm(path);
    await mkdir(path);
    const folder = dev();
    assert.equal(await folder.exited, 1);
    assert.match(folder.output(), /\.env cannot be read: EISDIR: /);
    await rm(path, { recursive: true });
  });

  test('says where it cannot keep data, and finds a place when only root can enter the project', async () => {
    const file = join(project.folder, 'package.json');
    const command = dev(['--state', join(file, 'state')]);
    assert.equal(await command.exited, 1);
    assert.match(command.output(), /The state folder .* cannot be made/);

    assert.equal(defaultStateFolder(project.folder, true), join(project.folder, '.dev'));
    await chmod(project.folder, 0o700);
    assert.equal(closedFolder(join(project.folder, 'src')), project.folder);
    assert.match(
      defaultStateFolder(project.folder, true),
      /^\/var\/lib\/gogomarket-dev\/sidecar-test-dev-.*-[0-9a-f]{8}$/,
    );
    assert.equal(defaultStateFolder(project.folder, false), join(project.folder, '.dev'));
    await chmod(project.folder, 0o755);
  });

  test('explains itself', async () => {
    const help = dev(['--help']);
    assert.equal(await help.exited, 0);
    assert.match(help.output(), /^Usage: npm run dev/);
    const mistaken = dev(['--rset']);
    assert.equal(await mistaken.exited, 2);
    assert.match(mistaken.output(), /'--rset'[\s\S]*Usage: npm run dev/);
  });
});
