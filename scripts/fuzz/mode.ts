/** What every mode gets, and what it is. */
import type { Findings } from './findings.ts';
import type { FuzzBackend } from './fuzz-backend.ts';
import type { Random } from './random.ts';
import type { SidecarUnderTest } from './sidecar-under-test.ts';

export interface ModeContext {
  readonly random: Random;
  readonly sidecar: SidecarUnderTest;
  readonly backend: FuzzBackend;
  readonly findings: Findings;
  /** Date.now() at which the mode must come to its end. */
  readonly until: number;
}

/** Runs until its time is over. @returns how many cases it ran */
export type Mode = (context: ModeContext) => Promise<number>;
