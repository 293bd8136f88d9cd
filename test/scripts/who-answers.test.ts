/** What npm run cutover concludes from what others say: an answer, Nginx's log, `ss`. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { appendFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { watchLogs } from '../../scripts/cutover/nginx-log.ts';
import { heldByLeaving } from '../../scripts/cutover/old-connections.ts';
import { listen } from '../../scripts/lab/ports.ts';
import { makeScratchFolder } from '../../scripts/lab/scratch-folder.ts';
import { factsOf } from '../../scripts/lib/nginx-command.ts';
import { ask, judgeAnswer, whoAnswers } from '../../scripts/lib/who-answers.ts';

const OURS = { 'x-request-id': 'a1' };

test('only what the sidecar says in its own way is taken for the sidecar’s', () => {
  const cases: [who: string, status: number, headers: Record<string, string>, body: string][] = [
    ['sidecar', 200, OURS, '{"kinds":{}}'],
    ['sidecar', 501, OURS, '{"detail":"Not configured.","code":"not_configured"}'],
    ['sidecar', 503, OURS, '{"detail":"Busy.","code":"busy"}'],
    ['unknown', 200, {}, '{"kinds":{}}'],
    ['unknown', 200, OURS, '{"kinds":"all"}'],
    ['unknown', 501, {}, '{"detail":"Not configured.","code":"not_configured"}'],
    ['backend', 404, {}, '{"detail":"Not Found"}'],
    ['backend', 405, {}, '{"detail":"Method Not Allowed"}'],
    ['backend', 401, {}, '{"detail":"Not authenticated"}'],
    ['backend', 422, {}, '{"detail":[{"loc":["path","id"]}]}'],
    ['unknown', 500, {}, '{"detail":"Internal Server Error"}'],
    ['unknown', 502, {}, '<html>502 Bad Gateway</html>'],
    ['unknown', 404, {}, '<html>404 Not Found</html>'],
    ['unknown', 301, { location: 'https://example.com/' }, ''],
  ];
  for (const [who, status, headers, body] of cases) {
    const sighting = judgeAnswer({ status, headers, body });
    assert.equal(sighting.who, who, `${status} ${body}`);
    assert.ok(sighting.said.startsWith(String(status)));
  }
  const { said } = judgeAnswer({ status: 502, headers: {}, body: `<html>\r\n\u001b[31m${'x'.repeat(500)}` });
  assert.match(said, /^502 <html> \[31mx{100,150}…$/);
});

test('each question is on a connection of its own, under the Host and below the path that are given', async () => {
  const seen: unknown[] = [];
  const server = createServer((req, res) => {
    seen.push([req.url, req.headers.host, req.headers.connection]);
    res.end('{}');
  });
  const port = await listen(server);
  const url = new URL(`http://127.0.0.1:${port}/base/`);
  assert.equal((await ask({ url, host: 'example.com' }, '/healthz')).body, '{}');
  assert.deepEqual(seen, [['/base/healthz', 'example.com', 'close']]);
  server.close();
  await once(server, 'close');
  const nobody = await whoAnswers({ url });
  assert.deepEqual([nobody.who, nobody.status], ['unknown', null]);
  assert.match(nobody.said, /ECONNREFUSED/);
});

test('of Nginx’s log only what is new and bad is shown, and no request with its token', () => {
  const folder = makeScratchFolder('test-nginx-log');
  const path = folder.at('error.log');
  const failed = (path: string) =>
    `2026/01/01 00:00:00 [error] 7#7: *1 connect() failed, client: 1.2.3.4, request: "GET ${path} HTTP/1.1"\n`;
  writeFileSync(path, '2026/01/01 00:00:00 [emerg] 1#1: long ago\n');
  const lines = watchLogs({ logFiles: [path, folder.at('none.log')] });
  assert.deepEqual(lines(), []);
  appendFileSync(path, `${failed('/ws?token=secret').repeat(50)}2026/01/01 00:00:00 [notice] 1#1: started\n`);
  assert.deepEqual(lines(), ['2026/01/01 00:00:00 [error] 7#7: *1 connect() failed']);
  renameSync(path, `${path}.1`);
  writeFileSync(path, '[emerg] 1#1: bind() failed\n');
  assert.deepEqual(lines(), ['[emerg] 1#1: bind() failed']);
  folder.remove();
});

test('where Nginx logs and has its number is read from its configuration, or from what was compiled in', () => {
  const version =
    'configure arguments: --prefix=/usr/share/nginx --error-log-path=/v/e.log --pid-path=/run/n.pid';
  const bare = factsOf('# configuration file /etc/nginx/nginx.conf:\nhttp { }\n', version, ['nginx']);
  assert.deepEqual([bare.logFiles, bare.pidFile], [['/v/e.log'], '/run/n.pid']);
  const dump = `# configuration file /a/nginx.conf:
error_log logs/e.log warn; error_log syslog:server=unix:/dev/log; pid n.pid;
http { include b.conf; server { error_log /v/server.log; } }

# configuration file /a/b.conf:
# configuration of b
`;
  const facts = factsOf(dump, version, ['nginx', '-p', '/srv']);
  assert.deepEqual([...facts.files.keys()], ['/a/nginx.conf', '/a/b.conf']);
  assert.deepEqual(facts.logFiles, ['/srv/logs/e.log']);
  assert.deepEqual(facts.otherLogs, ['syslog:server=unix:/dev/log']);
  assert.equal(facts.pidFile, '/srv/n.pid');
});

test('an old connection is one that a leaving worker of Nginx holds', () => {
  const line = (users: string) => `0  0  127.0.0.1:40000  127.0.0.1:8000  users:((${users}))`;
  const lines = [
    line('"nginx",pid=11,fd=3'),
    line('"nginx",pid=11,fd=4'),
    line('"nginx",pid=12,fd=3'),
    line('"node",pid=11,fd=9'),
    '0 0 127.0.0.1:40001 127.0.0.1:8000',
    '',
  ].join('\n');
  assert.deepEqual(
    heldByLeaving(lines, (pid) => pid === 11),
    { count: 2, workers: [11] },
  );
});
