/**
 * The sidecar under drill: `node src/main.ts` as in production, access log at `info` included.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { baseEnv, MAIN } from '../../test/support/start-process.ts';
import { followChild, until } from './child.ts';
import { parseJson } from './sample.ts';

export interface DrillSidecar extends AsyncDisposable {
  readonly pid: number;
  readonly port: number;
  /** Exit status once it has ended; null after SIGKILL. */
  readonly exited: Promise<number | null>;
  signal(name: NodeJS.Signals): void;
  /** The `pid` of each such log message so far, in order: of "listening", the workers. */
  pidsOf(message: string): readonly number[];
  /** How often a log message has been written. */
  timesLogged(message: string): number;
  /** Resolves when a log message has been written so many times. */
  untilLogged(message: string, times?: number): Promise<void>;
}

export function startSidecar(env: Record<string, string>): Promise<DrillSidecar> {
  const child = spawn(process.execPath, [MAIN], { env: baseEnv(env), stdio: ['ignore', 'pipe', 'pipe'] });
  return followSidecar(child);
}

const STOP_TIMEOUT_MS = 15_000;

/** Waits until a started process listens. */
export async function followSidecar(child: ChildProcess): Promise<DrillSidecar> {
  const exited = followChild(child);
  const lines = collectLog(child);
  const logged = (message: string) => lines.filter(({ msg }) => msg === message);
  const timesLogged = (message: string) => logged(message).length;
  const untilLogged = (message: string, times = 1) =>
    until(`the sidecar to say "${message}"`, () => timesLogged(message) >= times);
  await untilLogged('listening');
  return {
    pid: child.pid ?? 0,
    port: logged('listening')[0]?.port ?? 0,
    exited,
    signal: (name) => child.kill(name),
    pidsOf: (message) => logged(message).map(({ pid }) => pid),
    timesLogged,
    untilLogged,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
      await exited;
      clearTimeout(late);
    },
  };
}

interface LogLine {
  readonly msg: string;
  readonly pid: number;
  /** Of the line "listening". */
  readonly port: number;
}

/** Messages of the process; the line of each request is read, since nobody else would, and dropped. */
function collectLog(child: ChildProcess): LogLine[] {
  const lines: LogLine[] = [];
  if (child.stdout === null) throw new Error('The log must be a pipe.');
  createInterface({ input: child.stdout }).on('line', (text) => {
    if (!text.includes('"msg":') || text.includes('"request failed"')) return;
    lines.push(parseJson(text) as unknown as LogLine);
  });
  child.stderr?.pipe(process.stderr, { end: false });
  return lines;
}

/** Memory that the process holds, bytes. */
export async function residentBytes(pid: number): Promise<number> {
  const { stdout } = await promisify(execFile)('ps', ['-o', 'rss=', '-p', String(pid)]);
  return Number(stdout) * 1024;
}
