/**
 * What is measured: a proxy in front of the upstream, ours or a peer's.
 */
import { withChildren } from '../machine/process-figures.ts';
import { freePort, startChild, stopChild, untilListening } from '../machine/processes.ts';

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
  readonly folder: string;
}

export interface RunningProxy {
  readonly port: number;
  /** Every process whose CPU time and memory count. */
  readonly pids: readonly number[];
  stop(): Promise<void>;
}

export interface ProxyCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Starts a proxy's process on a free port and waits until it listens. */
export async function startProxy(
  { core, folder }: Place,
  commandFor: (port: number) => ProxyCommand | Promise<ProxyCommand>,
): Promise<RunningProxy> {
  const port = await freePort();
  const { command, args, env } = await commandFor(port);
  const child = startChild(command, args, { core, env, outputFile: `${folder}/output.log` });
  await untilListening(child, port);
  return {
    port,
    // Asked for each time: nginx listens before it has started its worker.
    get pids() {
      return withChildren(child.pid);
    },
    stop: () => stopChild(child),
  };
}
