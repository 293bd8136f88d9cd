/**
 * What the bench and the load generator say to each other.
 */

import type { ApiRequestName, Question } from './api-requests.ts';

export type LoadCommand =
  /** Opens connections that will send small requests; `mixed`: every fifth one POSTs. */
  | {
      readonly kind: 'open';
      readonly port: number;
      readonly method: 'GET' | 'POST' | 'mixed';
      readonly connections: number;
      /** The right answer is a 503. */
      readonly isRefused?: true;
    }
  /** Opens connections that will ask the sidecar's own routes, each time as the next of so many users. */
  | {
      readonly kind: 'open-api';
      readonly port: number;
      readonly ask: ApiRequestName;
      readonly connections: number;
      readonly users: number;
    }
  /** Opens connections that will ask these of the sidecar's own routes, one after the other and again. */
  | {
      readonly kind: 'open-questions';
      readonly port: number;
      readonly questions: readonly Question[];
      readonly connections: number;
    }
  /** Opens WebSockets that will send frames to be echoed. */
  | { readonly kind: 'open-websockets'; readonly port: number; readonly connections: number }
  /** Sends `exchanges` requests or frames in all over what was opened last, each connection one at a time. */
  | { readonly kind: 'run'; readonly exchanges: number }
  /** The same at a fixed rate, whatever the answers take. */
  | { readonly kind: 'run-paced'; readonly exchanges: number; readonly perSecond: number }
  /** Closes what was opened last. */
  | { readonly kind: 'close' }
  | { readonly kind: 'download' | 'upload'; readonly port: number; readonly bytes: number };

/** µs; the quantiles are those of single exchanges, 0 where there are none. */
export interface LoadResult {
  readonly wallUs: number;
  readonly p50Us: number;
  readonly p99Us: number;
}
