/**
 * What a pass does besides: removes what was delivered long ago and counts for the metrics. Neither holds up deliveries
 * when it fails, and both are rare however many rows there are.
 */
import type { Log } from '../../infra/logger.ts';
import type { Outbox, OutboxFigures } from './outbox.ts';

export interface Upkeep {
  /** Does what is due. Never rejects. */
  run(): Promise<void>;
  /** As of the last count; null before the first. */
  figures(): OutboxFigures | null;
}

const REMOVE_EVERY_MS = 600_000;
const COUNT_EVERY_MS = 15_000;
/** Counting reads every waiting row: at most a hundredth of the time. */
const COUNT_PAUSE_FACTOR = 100;

/** @param counts whether anybody wants the figures */
export function createUpkeep(outbox: Outbox, log: Log, counts: boolean): Upkeep {
  let removeAt = 0;
  let countAt = counts ? 0 : Number.POSITIVE_INFINITY;
  let counted: { readonly figures: OutboxFigures; readonly at: number } | undefined;

  async function remove(): Promise<void> {
    removeAt = performance.now() + REMOVE_EVERY_MS;
    const { more } = await outbox.removeDelivered();
    if (more) removeAt = 0;
  }

  async function count(): Promise<void> {
    const startedAt = performance.now();
    try {
      const figures = await outbox.figures();
      counted = { figures, at: performance.now() };
    } finally {
      const now = performance.now();
      countAt = now + Math.max(COUNT_EVERY_MS, (now - startedAt) * COUNT_PAUSE_FACTOR);
    }
  }

  return {
    async run() {
      try {
        if (performance.now() >= removeAt) await remove();
        if (performance.now() >= countAt) await count();
      } catch (error) {
        log.warn({ err: error }, 'events cannot be counted, or old ones removed; later again');
      }
    },
    figures() {
      if (counted === undefined) return null;
      const { figures, at } = counted;
      const sinceSeconds = figures.waiting === 0 ? 0 : (performance.now() - at) / 1000;
      return { ...figures, oldestSeconds: figures.oldestSeconds + sinceSeconds };
    },
  };
}
