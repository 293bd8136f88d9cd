/** The route table of a sidecar that is never started. */
import { parseConfig } from '../../src/config/config.ts';
import type { LocalRoute } from '../../src/edge/route-table.ts';
import { createLogger } from '../../src/infra/logger.ts';
import { createSidecar } from '../../src/sidecar.ts';

/** Which routes there are depends on no setting. */
export function ourRoutes(): readonly LocalRoute[] {
  const config = parseConfig({
    JWT_SECRET: 'no token is verified with this one',
    DATABASE_URL: 'postgresql://nobody@127.0.0.1/none',
  });
  return createSidecar(config, createLogger('silent')).routes;
}
