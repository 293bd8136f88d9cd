/**
 * One workload's Markdown table.
 */
import { spread } from '../statistics.ts';
import { figure, type Metric, type Row, type WorkloadResult } from '../workloads/workload.ts';
import { type Outcome, outcomesOf, ratio, type Verdict } from './goals.ts';

export function workloadTable(result: WorkloadResult): string {
  const [main, ...others] = result.metrics;
  const titles = [
    'proxy',
    main.title,
    '±',
    'sidecar ÷ it',
    'must',
    'stretch',
    ...others.map(({ title }) => title),
  ];
  const outcomes = outcomesOf(result);
  const ours = result.rows.find(({ kind }) => kind === 'ours');
  const lines = result.rows.map((row) => {
    const own = outcomes.filter(({ contender }) => contender === row.contender);
    return tableLine([
      row.contender,
      shown(row, main),
      disagreement(row, main),
      ours === undefined || ours === row ? '' : finite(ratio(ours, row, main), 2),
      verdicts(own, 'must'),
      verdicts(own, 'stretch'),
      ...others.map((metric) => shown(row, metric)),
    ]);
  });
  const rule = titles.map((_, i) => (i === 0 ? '---' : '---:'));
  return [
    `### ${result.title}`,
    '',
    result.note,
    '',
    tableLine(titles),
    `|${rule.join('|')}|`,
    ...lines,
  ].join('\n');
}

const tableLine = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

const shown = (row: Row, metric: Metric): string => finite(figure(row, metric), metric.digits);

/** Half the distance between the lowest and the highest round. */
function disagreement({ samples }: Row, { key }: Metric): string {
  const percent = finite((spread(samples.map((sample) => sample[key] ?? Number.NaN)) / 2) * 100, 0);
  return percent === '' ? '' : `${percent} %`;
}

const finite = (value: number, digits: number): string =>
  Number.isFinite(value) ? value.toFixed(digits) : '';

const verdicts = (outcomes: readonly Outcome[], level: 'must' | 'stretch'): string =>
  outcomes
    .map((outcome) => outcome[level])
    .filter((verdict): verdict is Verdict => verdict !== undefined)
    .map(({ limit, met }) => `${limit} ${met ? '✓' : '✗'}`)
    .join(', ');
