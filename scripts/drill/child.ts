/**
 * Child processes that never outlive the drill, and waiting for what they do.
 */
import type { ChildProcess } from 'node:child_process';

/** Resolves with the exit status (null after a signal). Whatever happens to us, the child is killed with us. */
export function followChild(child: ChildProcess): Promise<number | null> {
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (status) => {
      process.off('exit', kill);
      resolve(status);
    });
  });
}

const PATIENCE_MS = 20_000;

/** Polls until a condition holds. @throws Error naming what was waited for */
export async function until(what: string, isTrue: () => boolean | Promise<boolean>): Promise<void> {
  const giveUpAt = performance.now() + PATIENCE_MS;
  while (!(await isTrue())) {
    if (performance.now() > giveUpAt) throw new Error(`Waited in vain for ${what}.`);
    await new Promise((wake) => setTimeout(wake, 5));
  }
}

export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
