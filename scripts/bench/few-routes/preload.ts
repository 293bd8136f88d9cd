/**
 * Loaded before the sidecar by the workload `routes` (`node --import …/preload.ts?routes=N`), and nowhere else: of its routes it
 * then has the first N. The sidecar has no setting for that, since nobody but the bench wants it.
 */
import { registerHooks } from 'node:module';

const ROUTING = import.meta.resolve('../../../src/edge/routing.ts');
const IN_ITS_PLACE = import.meta.resolve(`./routing.ts${new URL(import.meta.url).search}`);

registerHooks({
  resolve(specifier, context, next) {
    const found = next(specifier, context);
    return found.url === ROUTING && context.parentURL !== IN_ITS_PLACE
      ? { ...found, url: IN_ITS_PLACE }
      : found;
  },
});
