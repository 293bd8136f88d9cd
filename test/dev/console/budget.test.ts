/** A console that does not keep up: nobody waits for it. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { frameReader } from '../../../scripts/dev/console/framing.ts';
import type { Link, SidecarMessage } from '../../../scripts/dev/console/messages.ts';
import { listen } from '../../../scripts/lab/ports.ts';
import { until } from '../../../scripts/lab/programs.ts';
import { type ConsoleScene, startConsoleScene } from './console-scene.ts';

let scene: ConsoleScene;
let sidecarsEnd: Socket | undefined;
const parts = new AsyncDisposableStack();

before(async () => {
  const backend = createHttpServer((req, res) => void req.pipe(res));
  const port = await listen(backend);
  parts.defer(() => {
    backend.close();
    backend.closeAllConnections();
  });
  scene = parts.use(await startConsoleScene({ BACKEND_URL: `http://127.0.0.1:${port}` }));
  // In the console's place somebody who takes the connection and reads nothing.
  const deaf = createServer({ pauseOnConnect: true }, (socket) => {
    sidecarsEnd = socket;
  });
  const messagePort = await listen(deaf);
  parts.defer(() => {
    deaf.close();
    sidecarsEnd?.destroy();
  });
  const file = new URL(scene.console.nodeFlags[1] ?? '').searchParams.get('link') ?? '';
  const link: Link = { ...JSON.parse(readFileSync(file, 'utf8')), messagePort };
  writeFileSync(file, JSON.stringify(link));
  await scene.restart();
});
after(() => parts.disposeAsync());

test('bodies pass whole past a console that reads nothing; what it misses is bounded, counted and told', async () => {
  const body = Buffer.alloc(4 * 1024 * 1024, 'b');
  const times = 15;
  for (let i = 0; i < times; i += 1) {
    const answer = await fetch(`${scene.url}/api/through`, { method: 'POST', body });
    assert.ok(body.equals(Buffer.from(await answer.arrayBuffer())));
  }
  let bytes = 0;
  let unkept = 0;
  let ended = 0;
  const read = frameReader<SidecarMessage>((messages) => {
    for (const message of messages) {
      if (message.type === 'piece') bytes += message.data.length;
      if (message.type !== 'end') continue;
      ended += 1;
      unkept += message.unkeptIn;
    }
  });
  sidecarsEnd?.on('data', read).resume();
  await until('the ends', () => ended === times);
  assert.ok(unkept > body.length, `${unkept} bytes not kept`);
  assert.ok(bytes < 40 * 1024 * 1024, `${bytes} bytes waited`);
});
