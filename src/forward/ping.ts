/**
 * Does the backend answer?
 */
import type { BackendClient } from './backend-client.ts';

const PING_TIMEOUT_MS = 2_000;

/** GET /healthz; true for any answer below 500 within 2 s. Never throws. */
export function pingBackend(client: BackendClient): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      exchange.abort();
      resolve(false);
    }, PING_TIMEOUT_MS);
    const settle = (alive: boolean) => {
      clearTimeout(timer);
      resolve(alive);
    };
    const exchange = client.send(
      {
        method: 'GET',
        target: '/healthz',
        headers: ['Host', 'localhost'],
        body: null,
        contentLength: 0,
        // An idle connection may be dead without our knowing; that says nothing of the backend.
        freshConnection: true,
      },
      {
        onInterim: () => undefined,
        onHead: (status) => settle(status < 500),
        onData: () => true,
        onEnd: () => undefined,
        onError: () => settle(false),
      },
    );
  });
}
