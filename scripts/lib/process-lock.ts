/** One process at a time: a file with its number. */
import { writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { lock } from 'proper-lockfile';
import { processIn } from '../lab/proc.ts';

/**
 * Writes our number into the file; whoever is done removes the file. A number of a process that is gone, or is another program's
 * now, counts for nothing. Whoever looks and writes does it alone: of several that start at once over such a file, all
 * but one would take the others' away.
 * @param words of the command line of those that it keeps apart
 * @returns null, or the number of the process that has it
 */
export async function takeProcessLock(file: string, words: string): Promise<number | null> {
  // Held for milliseconds, so that one left by a kill just then is rare; it is taken over after `stale` ms.
  const release = await lock(dirname(file), {
    lockfilePath: `${file}.lock`,
    stale: 2_000,
    retries: PATIENCE,
  });
  try {
    const holder = processIn(file, words);
    if (holder !== null && holder !== process.pid) return holder;
    writeFileSync(file, String(process.pid));
    return null;
  } finally {
    await release();
  }
}

const PATIENCE = { retries: 200, factor: 1, minTimeout: 20 };
