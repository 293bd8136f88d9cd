/**
 * One connection, one request at a time, everything on one core: what a proxy adds to the time that a client waits.
 */

import { moveTo } from '../../lab/cores.ts';
import type { Contender } from '../contenders/contender.ts';
import { type OpenCommand, runLoop } from './closed-loop-load.ts';
import { type Bench, inTurns, type Row, type Workload } from './workload.ts';

const WARM_UP_EXCHANGES = 4_000;
const EXCHANGES = 3_000;
const QUICK_EXCHANGES = 200;

/** No proxy at all: what is subtracted. */
const direct: Contender = {
  name: 'no proxy',
  version: '',
  kind: 'native',
  forwardsWebSockets: true,
  setup: '',
  start: async ({ upstreamPort }) => ({ port: upstreamPort, pids: [], stop: async () => undefined }),
};

export const oneConnection: Workload = async (bench) => {
  const { cores, load, upstream } = bench;
  const others = [load.pid, upstream.pid];
  try {
    for (const pid of others) moveTo(cores.proxy, pid);
    const rows = await measure(bench);
    return [
      {
        name: 'latency',
        title: 'One connection, all on one core',
        note: 'Small GETs; added p50: the median round trip through the proxy less the one without a proxy.',
        metrics: [
          { key: 'addedUs', title: 'added p50 µs', digits: 1 },
          { key: 'p50Us', title: 'p50 µs', digits: 1 },
          { key: 'p99Us', title: 'p99 µs', digits: 1 },
          { key: 'cpuUs', title: 'CPU µs a request', digits: 1 },
        ],
        rows,
      },
    ];
  } finally {
    for (const pid of others) moveTo(cores.load, pid);
  }
};

async function measure(bench: Bench): Promise<Row[]> {
  const [without, ...rows] = await inTurns(bench, 'latency', [direct, ...bench.contenders], async (proxy) => {
    const open: OpenCommand = { kind: 'open', port: proxy.port, method: 'GET', connections: 1 };
    await runLoop(bench, proxy, open, bench.quick ? QUICK_EXCHANGES : WARM_UP_EXCHANGES);
    return async () => {
      const { p50Us, p99Us, cpuUs } = await runLoop(
        bench,
        proxy,
        open,
        bench.quick ? QUICK_EXCHANGES : EXCHANGES,
      );
      return { p50Us, p99Us, cpuUs };
    };
  });
  return rows.map((row) => ({
    ...row,
    samples: row.samples.map((sample, round) => ({
      ...sample,
      addedUs: (sample.p50Us ?? Number.NaN) - (without?.samples[round]?.p50Us ?? Number.NaN),
    })),
  }));
}
