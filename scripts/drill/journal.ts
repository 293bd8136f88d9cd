/**
 * What reached the backend. It writes a line per request with a plain write(2), which a SIGKILL cannot undo; nothing
 * that the backend keeps in memory would survive the drills.
 */
import { readFileSync } from 'node:fs';

export interface Arrivals {
  readonly total: number;
  /** POSTs that came more than once: never allowed. */
  readonly doubledPosts: number;
  /** GETs that came more than once: repeated after a lost race. */
  readonly doubledGets: number;
}

/** Line of a request in the journal. */
export const journalLine = (method: string, id: string): string => `${method} ${id}\n`;

/** Of several backends: the same request at two of them has come twice. */
export function countJournals(paths: readonly string[]): Arrivals {
  const times = new Map<string, number>();
  const lines = paths.flatMap((path) => readFileSync(path, 'utf8').split('\n').filter(Boolean));
  for (const line of lines) times.set(line, (times.get(line) ?? 0) + 1);
  const doubled = (method: string) =>
    [...times].filter(([line, count]) => line.startsWith(`${method} `) && count > 1).length;
  return { total: lines.length, doubledPosts: doubled('POST'), doubledGets: doubled('GET') };
}
