/** `npm run dev -- --lan`: devices reach the sidecar and put files into its storage. The device is this machine, by 127.0.0.2. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { addressesOf } from '../../scripts/dev/lan/addresses.ts';
import { freePorts } from '../../scripts/lab/ports.ts';
import { api } from '../support/api.ts';
import { copyProject, type DevCommand, type ReadyDev, runDev } from './run-dev.ts';

const DEVICE = '127.0.0.2';
/** Elsewhere only 127.0.0.1 is there without being asked for. */
const skip = process.platform === 'linux' ? false : 'all of 127.0.0.0/8 is this machine on Linux alone';
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==',
  'base64',
);
const image = {
  ...{ kind: 'product_image', filename: 'a.png', content_type: 'image/png', size_bytes: PNG.length },
};

let project: string;
let command: DevCommand;
let dev: ReadyDev;
let port: number;

before(async () => {
  if (skip) return;
  project = await copyProject();
  const [own = 0, backendPort = 0] = await freePorts(2);
  port = own;
  const settings = { PORT: String(own), BACKEND_URL: `http://127.0.0.1:${backendPort}` };
  const args = ['--no-watch', '--lan-address', DEVICE];
  command = runDev(project, { args, settings });
  dev = await command.ready();
});
after(async () => {
  if (skip) return;
  await command.end();
  await rm(project, { recursive: true, force: true });
});

const urlOf = (host: string) => `http://${host}:${port}`;
const issue = (host: string, json: object) =>
  api('POST', `${urlOf(host)}/api/uploads`, { token: dev.token, json });

/** Over loopback, under any name. */
async function ask(host: string, path: string, { method = 'GET', body = '', to = port } = {}) {
  const headers = {
    ...{ Host: host, Authorization: `Bearer ${dev.token}`, 'Content-Type': 'application/json' },
    'Content-Length': Buffer.byteLength(body),
  };
  const asked = request({ host: '127.0.0.1', port: to, path, method, headers, agent: false });
  asked.end(body);
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  return { status: answer.statusCode, body: JSON.parse(await text(answer)) };
}

test('it prints an address for each kind of device', { skip }, () => {
  const output = command.output();
  for (const words of [
    `http://10.0.2.2:${port} +Android emulator`,
    `http://127.0.0.1:${port} +iOS simulator`,
    `http://${DEVICE}:${port} +devices in this network`,
  ])
    assert.match(output, new RegExp(words.replaceAll('.', '\\.')));
  assert.match(output, /Everybody in this network/);
});

test('a device is given a URL that it can put the file to, and the file is read by it', {
  skip,
}, async () => {
  const { status, body } = await issue(DEVICE, image);
  assert.equal(status, 200);
  assert.equal(new URL(body.upload_url).hostname, DEVICE);
  const put = await fetch(body.upload_url, { method: 'PUT', headers: body.headers, body: PNG });
  assert.equal(put.status, 200, await put.text());
  const done = await api('POST', `${urlOf(DEVICE)}/api/uploads/${body.upload_id}/complete`, {
    token: dev.token,
  });
  assert.deepEqual([done.status, done.body.status], [200, 'ready']);
  const stored = await fetch(done.body.file_url);
  assert.equal(new URL(done.body.file_url).hostname, DEVICE);
  assert.deepEqual(Buffer.from(await stored.arrayBuffer()), PNG);
});

test('so are the parts of a video, and a URL that is asked for anew', { skip }, async () => {
  const video = { ...image, kind: 'reel_video', content_type: 'video/mp4', multipart: true };
  const { body } = await issue(DEVICE, video);
  assert.equal(new URL(body.multipart.parts[0].upload_url).hostname, DEVICE);
  const issued = await issue('127.0.0.1', image);
  const again = await api('POST', `${urlOf(DEVICE)}/api/uploads/${issued.body.upload_id}/url`, {
    token: dev.token,
  });
  assert.equal(new URL(again.body.upload_url).hostname, DEVICE);
});

test('each request has the address that it came by, and no other one’s', { skip }, async () => {
  const json = JSON.stringify(image);
  const hosts = ['127.0.0.1', '10.0.2.2', DEVICE, '127.0.0.1'];
  const answers = await Promise.all(
    hosts.map((host) => ask(`${host}:${port}`, '/api/uploads', { method: 'POST', body: json })),
  );
  assert.deepEqual(
    answers.map(({ body }) => new URL(body.upload_url).hostname),
    hosts,
  );
});

test('an emulator, which arrives on loopback by another name, can put its file, too', { skip }, async () => {
  const { body } = await ask(`10.0.2.2:${port}`, '/api/uploads', {
    method: 'POST',
    body: JSON.stringify(image),
  });
  const url = new URL(body.upload_url);
  // As the emulator's network does it: 10.0.2.2 is the 127.0.0.1 of the machine.
  const put = request({
    ...{ host: '127.0.0.1', port: url.port, path: url.pathname + url.search, method: 'PUT' },
    headers: { ...body.headers, Host: url.host, 'Content-Length': PNG.length },
  });
  put.end(PNG);
  const [answer] = (await once(put, 'response')) as [IncomingMessage];
  answer.resume();
  assert.equal(answer.statusCode, 200);
});

test('nothing is signed for the Host of a stranger', { skip }, async () => {
  for (const host of ['evil.example', `evil.example:${port}`, '192.0.2.1', '10.0.2.2.evil.example', '']) {
    const { body } = await ask(host, '/api/uploads', { method: 'POST', body: JSON.stringify(image) });
    assert.equal(new URL(body.upload_url).hostname, '127.0.0.1', host);
  }
});

test('the console stays with this machine, and says where it is', { skip }, async () => {
  for (const host of [DEVICE, '10.0.2.2']) {
    const { status, body } = await ask(`${host}:${port}`, '/dev');
    assert.equal(status, 403);
    assert.ok(body.detail.includes(`http://127.0.0.1:${port}/dev`), body.detail);
  }
});

test('of the machine’s interfaces those are left that a device may be behind', () => {
  const found = (address: string, family = 'IPv4', internal = false) => ({ address, family, internal });
  const addresses = addressesOf({
    lo: [found('127.0.0.1', 'IPv4', true)],
    docker0: [found('172.17.0.1')],
    eth0: [found('198.51.100.7'), found('fe80::1', 'IPv6'), found('169.254.3.4')],
    wlan0: [found('192.168.1.5')],
    down: undefined,
  });
  assert.deepEqual(addresses, ['192.168.1.5', '198.51.100.7']);
});
