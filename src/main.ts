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

const COMPILED = join(ROOT, 'node_modules/.cache/compiled');
enableCompileCache(COMPILED);
// For workers: where it is set, this file has been stripped before as well, which takes a third of the start and 17 MB.
process.env.NODE_COMPILE_CACHE ??= COMPILED;

/** null: that is for Node to find out. */
function formatOf(url: string): string | null {
  if (HAS_PRELOADS) return null;
  if (url.startsWith(`${ROOT_URL}src/`)) return 'module-typescript';
  return url.startsWith(ZOD_URL) ? 'module' : null;
}
const ZOD_URL = `${ROOT_URL}node_modules/zod/`;
/** Whoever has Node load something first (`npm run dev -- --lan`) may have hooks, which are not asked what ours know. */
const HAS_PRELOADS = process.execArgv.some((flag) => flag.startsWith('--import'));

/**
 * What our own files and zod's are need not be found out for each, with a look for links and for a package.json: a sixth of
 * the start. zod brings its messages in fifty languages, a file each: half of its time and memory. We have words of our own
 * (src/words/) and never ask for its; English, which it takes by itself, is left.
 */
const hooks = registerHooks({
  resolve(specifier, context, next) {
    const { parentURL: parent = '' } = context;
    const isLanguages = specifier === '../locales/index.js' && parent.startsWith(ZOD_URL);
    const wanted = isLanguages ? '../locales/en.js' : specifier;
    const format = formatOf(parent);
    if (format === null || !wanted.startsWith('.')) return next(wanted, context);
    return { url: new URL(wanted, parent).href, format, shortCircuit: true };
  },
  load(url, context, next) {
    const format = formatOf(url);
    if (format === null) return next(url, context);
    const source = readFileSync(join(ROOT, url.slice(ROOT_URL.length)), 'utf8');
    return { format, source, shortCircuit: true };
  },
});

// Not import(): the loader that require() has for ES modules waits for nothing.
const require = createRequire(import.meta.url);
require('./run.ts');
hooks.deregister();
