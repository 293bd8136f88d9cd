/**
 * The load: a fixed number of clients, each sending one request at a time at a steady pace; or arrivals that wait for
 * nobody, for overload.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { KeepAliveClient } from './client.ts';
import type { LoadRequest, Sample } from './sample.ts';

export interface LoadOptions {
  readonly port: number;
  /** Whose certificate to trust; without it there is no TLS. */
  readonly ca?: Buffer;
  readonly clients: number;
  /** From the start of a client's request to the start of its next, ms; a slower answer delays the next. */
  readonly everyMs: number;
  /** Makes the next request of client number `client`. */
  readonly next: (client: number) => LoadRequest;
}

export interface Load {
  /** Everything that has ended so far. */
  readonly samples: readonly Sample[];
  /** Connections that the other side has closed between two requests so far. */
  closedWhileIdle(): number;
  /** Sends no more, waits for what is under way; all samples. */
  stop(): Promise<readonly Sample[]>;
}

/** A client that was held up for longer does as Nginx with its keepalive_timeout: the other side may be closing what idles. */
const MOST_LATE_MS = 300;

/** Starts the load at once; the clients' starts are spread over `everyMs`. */
export function startLoad({ port, ca, clients, everyMs, next }: LoadOptions): Load {
  const samples: Sample[] = [];
  const all = Array.from({ length: clients }, () => new KeepAliveClient(port, ca));
  const stopping = new AbortController();
  const pause = (ms: number) => sleep(ms, undefined, { signal: stopping.signal }).catch(() => undefined);
  const run = async (client: KeepAliveClient, index: number) => {
    await pause((index * everyMs) / clients);
    while (!stopping.signal.aborted) {
      const nextAt = performance.now() + everyMs;
      samples.push(await client.perform(next(index)));
      await pause(Math.max(0, nextAt - performance.now()));
      if (performance.now() > nextAt + MOST_LATE_MS) client.close();
    }
    client.close();
  };
  const running = all.map(run);
  return {
    samples,
    closedWhileIdle: () => all.reduce((sum, client) => sum + client.closedWhileIdle, 0),
    async stop() {
      stopping.abort();
      await Promise.all(running);
      return samples;
    },
  };
}

/** Runs a load for a time. */
export async function loadFor(ms: number, options: LoadOptions): Promise<readonly Sample[]> {
  const load = startLoad(options);
  await sleep(ms);
  return load.stop();
}

/** One kept connection, one request at a time. */
export interface LoadClient {
  perform(request: LoadRequest): Promise<Sample>;
  close(): void;
}

export interface ClosedLoopOptions {
  readonly clients: readonly LoadClient[];
  readonly forMs: number;
  readonly next: () => LoadRequest;
}

/** Each sends its next request as soon as it has the answer to the one before; closes them. */
export async function closedLoop({ clients, forMs, next }: ClosedLoopOptions): Promise<ArrivalResult> {
  const samples: Sample[] = [];
  const until = performance.now() + forMs;
  const run = async (client: LoadClient) => {
    while (performance.now() < until) samples.push(await client.perform(next()));
    client.close();
  };
  await Promise.all(clients.map(run));
  return { samples, unsent: 0, sendingMs: forMs };
}

export interface ArrivalOptions {
  readonly perSecond: number;
  readonly forMs: number;
  /** Clients that are connected already. */
  readonly clients?: readonly LoadClient[];
  /** Where more connections go when all are busy, and how many. Without it, and beyond, an arrival is counted in `unsent`. */
  readonly more?: { readonly port: number; readonly atMost: number };
  readonly next: () => LoadRequest;
}

export interface ArrivalResult {
  readonly samples: readonly Sample[];
  /** Arrivals for which there was no connection. */
  readonly unsent: number;
  /** From the first arrival to the last: longer than asked for when the generator itself could not keep up. */
  readonly sendingMs: number;
}

const TICK_MS = 4;

/** Sends requests at a fixed rate whether or not earlier ones have been answered (an open loop). */
export async function arrivals({
  perSecond,
  forMs,
  clients = [],
  more,
  next,
}: ArrivalOptions): Promise<ArrivalResult> {
  const samples: Sample[] = [];
  const free: LoadClient[] = [...clients];
  const underWay = new Set<Promise<void>>();
  let made = 0;
  let unsent = 0;
  const take = () => {
    const idle = free.pop();
    if (idle !== undefined || more === undefined || made >= more.atMost) return idle;
    made += 1;
    return new KeepAliveClient(more.port);
  };
  const send = (client: LoadClient) => {
    const work = client.perform(next()).then((sample) => {
      samples.push(sample);
      free.push(client);
      underWay.delete(work);
    });
    underWay.add(work);
  };
  const startedAt = performance.now();
  let due = 0;
  for (let elapsed = 0; ; elapsed = Math.min(forMs, performance.now() - startedAt)) {
    for (; due < (elapsed * perSecond) / 1000; due += 1) {
      const client = take();
      if (client === undefined) unsent += 1;
      else send(client);
    }
    if (elapsed === forMs) break;
    await sleep(TICK_MS);
  }
  const sendingMs = performance.now() - startedAt;
  await Promise.all(underWay);
  for (const client of free) client.close();
  return { samples, unsent, sendingMs };
}
