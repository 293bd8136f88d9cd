/** The delivery of events in whole processes: killed, stopped, several of them. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeCertificate } from '../../scripts/lab/certificate.ts';
import { startTestDatabase, type TestDatabaseServer } from '../../scripts/lab/database.ts';
import { freePorts } from '../../scripts/lab/ports.ts';
import { startProcess } from '../../scripts/lab/sidecar.ts';
import { untilMigrated } from '../../scripts/lab/until-migrated.ts';
import { all, createOutboxDatabase, letTimePass, record, rows, untilRows } from '../support/outbox.ts';
import { startWebhookReceiver, WEBHOOK_SECRET } from '../support/webhook-receiver.ts';

let server: TestDatabaseServer;
before(async () => {
  server = await startTestDatabase();
});
after(() => server.stop());

const sending = (databaseUrl: string, webhookUrl: string) => ({
  DATABASE_URL: databaseUrl,
  EVENTS_WEBHOOK_URL: webhookUrl,
  EVENTS_WEBHOOK_SECRET: WEBHOOK_SECRET,
});

const event = (n: number) => ({ subject: `upload:${n}`, type: 'upload.ready', data: { n } });

test('a sidecar makes its outbox at the start, and delivers from it', async (t) => {
  const url = await server.createDatabase();
  const receiver = await startWebhookReceiver();
  t.after(receiver.stop);
  const sidecar = await startProcess({ ...sending(url, receiver.url), MIGRATE_ON_START: 'true' });
  t.after(() => sidecar.end());
  await untilMigrated(url);
  await record(url, [event(1)]);
  await untilRows(url, all('delivered'));
  assert.deepEqual(
    sidecar.log().filter(({ level }) => level !== 'info'),
    [],
  );
});

test('what a process was sending when it was killed is sent by another', async (t) => {
  const url = await createOutboxDatabase(server);
  const receiver = await startWebhookReceiver();
  t.after(receiver.stop);
  receiver.answer(() => undefined);
  await record(url, [event(1)]);
  const killed = await startProcess(sending(url, receiver.url));
  t.after(() => killed.end('SIGKILL'));
  await receiver.until(1);
  await killed.end('SIGKILL');
  receiver.answer((res) => res.end());
  const other = await startProcess(sending(url, receiver.url));
  t.after(() => other.end());
  await sleep(1_500);
  assert.equal(receiver.deliveries.length, 1);
  await letTimePass(url, '60 seconds');
  await untilRows(url, all('delivered'));
  const [first, second] = receiver.deliveries;
  assert.deepEqual([second?.id, second?.body], [first?.id, first?.body]);
});

test('SIGTERM lets a delivery under way finish, and ends with status 0', async (t) => {
  const url = await createOutboxDatabase(server);
  const receiver = await startWebhookReceiver();
  t.after(receiver.stop);
  const answers: (() => void)[] = [];
  receiver.answer((res) => answers.push(() => res.end()));
  await record(url, [event(1)]);
  const sidecar = await startProcess(sending(url, receiver.url));
  await receiver.until(1);
  t.after(() => sidecar.end('SIGKILL'));
  const ended = sidecar.end();
  await sleep(300);
  for (const answer of answers) answer();
  assert.equal(await ended, 0);
  assert.equal((await rows(url))[0]?.state, 'delivered');
});

test('workers count one outbox once, and no line of the log has the secret or the URL in it', async (t) => {
  const url = await createOutboxDatabase(server);
  const receiver = await startWebhookReceiver();
  t.after(receiver.stop);
  receiver.answer((res) => res.writeHead(500).end());
  await record(url, [event(1), event(2), event(3)]);
  const [metricsPort = 0] = await freePorts(1);
  const sidecar = await startProcess({
    ...sending(url, receiver.url),
    WEB_CONCURRENCY: '2',
    METRICS_PORT: String(metricsPort),
    LOG_LEVEL: 'trace',
  });
  t.after(() => sidecar.end());
  // Each worker counts with its first look; before that there is nothing to scrape.
  const scrape = async () => {
    const res = await fetch(`http://127.0.0.1:${metricsPort}/metrics`);
    return (await res.text())
      .split('\n')
      .filter((line) => line.startsWith('sidecar_events'))
      .join('\n');
  };
  let text = '';
  while (!/^sidecar_events_waiting [^0]/m.test(text)) {
    await sleep(100);
    text = await scrape().catch(() => '');
  }
  await receiver.until(3);
  await sleep(1_500);
  text = await scrape();
  assert.match(text, /^sidecar_events_waiting 3$/m);
  assert.match(text, /^sidecar_events_failed 0$/m);
  await sidecar.end();
  const log = JSON.stringify(sidecar.log());
  assert.match(log, /an event was not delivered/);
  for (const secret of [WEBHOOK_SECRET, WEBHOOK_SECRET.slice(6), '/hooks/']) assert.ok(!log.includes(secret));
});

test('an https receiver is trusted when its authority is', async (t) => {
  const url = await createOutboxDatabase(server);
  const folder = await mkdtemp(join(tmpdir(), 'sidecar-test-webhook-'));
  t.after(() => rm(folder, { recursive: true }));
  const { certPath, keyPath, caPath } = await makeCertificate(folder);
  const receiver = createTlsServer(
    { cert: await readFile(certPath), key: await readFile(keyPath) },
    (_req, res) => {
      res.writeHead(204).end();
    },
  );
  t.after(() => receiver.close());
  receiver.listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  await record(url, [event(1)]);
  const sidecar = await startProcess({
    ...sending(url, `https://localhost:${(receiver.address() as AddressInfo).port}/`),
    NODE_EXTRA_CA_CERTS: caPath,
  });
  t.after(() => sidecar.end());
  await untilRows(url, all('delivered'));
});
