/** The end of a child process, which does not depend on its good will. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** More than any of them takes to end in order on a busy machine, ms. */
const PATIENCE_MS = 60_000;

/** Sends a signal; resolves with the exit status, null after a signal. @throws Error when it took SIGKILL to end it */
export async function endChild(
  child: ChildProcess,
  signal: NodeJS.Signals = 'SIGTERM',
): Promise<number | null> {
  if (hasEnded(child)) return child.exitCode;
  let isKilled = false;
  const late = setTimeout(() => {
    isKilled = child.kill('SIGKILL');
  }, PATIENCE_MS);
  child.kill(signal);
  const [status] = await once(child, 'exit');
  clearTimeout(late);
  if (isKilled) throw new Error(`${child.spawnargs.join(' ')} did not end by ${signal}.`);
  return status;
}

export const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean =>
  exitCode !== null || signalCode !== null;
