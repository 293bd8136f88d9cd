/** deploy/prometheus and deploy/grafana: the rules do what they say, and nothing asks for a figure that does not exist. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { createBackendTables, startTestDatabase } from '../../scripts/lab/database.ts';
import { freePorts } from '../../scripts/lab/ports.ts';
import { startProgram, until, untilListening } from '../../scripts/lab/programs.ts';
import { makeScratchFolder } from '../../scripts/lab/scratch-folder.ts';
import { startProcess } from '../../scripts/lab/sidecar.ts';
import { startTestObjectStore, storageEnv } from '../../scripts/lab/throwaway-object-store.ts';
import { skipWithout } from '../support/requirements.ts';
import { WEBHOOK_SECRET } from '../support/webhook-receiver.ts';

const run = promisify(execFile);
const DEPLOY = resolve(import.meta.dirname, '../../deploy');
const RULES = join(DEPLOY, 'prometheus/gogomarket-sidecar.rules.yml');
const skip = skipWithout(['prometheus', 'promtool']);

interface Dashboard {
  readonly templating: { readonly list: readonly { readonly name: string; readonly type: string }[] };
  readonly panels: readonly {
    readonly title: string;
    readonly targets: readonly { readonly expr: string; readonly datasource: { readonly uid: string } }[];
  }[];
}
const dashboard = JSON.parse(
  readFileSync(join(DEPLOY, 'grafana/gogomarket-sidecar.json'), 'utf8'),
) as Dashboard;

test('promtool accepts the rules, and each fires when it should and only then', { skip }, async () => {
  await run('promtool', ['check', 'rules', RULES]);
  await run('promtool', ['test', 'rules', RULES.replace('.yml', '.test.yml')]);
});

test('every query of the dashboard and of the rules finds its figures in a live /metrics', {
  skip,
}, async () => {
  const [metricsPort, port] = await freePorts(2);
  const [database, store] = [await startTestDatabase(), await startTestObjectStore()];
  await createBackendTables(database.url);
  const sidecar = await startProcess({
    ...{ ...storageEnv(store.config), DATABASE_URL: database.url, MIGRATE_ON_START: 'true' },
    METRICS_PORT: String(metricsPort),
    EVENTS_WEBHOOK_URL: 'http://127.0.0.1:9/hook',
    EVENTS_WEBHOOK_SECRET: WEBHOOK_SECRET,
  });
  const folder = makeScratchFolder('prometheus');
  // As in deploy/prometheus/scrape.yml, only faster.
  const scrape = readFileSync(join(DEPLOY, 'prometheus/scrape.yml'), 'utf8').replace(
    '9464',
    String(metricsPort),
  );
  writeFileSync(folder.at('prometheus.yml'), `global: { scrape_interval: 200ms }\n${scrape}`);
  const prometheus = startProgram('prometheus', [
    `--config.file=${folder.at('prometheus.yml')}`,
    `--storage.tsdb.path=${folder.at('data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ]);
  const ask = async (expr: string) => {
    const url = `http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(expr)}`;
    const answer = (await (await fetch(url)).json()) as {
      error?: string;
      data?: { result: { value: [number, string] }[] };
    };
    assert.equal(answer.error, undefined, expr);
    return answer.data?.result ?? [];
  };
  try {
    await untilListening('prometheus', prometheus, port ?? 0);
    // It listens before it answers questions.
    const ready = `http://127.0.0.1:${port}/-/ready`;
    await until('prometheus to be ready', async () => (await fetch(ready)).ok);
    const request = async () => {
      for (const path of ['/api/x', '/api/products/1/reviews'])
        await (await fetch(sidecar.url + path)).text();
    };
    await until('it is scraped', async () => (await ask('up{job="gogomarket-sidecar"} == 1')).length > 0);
    for (const { title, targets } of dashboard.panels) {
      for (const { expr } of targets) {
        await until(`figures in "${title}": ${expr}`, async () => {
          await request();
          const found = await ask(expr.replaceAll('$__rate_interval', '20s'));
          return found.length > 0 && found.every(({ value }) => Number.isFinite(Number(value[1])));
        });
      }
    }
    // A rule that asks for what does not exist never fires, and nobody notices.
    const names = readFileSync(RULES, 'utf8').match(/\b(?:sidecar|nodejs)_\w+(?=\{)/g) ?? [];
    assert.ok(names.length >= 6, `${names}`);
    for (const name of names)
      assert.ok((await ask(`{__name__="${name}", job="gogomarket-sidecar"}`)).length > 0, name);
  } finally {
    await prometheus.stop('SIGKILL');
    await sidecar.end();
    await store.stop();
    await database.stop();
    folder.remove();
  }
});

test('the data source of the dashboard is a variable', () => {
  assert.deepEqual(
    dashboard.templating.list.map(({ name, type }) => [name, type]),
    [['datasource', 'datasource']],
  );
  for (const { targets } of dashboard.panels) {
    for (const { datasource } of targets) assert.equal(datasource.uid, `$${'{datasource}'}`);
  }
});
