/** One line for each check, and below it what to do; JSON for programs. */
import { type CheckResult, statusOf } from '../uploads/check.ts';
import type { AreaName } from './arguments.ts';
import type { Words } from './words.ts';

export interface Result extends CheckResult {
  readonly area: AreaName;
}

function describeResult({ name, status, text, remedy }: Result, words: Words): string {
  const label = words.statuses[status];
  const width = Math.max(...Object.values(words.statuses).map((one) => one.length)) + 2;
  const indent = ' '.repeat(width + 2);
  const lines = `${name}: ${text}`.split('\n');
  if (remedy !== null) lines.push(...`→ ${remedy}`.split('\n'));
  return `  ${label.padEnd(width)}${lines.join(`\n${indent}  `)}`;
}

/**
 * Prints results as they come, each area under its name; neighbours of whom the same is to be said share a line.
 * @returns `end` prints what has been kept back
 */
export function createPrinter(words: Words, print: (line: string) => void) {
  let area = '';
  let kept: Result | null = null;
  const end = () => {
    if (kept === null) return;
    if (kept.area !== area) print(kept.area);
    area = kept.area;
    print(describeResult(kept, words));
    kept = null;
  };
  return {
    end,
    add(result: Result): void {
      const isSame =
        kept !== null &&
        (['area', 'status', 'text', 'remedy'] as const).every((part) => kept?.[part] === result[part]);
      if (isSame) kept = { ...result, name: `${kept?.name}, ${result.name}` };
      else {
        end();
        kept = result;
      }
    },
  };
}

export const summaryOf = (results: readonly Result[], words: Words): string => {
  const count = (status: Result['status']) => results.filter((result) => result.status === status).length;
  return words.summary(count('wrong'), count('could not check'), count('ok'));
};

export const asJson = (results: readonly Result[]): string =>
  JSON.stringify(
    { status: (['ok', 'wrong', 'could not check'] as const)[statusOf(results)], results },
    null,
    2,
  );
