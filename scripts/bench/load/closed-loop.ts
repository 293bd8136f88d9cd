/**
 * Closed loop, unless a rate is given: every connection sends its next request when the answer to the one before has arrived.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { quantile } from '../statistics.ts';
import type { LoadResult } from './messages.ts';

/** One connection. Tells `loop` when an answer is complete, or what is wrong with it. */
export interface LoadClient {
  /** Resolves when the connection can send. */
  readonly opened: Promise<unknown>;
  loop: LoopEvents | undefined;
  /** When the request under way was sent: performance.now(). */
  sentAt: number;
  send(): void;
  close(): void;
}

export interface LoopEvents {
  onAnswer(client: LoadClient): void;
  onWrong(reason: string): void;
}

export class ClosedLoop implements LoopEvents {
  readonly #clients: readonly LoadClient[];
  #durationsMs = new Float64Array(0);
  #issued = 0;
  #answered = 0;
  #run: PromiseWithResolvers<void> | undefined;
  /** At a fixed rate: who may send. */
  #idle: LoadClient[] | undefined;
  /** The first thing that went wrong, also between two runs. */
  #wrong: string | undefined;

  constructor(clients: readonly LoadClient[]) {
    this.#clients = clients;
    for (const client of clients) client.loop = this;
  }

  /** Sends `exchanges` in all; resolves when all are answered. @throws Error at the first wrong answer */
  async run(exchanges: number): Promise<LoadResult> {
    this.#idle = undefined;
    return this.#measure(exchanges, () => {
      for (const client of this.#clients.slice(0, exchanges)) this.#next(client, performance.now());
    });
  }

  /** So many a second, each on a connection that is idle. @throws Error as `run`, or when none is idle */
  async runPaced(exchanges: number, perSecond: number): Promise<LoadResult> {
    const idle = [...this.#clients];
    this.#idle = idle;
    return this.#measure(exchanges, async () => {
      const startedAt = performance.now();
      for (let i = 0; i < exchanges && this.#wrong === undefined; i += 1) {
        await sleep(startedAt + (i * 1000) / perSecond - performance.now());
        const client = idle.pop();
        if (client === undefined) return this.onWrong('no connection is idle: the rate is too high');
        this.#next(client, performance.now());
      }
    });
  }

  async #measure(exchanges: number, begin: () => void): Promise<LoadResult> {
    if (this.#wrong !== undefined) throw new Error(this.#wrong);
    this.#durationsMs = new Float64Array(exchanges);
    this.#issued = 0;
    this.#answered = 0;
    this.#run = Promise.withResolvers();
    const startedAt = performance.now();
    begin();
    await this.#run.promise;
    const wallUs = (performance.now() - startedAt) * 1000;
    const sorted = this.#durationsMs.sort();
    return { wallUs, p50Us: quantile(sorted, 0.5) * 1000, p99Us: quantile(sorted, 0.99) * 1000 };
  }

  onAnswer(client: LoadClient): void {
    const now = performance.now();
    this.#durationsMs[this.#answered] = now - client.sentAt;
    this.#answered += 1;
    if (this.#idle !== undefined) this.#idle.unshift(client);
    else if (this.#issued < this.#durationsMs.length) this.#next(client, now);
    if (this.#answered === this.#durationsMs.length) this.#run?.resolve();
  }

  onWrong(reason: string): void {
    this.#wrong ??= reason;
    this.#run?.reject(new Error(reason));
  }

  close(): void {
    for (const client of this.#clients) client.close();
  }

  #next(client: LoadClient, now: number): void {
    this.#issued += 1;
    client.sentAt = now;
    client.send();
  }
}
