/** A mode: random cases, what runs one of them, and what must not come of it. */
import fc from 'fast-check';
import type { Findings } from './findings.ts';
import type { FuzzBackend } from './fuzz-backend.ts';
import type { SidecarUnderTest } from './sidecar-under-test.ts';

export interface ModeContext {
  readonly sidecar: SidecarUnderTest;
  readonly backend: FuzzBackend;
}

/** What must not be, in sentences, and what shows it. */
export interface Verdict {
  readonly problems: readonly string[];
  readonly evidence: Readonly<Record<string, unknown>>;
}

export interface Mode<Case> {
  /** Clients that run cases at the same time. */
  readonly clients: number;
  readonly cases: fc.Arbitrary<Case>;
  /** For each client. @returns runs one case */
  connect(): (one: Case) => Promise<Verdict>;
  end?(): Promise<void>;
}

export interface Turn {
  readonly seed: number;
  /** Date.now() at which it must come to its end. */
  readonly until: number;
  readonly findings: Findings;
}

/** Cases that one generator makes; the next has another seed. */
const CASES_PER_SEED = 100;

class Found extends Error {
  readonly what: string;
  readonly evidence: Verdict['evidence'];

  constructor(what: string, evidence: Verdict['evidence']) {
    super(what);
    this.what = what;
    this.evidence = evidence;
  }
}

/** Runs cases until the time is over; one that shows something new is made smaller first. @returns how many it ran */
export async function runMode<Case>(mode: Mode<Case>, { seed, until, findings }: Turn): Promise<number> {
  let count = 0;
  const client = async (index: number) => {
    const run = mode.connect();
    const property = fc.asyncProperty(mode.cases, async (one) => {
      // What is left of this generator's cases, or of making one smaller, when the time is over.
      if (Date.now() >= until) return;
      count += 1;
      const { problems, evidence } = await run(one);
      for (const what of problems) if (!findings.count(what)) throw new Found(what, evidence);
    });
    for (let turn = index; Date.now() < until; turn += mode.clients) {
      const outcome = await fc.check(property, { seed: seed + turn, numRuns: CASES_PER_SEED });
      const { errorInstance: error } = outcome;
      if (error instanceof Found) findings.add(error.what, error.evidence);
      else if (outcome.failed) {
        // The process has died, most likely: its own finding comes with it.
        findings.add(`a case could not be run: ${error}`, { case: outcome.counterexample });
        return;
      }
    }
  };
  await Promise.all(Array.from({ length: mode.clients }, (_, index) => client(index)));
  await mode.end?.();
  return count;
}

/** A tag is what tells whose the bytes are; the cases are made with this in its place. */
export const TAG = 'tagqqqqqqqqqqqq';
const ALPHABET = 'bcdfghklmnpqrstvwxz';

/** Tags of one length, which hold no digits and are far apart, so that no mutation makes one out of another. */
export function createTags() {
  const known = new Set<string>();
  return {
    next(): string {
      const letters = Array.from({ length: TAG.length - 3 }, () =>
        ALPHABET.charAt(Math.floor(Math.random() * ALPHABET.length)),
      );
      const tag = `tag${letters.join('')}`;
      known.add(tag);
      return tag;
    },
    /** Whether there is a tag in a text that is not this one. */
    hasForeign: (text: string, tag: string): boolean =>
      [...text.matchAll(/tag[a-z]{12}/g)].some(([found]) => found !== tag && known.has(found)),
  };
}
