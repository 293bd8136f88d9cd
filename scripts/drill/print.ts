/** Reports as lines of text. */
import { type Drill, type DrillReport, type Figure, isPassed } from './drill.ts';

const COLUMNS = ['sent', 'answered', 'refused', 'failed', 'raced', 'doubled', 'recovery', 'result'];
const NAME_WIDTH = 26;
const WIDTH = 10;

export const tableHead = (): string => tableLine('drill', COLUMNS);

/** The row of a drill, its figures with their bounds, and what failed. */
export function tableRow({ name }: Pick<Drill, 'name'>, report: DrillReport): string {
  const row = tableLine(name, [
    report.sent,
    report.answered,
    report.refused,
    report.failed,
    report.raced,
    report.doubledPosts,
    report.recoveryMs === null ? '-' : `${report.recoveryMs} ms`,
    report.figures.every(isPassed) ? 'PASS' : 'FAIL',
  ]);
  const failures = Object.entries(report.failures).map(([what, times]) => `      ${times} x ${what}\n`);
  return `${row}${report.figures.map(figureLine).join('')}${failures.join('')}`;
}

const tableLine = (name: string, cells: readonly (string | number)[]): string =>
  `${name.padEnd(NAME_WIDTH)}${cells.map((cell) => String(cell).padStart(WIDTH)).join('')}\n`;

function figureLine(figure: Figure): string {
  const { what, found, atMost, atLeast } = figure;
  const bounds = [
    ...(atLeast === undefined ? [] : [`at least ${atLeast}`]),
    ...(atMost === undefined ? [] : [`at most ${atMost}`]),
  ];
  const acceptable = bounds.length === 0 ? '' : ` (acceptable: ${bounds.join(', ')})`;
  return `  ${isPassed(figure) ? ' ' : '!'} ${what}: ${found}${acceptable}\n`;
}
