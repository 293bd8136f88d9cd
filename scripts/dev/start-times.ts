/** How long each part takes to start. */

export class StartTimes {
  readonly #signal: AbortSignal;
  readonly #times: string[] = [];
  #total = 0;

  /** @param signal aborted: no further part may start */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** Waits for a part. @throws Error when stopping has begun meanwhile */
  async of<T>(name: string, part: Promise<T>): Promise<T> {
    const startedAt = performance.now();
    const started = await part;
    const ms = performance.now() - startedAt;
    this.#total += ms;
    this.#times.push(`${name} ${seconds(ms)}`);
    this.#signal.throwIfAborted();
    return started;
  }

  sentence(): string {
    return `Started in ${seconds(this.#total)}: ${this.#times.join(', ')}.`;
  }
}

const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;
