/**
 * The entry: `node src/main.ts`. Everything is in run.ts; here it is only made to load faster. Without a build step Node
 * strips the types and compiles 250 files at every start; the cache keeps the result, keyed by content, and halves the
 * time to /livez (npm run bench -- --only startup). It lies beside the code, not in the shared /tmp, where another user
 * could plant it. Where that place cannot be written, NODE_COMPILE_CACHE names another one, or nothing is kept.
 */
import { enableCompileCache, registerHooks } from 'node:module';
import { join } from 'node:path';

enableCompileCache(join(import.meta.dirname, '../node_modules/.cache/compiled'));

/**
 * zod brings its messages in fifty languages, a file each: half of its time and memory. We have words of our own
 * (src/words/) and never ask for its; English, which it takes by itself, is left.
 */
const hooks = registerHooks({
  resolve: (specifier, context, next) =>
    next(isZodsLanguages(specifier, context.parentURL) ? '../locales/en.js' : specifier, context),
});

function isZodsLanguages(specifier: string, parent = ''): boolean {
  return specifier === '../locales/index.js' && parent.includes('/node_modules/zod/');
}

await import('./run.ts');
hooks.deregister();
