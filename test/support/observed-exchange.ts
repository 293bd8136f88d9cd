/**
 * What a BackendClient reports of one exchange, as plain data that two clients can be compared by.
 */
import type {
  BackendClient,
  BackendError,
  BackendFailureKind,
  BackendRequest,
} from '../../src/forward/backend-client.ts';

export interface ObservedExchange {
  readonly interim: readonly (readonly [status: number, headers: readonly string[]])[];
  readonly head: {
    readonly status: number;
    readonly reason: string;
    readonly headers: readonly string[];
  } | null;
  /** As latin1. */
  readonly body: string;
  readonly trailers: readonly string[];
  readonly outcome: 'end' | BackendFailureKind;
}

export const getRequest = (overrides: Partial<BackendRequest> = {}): BackendRequest => ({
  method: 'GET',
  target: '/x',
  headers: ['Host', 'a'],
  body: null,
  contentLength: 0,
  freshConnection: false,
  ...overrides,
});

/** Sends a request and collects the events. @param pauseEvery ask for a pause at every n-th chunk; 0: never */
export function observe(
  client: BackendClient,
  request: BackendRequest,
  { pauseEvery = 0 } = {},
): Promise<ObservedExchange> {
  return new Promise((resolve) => {
    const interim: (readonly [number, readonly string[]])[] = [];
    let head: ObservedExchange['head'] = null;
    let body = '';
    let chunks = 0;
    const settle = (outcome: ObservedExchange['outcome'], trailers: readonly string[]) =>
      resolve({ interim, head, body, trailers, outcome });
    const exchange = client.send(request, {
      onInterim: (status, headers) => interim.push([status, headers]),
      onHead: (status, reason, headers) => {
        head = { status, reason, headers };
      },
      onData: (chunk) => {
        body += chunk.toString('latin1');
        chunks += 1;
        if (pauseEvery === 0 || chunks % pauseEvery !== 0) return true;
        setTimeout(() => exchange.resume(), 1);
        return false;
      },
      onEnd: (trailers) => settle('end', trailers),
      onError: (error: BackendError) => settle(error.kind, []),
    });
  });
}
