/**
 * Small GETs and 2 KB POSTs over 64 connections: CPU time of the proxy per request, our log's part in it, what one costs among
 * thousands, and what it costs to refuse one.
 */
import { until } from '../../lab/programs.ts';
import { connectRaw, exchangeRaw } from '../../lab/raw-connection.ts';
import type { Contender } from '../contenders/contender.ts';
import { refusalFloor } from '../contenders/floors.ts';
import { quietSidecar, sidecar, startSidecarWith } from '../contenders/sidecar.ts';
import { getRequest, hangingRequest } from '../traffic.ts';
import { prepareLoop, runLoop, sampleOf, WALL_METRICS } from './closed-loop-load.ts';
import { type Bench, inTurns, type Row, type Workload } from './workload.ts';

const CONNECTIONS = 64;
const METRICS = [{ key: 'cpuUs', title: 'CPU µs a request', digits: 1 }, ...WALL_METRICS] as const;

export const smallGets: Workload = async (bench) => [
  {
    name: 'GET',
    title: `Small GET, ${CONNECTIONS} connections`,
    note: 'Eight headers of a browser and a 200-byte token; about 150 bytes of JSON in return.',
    metrics: METRICS,
    rows: await measure(bench, 'GET'),
  },
];

export const smallPosts: Workload = async (bench) => [
  {
    name: 'POST',
    title: `2 KB POST, ${CONNECTIONS} connections`,
    note: 'The same headers and a body of 2,048 bytes; a short JSON answer.',
    metrics: METRICS,
    rows: await measure(bench, 'POST'),
  },
];

function measure(bench: Bench, method: 'GET' | 'POST'): Promise<Row[]> {
  return inTurns(bench, method, bench.contenders, (proxy) =>
    prepareLoop(bench, proxy, { kind: 'open', port: proxy.port, method, connections: CONNECTIONS }),
  );
}

/** A few per cent are to be told from noise of ten: that takes more pairs than the other workloads have rounds. */
const PAIRS_PER_ROUND = 4;

/** What the log and the metrics cost: the difference to a sidecar that has neither, pair by pair. */
export const logAndMetrics: Workload = async (bench) => {
  const rounds = bench.rounds * (bench.quick ? 1 : PAIRS_PER_ROUND);
  const rows = await measure({ ...bench, rounds, contenders: [sidecar, quietSidecar] }, 'GET');
  const [ours = [], quiet = []] = rows.map((row) => row.samples);
  const samples = ours.map((sample, round) => {
    const totalUs = sample.cpuUs ?? Number.NaN;
    const quietUs = quiet[round]?.cpuUs ?? Number.NaN;
    return { percent: (1 - quietUs / totalUs) * 100, ownUs: totalUs - quietUs, quietUs };
  });
  return [
    {
      name: 'log',
      title: 'Our own log and metrics',
      note: 'Small GETs: the sidecar as in production against one with LOG_LEVEL=silent and no metrics, in turns.',
      metrics: [
        { key: 'percent', title: '% of the total', digits: 1 },
        { key: 'ownUs', title: 'µs a request', digits: 1 },
        { key: 'quietUs', title: 'without them, µs', digits: 1 },
      ],
      rows: [{ contender: sidecar.name, kind: 'ours', samples }],
    },
  ];
};

const CROWD = 2_000;
const CROWD_EXCHANGES = 24_000;

/** What a request costs among thousands that wait, which is what an overload of cheap ones is (docs/decisions/0011). */
export const crowds: Workload = async (bench) => [
  {
    name: 'crowd',
    title: `Small GET over ${CROWD} connections and over ${CONNECTIONS}`,
    note: `Each of them has its next request ready: as many wait at any moment. The sidecar without MAX_IN_FLIGHT and MAX_EVENT_LOOP_DELAY_MS, since the peers refuse nobody either.`,
    metrics: [
      { key: 'left', title: `throughput left of that with ${CONNECTIONS}`, digits: 2 },
      { key: 'cpuUs', title: 'CPU µs a request', digits: 1 },
      { key: 'fewUs', title: `with ${CONNECTIONS}, µs`, digits: 1 },
      ...WALL_METRICS,
    ],
    rows: await inTurns(
      bench,
      'crowd',
      bench.contenders.map((contender) => (contender === sidecar ? boundless : contender)),
      async (proxy) => {
        const open = { kind: 'open', port: proxy.port, method: 'GET' } as const;
        const few = await prepareLoop(bench, proxy, { ...open, connections: CONNECTIONS });
        const many = { ...open, connections: bench.quick ? CONNECTIONS : CROWD };
        await runLoop(bench, proxy, many, CROWD_EXCHANGES);
        return async () => {
          const { cpuUs: fewUs = Number.NaN } = await few();
          const sample = sampleOf(await runLoop(bench, proxy, many, CROWD_EXCHANGES));
          return { ...sample, fewUs, left: fewUs / (sample.cpuUs ?? Number.NaN) };
        };
      },
    ),
  },
];

const boundless: Contender = {
  ...sidecar,
  start: (place) => startSidecarWith(place, { MAX_IN_FLIGHT: '100000', MAX_EVENT_LOOP_DELAY_MS: '0' }),
};

/** A 503 at once beside a small GET that is forwarded: of four times the load three quarters are answered so. */
export const refusals: Workload = async (bench) => {
  const smallGet = { ...sidecar, name: 'small GET', kind: 'native' as const };
  const contenders = [refusing(fullSidecar), smallGet, refusing(refusalFloor)];
  return [
    {
      name: 'refusal',
      title: `Refusals, ${CONNECTIONS} connections`,
      note:
        'The same small GETs to a sidecar with MAX_IN_FLIGHT=1 and one request in flight: each is 503. Beside it the sidecar ' +
        'that forwards them, and a bare node:http that answers everything with one constant.',
      metrics: METRICS,
      rows: await inTurns(bench, 'refusal', contenders, (proxy) =>
        prepareLoop(bench, proxy, {
          ...({ kind: 'open', port: proxy.port, method: 'GET', connections: CONNECTIONS } as const),
          ...(refusingPorts.has(proxy.port) ? { isRefused: true } : {}),
        }),
      ),
    },
  ];
};

const refusingPorts = new Set<number>();

/** Its right answer is a 503. */
const refusing = (contender: Contender): Contender => ({
  ...contender,
  async start(place) {
    const proxy = await contender.start(place);
    refusingPorts.add(proxy.port);
    return proxy;
  },
});

const fullSidecar: Contender = {
  ...sidecar,
  name: 'refusal',
  setup: 'MAX_IN_FLIGHT=1, one request in flight',
  async start(place) {
    // Longer than any bench: it must stay in flight.
    const timeout = { BACKEND_HEADERS_TIMEOUT_MS: '3600000' };
    const proxy = await startSidecarWith(place, { MAX_IN_FLIGHT: '1', ...timeout });
    (await connectRaw(proxy.port)).send(hangingRequest());
    await until('a refusal', async () =>
      (await exchangeRaw(proxy.port, getRequest(1).toString('latin1'))).startLine.includes(' 503 '),
    );
    return proxy;
  },
};
