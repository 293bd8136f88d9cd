/**
 * What became of one request, as its client saw it.
 */
import type { RawMessage } from '../lab/raw-connection.ts';

/** What is looked at of a whole response. */
export type Answer = Pick<RawMessage, 'startLine' | 'body' | 'header'>;

export interface LoadRequest {
  /** Unique; the backend writes down every id that reaches it. */
  readonly id: string;
  /** Groups requests of one kind in the counts. */
  readonly label: string;
  readonly method: 'GET' | 'POST';
  /** The whole request, a char per byte. */
  readonly bytes: string;
  /** Of a right answer that is no 2xx. */
  readonly rightStatus?: number;
  /** Whether a 2xx, or one of that status, is the right answer to exactly this request, whole. */
  readonly isRight: (answer: Answer) => boolean;
}

/**
 * - `answered`: 2xx, whole and right
 * - `refused`: 502, 503 or 504 with `{"detail"}`, and Retry-After where there has to be one
 * - `failed`: anything else; `reason` says what
 */
export type Outcome = 'answered' | 'refused' | 'failed';

export interface Sample {
  readonly id: string;
  readonly label: string;
  readonly method: string;
  /** performance.now() */
  readonly startedAt: number;
  readonly endedAt: number;
  readonly outcome: Outcome;
  /** null when there was no whole response. */
  readonly status: number | null;
  readonly reason: string;
  /** The idle connection it was sent on closed without a byte of an answer. */
  readonly raced: boolean;
}

export const isAnswered = ({ outcome }: Sample): boolean => outcome === 'answered';
export const isRefused = ({ outcome }: Sample): boolean => outcome === 'refused';
export const isFailed = ({ outcome }: Sample): boolean => outcome === 'failed';

/** Reasons of failures that drills look for. */
export const REASON = {
  cut: 'cut within the response',
  unanswered: 'closed without an answer',
  lostOnIdle: 'lost on an idle connection that closed, and not to be repeated',
  notConnected: 'no connection',
  hung: 'no answer in time',
  wrongBody: 'a 2xx with a wrong body',
} as const;

/** Judges a whole response. */
export function judge(request: LoadRequest, answer: Answer): Pick<Sample, 'outcome' | 'status' | 'reason'> {
  const status = Number(answer.startLine.split(' ')[1]);
  if ((status >= 200 && status < 300) || status === request.rightStatus) {
    return request.isRight(answer)
      ? { outcome: 'answered', status, reason: '' }
      : { outcome: 'failed', status, reason: REASON.wrongBody };
  }
  if (![502, 503, 504].includes(status)) return { outcome: 'failed', status, reason: `status ${status}` };
  const lack = refusalLacks(status, answer);
  return lack === null
    ? { outcome: 'refused', status, reason: '' }
    : { outcome: 'failed', status, reason: `a ${status} without ${lack}` };
}

/** docs/forwarding.md, 16. */
function refusalLacks(status: number, answer: Answer): string | null {
  if (!answer.header('content-type')?.startsWith('application/json')) return 'a JSON body';
  const body = parseJson(answer.body);
  if (typeof body?.detail !== 'string' || body.detail === '') return 'a detail';
  if (status !== 504 && !/^\d+$/.test(answer.header('retry-after') ?? '')) return 'Retry-After';
  return null;
}

/** A JSON object, or null for anything else. */
export function parseJson(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

export interface Outage {
  /** performance.now() when the fault was made, and when its cause was gone again. */
  readonly downAt: number;
  readonly upAt: number;
}

/** Whether any part of the request lies within a fault. */
export const isWithin = (sample: Sample, outages: readonly Outage[]): boolean =>
  outages.some(({ downAt, upAt }) => sample.startedAt <= upAt && sample.endedAt >= downAt);

/**
 * Those that began then or later. Before a fault a busy machine may take longer to open the first connections to the database
 * than a request waits for one: that is no matter of the fault.
 */
export const since = (at: number, samples: readonly Sample[]): readonly Sample[] =>
  samples.filter(({ startedAt }) => startedAt >= at);

/** Longest time from the end of a fault to the next right answer, ms; infinite when there was none. */
export function longestRecoveryMs(samples: readonly Sample[], outages: readonly Outage[]): number {
  const answered = samples.filter(isAnswered);
  const recoveries = outages.map(({ upAt }) => {
    const ends = answered.filter(({ endedAt }) => endedAt >= upAt).map(({ endedAt }) => endedAt);
    return ends.reduce((least, end) => Math.min(least, end), Number.POSITIVE_INFINITY) - upAt;
  });
  return Math.round(Math.max(...recoveries));
}

/** Longest time from a request's start to its end, ms. */
export const longestMs = (samples: readonly Sample[]): number =>
  Math.round(samples.reduce((most, { startedAt, endedAt }) => Math.max(most, endedAt - startedAt), 0));

/** Time that a part of the requests did not exceed, ms; the median for 0.5. 0 without any. */
export function quantileMs(samples: readonly Sample[], part: number): number {
  const durations = samples.map(({ startedAt, endedAt }) => endedAt - startedAt).sort((a, b) => a - b);
  return Math.round(durations[Math.floor(durations.length * part)] ?? 0);
}
