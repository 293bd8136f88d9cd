/**
 * The sidecar as a child process: started as in production, restarted by `node --watch` when its files change.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { processIn, untilEnded } from '../lab/proc.ts';
import { type Program, signalGroup, startProgram } from '../lab/programs.ts';
import { MAIN, runNode } from '../lab/sidecar.ts';
import { followLog, type LogLine } from './log-lines.ts';

/** With a part behind it down the sidecar is never ready, and still of use, ms. */
const NOT_READY_PATIENCE_MS = 5_000;

type Environment = Readonly<Record<string, string>>;

/** @throws Error whose message lists every problem of the settings */
export async function checkConfiguration(env: Environment): Promise<void> {
  const { status, stderr } = await runNode(MAIN, ['--check-config'], env);
  if (status !== 0) throw new Error(stderr.trim() || 'The sidecar cannot check its settings.');
}

export interface SidecarProcessOptions {
  readonly watch: boolean;
  /** Gets every line of the sidecar's output, as it came and parsed. */
  readonly print: (line: string, entry: LogLine | null) => void;
  /** For Node, beside those of the observer. */
  readonly nodeFlags?: readonly string[];
  /** Whoever observes it: flags for Node, and who gets every line of the log. */
  readonly observer?: { readonly nodeFlags: readonly string[]; hear(entry: LogLine): void };
  /** Holds its number, so that the next start can stop one that was left behind. */
  readonly pidFile: string;
}

export function startSidecarProcess(
  env: Environment,
  { watch, print, pidFile, observer, nodeFlags = [] }: SidecarProcessOptions,
): Program {
  const flags = watch ? ['--watch', '--watch-preserve-output'] : [];
  const preloads = [...nodeFlags, ...(observer?.nodeFlags ?? [])];
  const program = startProgram(process.execPath, [...flags, ...preloads, MAIN], { env });
  writeFileSync(pidFile, String(program.pid));
  const onLine = (line: string, entry: LogLine | null) => {
    if (entry !== null) observer?.hear(entry);
    print(line, entry);
  };
  for (const output of [program.child.stdout, program.child.stderr]) if (output) followLog(output, onLine);
  program.ended.then(() => {
    // `node --watch` may be gone before the process that it watched over.
    program.killGroup();
    rmSync(pidFile, { force: true });
  });
  return program;
}

/** Stops the sidecar of an earlier run that was killed before it could. @returns whether there was one */
export async function stopOrphanedSidecar(pidFile: string): Promise<boolean> {
  const pid = processIn(pidFile, MAIN);
  if (pid === null) return false;
  signalGroup(pid, 'SIGKILL');
  await untilEnded(pid, MAIN);
  return true;
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
