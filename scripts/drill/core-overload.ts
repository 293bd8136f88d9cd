/**
 * Four times what the sidecar's core can carry, from a process on another core: peak and overload in turns, so that a machine
 * that gets slower or faster meanwhile does not decide.
 */
import { chooseCores, moveTo } from '../lab/cores.ts';
import { watchCore } from '../lab/proc.ts';
import { until } from '../lab/programs.ts';
import { startWorker, type Worker } from '../lab/worker.ts';
import { type Ask, requestsOf } from './ask.ts';
import { KeepAliveClient } from './client.ts';
import { type ArrivalResult, startLoad } from './load.ts';
import type { LoadCommand } from './load-program.ts';
import { watchMemory } from './process-watch.ts';
import { isAnswered, type LoadRequest, parseJson, type Sample } from './sample.ts';

const OVERLOAD = 4;
/** An open loop needs one for every request that waits. Bounds the generator's memory, too. */
const MAX_CONNECTIONS = 2_000;
const CONNECTIONS_PER_SECOND = 400;
const PROBE_EVERY_MS = 250;

export interface CoreOverloadOptions {
  /** Of the sidecar. */
  readonly port: number;
  readonly pid: number;
  readonly seconds: number;
  readonly ask: Ask;
  /** Who find the peak: enough to keep the core busy, few enough that nobody waits long. */
  readonly peakClients: number;
}

export interface CoreOverload {
  /** One more than `overs`: each of those lies between two. */
  readonly peaks: readonly Phase[];
  readonly overs: readonly Phase[];
  /** /livez under overload. */
  readonly alive: readonly Sample[];
  readonly mostMib: number;
  readonly growthMib: number;
}

export interface Phase {
  readonly samples: readonly Sample[];
  /** Right answers a second that came while requests were sent. */
  readonly goodput: number;
  /** Requests sent a second, and those for which all connections were waiting. */
  readonly sent: number;
  readonly unsent: number;
  /** Part of the time in which the core was not somebody else's, and part of that in which the sidecar used it. */
  readonly coreLeft: number;
  readonly coreUsed: number;
}

export async function overloadCore(options: CoreOverloadOptions): Promise<CoreOverload> {
  const { port, pid, seconds, ask, peakClients } = options;
  const cores = chooseCores();
  moveTo(cores.proxy, pid);
  const program = import.meta.resolve('./load-program.ts');
  await using generator: LoadGenerator = startWorker(program, { core: cores.load });
  const forMs = (seconds * 1000) / (1 + 1 + 2 + 1 + 2 + 1);
  const peak = async () => {
    await generator.do({ kind: 'open', port, ask, connections: peakClients });
    return runPhase(generator, pid, { kind: 'closed-loop', ask, forMs });
  };
  const connections = Math.min(MAX_CONNECTIONS, Math.ceil(seconds * CONNECTIONS_PER_SECOND));
  const overloaded = async (perSecond: number) => {
    await generator.do({ kind: 'open', port, ask, connections });
    const phase = runPhase(generator, pid, { kind: 'open-loop', ask, perSecond, forMs: 2 * forMs });
    const probes = startLoad({ port, clients: 1, everyMs: PROBE_EVERY_MS, next: livez });
    const over = await phase;
    alive.push(...(await probes.stop()));
    await untilAnswered(port, ask);
    return over;
  };

  // For the compiler; what counts is a process that has been running for a while.
  await peak();
  const alive: Sample[] = [];
  const peaks = [await peak()];
  const overs: Phase[] = [];
  const memory = watchMemory(pid);
  for (let round = 0; round < 2; round += 1) {
    overs.push(await overloaded(OVERLOAD * (peaks[round]?.goodput ?? 0)));
    peaks.push(await peak());
  }
  return { peaks, overs, alive, ...(await memory.end()) };
}

type LoadGenerator = Worker<LoadCommand, ArrivalResult>;

async function runPhase(generator: LoadGenerator, pid: number, command: LoadCommand): Promise<Phase> {
  const core = watchCore(pid);
  const { samples, unsent, sendingMs } = await generator.do(command);
  const { left, used } = core();
  const endsAt = samples.reduce((least, { startedAt }) => Math.min(least, startedAt), Infinity) + sendingMs;
  const inTime = samples.filter((sample) => isAnswered(sample) && sample.endedAt <= endsAt);
  const perSecond = (count: number) => (count * 1000) / sendingMs;
  return {
    samples,
    goodput: perSecond(inTime.length),
    sent: perSecond(samples.length),
    unsent: perSecond(unsent),
    coreLeft: left,
    coreUsed: used,
  };
}

/** As a supervisor asks: on a connection of its own each time. */
const livez = (): LoadRequest => ({
  id: 'livez',
  label: 'GET /livez',
  method: 'GET',
  bytes: 'GET /livez HTTP/1.1\r\nHost: shop.example.com\r\nConnection: close\r\n\r\n',
  isRight: ({ body }) => parseJson(body)?.status === 'ok',
});

/** It is over when one more is answered. */
async function untilAnswered(port: number, ask: Ask): Promise<void> {
  const client = new KeepAliveClient(port);
  const next = requestsOf(ask);
  await until('an answer after the overload', async () => isAnswered(await client.perform(next())));
  client.close();
}
