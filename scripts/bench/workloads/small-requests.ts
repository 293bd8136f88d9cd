/**
 * Small GETs and 2 KB POSTs over 64 connections: CPU time of the proxy per request.
 */
import { quietSidecar, sidecar } from '../contenders/sidecar.ts';
import { prepareLoop, WALL_METRICS } from './closed-loop-load.ts';
import { type Bench, inTurns, type Row, type Workload, type WorkloadResult } from './workload.ts';

const CONNECTIONS = 64;
const METRICS = [{ key: 'cpuUs', title: 'CPU µs a request', digits: 1 }, ...WALL_METRICS] as const;

export const smallGets: Workload = async (bench) => {
  const contenders = [sidecar, quietSidecar, ...bench.contenders.filter((one) => one !== sidecar)];
  const rows = await measure({ ...bench, contenders }, 'GET');
  return [
    {
      name: 'GET',
      title: `Small GET, ${CONNECTIONS} connections`,
      note: 'Eight headers of a browser and a 200-byte token; about 150 bytes of JSON in return.',
      metrics: METRICS,
      rows: rows.filter((row) => row.contender !== quietSidecar.name),
    },
    logAndMetrics(rows),
  ];
};

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

/** What the log and the metrics cost: the difference to a sidecar that has neither, round by round. */
function logAndMetrics(rows: readonly Row[]): WorkloadResult {
  const samplesOf = (name: string) => rows.find((row) => row.contender === name)?.samples ?? [];
  const quiet = samplesOf(quietSidecar.name);
  const samples = samplesOf(sidecar.name).map((sample, round) => {
    const totalUs = sample.cpuUs ?? Number.NaN;
    const quietUs = quiet[round]?.cpuUs ?? Number.NaN;
    return { percent: (1 - quietUs / totalUs) * 100, ownUs: totalUs - quietUs, quietUs };
  });
  return {
    name: 'log',
    title: 'Our own log and metrics',
    note: 'Small GETs: the sidecar as in production against one with LOG_LEVEL=silent and no metrics.',
    metrics: [
      { key: 'percent', title: '% of the total', digits: 1 },
      { key: 'ownUs', title: 'µs a request', digits: 1 },
      { key: 'quietUs', title: 'without them, µs', digits: 1 },
    ],
    rows: [{ contender: sidecar.name, kind: 'ours', samples }],
  };
}
