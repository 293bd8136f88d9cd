/** The sidecar as its own process, started as in production: `node src/main.ts` and an environment. */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Server } from 'node:net';
import { resolve } from 'node:path';
import { NO_DATABASE } from './database.ts';
import {
  endChild,
  type FinishedRun,
  hasEnded,
  runToEnd,
  startProgram,
  until,
  untilClosed,
} from './programs.ts';
import { JWT_SECRET } from './tokens.ts';

export const MAIN = resolve(import.meta.dirname, '../../src/main.ts');

export type LogLine = Readonly<Record<string, unknown>>;

export interface SidecarProcess extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly pid: number;
  /** NaN on a unix socket. */
  readonly port: number;
  readonly url: string;
  /** Exit status once it has ended and `log` has its last line; null after a signal. */
  readonly ended: Promise<number | null>;
  /** Everything on stdout so far: JSON lines; with `message` only those. */
  log(message?: string): LogLine[];
  /** Resolves when a log message has been written so many times. */
  untilLogged(message: string, times?: number): Promise<void>;
  /** Sends a signal and resolves with the exit status once it has ended. */
  end(signal?: NodeJS.Signals): Promise<number | null>;
}

/** A machine that runs many tests at once may take long to start a process, ms. */
const PATIENCE_MS = 60_000;

/** The setting's default, for what is about it or about the whole as it is in production. */
export const LATE_AS_IN_PRODUCTION = { MAX_EVENT_LOOP_DELAY_MS: '200' };

export const baseEnv = (env: Record<string, string>): Record<string, string> => ({
  PATH: process.env.PATH ?? '',
  PORT: '0',
  JWT_SECRET,
  DATABASE_URL: NO_DATABASE,
  MIGRATE_ON_START: 'false',
  // Where main.ts puts what is compiled: it cannot read itself from there unless Node is told before.
  NODE_COMPILE_CACHE: resolve(MAIN, '../../node_modules/.cache/compiled'),
  // All parts run on one machine, beside other tests: late is not overloaded.
  MAX_EVENT_LOOP_DELAY_MS: '0',
  ...env,
});

/** @param keep which lines `log` shall remember; what a long load makes is more than memory holds */
export function startProcess(
  env: Record<string, string> = {},
  keep?: (line: LogLine) => boolean,
): Promise<SidecarProcess> {
  return followProcess(startProgram(process.execPath, [MAIN], { env: baseEnv(env) }).child, keep);
}

/** On a socket that somebody else holds, as systemd passes it (sd_listen_fds(3)). */
export function startActivated(server: Server, env: Record<string, string>): Promise<SidecarProcess> {
  const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
  // Its own number is in the environment, which only a shell can put there.
  const command = `LISTEN_FDS=1 LISTEN_PID=$$ exec "${process.execPath}" "${MAIN}"`;
  const stdio = ['ignore', 'pipe', 'pipe', fd] as const;
  return followProcess(spawn('/bin/sh', ['-c', command], { env: baseEnv(env), stdio: [...stdio] }));
}

/** Waits until a started process listens. @throws Error with its output when it ends first */
export async function followProcess(
  child: ChildProcess,
  keep: (line: LogLine) => boolean = () => true,
): Promise<SidecarProcess> {
  const lines: LogLine[] = [];
  const ended = untilClosed(child);
  const log = (message?: string) => lines.filter(({ msg }) => message === undefined || msg === message);
  let unread = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    const texts = `${unread}${chunk}`.split('\n');
    unread = texts.pop() ?? '';
    const found = texts.filter((text) => text.startsWith('{')).map((text) => JSON.parse(text));
    lines.push(...found.filter((line) => line.msg === 'listening' || keep(line)));
  });
  let complaints = '';
  const listen = (chunk: Buffer) => {
    complaints += chunk;
  };
  child.stderr?.on('data', listen);
  await until('the sidecar to listen', () => log('listening').length > 0 || hasEnded(child), {
    patienceMs: PATIENCE_MS,
  }).catch(() => child.kill('SIGKILL'));
  const [listening] = log('listening');
  if (hasEnded(child) || listening === undefined) {
    const status = await ended;
    throw new Error(
      `the sidecar did not start (${child.signalCode ?? `status ${status}`}): ${complaints}${lines.map((line) => JSON.stringify(line)).join('\n')}`,
    );
  }
  child.stderr?.off('data', listen).resume();
  const port = Number(listening.port);
  const self: SidecarProcess = {
    child,
    pid: child.pid ?? 0,
    port,
    url: `http://127.0.0.1:${port}`,
    ended,
    log,
    untilLogged: (message, times = 1) =>
      until(`the sidecar to say "${message}"`, () => log(message).length >= times),
    end: (signal) => endChild({ child, ended }, signal),
    [Symbol.asyncDispose]: async () => void (await self.end()),
  };
  return self;
}

/** Runs `node <script> args` to its end. */
export const runNode = (
  script: string,
  args: readonly string[],
  env: Record<string, string>,
): Promise<FinishedRun> => runToEnd(process.execPath, [script, ...args], env);
