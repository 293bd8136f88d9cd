/** Slow connections, and more of them than are allowed (docs/forwarding.md, 20). */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../../lab/programs.ts';
import { KeepAliveClient } from '../client.ts';
import { type Drill, none, report, some } from '../drill.ts';
import { startLoad } from '../load.ts';
import { backendRequest, mixed } from '../requests.ts';
import { isRefused } from '../sample.ts';
import { startScene } from '../scene.ts';

const SLOW = 300;
const NORMAL = 12;
const MAX_CONNECTIONS = 320;
const TOO_MANY = 50;
const DRIP_EVERY_MS = 500;
/** The header deadline is 20 s, looked at every 2 s. */
const DEADLINE_S = 23;

export const slowConnections: Drill = {
  name: 'slow-connections',
  summary: `${SLOW} clients that never finish a request head, then more connections than allowed; --seconds 25 sees them end.`,
  async run({ seconds, backend: kind }) {
    await using scene = await startScene({ kind }, { MAX_CONNECTIONS: String(MAX_CONNECTIONS) });
    const { port } = scene.sidecar;
    const load = startLoad({ port, clients: NORMAL, everyMs: 40, next: mixed() });
    await until('the ordinary clients to be connected', () => load.samples.length >= NORMAL);
    const slow = await drip(port, SLOW);
    await sleep(seconds * 500);
    const tooMany = await Promise.all(Array.from({ length: TOO_MANY }, () => opened(port)));
    const free = MAX_CONNECTIONS - NORMAL - slow.open();
    await sleep(seconds * 500);
    const turnedAway = () => tooMany.filter(({ destroyed }) => destroyed).length;
    await until('those over the limit to be turned away', () => turnedAway() >= TOO_MANY - free);
    const away = turnedAway();
    const slowOpen = slow.open();
    for (const socket of tooMany) socket.destroy();
    slow.stop();
    const newcomer = new KeepAliveClient(port);
    await until('a new client to find a place again', async () => {
      const { outcome } = await newcomer.perform(backendRequest('GET'));
      return outcome === 'answered';
    });
    newcomer.close();
    const samples = await load.stop();
    return report({
      samples,
      doubledPosts: scene.backend.arrivals().doubledPosts,
      figures: [
        none('requests refused', samples, isRefused),
        none('requests lost on idle connections', samples, ({ raced }) => raced),
        some('connections over the limit turned away', away, TOO_MANY - free),
        ...(seconds < DEADLINE_S ? [] : [none('slow connections open after the deadline', slowOpen)]),
      ],
    });
  },
};

interface Drip {
  open(): number;
  stop(): void;
}

/** Connections that send a header line now and then, and never the empty line. */
async function drip(port: number, count: number): Promise<Drip> {
  const sockets = await Promise.all(Array.from({ length: count }, () => opened(port)));
  for (const socket of sockets) socket.write('GET /api/drill/slow HTTP/1.1\r\nHost: shop.example.com\r\n');
  const timer = setInterval(() => {
    for (const socket of sockets) if (socket.writable) socket.write('X-Slow: 1\r\n');
  }, DRIP_EVERY_MS);
  return {
    open: () => sockets.filter(({ destroyed }) => !destroyed).length,
    stop() {
      clearInterval(timer);
      for (const socket of sockets) socket.destroy();
    },
  };
}

async function opened(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1' });
  await once(socket, 'connect');
  return socket.on('error', () => socket.destroy()).resume();
}
