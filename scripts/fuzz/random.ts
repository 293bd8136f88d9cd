/**
 * Random choices that can be repeated: the same seed makes the same run.
 */

export interface Random {
  readonly seed: number;
  /** A number from 0 up to 1. */
  next(): number;
  /** A whole number from `min` to `max`, both included. */
  int(min: number, max: number): number;
  chance(probability: number): boolean;
  /** One of the items. @throws RangeError when there are none */
  pick<T>(items: readonly T[]): T;
  /** `length` characters out of an alphabet. */
  text(length: number, alphabet: string): string;
}

/** mulberry32 (https://gist.github.com/tommyettinger/46a874533244883189143505d203312c): 32 bits of state, enough here. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const int = (min: number, max: number) => min + Math.floor(next() * (max - min + 1));
  return {
    seed,
    next,
    int,
    chance: (probability) => next() < probability,
    pick<T>(items: readonly T[]): T {
      if (items.length === 0) throw new RangeError('nothing to pick from');
      return items[int(0, items.length - 1)] as T;
    },
    text(length, alphabet) {
      let text = '';
      for (let i = 0; i < length; i += 1) text += alphabet.charAt(int(0, alphabet.length - 1));
      return text;
    },
  };
}

/** A seed that nobody chose. */
export const newSeed = () => Math.floor(Math.random() * 2 ** 32);

/** Cuts a text into up to `pieces` non-empty parts at random places. */
export function splitAtRandom(random: Random, text: string, pieces: number): string[] {
  const cuts = new Set<number>();
  for (let i = 1; i < pieces; i += 1) cuts.add(random.int(0, text.length));
  const places = [0, ...[...cuts].toSorted((a, b) => a - b), text.length];
  return places.slice(1).flatMap((end, i) => (end > (places[i] ?? 0) ? [text.slice(places[i], end)] : []));
}
