/**
 * Programs as children, started, waited for and ended in one way. Each has a process group of its own, so that Ctrl-C in a
 * terminal reaches us alone, and none outlives us, whatever ends us (but SIGKILL).
 */
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { pinned } from './cores.ts';
import { isListening } from './ports.ts';
import { PATH_WITH_SBIN } from './tools.ts';

export interface ProgramOptions {
  /** All that it gets, but for PATH. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** User and group. */
  readonly identity?: { readonly uid?: number; readonly gid?: number };
  /** The one that it runs on; undefined: any. */
  readonly core?: number | undefined;
  /** Takes what it prints. Without it that is kept, and handed to who listens to `child`. */
  readonly outputFile?: string;
  /** Whether to talk to it with `send` and `message`. */
  readonly ipc?: boolean;
  /** What it gets at our own end: SIGKILL, unless it has data to put in order. */
  readonly lastSignal?: NodeJS.Signals;
}

export interface Program extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly pid: number;
  /**
   * Exit status once it has ended and `output` has its last words; null after a signal, and when there is no such
   * program.
   */
  readonly ended: Promise<number | null>;
  isRunning(): boolean;
  /** The last of what it has printed. */
  output(): string;
  signal(name: NodeJS.Signals): void;
  /** Sends a signal. @returns `ended` @throws Error when it took SIGKILL to end it */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
  /** SIGKILL for it and all that it has started. Synchronous. */
  killGroup(): void;
}

/** Of output, characters. */
const KEPT = 20_000;
/** A machine that runs many tests at once may take long to start a program, or to end it in order. */
const PATIENCE_MS = 60_000;

const running = new Map<Program, NodeJS.Signals>();

/** Starts a program; it may not be of use yet (`untilUp`). */
export function startProgram(
  command: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Program {
  const { env, cwd, identity, core, outputFile, ipc = false, lastSignal = 'SIGKILL' } = options;
  const file = outputFile === undefined ? undefined : openSync(outputFile, 'a');
  const stdio: StdioOptions = ['ignore', file ?? 'pipe', file ?? 'pipe'];
  if (ipc) stdio.push('ipc');
  const [program, programArgs] = pinned(command, args, core);
  const child = spawn(program, programArgs, {
    env: { PATH: PATH_WITH_SBIN, ...env },
    ...identity,
    cwd,
    stdio,
    detached: true,
  });
  if (file !== undefined) closeSync(file);
  let kept = '';
  const keep = (text: unknown) => {
    kept = `${kept}${text}`.slice(-KEPT);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  const ended = new Promise<number | null>((resolve) => {
    untilClosed(child).then(resolve, () => undefined);
    child.once('error', (error) => {
      keep(error.message);
      resolve(null);
    });
  });
  const isRunning = () => child.pid !== undefined && !hasEnded(child);
  const self: Program = {
    child,
    pid: child.pid ?? 0,
    ended,
    isRunning,
    output: () => (outputFile === undefined ? kept : readFileSync(outputFile, 'utf8').slice(-KEPT)),
    signal: (name) => child.kill(name),
    stop: (signal) => (isRunning() ? endChild({ child, ended }, signal) : ended),
    killGroup: () => signalGroup(child.pid, 'SIGKILL'),
    [Symbol.asyncDispose]: () => self.stop().then(() => undefined),
  };
  endWithUs(self, lastSignal);
  return self;
}

/**
 * The exit status of a child that was just started, null after a signal, once it has ended and what it and its own children
 * printed has been read: at 'exit' the last of it may still be in the pipe. @throws Error when there is no such program
 */
export const untilClosed = async (child: ChildProcess): Promise<number | null> =>
  (await once(child, 'close'))[0];

/** Sends a signal; resolves as `ended` does. @throws Error when it took SIGKILL to end it */
export async function endChild(
  { child, ended }: Pick<Program, 'child' | 'ended'>,
  signal: NodeJS.Signals = 'SIGTERM',
): Promise<number | null> {
  if (hasEnded(child)) return ended;
  let isKilled = false;
  const late = setTimeout(() => {
    isKilled = child.kill('SIGKILL');
  }, PATIENCE_MS);
  child.kill(signal);
  const status = await ended;
  clearTimeout(late);
  if (isKilled) throw new Error(`${child.spawnargs.join(' ')} did not end by ${signal}.`);
  return status;
}

export const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean =>
  exitCode !== null || signalCode !== null;

/** Resolves when it is up. @param name for the error @throws Error with its words when it ends first or takes too long */
export async function untilUp(
  name: string,
  program: Program,
  isUp: () => boolean | Promise<boolean>,
  { patienceMs = PATIENCE_MS, everyMs = 10 } = {},
): Promise<void> {
  const giveUpAt = performance.now() + patienceMs;
  while (!(await isUp())) {
    if (!program.isRunning() || performance.now() > giveUpAt) {
      program.killGroup();
      await program.ended;
      throw new Error(`${name} did not start:\n${program.output().trim()}`);
    }
    await sleep(everyMs);
  }
}

/** `untilUp`: accepts connections on a port of 127.0.0.1. */
export const untilListening = (name: string, program: Program, port: number): Promise<void> =>
  untilUp(name, program, () => isListening(port));

/** `untilUp`: has printed something. @returns the match */
export async function untilSays(name: string, program: Program, words: RegExp): Promise<RegExpExecArray> {
  let said: RegExpExecArray | null = null;
  await untilUp(name, program, () => {
    said = words.exec(program.output());
    return said !== null;
  });
  return said as unknown as RegExpExecArray;
}

export interface FinishedRun {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const { PATH, NODE_COMPILE_CACHE } = process.env;

/** For programs that get nothing else of our environment: where programs are, and what Node has compiled (scripts/test.ts). */
export const PROGRAMS = { PATH, ...(NODE_COMPILE_CACHE && { NODE_COMPILE_CACHE }) };

/** Runs a program to its end, with PROGRAMS and nothing else but this environment; status null when it took too long and was killed. */
export async function runToEnd(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  patienceMs = PATIENCE_MS,
): Promise<FinishedRun> {
  const child = spawn(command, args, {
    env: { ...PROGRAMS, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: patienceMs,
    killSignal: 'SIGKILL',
  });
  const output = Promise.all([text(child.stdout), text(child.stderr)]);
  const [status] = await once(child, 'close');
  const [stdout, stderr] = await output;
  return { status, stdout, stderr };
}

/** Polls until a condition holds. @throws Error naming what was waited for */
export async function until(
  what: string,
  isTrue: () => boolean | Promise<boolean>,
  { patienceMs = PATIENCE_MS, everyMs = 10 } = {},
): Promise<void> {
  const giveUpAt = performance.now() + patienceMs;
  while (!(await isTrue())) {
    if (performance.now() > giveUpAt) throw new Error(`Waited in vain for ${what}.`);
    await sleep(everyMs);
  }
}

function endWithUs(program: Program, lastSignal: NodeJS.Signals): void {
  if (running.size === 0) process.once('exit', endAll);
  // By default it would end us without `exit`.
  if (process.listenerCount('SIGTERM') === 0) process.once('SIGTERM', () => process.exit(143));
  running.set(program, lastSignal);
  program.ended.then(() => {
    running.delete(program);
    if (running.size === 0) process.off('exit', endAll);
  });
}

function endAll(): void {
  for (const [program, lastSignal] of running) {
    if (lastSignal === 'SIGKILL') program.killGroup();
    else program.signal(lastSignal);
  }
}

/** Nothing happens when nobody is left in the group. */
export function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch {
    // It ended by itself in this very moment.
  }
}
