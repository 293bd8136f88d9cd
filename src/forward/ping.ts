/**
 * Does the backend answer?
 */
import { afterRunning } from '../running-time.ts';
import type { BackendClient } from './backend-client.ts';

const PING_TIMEOUT_MS = 2_000;

/** GET /healthz; true for any answer below 500 within 2 s. Never throws. */
export function pingBackend(client: BackendClient): Promise<boolean> {
  return new Promise((resolve) => {
    const limit = afterRunning(PING_TIMEOUT_MS, () => {
      exchange.abort();
      resolve(false);
    });
    const settle = (alive: boolean) => {
      limit.cancel();
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
