/**
 * What a drill is and what it reports. A drill breaks one thing on purpose while requests go on, and counts what the
 * clients saw of it.
 */
import { isAnswered, isFailed, isRefused, type Sample } from './sample.ts';

export type BackendKind = 'node' | 'uvicorn';

export interface DrillSettings {
  /** How long the load goes on, roughly, s; a drill with several phases divides it among them. */
  readonly seconds: number;
  readonly backend: BackendKind;
}

export interface Drill {
  readonly name: string;
  /** One sentence for `--list`. */
  readonly summary: string;
  /** Programs of the system without which it cannot run. */
  readonly needs?: readonly string[];
  /** @throws Error when the drill itself could not run, which says nothing about the sidecar */
  run(settings: DrillSettings): Promise<DrillReport>;
}

/** One figure with its bounds; without any it is only told. */
export interface Figure {
  readonly what: string;
  readonly found: number;
  readonly atMost?: number;
  readonly atLeast?: number;
  /** Depends on how fast the machine is; the tests leave it out. */
  readonly isMeasured?: boolean;
}

export interface DrillReport {
  readonly sent: number;
  /** 2xx, whole and right. */
  readonly answered: number;
  /** 502, 503 or 504 with a sentence, as docs/forwarding.md asks. */
  readonly refused: number;
  /** Neither of them, and not what the drill asked for. */
  readonly failed: number;
  /** Requests that met an idle connection just as it closed, and were sent again or given up. */
  readonly raced: number;
  readonly doubledPosts: number;
  /** Longest time from the end of a fault to the next right answer, ms; null when nothing had to recover. */
  readonly recoveryMs: number | null;
  readonly figures: readonly Figure[];
  /** What failed, and how often. */
  readonly failures: Readonly<Record<string, number>>;
}

export const isPassed = ({ found, atMost, atLeast }: Figure): boolean =>
  found <= (atMost ?? Number.POSITIVE_INFINITY) && found >= (atLeast ?? Number.NEGATIVE_INFINITY);

/** A number, or what is to be counted. */
type Count<Item> = number | readonly Item[];
type Where<Item> = (item: Item) => boolean;
const countOf = <Item>(found: Count<Item>, where: Where<Item> = () => true): number =>
  typeof found === 'number' ? found : found.filter(where).length;

/** A figure that must be zero. */
export const none = <Item>(what: string, found: Count<Item>, where?: Where<Item>): Figure => ({
  what,
  found: countOf(found, where),
  atMost: 0,
});

/** A figure that nobody can promise anything about. */
export const told = <Item>(what: string, found: Count<Item>, where?: Where<Item>): Figure => ({
  what,
  found: countOf(found, where),
});

/** A figure without which the drill would have tested nothing. */
export const some = <Item>(what: string, found: Count<Item>, atLeast = 1): Figure => ({
  what,
  found: countOf(found),
  atLeast,
});

/** A figure that depends on how fast the machine is. */
export const measured = (figure: Figure): Figure => ({ ...figure, isMeasured: true });

export interface ReportOptions {
  readonly samples: readonly Sample[];
  readonly doubledPosts: number;
  readonly recoveryMs?: number | null;
  readonly figures: readonly Figure[];
  /** A failure that is exactly what the drill asked for, e.g. a body that the backend was told to cut. */
  readonly isIntended?: (sample: Sample) => boolean;
  /** How many requests may fail; 0 unless something was killed that had requests in flight. */
  readonly mayFail?: number;
}

/** Counts the samples; adds the figures that every drill has. */
export function report(options: ReportOptions): DrillReport {
  const {
    samples,
    doubledPosts,
    recoveryMs = null,
    figures,
    isIntended = () => false,
    mayFail = 0,
  } = options;
  const failed = samples.filter((sample) => isFailed(sample) && !isIntended(sample));
  const answered = samples.filter(isAnswered).length;
  return {
    sent: samples.length,
    answered,
    refused: samples.filter(isRefused).length,
    failed: failed.length,
    raced: samples.filter(({ raced }) => raced).length,
    doubledPosts,
    recoveryMs,
    figures: [
      some('requests answered', answered),
      { what: 'requests failed', found: failed.length, atMost: mayFail },
      none('POSTs that reached the backend twice', doubledPosts),
      ...figures,
    ],
    failures: countBy(failed, ({ label, reason }) => `${label}: ${reason}`),
  };
}

function countBy<T>(items: readonly T[], keyOf: (item: T) => string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const item of items) counts[keyOf(item)] = (counts[keyOf(item)] ?? 0) + 1;
  return counts;
}
