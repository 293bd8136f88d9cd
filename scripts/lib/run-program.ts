/** A program that a command runs for its operator. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { PATH_WITH_SBIN } from '../lab/tools.ts';

export interface ProgramRun {
  /** null: it was not there, took too long, or was told to stop. */
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** After which it is killed. */
  readonly timeoutMs?: number;
  /** Kills it, with all that it has started. */
  readonly signal?: AbortSignal | undefined;
  /** Gets what it prints, as it comes. */
  readonly onOutput?: (text: string) => void;
}

const TIMEOUT_MS = 60_000;

/**
 * Runs it to its end, in the environment of the command itself. It is in a process group of its own: Ctrl-C in a terminal goes
 * to all of a group, and it is we who decide what then becomes of it.
 */
export async function runProgram(
  [command = '', ...args]: readonly string[],
  { env = process.env, timeoutMs = TIMEOUT_MS, signal, onOutput = () => undefined }: RunOptions = {},
): Promise<ProgramRun> {
  if (signal?.aborted) return { status: null, stdout: '', stderr: '' };
  const child = spawn(command, args, {
    env: { ...env, PATH: PATH_WITH_SBIN },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
      onOutput(text);
    });
  const end = () => killGroup(child.pid);
  const late = setTimeout(end, timeoutMs);
  signal?.addEventListener('abort', end);
  try {
    const [status] = await once(child, 'close');
    return { status, ...output };
  } catch (error) {
    return { status: null, ...output, stderr: error instanceof Error ? error.message : String(error) };
  } finally {
    clearTimeout(late);
    signal?.removeEventListener('abort', end);
  }
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // It has just ended by itself.
  }
}
