/**
 * What an overload of the core is held against, whatever its requests cost.
 */
import { isAlive } from '../lab/proc.ts';
import type { CoreOverload, Phase } from './core-overload.ts';
import { type DrillReport, type Figure, measured, none, report, some, told } from './drill.ts';
import { isAnswered, isRefused, longestMs, quantileMs } from './sample.ts';

export interface CoreOverloadLimits {
  readonly pid: number;
  readonly doubledPosts: number;
  /** Right answers under overload, % of the peak. */
  readonly leastGoodput: number;
  readonly maxGrowthMib: number;
  /** Whether it was an overload at all. */
  readonly figures: readonly Figure[];
}

export function coreOverloadReport(result: CoreOverload, limits: CoreOverloadLimits): DrillReport {
  const { peaks, overs, alive, mostMib, growthMib } = result;
  const over = overs.flatMap(({ samples }) => samples);
  return report({
    samples: [...peaks.flatMap(({ samples }) => samples), ...over, ...alive],
    doubledPosts: limits.doubledPosts,
    figures: [
      ...loadFigures(peaks, overs, limits.leastGoodput),
      ...limits.figures,
      measured(none('requests refused at the peak', peaks[0]?.samples.filter(isRefused).length ?? 0)),
      told('requests refused under overload', over, isRefused),
      none('refusals other than 503', over.filter(isRefused), ({ status }) => status !== 503),
      told('median time of a refusal, ms', quantileMs(over.filter(isRefused), 0.5)),
      told('median time of an answer, ms', quantileMs(over.filter(isAnswered), 0.5)),
      told('99 % of the answers within, ms', quantileMs(over.filter(isAnswered), 0.99)),
      some('answers of /livez under overload', alive.filter(isAnswered)),
      told('slowest answer of /livez, ms', longestMs(alive)),
      none('processes that ended', isAlive(limits.pid) ? 0 : 1),
      told('largest memory, MiB', mostMib),
      { what: 'growth of memory, MiB', found: growthMib, atMost: limits.maxGrowthMib },
    ],
  });
}

function loadFigures(peaks: readonly Phase[], overs: readonly Phase[], least: number): Figure[] {
  // Other processes may take the core: what counts is the time that the sidecar could have had it.
  const goodput = ({ goodput, coreLeft }: Phase) => goodput / coreLeft;
  const [first, second, third] = peaks.map(goodput) as [number, number, number];
  const peak = (first + 2 * second + third) / 4;
  const right = 'right answers a second';
  const coreLeft = Math.min(...[...peaks, ...overs].map((phase) => phase.coreLeft));
  return [
    ...peaks.map((phase, i) => told(`${right} at the peak (${i + 1})`, Math.round(phase.goodput))),
    ...overs.map((phase, i) => told(`${right} under overload (${i + 1})`, Math.round(phase.goodput))),
    told('requests sent a second under overload', Math.round(mean(overs.map(({ sent }) => sent)))),
    told('core time that others left to the sidecar, at least, %', percent(coreLeft)),
    measured(some('goodput under overload, % of the peak', percent(mean(overs.map(goodput)) / peak), least)),
  ];
}

export const percent = (part: number): number => Math.round(part * 100);
const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
