/** What /metrics says about uploads. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freePorts } from '../../../scripts/lab/ports.ts';
import { until } from '../../../scripts/lab/programs.ts';
import { startProcess } from '../../../scripts/lab/sidecar.ts';
import { untilMigrated } from '../../../scripts/lab/until-migrated.ts';
import { api } from '../../support/api.ts';
import { startBrokenStore } from '../../support/faulty-store.ts';
import { IMAGE, issue, type UploadScene, uploadScene } from '../../support/upload-scene.ts';

let scene: UploadScene;
uploadScene((made) => {
  scene = made;
});

test('workers say together what became of uploads, what waits for a look, since when, and what failed', async (t) => {
  const broken = await startBrokenStore(scene.store.config, (method) => method === 'GET' && 'refused');
  t.after(broken.stop);
  const [metricsPort = 0] = await freePorts(1);
  const sidecar = await startProcess({
    ...{ DATABASE_URL: scene.url, MIGRATE_ON_START: 'true', ...broken.env },
    ...{ WEB_CONCURRENCY: '2', METRICS_PORT: String(metricsPort), UPLOAD_RATE_PER_MINUTE: '0' },
  });
  t.after(() => sidecar.end());
  await untilMigrated(scene.url);
  const read = async (series: string) => {
    const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
    return Number(
      text
        .split('\n')
        .find((line) => line.startsWith(`${series} `))
        ?.slice(series.length),
    );
  };
  const says = (series: string, value: number) =>
    until(`${series} ${value}`, async () => (await read(series)) === value, { everyMs: 100 });

  const { body } = await issue(sidecar, { files: [IMAGE, IMAGE, IMAGE] });
  await api('DELETE', `${sidecar.url}/api/uploads/${body.uploads[0].upload_id}`, { user: 1 });
  await says('sidecar_upload_changes_total{status="issued"}', 3);
  await says('sidecar_upload_changes_total{status="deleted"}', 1);
  await scene.sql(`UPDATE sidecar_uploads SET due_at = now(), attempts = 30 WHERE status = 'issued'`);
  await until('a look that fails', async () => (await read('sidecar_upload_looks_failed_total')) >= 2);
  await says('sidecar_uploads_due{status="issued"}', 2);
  assert.equal(await read('sidecar_uploads_due{status="ready"}'), 0);
  const oldest = await read('sidecar_uploads_due_oldest_seconds');
  assert.ok(oldest >= 300 && oldest < 400, `${oldest} s`);
});
