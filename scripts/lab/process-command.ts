/**
 * Whose process a number in a file is. After a crash or a reboot it may be anybody's, so nothing is stopped, and nobody
 * is kept out, without a look at the command line.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const STOP_TIMEOUT_MS = 30_000;

/** Its command line with spaces between the arguments; null when there is no such process, or no way to ask. */
export function commandOf(pid: number): string | null {
  try {
    const text = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
    // Empty for one that has ended and only waits for its parent to notice.
    return text === '' ? null : text;
  } catch {
    return process.platform === 'linux' ? null : commandFromPs(pid);
  }
}

function commandFromPs(pid: number): string | null {
  try {
    const command = execFileSync('ps', ['-ww', '-o', 'command=', '-p', String(pid)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
    return command === '' || command.includes('<defunct>') ? null : command;
  } catch {
    return null;
  }
}

/** The number in a file, if that process runs and its command line holds these words. */
export function processIn(file: string, words: string): number | null {
  let pid = Number.NaN;
  try {
    pid = Number.parseInt(readFileSync(file, 'utf8'), 10);
  } catch {
    return null;
  }
  return pid > 1 && (commandOf(pid)?.includes(words) ?? false) ? pid : null;
}

/** Waits until it has ended. @throws Error with a sentence when it does not */
export async function untilEnded(pid: number, words: string): Promise<void> {
  const giveUpAt = performance.now() + STOP_TIMEOUT_MS;
  while (commandOf(pid)?.includes(words)) {
    if (performance.now() > giveUpAt) throw new Error(`Process ${pid} does not stop. Stop it by hand.`);
    await sleep(50);
  }
}
