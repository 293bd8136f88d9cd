/**
 * Warns when the backend has a route that the sidecar serves itself: its own is then never reached (docs/contract.md, 2).
 * In the background, once after the start; forwarding and readiness do not depend on it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { BackendAddress } from './config/values.ts';
import { type BackendRoute, readBackendRoutes } from './forward/backend-openapi.ts';
import type { Log } from './infra/logger.ts';

interface OwnRoute {
  readonly method: string;
  /** e.g. `/api/products/:productId/reviews` */
  readonly path: string;
}

export interface SharedRoutesOptions {
  readonly backend: BackendAddress;
  readonly routes: readonly OwnRoute[];
  readonly log: Log;
  /** Before each look: a backend that is started together with us takes its time. It is asked again only when it does not answer. */
  readonly delaysMs?: readonly number[];
}

const DELAYS_MS = [2_000, 15_000, 120_000];

/** @returns ends it */
export function warnOfSharedRoutes(options: SharedRoutesOptions): () => void {
  const stopping = new AbortController();
  look(options, stopping.signal).catch((error) => {
    if (!stopping.signal.aborted) options.log.debug({ err: error }, 'the backend does not describe itself');
  });
  return () => stopping.abort();
}

async function look(
  { backend, routes, log, delaysMs = DELAYS_MS }: SharedRoutesOptions,
  signal: AbortSignal,
): Promise<void> {
  let failure: unknown;
  for (const delayMs of delaysMs) {
    await sleep(delayMs, undefined, { signal, ref: false });
    try {
      const shared = sharedRoutes(routes, (await readBackendRoutes(backend, signal)) ?? []);
      // Our own names for them: what the backend says is not for our log.
      if (shared.length > 0) log.warn({ routes: shared }, 'the backend has routes that the sidecar serves');
      return;
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

/** Which of ours some path of theirs with the same method would meet, as `GET /path`. Names of parameters say nothing. */
export function sharedRoutes(ours: readonly OwnRoute[], theirs: readonly BackendRoute[]): string[] {
  const candidates = theirs.map(({ method, path }) => ({ method, segments: path.split('/') }));
  return ours
    .filter(({ method, path }) => {
      const segments = path.split('/');
      return candidates.some((their) => their.method === method && canMeet(segments, their.segments));
    })
    .map(({ method, path }) => `${method} ${path}`);
}

const canMeet = (ours: readonly string[], theirs: readonly string[]) =>
  ours.length === theirs.length &&
  ours.every((own, i) => own === theirs[i] || own.startsWith(':') || isParameter(theirs[i] ?? ''));

/** Also one that is only a part of its segment, as in `/report.{format}`. */
const isParameter = (segment: string) => segment.includes('{');
