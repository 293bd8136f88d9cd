/** What is forgotten when there is too much: the oldest ordinary request first, errors later, pinned ones last. */
import type { RequestRecord } from './record.ts';

export interface RetentionLimits {
  readonly ordinary: number;
  readonly errors: number;
  readonly pinned: number;
  /** Of memory, for all of them. */
  readonly bytes: number;
}

export const LIMITS: RetentionLimits = {
  ordinary: 5_000,
  errors: 1_000,
  pinned: 500,
  bytes: 96 * 1024 * 1024,
};

type Shelf = 'ordinary' | 'errors' | 'pinned';

export class Retention {
  readonly #limits: RetentionLimits;
  readonly #bytes: () => number;
  readonly #forget: (record: RequestRecord) => void;
  readonly #shelves: Record<Shelf, Set<RequestRecord>> = {
    ordinary: new Set(),
    errors: new Set(),
    pinned: new Set(),
  };

  /** @param bytes that all of them take now @param forget told of each that has to go */
  constructor(limits: RetentionLimits, bytes: () => number, forget: (record: RequestRecord) => void) {
    this.#limits = limits;
    this.#bytes = bytes;
    this.#forget = forget;
  }

  /** For one that is new or has changed. */
  place(record: RequestRecord): void {
    const shelf = this.#shelves[shelfOf(record)];
    if (!shelf.has(record)) {
      this.#takeOff(record);
      shelf.add(record);
    }
    for (const name of ['ordinary', 'errors', 'pinned'] as const) this.#shrink(name);
  }

  /** Forgets all but the pinned. */
  clear(): void {
    for (const record of [...this.#shelves.ordinary, ...this.#shelves.errors]) {
      this.#takeOff(record);
      this.#forget(record);
    }
  }

  #shrink(name: Shelf): void {
    const shelf = this.#shelves[name];
    for (const record of shelf) {
      if (shelf.size <= this.#limits[name] && this.#bytes() <= this.#limits.bytes) return;
      shelf.delete(record);
      this.#forget(record);
    }
  }

  #takeOff(record: RequestRecord): void {
    for (const shelf of Object.values(this.#shelves)) shelf.delete(record);
  }
}

/** A WebSocket is still spoken on long after thousands of requests have passed. */
function shelfOf(record: RequestRecord): Shelf {
  if (record.isPinned) return 'pinned';
  return record.isError || record.started.isWebSocket ? 'errors' : 'ordinary';
}
