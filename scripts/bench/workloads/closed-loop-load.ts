/**
 * A closed loop of small exchanges through a proxy, and the CPU time that it costs the proxy.
 */

import { cpuMicroseconds } from '../../lab/proc.ts';
import type { RunningProxy } from '../contenders/contender.ts';
import type { LoadCommand, LoadResult } from '../load/messages.ts';
import type { Bench, Measure, Sample } from './workload.ts';

/**
 * Until V8 has compiled what is hot: windows of 8,000 GETs through one sidecar on a slow machine cost 140, 116, 103, 104, 98, 102, 101, 97 µs
 * each, so behind 8,000 only, a fifth of a median of few rounds was V8's.
 */
const WARM_UP_EXCHANGES = 24_000;
const QUICK_WARM_UP_EXCHANGES = 500;
/** CPU time of the proxy in a window, and the longest that a window may take, µs. */
const WINDOW_CPU_US = 1_000_000;
const QUICK_WINDOW_CPU_US = 60_000;
const WINDOW_WALL_US = 3_000_000;
/** Exchanges per connection before the window begins: new connections cost something of their own. */
const FIRST_EXCHANGES = 4;

export type OpenCommand = Extract<LoadCommand, { connections: number }>;

/** Warms the proxy up and finds the number of exchanges that makes a good window; it stays fixed. */
export async function prepareLoop(bench: Bench, proxy: RunningProxy, open: OpenCommand): Promise<Measure> {
  const warmUp = bench.quick ? QUICK_WARM_UP_EXCHANGES : WARM_UP_EXCHANGES;
  await runLoop(bench, proxy, open, warmUp);
  const trial = await runLoop(bench, proxy, open, Math.ceil(warmUp / 4));
  const windowUs = bench.quick ? QUICK_WINDOW_CPU_US : WINDOW_CPU_US;
  const exchanges = Math.min(windowUs / trial.cpuUs, WINDOW_WALL_US / trial.wallUs);
  return async () => sampleOf(await runLoop(bench, proxy, open, Math.ceil(exchanges)));
}

export interface LoopCost extends LoadResult {
  /** Per exchange, µs. */
  readonly cpuUs: number;
  /** Per exchange, µs; 0 without a database. */
  readonly databaseUs: number;
  /** Per exchange, µs: `wallUs` of LoadResult divided by their number. */
  readonly wallUs: number;
}

/** Opens connections, lets them settle, measures `exchanges` over them, closes them. */
export async function runLoop(
  { load }: Bench,
  proxy: RunningProxy,
  open: OpenCommand,
  exchanges: number,
): Promise<LoopCost> {
  await load.do(open);
  await load.do({ kind: 'run', exchanges: open.connections * FIRST_EXCHANGES });
  const before = cpuMicroseconds(proxy.pids);
  const databaseBefore = proxy.databaseCpuUs?.() ?? 0;
  const result = await load.do({ kind: 'run', exchanges });
  const cpuUs = (cpuMicroseconds(proxy.pids) - before) / exchanges;
  const databaseUs = ((proxy.databaseCpuUs?.() ?? 0) - databaseBefore) / exchanges;
  await load.do({ kind: 'close' });
  return { ...result, cpuUs, databaseUs, wallUs: result.wallUs / exchanges };
}

export const sampleOf = ({ cpuUs, databaseUs, wallUs, p50Us, p99Us }: LoopCost): Sample => ({
  cpuUs,
  databaseUs,
  totalUs: cpuUs + databaseUs,
  perSecond: 1e6 / wallUs,
  p50Ms: p50Us / 1000,
  p99Ms: p99Us / 1000,
});

/** The wall figures that go with a sample. */
export const WALL_METRICS = [
  { key: 'perSecond', title: 'per second', digits: 0 },
  { key: 'p50Ms', title: 'p50 ms', digits: 2 },
  { key: 'p99Ms', title: 'p99 ms', digits: 2 },
] as const;
