/** Ports that one process chooses and another program listens on later. */
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { freePort, listen, reservePort } from '../../scripts/lab/ports.ts';
import { startProgram, untilSays } from '../../scripts/lab/programs.ts';

const PORTS = import.meta.resolve('../../scripts/lab/ports.ts');

test('a free port is given to nobody else while the process lives that asked for it, though nothing listens there yet', async () => {
  const asks = `import { freePort } from '${PORTS}'; console.log('port', await freePort()); setInterval(() => {}, 1_000)`;
  await using asking = startProgram(process.execPath, ['--input-type=module', '--eval', asks]);
  const port = Number((await untilSays('the one that asks', asking, /port (\d+)/))[1]);
  assert.equal(await reservePort(port), false);
  await asking.stop();
  assert.equal(await reservePort(port), true);
  assert.equal(await reservePort(port), false, 'now it is ours');
});

test('a program can listen on a free port, and again after it has gone', async () => {
  const port = await freePort();
  for (let i = 0; i < 2; i += 1) {
    const server = createServer();
    assert.equal(await listen(server, port), port);
    await new Promise((closed) => server.close(closed));
  }
});
