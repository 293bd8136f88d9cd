/**
 * `/livez`: the process listens. `/readyz`: the parts behind it answer. The answer is kept for a moment, so that
 * nobody can turn health checks into load on the database, the backend or the storage.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pathOf } from './routing.ts';

export type CheckResult = 'ok' | 'down' | 'not configured';

/** Each check answers within 2 s and never throws; null: that part is not configured, which counts as ready. */
export interface HealthChecks {
  readonly backend: () => Promise<boolean>;
  readonly database: () => Promise<boolean>;
  readonly storage: (() => Promise<boolean>) | null;
}

export interface Health {
  handle(req: IncomingMessage, res: ServerResponse): void;
  /** From now on not ready: the process is about to stop. */
  drain(): void;
}

const KEEP_MS = 1_000;

interface Readiness {
  readonly ready: boolean;
  readonly checks: Readonly<Record<keyof HealthChecks, CheckResult>>;
}

export function createHealth(checks: HealthChecks): Health {
  let draining = false;
  let latest: { readonly at: number; readonly readiness: Promise<Readiness> } | undefined;

  const readiness = () => {
    if (latest === undefined || performance.now() - latest.at > KEEP_MS) {
      latest = { at: performance.now(), readiness: runChecks(checks) };
    }
    return latest.readiness;
  };

  return {
    handle(req, res) {
      if (pathOf(req.url ?? '') === '/livez') {
        respond(res, 200, { status: 'ok' });
        return;
      }
      readiness().then(({ ready, checks: results }) => {
        const status = draining ? 'stopping' : ready ? 'ok' : 'unavailable';
        respond(res, status === 'ok' ? 200 : 503, { status, checks: results });
      });
    },
    drain() {
      draining = true;
    },
  };
}

async function runChecks(checks: HealthChecks): Promise<Readiness> {
  const run = async (check: (() => Promise<boolean>) | null): Promise<CheckResult> => {
    if (check === null) return 'not configured';
    return (await check().catch(() => false)) ? 'ok' : 'down';
  };
  const [backend, database, storage] = await Promise.all([
    run(checks.backend),
    run(checks.database),
    run(checks.storage),
  ]);
  return { ready: ![backend, database, storage].includes('down'), checks: { backend, database, storage } };
}

function respond(res: ServerResponse, status: number, body: unknown): void {
  if (res.destroyed) return;
  const json = JSON.stringify(body);
  res.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(json),
    'Cache-Control': 'no-store',
  });
  res.end(json);
}
