/**
 * A sidecar in this process, configured as in production by an environment, on a free port.
 */
import { NO_DATABASE } from '../../scripts/lab/database.ts';
import { JWT_SECRET } from '../../scripts/lab/tokens.ts';
import { parseConfig } from '../../src/config/config.ts';
import { createLogger, type Log } from '../../src/infra/logger.ts';
import { createSidecar } from '../../src/sidecar.ts';

export interface TestSidecar {
  readonly port: number;
  readonly url: string;
  stop(): Promise<void>;
}

export async function startSidecar(
  env: Record<string, string>,
  log: Log = createLogger('silent'),
): Promise<TestSidecar> {
  const config = parseConfig({
    PORT: '0',
    JWT_SECRET,
    DATABASE_URL: NO_DATABASE,
    MIGRATE_ON_START: env.DATABASE_URL === undefined ? 'false' : 'true',
    SHUTDOWN_GRACE_MS: '500',
    // Its event loop is the test's as well, on a machine that runs many: late is not overloaded.
    MAX_EVENT_LOOP_DELAY_MS: '0',
    // Nor is one that writes for many.
    REVIEWS_WRITES_PER_MINUTE: '0',
    REVIEWS_VOTES_PER_MINUTE: '0',
    ...env,
  });
  const sidecar = createSidecar(config, log);
  const port = (await sidecar.start()).port ?? 0;
  return { port, url: `http://127.0.0.1:${port}`, stop: () => sidecar.stop() };
}
