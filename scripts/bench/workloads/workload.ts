/**
 * What a workload gets and gives, and how contenders take turns in it.
 */

import type { Cores } from '../../lab/cores.ts';
import { makeScratchFolder } from '../../lab/scratch-folder.ts';
import type { Worker } from '../../lab/worker.ts';
import type { Contender, Place, RunningProxy } from '../contenders/contender.ts';
import type { LoadCommand, LoadResult } from '../load/messages.ts';
import { median } from '../statistics.ts';

export interface Bench {
  readonly contenders: readonly Contender[];
  readonly rounds: number;
  readonly quick: boolean;
  readonly load: Worker<LoadCommand, LoadResult>;
  readonly upstream: { readonly pid: number; readonly port: number };
  readonly cores: Cores;
  readonly say: (text: string) => void;
}

export interface Metric {
  readonly key: string;
  readonly title: string;
  readonly digits: number;
  /** Where one round says it all, the worst. */
  readonly of?: 'median' | 'max';
}

/** One measurement of one contender; keys are those of the metrics. */
export type Sample = Readonly<Record<string, number>>;

export interface Row {
  readonly contender: string;
  readonly kind: Contender['kind'];
  readonly samples: readonly Sample[];
}

export interface WorkloadResult {
  readonly name: string;
  readonly title: string;
  readonly note: string;
  /** The first is the one that counts. */
  readonly metrics: readonly [Metric, ...Metric[]];
  readonly rows: readonly Row[];
}

export type Workload = (bench: Bench) => Promise<readonly WorkloadResult[]>;

/** A row's figure over all rounds; NaN where it was not measured. */
export function figure({ samples }: Row, { key, of }: Metric): number {
  const values = samples.map((sample) => sample[key] ?? Number.NaN);
  return of === 'max' ? Math.max(...values) : median(values);
}

export type Measure = () => Promise<Sample>;

/**
 * Starts all contenders, prepares each, and lets them take turns: what slows the machine down for a while slows all
 * of them down. Every round begins with another one.
 * @param prepare warms a proxy up and returns what measures it once
 */
export async function inTurns(
  bench: Bench,
  title: string,
  contenders: readonly Contender[],
  prepare: (proxy: RunningProxy) => Promise<Measure>,
): Promise<Row[]> {
  const running: RunningProxy[] = [];
  const turns: { readonly row: Row & { samples: Sample[] }; readonly measure: Measure }[] = [];
  try {
    for (const contender of contenders) {
      bench.say(`${title}: ${contender.name} warms up`);
      const { name, kind } = contender;
      const proxy = await startIn(bench, contender);
      running.push(proxy);
      const measure = await blaming(name, () => prepare(proxy));
      turns.push({ row: { contender: name, kind, samples: [] }, measure });
    }
    for (let round = 0; round < bench.rounds; round += 1) {
      bench.say(`${title}: round ${round + 1} of ${bench.rounds}`);
      const first = round % turns.length;
      for (const { row, measure } of [...turns.slice(first), ...turns.slice(0, first)]) {
        row.samples.push(await blaming(row.contender, measure));
      }
    }
  } finally {
    await Promise.all(running.map((proxy) => proxy.stop()));
  }
  return turns.map(({ row }) => row);
}

/**
 * Windows of each kind in turns, there and back. The first of each warms up, and is not among the samples.
 * @returns samples by kind
 */
export async function inWindows<Kind extends string>(
  { say }: Bench,
  title: string,
  windows: number,
  kinds: Readonly<Record<Kind, (isFirst: boolean) => Promise<Sample>>>,
): Promise<Record<Kind, Sample[]>> {
  const turns = (Object.keys(kinds) as Kind[]).map((kind) => ({
    kind,
    measure: kinds[kind],
    samples: [] as Sample[],
  }));
  for (let window = 0; window <= windows; window += 1) {
    say(`${title}: window ${window} of ${windows}`);
    for (const { measure, samples } of window % 2 === 0 ? turns : turns.toReversed()) {
      const sample = await measure(window === 0);
      if (window > 0) samples.push(sample);
    }
  }
  return Object.fromEntries(turns.map(({ kind, samples }) => [kind, samples])) as Record<Kind, Sample[]>;
}

export function startIn(bench: Bench, contender: Contender): Promise<RunningProxy> {
  return blaming(contender.name, () => contender.start(placeIn(bench)));
}

export const placeIn = ({ upstream, cores }: Bench): Place => ({
  upstreamPort: upstream.port,
  core: cores.proxy,
  folder: makeScratchFolder('bench'),
});

/** @throws Error of `action` with the contender's name in front */
export async function blaming<T>(name: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw new Error(`${name}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
}
