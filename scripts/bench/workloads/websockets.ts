/**
 * WebSockets: CPU time per frame of an echo, and the memory that idle ones hold.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { residentBytes } from '../../lab/proc.ts';
import type { Contender } from '../contenders/contender.ts';
import { prepareLoop, runLoop, WALL_METRICS } from './closed-loop-load.ts';
import { type Bench, blaming, inTurns, type Sample, startIn, type Workload } from './workload.ts';

const ECHO_CONNECTIONS = 64;
const IDLE_CONNECTIONS = 3_000;
const QUICK_IDLE_CONNECTIONS = 300;
const IDLE_ROUNDS = 3;
/** For sockets that close, and for what a proxy does a little later, ms. */
const SETTLE_MS = 500;

export const webSocketEcho: Workload = async (bench) => [
  {
    name: 'websocket',
    title: `WebSocket echo, ${ECHO_CONNECTIONS} connections`,
    note: 'Text frames of 100 bytes, one at a time on each connection; two frames are one exchange.',
    metrics: [{ key: 'frameUs', title: 'CPU µs a frame', digits: 1 }, ...WALL_METRICS],
    rows: await inTurns(bench, 'websocket', withWebSockets(bench), async (proxy) => {
      const open = { kind: 'open-websockets', port: proxy.port, connections: ECHO_CONNECTIONS } as const;
      const measure = await prepareLoop(bench, proxy, open);
      return async () => {
        const sample = await measure();
        return { ...sample, frameUs: (sample.cpuUs ?? Number.NaN) / 2 };
      };
    }),
  },
];

export const idleWebSockets: Workload = async (bench) => {
  const connections = bench.quick ? QUICK_IDLE_CONNECTIONS : IDLE_CONNECTIONS;
  const rows = withWebSockets(bench).map(({ name, kind }) => ({
    contender: name,
    kind,
    samples: [] as Sample[],
  }));
  const rounds = Math.min(bench.rounds, IDLE_ROUNDS);
  for (let round = 0; round < rounds; round += 1) {
    bench.say(`idle: round ${round + 1} of ${rounds}`);
    for (const [i, contender] of withWebSockets(bench).entries()) {
      rows[i]?.samples.push(await blaming(contender.name, () => measureIdle(bench, contender, connections)));
    }
  }
  return [
    {
      name: 'idle',
      title: `Idle WebSockets, ${connections.toLocaleString('en')} open`,
      note: 'Growth of RSS by opening them, per WebSocket; a new process each round. Small GETs and some WebSockets before, which load what they need; small GETs after.',
      metrics: [
        { key: 'eachKb', title: 'KB each', digits: 1 },
        { key: 'beforeMb', title: 'RSS before, MB', digits: 1 },
        { key: 'afterMb', title: 'RSS with them, MB', digits: 1 },
      ],
      rows,
    },
  ];
};

const withWebSockets = (bench: Bench) => bench.contenders.filter((contender) => contender.forwardsWebSockets);

/**
 * What comes before brings a process to the size that it has in service, the ones after collect what only the handshakes
 * needed. Both leave the WebSockets alone.
 */
async function measureIdle(bench: Bench, contender: Contender, connections: number): Promise<Sample> {
  const { load } = bench;
  const proxy = await startIn(bench, contender);
  const { port } = proxy;
  const gets = { kind: 'open', port, method: 'GET', connections: 64 } as const;
  const requests = bench.quick ? 500 : 5_000;
  try {
    await runLoop(bench, proxy, { kind: 'open-websockets', port, connections: ECHO_CONNECTIONS }, requests);
    await runLoop(bench, proxy, gets, requests);
    await sleep(SETTLE_MS);
    const before = residentBytes(...proxy.pids);
    await load.do({ kind: 'open-websockets', port, connections });
    // Each echoes once: they are open all the way.
    await load.do({ kind: 'run', exchanges: connections });
    await runLoop(bench, proxy, gets, requests);
    await sleep(SETTLE_MS);
    const after = residentBytes(...proxy.pids);
    await load.do({ kind: 'run', exchanges: connections });
    await load.do({ kind: 'close' });
    const mb = 1024 * 1024;
    return { eachKb: (after - before) / 1024 / connections, beforeMb: before / mb, afterMb: after / mb };
  } finally {
    await proxy.stop();
  }
}
