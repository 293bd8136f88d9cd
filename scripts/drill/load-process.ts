/**
 * The load generator of a drill that takes all of a core from the sidecar: a child process, on a core of its own where
 * there is one.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { moveTo } from '../bench/machine/cores.ts';
import { followChild } from './child.ts';
import type { ArrivalResult } from './load.ts';

export type LoadCommand =
  /** Opens the connections of the open loop ahead of it. */
  | { readonly kind: 'open'; readonly port: number; readonly connections: number }
  /** So many clients, each sending its next upload when it has the answer to the one before. */
  | {
      readonly kind: 'closed-loop';
      readonly port: number;
      readonly token: string;
      readonly clients: number;
      readonly forMs: number;
    }
  /** Uploads at a fixed rate over the open connections, whatever becomes of them; closes the connections. */
  | {
      readonly kind: 'open-loop';
      readonly port: number;
      readonly token: string;
      readonly perSecond: number;
      readonly forMs: number;
    };

export type LoadReply = ArrivalResult;

export interface LoadProcess extends AsyncDisposable {
  /** One command at a time. @throws Error when the process ends instead of answering */
  do(command: LoadCommand): Promise<LoadReply>;
}

/** @param core undefined: wherever the kernel likes */
export function startLoadProcess(core: number | undefined): LoadProcess {
  const child = fork(fileURLToPath(import.meta.resolve('./load-program.ts')), { execArgv: [] });
  const exited = followChild(child);
  if (child.pid !== undefined) moveTo(core, child.pid);
  return {
    do(command) {
      child.send(command);
      return Promise.race([replyOf(child), exited.then(failed)]);
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

async function replyOf(child: ChildProcess): Promise<LoadReply> {
  const [reply] = await once(child, 'message');
  return reply;
}

function failed(): never {
  throw new Error('The load generator has ended.');
}
