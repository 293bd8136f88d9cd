/** npm run doctor -- --only nginx: behind the files of deploy/nginx, and with one thing in them changed at a time. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import type { Result } from '../../scripts/doctor/output.ts';
import { testNginx } from '../../scripts/lab/nginx.ts';
import { freePort } from '../../scripts/lab/ports.ts';
import { startDeployedNginx, writeDeployedFiles } from '../support/deployed-nginx.ts';
import { type DoctorScene, doctorScene } from '../support/doctor-scene.ts';
import { skipWithout } from '../support/requirements.ts';

const skip = skipWithout(['nginx', 'openssl']);

let scene: DoctorScene;
if (!skip)
  doctorScene((made) => {
    scene = made;
  });

const commandFor = ({ folder }: { readonly folder: { at(name: string): string } }) =>
  `nginx -e ${folder.at('error.log')} -c ${folder.at('nginx.conf')}`;

const lookAt = (command: string, more: readonly string[] = []) =>
  scene.look(['--only', 'nginx', '--nginx', command, ...more]);

function assertFinds(result: Result, status: Result['status'], says: RegExp): void {
  assert.equal(result.status, status, JSON.stringify(result));
  assert.match(`${result.text} → ${result.remedy}`, says);
}

test('nothing is wrong behind the files of deploy/nginx; after a rollback the backend answers', {
  skip,
}, async (t) => {
  const nginx = await started(t, Number(scene.env.PORT));
  const { results, of } = await lookAt(commandFor(nginx));
  const bad = results.filter(({ status }) => status !== 'ok');
  assert.deepEqual([bad, results.length], [[], 12]);
  assertFinds(of('nginx/who answers'), 'ok', /^https:\/\/127\.0\.0\.1:\d+: the sidecar \(200/);
  assertFinds(of('nginx/configuration'), 'ok', /server example\.com/);
  assert.equal(
    nginx
      .accessLog()
      .split('\n')
      .filter((line) => line.includes('doctor')).length,
    0,
  );

  scene.backend.handle = (_req, res) =>
    void res.writeHead(404, { 'Content-Type': 'application/json' }).end('{"detail":"Not Found"}');
  const rolledBack = await started(t, Number(new URL(scene.env.BACKEND_URL ?? '').port));
  const back = await lookAt(commandFor(rolledBack));
  assertFinds(
    back.of('nginx/who answers'),
    'wrong',
    /the backend \(404.* → .*npm run cutover -- --to sidecar/,
  );
  assert.equal(back.of('nginx/WebSocket').status, 'ok');
  const nobody = await freePort();
  const astray = commandFor(await started(t, nobody));
  assertFinds(
    (await lookAt(astray)).of('nginx/configuration'),
    'wrong',
    /passes anything on to port \d+ or \d+/,
  );
  const away = await scene.look(['--only', 'nginx', '--nginx', astray], { PORT: String(nobody) });
  assertFinds(away.of('nginx/who answers'), 'wrong', /neither .*502.* → Does Nginx reach the sidecar/);
});

async function started(t: TestContext, port: number) {
  const nginx = await startDeployedNginx(port);
  t.after(nginx.stop);
  return nginx;
}

test('connections that are kept too long, a configuration that Nginx refuses, no Nginx', {
  skip,
}, async (t) => {
  const files = await writeDeployedFiles(Number(scene.env.PORT));
  t.after(files.folder.remove);
  testNginx(files.folder, files);
  const upstream = files.folder.at('gogomarket-upstream.conf');
  const text = readFileSync(upstream, 'utf8');
  writeFileSync(upstream, text.replace('keepalive_timeout 4s', 'keepalive_timeout 1m'));
  assertFinds((await lookAt(commandFor(files))).of('nginx/idle connections'), 'wrong', /kept for 60 s/);
  writeFileSync(upstream, text.replace('}', ''));
  const refused = await lookAt(commandFor(files));
  assertFinds(refused.of('nginx/configuration'), 'wrong', /directive is not allowed|unexpected end of file/);
  assertFinds(refused.of('nginx/WebSocket'), 'could not check', /"private copy" comes first/);
  const none = await lookAt(files.folder.at('nowhere'));
  assertFinds(none.of('nginx/configuration'), 'could not check', /there is no .*nowhere on this machine/);
});

const API = '        proxy_request_buffering off;';
const PASS = '    location ~ ^/api(/|$) {\n        proxy_pass http://gogomarket_api;';

/** Text of deploy/nginx/gogomarket.conf and what stands there instead; the check that tells, and what it says. */
const FAULTS: Record<string, [from: string, to: string, check: string, says: RegExp]> = {
  'no Host': [
    '    proxy_set_header Host              $client_host;\n',
    '',
    'Host',
    /arrives as "gogomarket_api".* → proxy_set_header Host/,
  ],
  'Host without a port': [
    'Host              $client_host',
    'Host $host',
    'Host',
    /arrives as "example\.com"/,
  ],
  'a Host that may be empty': [
    'Host              $client_host',
    'Host $http_host',
    'Host of HTTP/1.0',
    /gets a 400/,
  ],
  'a claim of the client’s': [
    'X-Forwarded-For   $remote_addr',
    'X-Forwarded-For $proxy_add_x_forwarded_for',
    'X-Forwarded-*',
    /203\.0\.113\.9, 127\.0\.0\.1.* → .*\$remote_addr/,
  ],
  'no scheme': ['    proxy_set_header X-Forwarded-Proto $scheme;\n', '', 'X-Forwarded-*', /Proto: gopher/],
  'a location with one header of its own': [
    API,
    `${API}\n proxy_set_header X-Extra 1;`,
    'X-Forwarded-*',
    /For: 203\.0\.113\.9, Proto: gopher/,
  ],
  'a limit of bodies': [
    'client_max_body_size 0',
    'client_max_body_size 20m',
    'body limit',
    /is 20m.* → client_max_body_size 0/,
  ],
  'bodies that are kept': [API, '', 'body limit', /takes in the whole body/],
  'answers that are kept': [
    '        proxy_request_buffering off;\n        proxy_buffering off;',
    API,
    'answers',
    /beginning of an answer back/,
  ],
  'error pages of its own': [
    API,
    `${API}\n proxy_intercept_errors on; error_page 503 /index.html;`,
    'answers',
    /comes back as 503 with another body/,
  ],
  'no upgrade': [
    '    proxy_set_header Upgrade           $http_upgrade;\n',
    '',
    'WebSocket',
    /arrives without Upgrade/,
  ],
  'a path of its own': [
    PASS,
    '    location /api {\n        proxy_pass http://gogomarket_api/api;',
    'path',
    /arrives as .* → proxy_pass http:/,
  ],
  'a time-out that is short': [
    'proxy_read_timeout 310s',
    'proxy_read_timeout 30s',
    'time-outs',
    /^\/api: proxy_read_timeout is 30 s, and the sidecar waits 300 s/,
  ],
};

for (const [what, [from, to, check, says]] of Object.entries(FAULTS))
  test(`${what} is told`, { skip }, async (t) => {
    const files = await writeDeployedFiles(Number(scene.env.PORT), [[from, to]]);
    t.after(files.folder.remove);
    assert.match(testNginx(files.folder, files), /test is successful/);
    const { of } = await lookAt(commandFor(files));
    assertFinds(of(`nginx/${check}`), 'wrong', says);
    assertFinds(of('nginx/who answers'), 'could not check', /ECONNREFUSED.* → .*--url/);
  });
