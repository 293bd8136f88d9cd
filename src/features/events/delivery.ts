/**
 * The pass that empties the outbox: looks for events that are due, sends a few at a time, writes down what became of
 * them. Any number of processes may do so at once. Nothing here is waited for by a request, and the connection is its own.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../../infra/logger.ts';
import { isSchemaMissing } from '../../infra/postgres/failure.ts';
import type { LeasedEvent, Outbox, OutboxFigures } from './outbox.ts';
import { retryDelaySeconds } from './retry.ts';
import type { Outcome, Send } from './send.ts';
import { createUpkeep, type Upkeep } from './upkeep.ts';

export interface EventDelivery {
  start(): void;
  /** Begins no delivery any more; those under way finish within `graceMs` or are given back. Resolves when all is written. */
  stop(graceMs: number): Promise<void>;
  /** As of the last look; null before the first, or when nobody wants them. */
  figures(): OutboxFigures | null;
}

export interface DeliveryOptions {
  readonly outbox: Outbox;
  readonly send: Send;
  readonly log: Log;
  /** Whether `figures()` is asked for. */
  readonly counts: boolean;
  readonly pollMs?: number;
}

/** So many receivers' answers are waited for at once, by each process. */
const DELIVERIES_AT_ONCE = 8;
const POLL_MS = 1_000;
const LONGEST_BACKOFF_MS = 15_000;

export const createEventDelivery = (options: DeliveryOptions): EventDelivery => new Delivery(options);

/** One delivery under way. */
interface Attempt {
  readonly cut: AbortController;
  /** Its outcome is in the outbox; what is still coming is of no interest. */
  isWritten: boolean;
  done: Promise<void>;
}

class Delivery implements EventDelivery {
  readonly #options: DeliveryOptions;
  readonly #underWay = new Set<Attempt>();
  #isStopping = false;
  /** Aborted when the grace time is over. */
  readonly #graceOver = new AbortController();
  #done: Promise<void> = Promise.resolve();
  #isWoken = false;
  #endPause = () => {};
  #isOutboxAway = false;
  #isReceiverAway = false;
  readonly #upkeep: Upkeep;

  constructor(options: DeliveryOptions) {
    this.#options = options;
    this.#upkeep = createUpkeep(options.outbox, options.log, options.counts);
  }

  start(): void {
    this.#done = this.#run();
  }

  async stop(graceMs: number): Promise<void> {
    this.#isStopping = true;
    this.#wake();
    for (const { cut, isWritten } of this.#underWay) if (isWritten) cut.abort();
    const cutAll = () => {
      this.#graceOver.abort();
      for (const { cut } of this.#underWay) cut.abort();
    };
    // Behind the poll phase: what has been answered is read first.
    const timer = setTimeout(() => setImmediate(cutAll), graceMs);
    await this.#done;
    await Promise.all([...this.#underWay].map(({ done }) => done));
    clearTimeout(timer);
  }

  figures(): OutboxFigures | null {
    return this.#upkeep.figures();
  }

  async #run(): Promise<void> {
    const { pollMs = POLL_MS } = this.#options;
    let backoffMs = pollMs;
    while (!this.#isStopping) {
      let waitMs = pollMs;
      try {
        if (await this.#look()) waitMs = 0;
        backoffMs = pollMs;
        this.#isOutboxAway = false;
        await this.#upkeep.run();
      } catch (error) {
        this.#outboxFailed(error, 'the outbox of events cannot be read, and is tried again');
        waitMs = backoffMs;
        backoffMs = Math.min(backoffMs * 2, LONGEST_BACKOFF_MS);
      }
      if (waitMs > 0) await this.#pause(waitMs);
    }
  }

  /** One look at the outbox. @returns whether there may be more to do at once */
  async #look(): Promise<boolean> {
    const free = DELIVERIES_AT_ONCE - this.#underWay.size;
    if (free === 0) return false;
    const { outbox } = this.#options;
    const { events, more } = await outbox.lease(free);
    for (const event of events) {
      // A process that stood still meanwhile may find another at work on what it was given.
      if (this.#isStopping || performance.now() > event.beginUntilMs) await outbox.release(event);
      else this.#begin(event);
    }
    return more && this.#underWay.size < DELIVERIES_AT_ONCE;
  }

  #begin(event: LeasedEvent): void {
    const attempt: Attempt = { cut: new AbortController(), isWritten: false, done: Promise.resolve() };
    attempt.done = this.#deliver(event, attempt).finally(() => {
      this.#underWay.delete(attempt);
      this.#wake();
    });
    this.#underWay.add(attempt);
  }

  async #deliver(event: LeasedEvent, attempt: Attempt): Promise<void> {
    const { outcome, over } = await this.#options.send(event, attempt.cut.signal);
    await this.#writeDown(event, outcome);
    attempt.isWritten = true;
    if (this.#isStopping) attempt.cut.abort();
    await over;
  }

  /** Again and again while the database is away: what was answered 2xx must not be sent twice. */
  async #writeDown(event: LeasedEvent, outcome: Outcome): Promise<void> {
    for (let delayMs = 250; ; delayMs = Math.min(delayMs * 2, 5_000)) {
      try {
        await this.#write(event, outcome);
        return;
      } catch (error) {
        this.#outboxFailed(error, 'what became of an event cannot be written down, and is tried again');
        if (this.#graceOver.signal.aborted) return;
        await sleep(delayMs, undefined, { signal: this.#graceOver.signal }).catch(() => undefined);
      }
    }
  }

  async #write(event: LeasedEvent, outcome: Outcome): Promise<void> {
    const { outbox, log } = this.#options;
    const { id, type, attempts } = event;
    if (outcome.kind === 'delivered') {
      await outbox.delivered(event);
      if (this.#isReceiverAway) log.info('events are delivered again');
      this.#isReceiverAway = false;
    } else if (this.#graceOver.signal.aborted) {
      await outbox.release(event);
    } else {
      const { kind, reason } = outcome;
      const retryInS = kind === 'gone' ? null : retryDelaySeconds(attempts, outcome.retryAfterSeconds);
      await outbox.failed(event, reason, retryInS);
      // A line for the first of many, and for each that is given up.
      const level = retryInS === null ? 'error' : this.#isReceiverAway ? 'debug' : 'warn';
      log[level]({ event: id, type, attempts, reason, retryInS }, 'an event was not delivered');
      this.#isReceiverAway = true;
    }
  }

  #outboxFailed(error: unknown, message: string): void {
    // The migrations make the table, and say themselves why they cannot.
    if (isSchemaMissing(error) || this.#isOutboxAway) return;
    this.#isOutboxAway = true;
    this.#options.log.warn({ err: error }, message);
  }

  #wake(): void {
    this.#isWoken = true;
    this.#endPause();
  }

  /** Until the next look, or until something has happened since the last one began. */
  async #pause(ms: number): Promise<void> {
    if (!this.#isWoken) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.#endPause = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#isWoken = false;
  }
}
