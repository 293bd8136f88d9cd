/** Stands in for src/edge/routing.ts (preload.ts). */
import type { LocalRoute } from '../../../src/edge/route-table.ts';
import { createRouting as createWholeRouting, type Decide } from '../../../src/edge/routing.ts';

export * from '../../../src/edge/routing.ts';

const count = Number(new URL(import.meta.url).searchParams.get('routes'));

export const createRouting = <R extends LocalRoute>(routes: readonly R[]): Decide<R> =>
  createWholeRouting(routes.slice(0, count));
