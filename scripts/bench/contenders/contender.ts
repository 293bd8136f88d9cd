/**
 * What is measured: a proxy in front of the upstream, ours or a peer's.
 */
import { freePort } from '../../lab/ports.ts';
import { withChildren } from '../../lab/proc.ts';
import { type Program, startProgram, untilListening } from '../../lab/programs.ts';
import type { ScratchFolder } from '../../lab/scratch-folder.ts';

export interface Contender {
  readonly name: string;
  readonly version: string;
  /** `node`: a peer written in JavaScript; `native`: nginx, haproxy. */
  readonly kind: 'ours' | 'node' | 'native';
  readonly forwardsWebSockets: boolean;
  /** How it runs: shown with the tables. */
  readonly setup: string;
  start(place: Place): Promise<RunningProxy>;
}

/** Where a contender runs. */
export interface Place {
  readonly upstreamPort: number;
  /** Undefined: not pinned. */
  readonly core: number | undefined;
  /** A folder of the contender's own, empty, removed after the bench. */
  readonly folder: ScratchFolder;
}

export interface RunningProxy {
  readonly port: number;
  /** Every process whose CPU time and memory count. */
  readonly pids: readonly number[];
  /** CPU time of the database that works for it alone, so far, µs. */
  readonly databaseCpuUs?: () => number;
  /** Puts away what a turn has left, between two turns. */
  readonly rest?: () => Promise<unknown>;
  stop(): Promise<unknown>;
}

/** A proxy on Node: `node args` and an environment. */
export interface NodeProxy {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Starts a proxy's process on a free port and waits until it listens. */
export async function startNodeProxy(
  { core, folder }: Place,
  proxyFor: (port: number) => NodeProxy,
): Promise<RunningProxy> {
  const port = await freePort();
  const { args, env } = proxyFor(port);
  const program = startProgram(process.execPath, args, { core, env, outputFile: folder.at('output.log') });
  await untilListening('The proxy', program, port);
  return runningProxy(port, program);
}

export const runningProxy = (port: number, program: Program): RunningProxy => ({
  port,
  // Asked for each time: nginx listens before it has started its worker.
  get pids() {
    return withChildren(program.pid);
  },
  stop: () => program.stop(),
});
