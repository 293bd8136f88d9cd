/** When an event that was not delivered is tried again; pure. */

/** 5 s, 30 s, 2 min, 10 min, 1 h, 6 h, then daily: ten attempts in three days and seven hours. */
const DELAYS_SECONDS = [5, 30, 120, 600, 3_600, 21_600, 86_400, 86_400, 86_400];
/** No answer of a receiver postpones for longer. */
const LONGEST_DELAY_SECONDS = 86_400;

/**
 * Seconds from a failed attempt to the next one; null after the last.
 * @param attempts that were made, the failed one included
 * @param askedSeconds the answer's Retry-After: waited for when it is longer (Standard Webhooks, "Delivery success and failure")
 */
export function retryDelaySeconds(attempts: number, askedSeconds = 0): number | null {
  const planned = DELAYS_SECONDS[attempts - 1];
  return planned === undefined ? null : Math.max(planned, Math.min(askedSeconds, LONGEST_DELAY_SECONDS));
}

/** Retry-After in seconds from now, whichever of its two forms it has (RFC 9110 §10.2.3); 0 when it is neither. */
export function parseRetryAfter(value: string | undefined, nowMs: number): number {
  if (value === undefined) return 0;
  if (/^\d{1,9}$/.test(value)) return Number(value);
  const seconds = Math.ceil((Date.parse(value) - nowMs) / 1000);
  return seconds > 0 ? seconds : 0;
}
