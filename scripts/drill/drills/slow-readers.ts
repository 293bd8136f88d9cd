/** Clients are still reading the end of large answers when the process is asked to stop (docs/forwarding.md, 14 and 25). */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../../lab/programs.ts';
import { KeepAliveClient } from '../client.ts';
import { type Drill, report, some } from '../drill.ts';
import { backendRequest } from '../requests.ts';
import { isAnswered } from '../sample.ts';
import { startScene } from '../scene.ts';

const READERS = 20;
/** The answers end within the sidecar's own buffers, which hold this much beyond what the kernel takes, bytes. */
const BEYOND_KERNEL_BYTES = 256 * 1024;
const GRACE_MS = 30_000;
/** The sidecar looks for idle connections a second after the signal. */
const READ_ON_AFTER_MS = 2_000;
const FILL_MS = 1_000;

export const slowReaders: Drill = {
  name: 'slow-readers',
  summary: 'SIGTERM while clients have yet to read the end of large answers: every byte still arrives.',
  async run({ backend: kind }) {
    await using scene = await startScene({ kind }, { SHUTDOWN_GRACE_MS: String(GRACE_MS) });
    const { sidecar, backend } = scene;
    const kernelBytes = await kernelCapacity();
    const sizes = Array.from({ length: READERS }, (_, i) =>
      Math.round(kernelBytes + (i / READERS - 0.25) * BEYOND_KERNEL_BYTES),
    );
    const clients = sizes.map(() => new KeepAliveClient(sidecar.port));
    const answers = clients.map((client, i) =>
      client.perform(backendRequest('GET', { bytes: sizes[i] ?? 0 }), {
        readAfterMs: FILL_MS + READ_ON_AFTER_MS,
      }),
    );
    await until('every request to be at the backend', () => backend.arrivals().total >= READERS);
    await sleep(FILL_MS);
    sidecar.child.kill('SIGTERM');
    const samples = await Promise.all(answers);
    return report({
      samples,
      doubledPosts: backend.arrivals().doubledPosts,
      figures: [some('whole answers', samples.filter(isAnswered), READERS)],
    });
  },
};

/** How much a loopback connection takes whose reader does not read, bytes. */
async function kernelCapacity(): Promise<number> {
  let taken = 0;
  const fill = (socket: Socket) => {
    const piece = Buffer.alloc(64 * 1024);
    const write = () => {
      do taken += piece.length;
      while (socket.write(piece));
      socket.once('drain', write);
    };
    socket.on('error', () => socket.destroy());
    write();
  };
  const server = createServer({ noDelay: true }, fill).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const reader = connect((server.address() as AddressInfo).port, '127.0.0.1').pause();
  await sleep(FILL_MS / 2);
  reader.destroy();
  server.close();
  return taken;
}
