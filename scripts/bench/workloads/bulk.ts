/**
 * Large bodies, down and up: bytes that a proxy moves per second of its CPU time, and how much memory it takes to do it.
 */

import { cpuMicroseconds, forgetPeak, peakBytes, residentBytes } from '../../lab/proc.ts';
import type { RunningProxy } from '../contenders/contender.ts';
import { runLoop } from './closed-loop-load.ts';
import {
  type Bench,
  inTurns,
  type Row,
  type Sample,
  type Workload,
  type WorkloadResult,
} from './workload.ts';

const MIB = 1024 * 1024;
const BODY_BYTES = 256 * MIB;
const QUICK_BODY_BYTES = 16 * MIB;
/** Small requests before the memory is read for the first time: a process that has only just started always grows. */
const WARM_UP_REQUESTS = 5_000;

export const bulk: Workload = async (bench) => {
  const bytes = bench.quick ? QUICK_BODY_BYTES : BODY_BYTES;
  const rows = await inTurns(bench, 'bulk', bench.contenders, async (proxy) => {
    const open = { kind: 'open', port: proxy.port, method: 'GET', connections: 64 } as const;
    await runLoop(bench, proxy, open, bench.quick ? 500 : WARM_UP_REQUESTS);
    const residentBefore = residentBytes(...proxy.pids);
    return async () => ({
      ...(await transfer(bench, proxy, 'download', bytes, residentBefore)),
      ...(await transfer(bench, proxy, 'upload', bytes, residentBefore)),
    });
  });
  return [result('download', bytes, rows), result('upload', bytes, rows)];
};

/** @param residentBefore bytes, before the first large body */
async function transfer(
  { load }: Bench,
  proxy: RunningProxy,
  kind: 'download' | 'upload',
  bytes: number,
  residentBefore: number,
): Promise<Sample> {
  forgetPeak(...proxy.pids);
  const before = cpuMicroseconds(proxy.pids);
  const { wallUs } = await load.do({ kind, port: proxy.port, bytes });
  const cpuUs = cpuMicroseconds(proxy.pids) - before;
  return {
    [`${kind}PerCpu`]: bytes / MIB / (cpuUs / 1e6),
    [`${kind}PerSecond`]: bytes / MIB / (wallUs / 1e6),
    [`${kind}GrowthMb`]: (peakBytes(...proxy.pids) - residentBefore) / MIB,
  };
}

function result(kind: 'download' | 'upload', bytes: number, rows: readonly Row[]): WorkloadResult {
  return {
    name: kind,
    title: `${bytes / MIB} MB ${kind === 'download' ? 'down' : 'up'}`,
    note: 'One transfer at a time; 1 MB = 1,048,576 bytes. RSS growth: the most over all rounds, down and up.',
    metrics: [
      { key: `${kind}PerCpu`, title: 'MB a CPU-second', digits: 0 },
      { key: `${kind}PerSecond`, title: 'MB a second', digits: 0 },
      { key: `${kind}GrowthMb`, title: 'RSS growth MB', digits: 1, of: 'max' },
    ],
    rows,
  };
}
