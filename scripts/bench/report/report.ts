/**
 * Everything measured, as one value (for JSON) and as Markdown.
 */
import type { Contender } from '../contenders/contender.ts';
import type { Machine } from '../describe-machine.ts';
import { figure, type WorkloadResult } from '../workloads/workload.ts';
import { type Outcome, outcomesOf } from './goals.ts';
import { workloadTable } from './table.ts';

export interface Report {
  readonly date: string;
  readonly machine: Machine;
  readonly pinning: string;
  readonly cpuClock: string;
  readonly rounds: number;
  readonly quick: boolean;
  readonly seconds: number;
  readonly contenders: readonly Contender[];
  readonly results: readonly WorkloadResult[];
}

export function reportJson(report: Report): string {
  const results = report.results.map((result) => ({
    ...result,
    rows: result.rows.map((row) => ({
      contender: row.contender,
      figures: Object.fromEntries(result.metrics.map((metric) => [metric.key, figure(row, metric)])),
      samples: row.samples,
    })),
    goals: outcomesOf(result),
  }));
  const contenders = report.contenders.map(({ name, version, setup }) => ({ name, version, setup }));
  return `${JSON.stringify({ ...report, contenders, results }, null, 2)}\n`;
}

export function reportMarkdown(report: Report): string {
  return `${[heading(report), ...report.results.map(workloadTable), contenders(report), summary(report.results)].join('\n\n')}\n`;
}

function heading({ date, machine, pinning, cpuClock, rounds, quick, seconds }: Report): string {
  const warning = quick ? '**A quick run: these figures are noise.**\n\n' : '';
  return (
    `${warning}Measured on ${date} in ${Math.round(seconds)} s: ${machine.cpu}, ${machine.cores} cores, ` +
    `${machine.memoryGib} GiB, Linux ${machine.kernel}, Node ${machine.node}; load average before ` +
    `${machine.loadBefore.toFixed(2)}. ${pinning} CPU time from ${cpuClock}. Medians of ${rounds} interleaved ` +
    `round${rounds === 1 ? '' : 's'}; ± is half the distance of the lowest from the highest round.`
  );
}

function contenders({ contenders: all }: Report): string {
  const lines = all.map(({ name, version, setup }) => `| ${name} | ${version} | ${setup} |`);
  return ['### Contenders', '', '| proxy | version | how it ran |', '|---|---|---|', ...lines].join('\n');
}

function summary(results: readonly WorkloadResult[]): string {
  const outcomes = results.flatMap(outcomesOf);
  return ['### Goals', '', level('must', outcomes), level('stretch', outcomes)].join('\n');
}

function level(name: 'must' | 'stretch', outcomes: readonly Outcome[]): string {
  const held = outcomes.flatMap((outcome) => {
    const verdict = outcome[name];
    return verdict === undefined ? [] : { ...outcome, ...verdict };
  });
  const missed = held.filter(({ met }) => !met);
  const list = missed.map(
    ({ workload, contender, value, limit }) =>
      `  - ${workload}, ${contender}: ${value.toFixed(2)}, not ${limit}`,
  );
  return [`- ${name}: ${held.length - missed.length} of ${held.length} met`, ...list].join('\n');
}
