/** The sidecar as its own process, started as in production: `node src/main.ts` and an environment. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { NO_DATABASE } from '../../scripts/lab/database.ts';
import { endChild, hasEnded } from '../../scripts/lab/end-child.ts';
import { JWT_SECRET } from '../../scripts/lab/tokens.ts';

export const MAIN = resolve(import.meta.dirname, '../../src/main.ts');

export interface SidecarProcess {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly port: number;
  readonly url: string;
  /** Everything on stdout so far: JSON lines. */
  log(): Record<string, unknown>[];
  /** Sends a signal and resolves with the exit status once it has ended. */
  end(signal?: NodeJS.Signals): Promise<number | null>;
}

/** A machine that runs many tests at once may take long to start a process, ms. */
const PATIENCE_MS = 60_000;

export const baseEnv = (env: Record<string, string>): Record<string, string> => ({
  PATH: process.env.PATH ?? '',
  PORT: '0',
  JWT_SECRET,
  DATABASE_URL: NO_DATABASE,
  MIGRATE_ON_START: 'false',
  ...env,
});

export async function startProcess(env: Record<string, string> = {}): Promise<SidecarProcess> {
  const child = spawn(process.execPath, [MAIN], { env: baseEnv(env), stdio: ['ignore', 'pipe', 'pipe'] });
  return followProcess(child);
}

/** Waits until a started process listens. @throws Error with its output when it ends first */
export async function followProcess(child: ChildProcess): Promise<SidecarProcess> {
  let output = '';
  const onOutput = (chunk: Buffer) => {
    output += chunk;
  };
  child.stdout?.on('data', onOutput);
  child.stderr?.on('data', onOutput);
  const lines = () =>
    output
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  const giveUpAt = Date.now() + PATIENCE_MS;
  let port: number | undefined;
  while (port === undefined) {
    if (hasEnded(child) || Date.now() > giveUpAt) {
      child.kill('SIGKILL');
      throw new Error(`the sidecar did not start: ${output}`);
    }
    await new Promise((wake) => setTimeout(wake, 20));
    port = lines().find((line) => line.msg === 'listening')?.port as number | undefined;
  }
  return {
    child,
    pid: child.pid ?? 0,
    port,
    url: `http://127.0.0.1:${port}`,
    log: lines,
    end: (signal) => endChild(child, signal),
  };
}

export interface FinishedRun {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `node <script> args` to its end; status null when it took too long and was killed. */
export async function runNode(
  script: string,
  args: readonly string[],
  env: Record<string, string>,
): Promise<FinishedRun> {
  const child = spawn(process.execPath, [script, ...args], {
    env: { PATH: process.env.PATH ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: PATIENCE_MS,
    killSignal: 'SIGKILL',
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const [status] = await once(child, 'close');
  return { status, stdout, stderr };
}
