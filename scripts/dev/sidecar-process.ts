/**
 * The sidecar as a child process: started as in production, restarted by `node --watch` when its files change.
 */
import { execFile, spawn } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { processIn, untilEnded } from '../lab/proc.ts';
import { followLog } from './log-lines.ts';

const MAIN = resolve(import.meta.dirname, '../../src/main.ts');
/** With a part behind it down the sidecar is never ready, and still of use, ms. */
const NOT_READY_PATIENCE_MS = 5_000;

export interface SidecarProcess {
  /** Resolves with the exit status when the process ends, asked or not. */
  readonly exited: Promise<number>;
  /** Lets it finish its requests. */
  stop(): Promise<unknown>;
}

/** @throws Error whose message lists every problem of the settings */
export async function checkConfiguration(env: NodeJS.ProcessEnv): Promise<void> {
  try {
    await promisify(execFile)(process.execPath, [MAIN, '--check-config'], { env });
  } catch (error) {
    const output = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
    throw new Error(output || 'The sidecar cannot check its settings.', { cause: error });
  }
}

export interface SidecarProcessOptions {
  readonly watch: boolean;
  /** Gets every line of the sidecar's output, made readable. */
  readonly print: (line: string) => void;
  /** Holds its number, so that the next start can stop one that was left behind. */
  readonly pidFile: string;
}

export function startSidecarProcess(
  env: NodeJS.ProcessEnv,
  { watch, print, pidFile }: SidecarProcessOptions,
): SidecarProcess {
  const flags = watch ? ['--watch', '--watch-preserve-output'] : [];
  const child = spawn(process.execPath, [...flags, MAIN], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    // Its own process group: Ctrl-C reaches us alone, and we stop the parts in order.
    detached: true,
  });
  if (child.pid !== undefined) writeFileSync(pidFile, String(child.pid));
  followLog(child.stdout, print);
  followLog(child.stderr, print);
  const killGroup = () => killProcessGroup(child.pid);
  process.once('exit', killGroup);
  const exited = new Promise<number>((done) => {
    child.once('error', () => done(1));
    child.once('exit', (status) => {
      // `node --watch` may be gone before the process that it watched over.
      killGroup();
      process.off('exit', killGroup);
      rmSync(pidFile, { force: true });
      done(status ?? 1);
    });
  });
  return {
    exited,
    stop() {
      child.kill('SIGTERM');
      return exited;
    },
  };
}

/** Stops the sidecar of an earlier run that was killed before it could. @returns whether there was one */
export async function stopOrphanedSidecar(pidFile: string): Promise<boolean> {
  const pid = processIn(pidFile, MAIN);
  if (pid === null) return false;
  killProcessGroup(pid);
  await untilEnded(pid, MAIN);
  return true;
}

function killProcessGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nobody is left in the group.
  }
}

/**
 * Waits until the sidecar is ready, for as long as a mistake in the code keeps it from starting.
 * @returns whether everything behind it is up; false after 5 s of "not ready"
 */
export async function untilReady(url: string, signal: AbortSignal): Promise<boolean> {
  let aliveSince: number | null = null;
  for (;;) {
    signal.throwIfAborted();
    const status = await statusOf(`${url}/readyz`);
    if (status === 200) return true;
    if (status === 0) aliveSince = null;
    else aliveSince ??= performance.now();
    if (aliveSince !== null && performance.now() - aliveSince > NOT_READY_PATIENCE_MS) return false;
    await sleep(100);
  }
}

/** 0: no answer. */
async function statusOf(url: string): Promise<number> {
  try {
    const answer = await fetch(url);
    await answer.body?.cancel();
    return answer.status;
  } catch {
    return 0;
  }
}
