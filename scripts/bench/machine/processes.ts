/**
 * The bench's child processes: each in a process group of its own, every group ended when the bench ends, whatever
 * ends it.
 */
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { pinned } from './cores.ts';

export interface ChildOptions {
  /** Undefined: not pinned. */
  readonly core: number | undefined;
  readonly env: Readonly<Record<string, string>>;
  /** Takes stdout and stderr. */
  readonly outputFile: string;
  /** Whether to talk to it with `send` and `message`. */
  readonly ipc?: boolean;
}

export interface Child {
  readonly process: ChildProcess;
  readonly pid: number;
  readonly outputFile: string;
}

const START_PATIENCE_MS = 15_000;
const STOP_PATIENCE_MS = 5_000;
const running = new Set<ChildProcess>();

/** Starts a program; it may not listen yet (`untilListening`). */
export function startChild(command: string, args: readonly string[], options: ChildOptions): Child {
  const output = openSync(options.outputFile, 'a');
  const stdio: StdioOptions = ['ignore', output, output];
  if (options.ipc) stdio.push('ipc');
  const [program, programArgs] = pinned(command, args, options.core);
  const child = spawn(program, programArgs, {
    env: { PATH: process.env.PATH ?? '', ...options.env },
    stdio,
    detached: true,
  });
  closeSync(output);
  running.add(child);
  child.once('exit', () => running.delete(child));
  child.once('error', () => running.delete(child));
  return { process: child, pid: child.pid ?? 0, outputFile: options.outputFile };
}

/** Resolves once the child accepts connections. @throws Error with the child's output when it ends or takes too long */
export async function untilListening(child: Child, port: number, lookEveryMs = 10): Promise<void> {
  const giveUpAt = performance.now() + START_PATIENCE_MS;
  while (!(await accepts(port))) {
    if (!running.has(child.process) || performance.now() > giveUpAt) {
      const output = readFileSync(child.outputFile, 'utf8').slice(-2000);
      throw new Error(`A proxy did not start. Its output:\n${output}`);
    }
    await sleep(lookEveryMs);
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** Asks a child to end, insists after a while, resolves when it has ended. */
export async function stopChild({ process: child }: Child): Promise<void> {
  if (!running.has(child)) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const late = setTimeout(() => killGroup(child), STOP_PATIENCE_MS);
  await exited;
  clearTimeout(late);
}

/** For the end of the bench: no child outlives it. Synchronous, so that it works in an `exit` listener. */
export function killAllChildren(): void {
  for (const child of running) killGroup(child);
}

function killGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It ended by itself in this very moment.
  }
}

/** A port of 127.0.0.1 that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}
