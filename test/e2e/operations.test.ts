/** What can be pasted from docs/operations.md and docs/ru/oncall.md is pasted, with other paths and ports, beside a running sidecar. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { createBackendTables, startTestDatabase } from '../../scripts/lab/database.ts';
import { testNginx } from '../../scripts/lab/nginx.ts';
import { freePorts } from '../../scripts/lab/ports.ts';
import { runToEnd, until } from '../../scripts/lab/programs.ts';
import { makeScratchFolder } from '../../scripts/lab/scratch-folder.ts';
import { answering, ok, startScriptedBackend } from '../../scripts/lab/scripted-backend.ts';
import { baseEnv, startProcess } from '../../scripts/lab/sidecar.ts';
import { startTestObjectStore, storageEnv } from '../../scripts/lab/throwaway-object-store.ts';
import { PATH_WITH_SBIN } from '../../scripts/lab/tools.ts';
import { untilReady } from '../support/api.ts';
import { writeDeployedFiles } from '../support/deployed-nginx.ts';
import { ONCALL_COMMANDS } from '../support/oncall-commands.ts';
import { OPERATIONS_COMMANDS, PASTED } from '../support/operations-commands.ts';
import { requireTools } from '../support/requirements.ts';

const PROJECT = resolve(import.meta.dirname, '../..');

/** What a command has to say, where its status alone says little. */
const SAYS: Readonly<Record<string, RegExp>> = {
  "stat --format='%A %U:%G' /etc/gogomarket-backend.env": /^-rw-r----- \w+:\w+$/m,
  'sidecar src/main.ts --check-config': /The configuration is complete\./,
  "sudo ss -ltnp 'sport = :8010'": /127\.0\.0\.1:\d+/,
  'curl -s http://127.0.0.1:8010/readyz': /^\{"status":"ok"/,
  'curl -s http://127.0.0.1:8010/livez': /^\{"status":"ok"/,
  'curl -s http://127.0.0.1:8010/healthz': /^here$/,
  'curl -s http://127.0.0.1:8000/healthz': /^here$/,
  "curl -s http://127.0.0.1:9464/metrics | grep '^sidecar_'": /^sidecar_/m,
  "curl -s -o /dev/null -w '%{http_code}\\n' http://127.0.0.1:8000/api/products/1/reviews": /^200$/m,
  "sudo nginx -T | grep -E 'client_max_body_size|proxy_read_timeout'":
    /client_max_body_size.*proxy_read_timeout/s,
  'curl -s http://127.0.0.1:9464/metrics | grep in_flight': /^sidecar_in_flight \d/m,
  'curl -s http://127.0.0.1:9464/metrics | grep uploads_due': /^sidecar_uploads_due_oldest_seconds \d/m,
  'sidecar src/migrate.ts --down': /0\d+-/,
};
test('the commands of docs/operations.md and docs/ru/oncall.md that ask and mend work as they stand there', async (t) => {
  if (!requireTools(t, ['bash', 'curl', 'nginx', 'openssl'])) return;
  await using parts = new AsyncDisposableStack();
  const folder = makeScratchFolder('test-operations');
  parts.defer(folder.remove);
  const server = parts.use(await startTestDatabase());
  const databaseUrl = await server.createDatabase();
  await createBackendTables(databaseUrl);
  const backend = await startScriptedBackend(answering(ok('here')));
  parts.defer(backend.stop);
  const [metricsPort = 0] = await freePorts(1);
  const store = await startTestObjectStore();
  parts.defer(store.stop);
  const settings = { BACKEND_URL: backend.url, DATABASE_URL: databaseUrl, ...storageEnv(store.config) };
  const sidecar = parts.use(
    await startProcess({ ...settings, MIGRATE_ON_START: 'true', METRICS_PORT: String(metricsPort) }),
  );
  await untilReady(sidecar);
  mkdirSync(folder.at('here'));
  writeFileSync(folder.at('gogomarket-backend.env'), '', { mode: 0o640 });

  const nginx = await writeDeployedFiles(sidecar.port);
  parts.defer(nginx.folder.remove);
  assert.match(testNginx(nginx.folder, { http: nginx.http }), /successful/);
  await until('the first look at what is due', async () =>
    (await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text()).includes('sidecar_uploads_due'),
  );

  const commands = { ...OPERATIONS_COMMANDS, ...ONCALL_COMMANDS };
  const pasted = Object.keys(commands).filter((command) => commands[command] === PASTED);
  // The tables are needed until the end.
  const isLast = (command: string) => Number(command.endsWith('--down'));
  for (const command of pasted.toSorted((one, other) => isLast(one) - isLast(other))) {
    const script = command
      .replaceAll(/\/(?:etc|srv)\//g, `${folder.path}/`)
      .replaceAll('8010', String(sidecar.port))
      .replaceAll('8000', String(backend.port))
      .replaceAll('9464', String(metricsPort));
    const functions = `cd '${folder.at('here')}'; nginx() { command nginx -c '${nginx.folder.at('nginx.conf')}' "$@"; }; sudo() { "$@"; }; sidecar() { (cd '${PROJECT}' && '${process.execPath}' "$@"); }`;
    const env = { ...baseEnv(settings), PATH: PATH_WITH_SBIN };
    const { status, stdout, stderr } = await runToEnd('bash', ['-c', `${functions}\n${script}`], env);
    assert.equal(status, 0, `${command}\n${stdout}${stderr}`);
    assert.match(stdout, SAYS[command] ?? /^/, command);
  }
});
