/**
 * The entry: `node src/main.ts`. Everything is in run.ts; here it is only made to load faster. Without a build step Node
 * strips the types and compiles 250 files at every start; the cache keeps the result, keyed by content, and halves the
 * time to /livez (npm run bench -- --only startup). It lies beside the code, not in the shared /tmp, where another user
 * could plant it. Where that place cannot be written, NODE_COMPILE_CACHE names another one, or nothing is kept.
 */
import { readFileSync } from 'node:fs';
import { createRequire, enableCompileCache, registerHooks } from 'node:module';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '..');
const ROOT_URL = new URL('..', import.meta.url).href;
const SRC_URL = `${ROOT_URL}src/`;
const ZOD_URL = `${ROOT_URL}node_modules/zod/`;

enableCompileCache(join(ROOT, 'node_modules/.cache/compiled'));

/**
 * What our own files and zod's are need not be found out for each, with a look for links and for a package.json: a sixth of
 * the start. zod brings its messages in fifty languages, a file each: half of its time and memory. We have words of our own
 * (src/words/) and never ask for its; English, which it takes by itself, is left.
 */
const hooks = registerHooks({
  resolve(specifier, context, next) {
    const { parentURL: parent = '' } = context;
    if (specifier.startsWith('.')) {
      if (parent.startsWith(SRC_URL)) return known(new URL(specifier, parent), 'module-typescript');
      if (parent.startsWith(ZOD_URL)) return known(new URL(withoutLanguages(specifier), parent), 'module');
    }
    return next(specifier, context);
  },
  load(url, context, next) {
    const { format } = context;
    const isKnown = format === 'module-typescript' || format === 'module';
    if (!isKnown || !url.startsWith(ROOT_URL)) return next(url, context);
    return {
      format,
      source: readFileSync(join(ROOT, url.slice(ROOT_URL.length)), 'utf8'),
      shortCircuit: true,
    };
  },
});

const known = ({ href: url }: URL, format: string) => ({ url, format, shortCircuit: true });
const withoutLanguages = (specifier: string) => specifier.replace('/locales/index.js', '/locales/en.js');

// Not import(): the loader that require() has for ES modules waits for nothing.
const require = createRequire(import.meta.url);
require('./run.ts');
hooks.deregister();
